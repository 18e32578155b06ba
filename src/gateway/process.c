/* SPDX-License-Identifier: MIT
 *
 * process.c - see process.h. */
#include "gateway/process.h"

#include "a2a/a2a.h"
#include "a2a/targets.h"
#include "auth/did_allow.h"
#include "auth/mint.h"
#include "base/log_writer.h"
#include "dialect/dialect.h"
#include "gateway/control.h"
#include "gateway/demo_files.h"
#include "gateway/path_rules.h"
#include "gateway/routes.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    process_workers_max = 256,
    process_store_readers = 2,
};

/* ---- prepare ---- */

/* A URL with an '@' may hold a password: it is refused, and no message shows it. */
static struct slice process_shown_url(struct slice url)
{
    return slice_find(url, '@') < url.length ? SLICE("(not shown)") : url;
}

static enum status process_prepare_engine(struct process *process, struct failure *reterr)
{
    const struct config *config = process->config;
    struct engine *engine = &process->engine;
    struct failure reason;
    if (url_parse(config->engine_url, &engine->url, &reason) != STATUS_OK ||
        engine->url.host.length >= sizeof(engine->host)) {
        failure_set(reterr, "ENGINE_URL: \"%.*s\" is not an http or https URL",
                    SLICE_ARGS(process_shown_url(config->engine_url)));
        return STATUS_INVALID;
    }
    if (engine->url.path.length > 1 || engine->url.query.length > 0) {
        failure_set(reterr, "ENGINE_URL: \"%.*s\" must end after the host and port",
                    SLICE_ARGS(process_shown_url(config->engine_url)));
        return STATUS_INVALID;
    }
    memcpy(engine->host, engine->url.host.data, engine->url.host.length);
    engine->connect_timeout_ms = config->engine_connect_timeout_ms;
    engine->first_byte_timeout_ms = config->engine_first_byte_timeout_ms;
    engine->idle_timeout_ms = config->engine_idle_timeout_ms;
    engine->connections_max =
        (config->engine_connections_max + process->gateways_count - 1) / process->gateways_count;
    if (!engine->url.is_https) {
        return STATUS_OK;
    }
    const char *authorities =
        config->engine_ca_file.length > 0 ? config->engine_ca_file.data : NULL;
    return transport_tls_client_context(authorities, &engine->tls_context, reterr);
}

static enum status process_prepare_tls(struct process *process, struct failure *reterr)
{
    const struct config *config = process->config;
    if (config->tls_cert.length == 0) {
        return STATUS_OK;
    }
    return transport_tls_server_context(config->tls_cert.data, config->tls_key.data,
                                        &process->tls_context, reterr);
}

/* The key in the data directory, made if there is none: it signs what agents get, and in local mode
 * what users have. */
static enum status process_open_key(struct process *process, struct failure *reterr)
{
    struct buffer jwks;
    if (process->mint != NULL) {
        return STATUS_OK;
    }
    enum status status = mint_open(process->data_directory.data, &process->mint, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    buffer_init(&jwks, sizeof(process->local_jwks_text));
    mint_append_jwks(process->mint, &jwks);
    if (jwks.failed) {
        buffer_clear(&jwks);
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    memcpy(process->local_jwks_text, jwks.data, jwks.length);
    process->local_jwks = slice_make(process->local_jwks_text, jwks.length);
    buffer_clear(&jwks);
    return STATUS_OK;
}

static void process_trust_local(struct process *process)
{
    process->issuers[process->issuers_count++] =
        (struct trusted_issuer){.issuer = SLICE(MINT_LOCAL_ISSUER),
                                .proof = IDENTITY_LOCAL,
                                .audiences = process->audiences,
                                .audiences_count = process->audiences_count};
}

/* Tokens that we gave agents come back to us: we are their issuer and their audience. */
static void process_trust_delegated(struct process *process)
{
    process->issuers[process->issuers_count++] =
        (struct trusted_issuer){.issuer = process->self_url,
                                .proof = IDENTITY_DELEGATED,
                                .audiences = &process->self_url,
                                .audiences_count = 1};
}

/* How agents reach us: as PUBLIC_URL says, else where we listen. */
static void process_name_self(struct process *process, uint16_t port)
{
    const struct config *config = process->config;
    struct slice url = config->public_url;
    while (url.length > 0 && url.data[url.length - 1] == '/') {
        url.length--;
    }
    process->self_url = url;
    if (url.length > 0) {
        return;
    }
    bool is_any =
        slice_equals(config->host, SLICE("0.0.0.0")) || slice_equals(config->host, SLICE("::"));
    struct slice host = is_any ? SLICE("127.0.0.1") : config->host;
    bool bare_ipv6 = slice_find(host, ':') < host.length;
    int length = snprintf(process->self_text, sizeof(process->self_text), "%s://%s%.*s%s:%u",
                          process->tls_context != NULL ? "https" : "http", bare_ipv6 ? "[" : "",
                          SLICE_ARGS(host), bare_ipv6 ? "]" : "", port);
    process->self_url = slice_make(process->self_text, (size_t)length);
}

/* Who of DID_ALLOW may call, with which audience, and what sign-in messages call this gateway. */
static enum status process_prepare_dids(struct process *process, struct config *config,
                                        struct failure *reterr)
{
    struct trusted_dids *dids = &process->dids;
    bool has_own_audiences = config->did_aud.count > 0;
    process->dids_allowed = calloc(config->did_allow.count + 1, sizeof(process->dids_allowed[0]));
    if (process->dids_allowed == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < config->did_allow.count; i++) {
        struct failure reason;
        enum status status = did_allow_normalize(config->did_allow.items[i], &config->arena,
                                                 &process->dids_allowed[i], &reason);
        if (status != STATUS_OK) {
            failure_set(reterr, "DID_ALLOW: %.220s", reason.text);
            return status;
        }
    }
    *dids = (struct trusted_dids){
        .allow = process->dids_allowed,
        .allow_count = config->did_allow.count,
        .audiences = has_own_audiences ? config->did_aud.items : process->audiences,
        .audiences_count = has_own_audiences ? config->did_aud.count : process->audiences_count,
        .lifetime_max_s = (int64_t)(config->did_max_ttl_ms / 1000),
    };
    if (process->public_url.host.length > 0) {
        struct slice authority = process->public_url.authority;
        const char *start = config->public_url.data;
        dids->domain = authority;
        dids->origin = slice_make(start, (size_t)(authority.data - start) + authority.length);
    }
    return STATUS_OK;
}

static enum status process_prepare_trust(struct process *process, struct config *config,
                                         struct failure *reterr)
{
    size_t remote = config->oidc_issuer.count;
    size_t audiences = config->oidc_aud.count;
    process->issuers = calloc(remote + 2, sizeof(process->issuers[0]));
    process->audiences = calloc(audiences + 1, sizeof(process->audiences[0]));
    if (process->issuers == NULL || process->audiences == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < audiences; i++) {
        process->audiences[i] = config->oidc_aud.items[i];
    }
    process->audiences_count = audiences;
    if (audiences == 0) {
        process->audiences[process->audiences_count++] = SLICE(MINT_LOCAL_AUDIENCE);
    }
    for (size_t i = 0; i < remote; i++) {
        struct failure reason;
        if (issuer_name_check(config->oidc_issuer.items[i], &reason) != STATUS_OK) {
            failure_set(reterr, "OIDC_ISSUER: %.220s", reason.text);
            return STATUS_INVALID;
        }
        process->issuers[i] = (struct trusted_issuer){.issuer = config->oidc_issuer.items[i],
                                                      .proof = IDENTITY_OIDC,
                                                      .audiences = process->audiences,
                                                      .audiences_count = process->audiences_count};
    }
    process->issuers_count = process->remote_issuers_count = remote;
    if (config->attach_local) {
        process_trust_local(process);
    }
    return STATUS_OK;
}

static enum status process_prepare_demo(struct process *process, struct failure *reterr)
{
    struct slice directory = process->config->attach_demo_dir;
    struct failure reason;
    if (directory.length == 0) {
        return STATUS_OK;
    }
    enum status status = demo_files_load(directory.data, &process->demo_files, &reason);
    if (status != STATUS_OK) {
        failure_set(reterr, "ATTACH_DEMO_DIR: %.220s", reason.text);
    }
    return status;
}

static size_t process_workers(const struct config *config)
{
    if (config->workers > 0) {
        return (size_t)config->workers;
    }
    cpu_set_t cores; /* those this process may run on, which in a container are not all */
    if (sched_getaffinity(0, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) < 1) {
        return 1;
    }
    size_t count = (size_t)CPU_COUNT(&cores);
    return count > process_workers_max ? process_workers_max : count;
}

enum status process_prepare(struct process *process, struct config *config, struct failure *reterr)
{
    struct path_rules *path_rules = NULL;
    *process = (struct process){.config = config};
    process->gateways_count = process_workers(config);
    process->listens_on_loopback = host_is_loopback(config->host);
    process->admin_on_loopback = host_is_loopback(config->admin_host);
    enum status status = process_prepare_engine(process, reterr);
    if (status == STATUS_OK && config->public_url.length > 0) {
        struct failure reason;
        status = url_parse(config->public_url, &process->public_url, &reason);
        if (status != STATUS_OK) {
            failure_set(reterr, "PUBLIC_URL: %.200s", reason.text);
        }
    }
    if (status == STATUS_OK) {
        status = process_prepare_tls(process, reterr);
    }
    if (status == STATUS_OK) {
        status = path_rules_create(config->engine_paths, &path_rules, reterr);
        process->path_rules = path_rules;
    }
    if (status == STATUS_OK) {
        status = process_prepare_trust(process, config, reterr);
    }
    if (status == STATUS_OK) {
        status = config_data_directory(config, &process->data_directory, reterr);
    }
    if (status == STATUS_OK && config->attach_local) {
        status = process_open_key(process, reterr);
    }
    if (status == STATUS_OK) {
        status = targets_create(config, &process->targets, reterr);
    }
    if (status == STATUS_OK) {
        status = process_prepare_dids(process, config, reterr);
    }
    if (status == STATUS_OK) {
        status = process_prepare_demo(process, reterr);
    }
    if (status == STATUS_OK) {
        status = memory_check(config, reterr);
    }
    return status;
}

void process_clear(struct process *process)
{
    SSL_CTX_free(process->tls_context);
    SSL_CTX_free(process->engine.tls_context);
    path_rules_free((struct path_rules *)(uintptr_t)process->path_rules);
    demo_files_free(process->demo_files);
    free(process->issuers);
    free(process->audiences);
    free(process->dids_allowed);
    free(process->gateways);
    mint_free(process->mint);
    targets_free(process->targets);
}

/* Who may be called with a task. */
static void process_append_targets(const struct process *process, struct buffer *buffer)
{
    const struct config *config = process->config;
    size_t count = 0;
    const struct agent *agents = targets_agents(process->targets, &count);
    buffer_append_string(buffer, "tasks may go to:\n  engine\n");
    for (size_t i = 0; i < count; i++) {
        buffer_append_format(buffer, "  %.*s at %.*s\n", SLICE_ARGS(agents[i].name),
                             SLICE_ARGS(agents[i].text));
    }
    for (size_t i = 0; i < config->a2a_targets.count; i++) {
        buffer_append_format(buffer, "  %.*s\n", SLICE_ARGS(config->a2a_targets.items[i]));
    }
    for (size_t i = 0; i < config->a2a_workflows.count; i++) {
        buffer_append_format(buffer, "  temporal://%.*s\n",
                             SLICE_ARGS(config->a2a_workflows.items[i]));
    }
}

void process_append_exposure(const struct process *process, struct buffer *buffer)
{
    buffer_append_string(buffer, "exposed, in the order in which it is matched:\n");
    routes_append(buffer);
    path_rules_append(process->path_rules, buffer);
    process_append_targets(process, buffer);
    if (process->issuers_count > 0) {
        buffer_append_string(buffer, "tokens are believed from:\n");
    }
    for (size_t i = 0; i < process->issuers_count; i++) {
        buffer_append_format(buffer, "  %.*s\n", SLICE_ARGS(process->issuers[i].issuer));
    }
    if (process->issuers_count > 0) {
        buffer_append_string(buffer, "for any of the audiences:\n");
    }
    for (size_t i = 0; process->issuers_count > 0 && i < process->audiences_count; i++) {
        buffer_append_format(buffer, "  %.*s\n", SLICE_ARGS(process->audiences[i]));
    }
    if (process->dids.allow_count > 0) {
        buffer_append_string(buffer, "DIDs that may call:\n");
    }
    for (size_t i = 0; i < process->dids.allow_count; i++) {
        buffer_append_format(buffer, "  %.*s\n", SLICE_ARGS(process->dids.allow[i]));
    }
    for (size_t i = 0; process->dids.allow_count > 0 && i < process->dids.audiences_count; i++) {
        buffer_append_format(buffer, "  for the audience %.*s\n",
                             SLICE_ARGS(process->dids.audiences[i]));
    }
    buffer_append_format(buffer, "engine: %.*s\n", SLICE_ARGS(process->config->engine_url));
}

/* ---- serve ---- */

static void process_log_listener(const char *what, bool is_tls, struct slice host, uint16_t port)
{
    bool bare_ipv6 = slice_find(host, ':') < host.length;
    log_line(LOG_INFO, (struct slice){0}, "%s on %s://%s%.*s%s:%u", what, is_tls ? "https" : "http",
             bare_ipv6 ? "[" : "", SLICE_ARGS(host), bare_ipv6 ? "]" : "", port);
}

static enum status process_create_gateways(struct process *process, struct failure *reterr)
{
    const struct config *config = process->config;
    uint16_t port = (uint16_t)config->port;
    uint16_t admin_port = (uint16_t)config->admin_port;
    int admin = -1;
    process->gateways = calloc(process->gateways_count, sizeof(process->gateways[0]));
    if (process->gateways == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    struct failure reason;
    enum status status =
        listener_socket(config->admin_host, admin_port, true, &admin, &admin_port, &reason);
    if (status != STATUS_OK) {
        failure_set(reterr, "ADMIN_HOST, ADMIN_PORT: %.200s", reason.text);
    }
    for (unsigned i = 0; i < process->gateways_count && status == STATUS_OK; i++) {
        int descriptor = -1;
        status = listener_socket(config->host, port, i == 0, &descriptor, &port, &reason);
        if (status == STATUS_OK && i == 0) {
            process_name_self(process, port);
            process_trust_delegated(process);
        }
        if (status != STATUS_OK) {
            failure_set(reterr, "HOST, PORT: %.220s", reason.text);
        } else {
            status = gateway_create(process, i, descriptor, i == 0 ? admin : -1,
                                    &process->gateways[i], reterr);
        }
    }
    if (status == STATUS_OK) {
        process_log_listener("listening", process->tls_context != NULL, config->host, port);
        process_log_listener("admin", false, config->admin_host, admin_port);
    }
    return status;
}

static enum status process_open_memory(struct process *process, struct failure *reterr)
{
    const struct config *config = process->config;
    const struct store_settings settings = {
        .directory = process->data_directory.data,
        .queue_bytes_max = (size_t)config->mem_queue_max_bytes,
        .readers_count = process_store_readers,
    };
    enum status status = store_open(&settings, &process->store, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    return memory_open(config, process->store, &dialect_exchange_reader, &process->memory, reterr);
}

enum status process_serve(struct process *process, struct failure *reterr)
{
    enum status status = fetch_prepare(reterr);
    if (status == STATUS_OK) {
        status = process_open_key(process, reterr);
    }
    if (status == STATUS_OK) {
        status = process_open_memory(process, reterr);
    }
    if (status == STATUS_OK) {
        status = control_create(process, &process->control, reterr);
    }
    if (status == STATUS_OK) {
        status = process_create_gateways(process, reterr);
    }
    if (status == STATUS_OK) {
        status = control_open_tasks(process->control, reterr);
    }
    if (status == STATUS_OK) {
        status = log_writer_start(reterr);
    }
    for (size_t i = 0; i < process->gateways_count && status == STATUS_OK; i++) {
        status = worker_start(&process->gateways[i]->worker, reterr);
    }
    if (status == STATUS_OK) {
        status = control_run(process->control, reterr);
    }
    if (status != STATUS_OK) {
        return status; /* the process ends, and with it whatever was begun */
    }
    for (size_t i = 0; i < process->gateways_count; i++) {
        worker_join(&process->gateways[i]->worker);
        gateway_free(process->gateways[i]);
    }
    control_free(process->control);
    a2a_free(process->a2a);
    memory_close(process->memory);
    store_close(process->store);
    log_writer_stop();
    return STATUS_OK;
}
