/* SPDX-License-Identifier: MIT
 *
 * targets.c - reads the lists of targets and compares what callers ask for with them. Any thread.
 */
#include "a2a/targets.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { targets_arena_bytes_max = 8 * 1024 * 1024 };

struct pattern {
    struct url url;
    struct slice path;   /* "/" when none is written; of a prefix without its "*" */
    struct slice origin; /* scheme://host:port in one spelling: what tokens name as the actor */
    bool is_prefix;
    enum address_policy address_policy;
};

struct targets {
    struct arena arena;
    struct agent *agents;
    size_t agents_count;
    struct pattern *patterns;
    size_t patterns_count;
    struct slice *workflows;
    size_t workflows_count;
    struct slice engine_text; /* the chat route, with a NUL behind it */
    struct url engine_base;
    struct url engine_chat;
};

/* ---- URLs ---- */

static struct slice url_path(const struct url *url)
{
    return url->path.length > 0 ? url->path : SLICE("/");
}

/* An IPv6 address has many spellings; a name and an IPv4 address have one. */
static bool url_same_host(const struct url *a, const struct url *b)
{
    struct sockaddr_storage a_address, b_address;
    if (a->host_is_ipv6 != b->host_is_ipv6) {
        return false;
    }
    if (!a->host_is_ipv6) {
        return slice_equals_ignoring_case(a->host, b->host);
    }
    return address_guard_read(a->host, &a_address) == ADDRESS_FORM_LITERAL &&
           address_guard_read(b->host, &b_address) == ADDRESS_FORM_LITERAL &&
           memcmp(&((struct sockaddr_in6 *)&a_address)->sin6_addr,
                  &((struct sockaddr_in6 *)&b_address)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static bool url_same_origin(const struct url *a, const struct url *b)
{
    return a->is_https == b->is_https && a->port == b->port && url_same_host(a, b);
}

static bool url_same(const struct url *a, const struct url *b)
{
    return url_same_origin(a, b) && slice_equals(url_path(a), url_path(b)) &&
           slice_equals(a->query, b->query);
}

/* A URL whose path has one spelling only, so that what is compared is what is called. */
static enum status url_read(struct slice text, struct url *ret, struct failure *reterr)
{
    struct url url;
    struct target path;
    if (text.length > targets_url_bytes_max) {
        failure_set(reterr, "longer than %d bytes", (int)targets_url_bytes_max);
        return STATUS_INVALID;
    }
    enum status status = url_parse(text, &url, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (url.path.length == 0 && url.query.length > 0) {
        failure_set(reterr, "query without a path");
        return STATUS_INVALID;
    }
    struct sockaddr_storage address;
    enum address_form form = address_guard_read(url.host, &address);
    if (form == ADDRESS_FORM_ODD) {
        failure_set(reterr, "an address in a form that only some read as one");
        return STATUS_INVALID;
    }
    if (form == ADDRESS_FORM_LITERAL &&
        !address_guard_allows(ADDRESS_PRIVATE_ALLOWED, (const struct sockaddr *)&address)) {
        failure_set(reterr, "an address that is never called: %s",
                    address_kind_name(address_guard_kind((const struct sockaddr *)&address)));
        return STATUS_INVALID;
    }
    if (url.path.length > 0) {
        size_t start = (size_t)(url.path.data - text.data);
        status = target_parse(slice_after(text, start), &path, reterr);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *ret = url;
    return STATUS_OK;
}

/* ---- the lists ---- */

/* An entry with an '@' may hold a password: no message shows it. */
static enum status entry_refuse(struct failure *reterr, const char *option, struct slice entry,
                                const char *why)
{
    if (slice_find(entry, '@') < entry.length) {
        entry = SLICE("(not shown)");
    }
    int length = entry.length < 100 ? (int)entry.length : 100;
    failure_set(reterr, "%s: \"%.*s\": %s", option, length, entry.data, why);
    return STATUS_INVALID;
}

static bool name_is_sound(struct slice name, size_t bytes_max, const char *more)
{
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.data[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                         (byte >= '0' && byte <= '9');
        if (!is_letter && (byte == '\0' || strchr(more, byte) == NULL)) {
            return false;
        }
    }
    return name.length > 0 && name.length <= bytes_max;
}

static bool agent_take_flag(struct agent *agent, struct slice flag)
{
    if (slice_equals(flag, SLICE("idempotent"))) {
        agent->is_idempotent = true;
    } else if (slice_equals(flag, SLICE("a2a")) || slice_equals(flag, SLICE("a2a=0.3"))) {
        agent->protocol = PROTOCOL_A2A_LEGACY;
    } else if (slice_equals(flag, SLICE("a2a=1.0"))) {
        agent->protocol = PROTOCOL_A2A_CURRENT;
    } else {
        return false;
    }
    return true;
}

const struct agent *targets_agent(const struct targets *targets, struct slice name)
{
    for (size_t i = 0; i < targets->agents_count; i++) {
        if (slice_equals(targets->agents[i].name, name)) {
            return &targets->agents[i];
        }
    }
    return NULL;
}

/* name=url;flag;flag */
static enum status agent_read(struct targets *targets, struct slice entry, struct failure *reterr)
{
    struct agent agent = {0};
    struct failure why = {""};
    size_t equals = slice_find(entry, '=');
    agent.name = slice_trim(slice_make(entry.data, equals));
    if (equals == entry.length || !name_is_sound(agent.name, targets_name_bytes_max, "-_")) {
        return entry_refuse(reterr, "A2A_AGENTS", entry,
                            "expected name=url, the name of letters, digits, '-' and '_'");
    }
    if (targets_agent(targets, agent.name) != NULL) {
        return entry_refuse(reterr, "A2A_AGENTS", entry, "a name twice");
    }
    struct slice rest = slice_after(entry, equals + 1);
    size_t end = slice_find(rest, ';');
    struct slice text = slice_trim(slice_make(rest.data, end));
    while (end < rest.length) {
        rest = slice_after(rest, end + 1);
        end = slice_find(rest, ';');
        if (!agent_take_flag(&agent, slice_trim(slice_make(rest.data, end)))) {
            return entry_refuse(reterr, "A2A_AGENTS", entry,
                                "behind a URL may stand ;idempotent, ;a2a, ;a2a=0.3 or ;a2a=1.0");
        }
    }
    if (!arena_copy(&targets->arena, text, &agent.text)) {
        failure_set(reterr, "A2A_AGENTS: no memory");
        return STATUS_NO_MEMORY;
    }
    if (url_read(agent.text, &agent.url, &why) != STATUS_OK) {
        return entry_refuse(reterr, "A2A_AGENTS", entry, why.text);
    }
    targets->agents[targets->agents_count++] = agent;
    return STATUS_OK;
}

/* Who is called by a pattern, as a token's chain names it: short, and without what a path may
 * tell. */
static enum status pattern_name(struct targets *targets, struct pattern *pattern,
                                struct failure *reterr)
{
    char text[targets_actor_bytes_max + 1];
    const struct url *url = &pattern->url;
    int length = snprintf(text, sizeof(text), "%s://%s%.*s%s:%u", url->is_https ? "https" : "http",
                          url->host_is_ipv6 ? "[" : "", SLICE_ARGS(url->host),
                          url->host_is_ipv6 ? "]" : "", url->port);
    if (length < 0 || (size_t)length >= sizeof(text)) {
        failure_set(reterr, "scheme, host and port have more than %d bytes",
                    (int)targets_actor_bytes_max);
        return STATUS_INVALID;
    }
    for (int i = 0; i < length; i++) {
        text[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + ('a' - 'A')) : text[i];
    }
    if (!arena_copy(&targets->arena, slice_make(text, (size_t)length), &pattern->origin)) {
        failure_set(reterr, "no memory");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

static enum status pattern_read(struct targets *targets, struct slice entry, struct failure *reterr)
{
    struct pattern pattern = {0};
    struct failure why = {""};
    struct slice text = entry;
    if (text.length > 2 && slice_equals(slice_after(text, text.length - 2), SLICE("/*"))) {
        pattern.is_prefix = true;
        text.length--;
    }
    if (url_read(text, &pattern.url, &why) != STATUS_OK ||
        pattern_name(targets, &pattern, &why) != STATUS_OK) {
        return entry_refuse(reterr, "A2A_TARGETS", entry, why.text);
    }
    if (pattern.url.query.length > 0 || slice_find(text, '*') < text.length) {
        return entry_refuse(reterr, "A2A_TARGETS", entry,
                            "expected a URL without a query, or one that ends in /*");
    }
    pattern.path = url_path(&pattern.url);
    struct sockaddr_storage address;
    bool is_literal = address_guard_read(pattern.url.host, &address) == ADDRESS_FORM_LITERAL ||
                      host_is_loopback(pattern.url.host);
    pattern.address_policy = is_literal ? ADDRESS_PRIVATE_ALLOWED : ADDRESS_PUBLIC_ONLY;
    targets->patterns[targets->patterns_count++] = pattern;
    return STATUS_OK;
}

static enum status workflow_read(struct targets *targets, struct slice entry,
                                 struct failure *reterr)
{
    if (!name_is_sound(entry, targets_name_bytes_max * 2, "-_.")) {
        return entry_refuse(reterr, "A2A_WORKFLOWS", entry,
                            "a workflow type has letters, digits, '-', '_' and '.'");
    }
    targets->workflows[targets->workflows_count++] = entry;
    return STATUS_OK;
}

typedef enum status entry_read(struct targets *targets, struct slice entry, struct failure *reterr);

static enum status list_read(struct targets *targets, const struct slice_list *list,
                             const char *option, size_t count_max, entry_read *read,
                             struct failure *reterr)
{
    if (list->count > count_max) {
        failure_set(reterr, "%s: more than %zu entries", option, count_max);
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < list->count; i++) {
        enum status status = read(targets, list->items[i], reterr);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status lists_read(struct targets *targets, const struct config *config,
                              struct failure *reterr)
{
    const size_t agents_count = config->a2a_agents.count;
    struct arena *arena = &targets->arena;
    targets->agents = arena_allocate_zeroed(arena, agents_count + 1, sizeof(struct agent));
    targets->patterns =
        arena_allocate_zeroed(arena, config->a2a_targets.count + 1, sizeof(struct pattern));
    targets->workflows =
        arena_allocate_zeroed(arena, config->a2a_workflows.count + 1, sizeof(struct slice));
    if (targets->agents == NULL || targets->patterns == NULL || targets->workflows == NULL) {
        failure_set(reterr, "no memory for the lists of targets");
        return STATUS_NO_MEMORY;
    }
    enum status status = list_read(targets, &config->a2a_agents, "A2A_AGENTS", targets_agents_max,
                                   agent_read, reterr);
    if (status == STATUS_OK) {
        status = list_read(targets, &config->a2a_targets, "A2A_TARGETS", targets_patterns_max,
                           pattern_read, reterr);
    }
    if (status == STATUS_OK) {
        status = list_read(targets, &config->a2a_workflows, "A2A_WORKFLOWS", targets_workflows_max,
                           workflow_read, reterr);
    }
    return status;
}

static enum status engine_read(struct targets *targets, const struct config *config,
                               struct failure *reterr)
{
    struct failure why = {""};
    struct slice base = config->engine_url;
    struct slice route = config->engine_api == ENGINE_API_OPENAI ? SLICE("/v1/chat/completions")
                                                                 : SLICE("/api/chat");
    if (url_read(base, &targets->engine_base, &why) != STATUS_OK) {
        failure_set(reterr, "ENGINE_URL: %s", why.text);
        return STATUS_INVALID;
    }
    size_t path_length = targets->engine_base.path.length + targets->engine_base.query.length;
    size_t length = base.length - path_length;
    char *text = arena_allocate(&targets->arena, length + route.length + 1);
    if (text == NULL) {
        failure_set(reterr, "ENGINE_URL: no memory");
        return STATUS_NO_MEMORY;
    }
    memcpy(text, base.data, length);
    memcpy(text + length, route.data, route.length);
    text[length + route.length] = '\0';
    targets->engine_text = slice_make(text, length + route.length);
    return url_read(targets->engine_text, &targets->engine_chat, reterr);
}

enum status targets_create(const struct config *config, struct targets **ret,
                           struct failure *reterr)
{
    struct targets *targets = calloc(1, sizeof(*targets));
    if (targets == NULL) {
        failure_set(reterr, "no memory for the lists of targets");
        return STATUS_NO_MEMORY;
    }
    arena_init(&targets->arena, targets_arena_bytes_max);
    enum status status = engine_read(targets, config, reterr);
    if (status == STATUS_OK) {
        status = lists_read(targets, config, reterr);
    }
    if (status != STATUS_OK) {
        targets_free(targets);
        return status;
    }
    *ret = targets;
    return STATUS_OK;
}

void targets_free(struct targets *targets)
{
    if (targets != NULL) {
        arena_clear(&targets->arena);
        free(targets);
    }
}

bool targets_take_push(const struct targets *targets)
{
    return targets->patterns_count > 0 || targets->agents_count > 0;
}

const struct agent *targets_agents(const struct targets *targets, size_t *ret_count)
{
    *ret_count = targets->agents_count;
    return targets->agents;
}

/* ---- the choice ---- */

static void choose_agent(const struct agent *agent, struct task_target *ret)
{
    *ret = (struct task_target){
        .kind = TASK_TARGET_AGENT,
        .protocol = agent->protocol,
        .name = agent->name,
        .url = agent->text,
        .is_idempotent = agent->is_idempotent,
        .address_policy = ADDRESS_PRIVATE_ALLOWED,
    };
}

static void choose_engine(const struct targets *targets, struct task_target *ret)
{
    *ret = (struct task_target){
        .kind = TASK_TARGET_ENGINE,
        .name = SLICE("engine"),
        .url = targets->engine_text,
        .address_policy = ADDRESS_PRIVATE_ALLOWED,
    };
}

static bool pattern_matches(const struct pattern *pattern, const struct url *url)
{
    struct slice path = url_path(url);
    return url_same_origin(&pattern->url, url) &&
           (pattern->is_prefix ? slice_starts_with(path, pattern->path)
                               : slice_equals(path, pattern->path));
}

static enum status choose_deny(struct failure *reterr)
{
    failure_set(reterr, "this target_url may not be called: see A2A_AGENTS and A2A_TARGETS");
    return STATUS_DENIED;
}

static enum status choose_workflow(const struct targets *targets, struct slice type,
                                   struct task_target *ret, struct failure *reterr)
{
    for (size_t i = 0; i < targets->workflows_count; i++) {
        if (slice_equals(targets->workflows[i], type)) {
            *ret = (struct task_target){
                .kind = TASK_TARGET_WORKFLOW,
                .name = targets->workflows[i],
                .is_idempotent = true, /* its id is the task's: it is started once */
                .address_policy = ADDRESS_PRIVATE_ALLOWED,
            };
            return STATUS_OK;
        }
    }
    failure_set(reterr, "this workflow may not be started: see A2A_WORKFLOWS");
    return STATUS_DENIED;
}

static enum status choose_url(const struct targets *targets, const struct url *url,
                              struct slice text, struct arena *arena, struct task_target *ret,
                              struct failure *reterr)
{
    for (size_t i = 0; i < targets->agents_count; i++) {
        if (url_same(&targets->agents[i].url, url)) {
            choose_agent(&targets->agents[i], ret);
            return STATUS_OK;
        }
    }
    if (url_same(&targets->engine_base, url) || url_same(&targets->engine_chat, url)) {
        choose_engine(targets, ret);
        return STATUS_OK;
    }
    for (size_t i = 0; i < targets->patterns_count; i++) {
        const struct pattern *pattern = &targets->patterns[i];
        if (pattern_matches(pattern, url)) {
            struct slice copy;
            if (!arena_copy(arena, text, &copy)) {
                failure_set(reterr, "no memory");
                return STATUS_NO_MEMORY;
            }
            *ret = (struct task_target){
                .kind = TASK_TARGET_URL,
                .name = pattern->origin,
                .url = copy,
                .address_policy = pattern->address_policy,
            };
            return STATUS_OK;
        }
    }
    return choose_deny(reterr);
}

enum status targets_choose(const struct targets *targets, struct slice name, struct slice text,
                           struct arena *arena, struct task_target *ret, struct failure *reterr)
{
    static const struct slice temporal = SLICE("temporal://");
    struct failure ignored;
    struct url url;
    if (name.length > 0 && text.length > 0) {
        failure_set(reterr, "either target or target_url, not both");
        return STATUS_INVALID;
    }
    if (name.length > 0) {
        const struct agent *agent = targets_agent(targets, name);
        if (agent == NULL) {
            failure_set(reterr, "unknown agent");
            return STATUS_NOT_FOUND;
        }
        choose_agent(agent, ret);
        return STATUS_OK;
    }
    if (text.length == 0) {
        choose_engine(targets, ret);
        return STATUS_OK;
    }
    if (slice_starts_with_ignoring_case(text, temporal)) {
        return choose_workflow(targets, slice_after(text, temporal.length), ret, reterr);
    }
    if (url_read(text, &url, &ignored) != STATUS_OK) {
        return choose_deny(reterr);
    }
    return choose_url(targets, &url, text, arena, ret, reterr);
}
