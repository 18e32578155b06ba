/* SPDX-License-Identifier: MIT
 *
 * path_rules.c - a short list, compared in order. */
#include "gateway/path_rules.h"

#include <stdlib.h>

enum { path_rules_max = 256 };

struct path_rule {
    struct slice method; /* empty: any */
    struct slice path;
    bool is_prefix; /* the rule ended in '*' */
};

struct path_rules {
    size_t count;
    struct path_rule rules[];
};

/* Inference and what only reads. Not here, because they change or reveal the engine: Ollama's pull,
 * push, create, copy, delete and blobs; vLLM's sleep, LoRA loading, profiling, cache resets and
 * metrics. A GET rule allows HEAD. */
static const char *const path_rules_default[] = {
    "POST /api/chat",
    "POST /api/generate",
    "POST /api/embed",
    "POST /api/embeddings",
    "POST /api/show",
    "GET /api/tags",
    "GET /api/ps",
    "GET /api/version",
    "POST /v1/chat/completions",
    "POST /v1/completions",
    "POST /v1/responses",
    "GET /v1/responses/*",
    "DELETE /v1/responses/*",
    "POST /v1/responses/*",
    "POST /v1/messages",
    "POST /v1/messages/count_tokens",
    "POST /v1/embeddings",
    "GET /v1/models",
    "GET /v1/models/*",
    "POST /v1/audio/*",
    "POST /v1/images/*",
    "POST /v1/rerank",
    "POST /v1/moderations",
};

static enum status path_rule_parse(struct slice text, struct path_rule *ret, struct failure *reterr)
{
    struct path_rule rule = {0};
    size_t space = slice_find(text, ' ');
    if (space < text.length) {
        rule.method = slice_make(text.data, space);
        text = slice_trim(slice_after(text, space));
    }
    rule.path = text;
    if (slice_ends_with(text, SLICE("*"))) {
        rule.is_prefix = true;
        rule.path.length--;
    }
    bool sound = slice_find(rule.path, '*') == rule.path.length &&
                 (rule.path.length > 0 ? rule.path.data[0] == '/' : rule.is_prefix);
    if (!sound) {
        failure_set(reterr,
                    "ENGINE_PATHS: \"%.*s\" is not [METHOD ]/path with at most one * at the end",
                    SLICE_ARGS(text));
        return STATUS_INVALID;
    }
    *ret = rule;
    return STATUS_OK;
}

enum status path_rules_create(struct slice_list paths, struct path_rules **ret,
                              struct failure *reterr)
{
    size_t defaults = sizeof(path_rules_default) / sizeof(path_rules_default[0]);
    size_t count = paths.count > 0 ? paths.count : defaults;
    if (count > path_rules_max) {
        failure_set(reterr, "ENGINE_PATHS: more than %d entries", path_rules_max);
        return STATUS_LIMIT;
    }
    struct path_rules *rules = calloc(1, sizeof(*rules) + count * sizeof(rules->rules[0]));
    if (rules == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        struct slice text =
            paths.count > 0 ? paths.items[i] : slice_from_string(path_rules_default[i]);
        enum status status = path_rule_parse(text, &rules->rules[i], reterr);
        if (status != STATUS_OK) {
            free(rules);
            return status;
        }
    }
    rules->count = count;
    *ret = rules;
    return STATUS_OK;
}

void path_rules_free(struct path_rules *rules)
{
    free(rules);
}

bool path_rules_allow(const struct path_rules *rules, struct slice method, struct slice path)
{
    struct slice asked = slice_equals(method, SLICE("HEAD")) ? SLICE("GET") : method;
    for (size_t i = 0; i < rules->count; i++) {
        const struct path_rule *rule = &rules->rules[i];
        bool path_fits =
            rule->is_prefix ? slice_starts_with(path, rule->path) : slice_equals(path, rule->path);
        if (path_fits && (rule->method.length == 0 || slice_equals(rule->method, asked) ||
                          slice_equals(rule->method, method))) {
            return true;
        }
    }
    return false;
}

void path_rules_append(const struct path_rules *rules, struct buffer *buffer)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct path_rule *rule = &rules->rules[i];
        struct slice any = SLICE("any");
        struct slice method = rule->method.length > 0 ? rule->method : any;
        int padding = 26 - (int)rule->path.length - (rule->is_prefix ? 1 : 0);
        buffer_append_format(buffer, "  engine %-6.*s %.*s%s%*s bearer token\n", SLICE_ARGS(method),
                             SLICE_ARGS(rule->path), rule->is_prefix ? "*" : "",
                             padding > 0 ? padding : 0, "");
    }
}
