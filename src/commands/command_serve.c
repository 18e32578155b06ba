/* SPDX-License-Identifier: MIT
 *
 * command_serve.c - `attach-gateway [serve]`: loads the configuration and runs the gateway, or with
 * --check says what it would expose. */
#include "commands/commands.h"
#include "gateway/process.h"

#include <sys/resource.h>

static void serve_warn_without_effect(const struct config *config)
{
    for (unsigned i = 0; i < WITHOUT_EFFECT_COUNT; i++) {
        if (config->without_effect[i]) {
            log_line(LOG_WARN, (struct slice){0},
                     "%s is set but has no effect in this version: see docs/compatibility.md",
                     config_without_effect_name((enum without_effect)i));
        }
    }
}

/* One descriptor for each client and each engine connection; the soft limit is often 1024. */
static void serve_raise_descriptor_limit(const struct config *config)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    rlim_t wanted = (rlim_t)(config->max_connections + config->engine_connections_max + 256);
    if (limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        log_line(LOG_WARN, (struct slice){0},
                 "only %llu descriptors may be open, %llu are needed for MAX_CONNECTIONS and the "
                 "engine: raise the limit (ulimit -n) or lower MAX_CONNECTIONS",
                 (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
    }
}

static void serve_warn_exposure(const struct process *process)
{
    const struct config *config = process->config;
    if (!process->listens_on_loopback && process->tls_context == NULL) {
        log_line(LOG_WARN, (struct slice){0},
                 "listening beyond loopback without TLS: tokens travel in the clear unless "
                 "something in front speaks TLS (or set TLS_CERT and TLS_KEY)");
    }
    if (!process->admin_on_loopback) {
        log_line(LOG_WARN, (struct slice){0},
                 "ADMIN_HOST is not loopback: /metrics needs no token and is open to the network");
    }
    if (config->engine_forward_auth) {
        log_line(LOG_WARN, (struct slice){0},
                 "ENGINE_FORWARD_AUTH is on: callers' tokens are sent to the engine");
    }
    if (config->attach_local && !process->listens_on_loopback) {
        log_line(LOG_WARN, (struct slice){0},
                 "local mode beyond loopback: whoever can read the key in ATTACH_DATA_DIR can be "
                 "any user");
    }
}

static int serve_check(const struct process *process)
{
    struct buffer text;
    buffer_init(&text, 256 * 1024);
    process_append_exposure(process, &text);
    return command_print(&text) ? EXIT_DONE : EXIT_DENIED;
}

static int serve_run(struct process *process, bool check_only)
{
    struct failure failure;
    if (check_only) {
        return serve_check(process);
    }
    serve_warn_without_effect(process->config);
    serve_raise_descriptor_limit(process->config);
    serve_warn_exposure(process);
    if (process_serve(process, &failure) != STATUS_OK) {
        log_line(LOG_ERROR, (struct slice){0}, "%s", failure.text);
        return EXIT_DENIED;
    }
    log_line(LOG_INFO, (struct slice){0}, "ended");
    return EXIT_DONE;
}

int command_serve(int count, char **arguments)
{
    const char *env_file = NULL;
    bool check_only = false;
    bool local = false;
    const struct argument own[] = {{.flag = "--env-file", .ret = &env_file},
                                   {.flag = "--check", .ret_is_there = &check_only},
                                   {.flag = "--local", .ret_is_there = &local}};
    struct config config = {0};
    struct process process;
    struct failure failure;
    int code = EXIT_USAGE;
    int left = arguments_take(count, arguments, own, sizeof(own) / sizeof(own[0]));
    if (left < 0 || !arguments_load_config(&config, env_file, left, arguments)) {
        config_clear(&config);
        return EXIT_USAGE;
    }
    config.attach_local = config.attach_local || local;
    log_configure((enum log_level)config.log_level, (enum log_format)config.log_format);
    if (config_check(&config, &failure) != STATUS_OK) {
        command_complain("%s", failure.text);
        config_clear(&config);
        return EXIT_USAGE;
    }
    if (process_prepare(&process, &config, &failure) != STATUS_OK) {
        command_complain("%s", failure.text);
    } else {
        code = serve_run(&process, check_only);
    }
    process_clear(&process);
    config_clear(&config);
    return code;
}
