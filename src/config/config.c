/* SPDX-License-Identifier: MIT
 *
 * config.c - the sources of the configuration in their order, and the rules between options. */
#include "config/config.h"

#include "config/option_table.h"

enum { config_bytes_max = 1024 * 1024 };

/* ---- sources ---- */

static enum status config_load_defaults(struct config *config, struct failure *reterr)
{
    for (size_t i = 0; i < options_count; i++) {
        if (options[i].variable == NULL) {
            continue;
        }
        enum status status =
            option_set(config, &options[i], (struct slice){0}, "the default", reterr);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status config_load_env_file(struct config *config, const char *env_file,
                                        struct failure *reterr)
{
    struct failure reason;
    enum status status = env_file_load(config, env_file != NULL ? env_file : ".env", &reason);
    if (status == STATUS_OK || (status == STATUS_NOT_FOUND && env_file == NULL)) {
        return STATUS_OK;
    }
    *reterr = reason;
    return status;
}

/* XDG Base Directory Specification: a path that is not absolute counts as not set. */
static enum status config_note_state_home(struct config *config, struct slice xdg_state_home,
                                          struct slice home, struct failure *reterr)
{
    struct buffer path;
    buffer_init(&path, 4096);
    if (slice_starts_with(xdg_state_home, SLICE("/"))) {
        buffer_append(&path, xdg_state_home);
    } else if (slice_starts_with(home, SLICE("/"))) {
        buffer_append(&path, home);
        buffer_append_string(&path, "/.local/state");
    }
    bool copied =
        !path.failed && arena_copy(&config->arena, buffer_slice(&path), &config->state_home);
    buffer_clear(&path);
    if (!copied) {
        failure_set(reterr, "XDG_STATE_HOME or HOME is too long");
        return STATUS_LIMIT;
    }
    return STATUS_OK;
}

static enum status config_load_environment(struct config *config, char *const *environment,
                                           struct failure *reterr)
{
    struct slice xdg_state_home = {0};
    struct slice home = {0};
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        struct slice entry = slice_from_string(environment[i]);
        size_t equals = slice_find(entry, '=');
        if (equals == entry.length) {
            continue;
        }
        struct slice name = slice_make(entry.data, equals);
        struct slice value = slice_after(entry, equals + 1);
        const struct option *option = option_find(name);
        if (option != NULL && value.length > 0) {
            enum status status = option_set(config, option, value, "environment", reterr);
            if (status != STATUS_OK) {
                return status;
            }
        } else if (option == NULL) {
            option_note_without_effect(config, name, value);
        }
        if (slice_equals(name, SLICE("XDG_STATE_HOME"))) {
            xdg_state_home = value;
        } else if (slice_equals(name, SLICE("HOME"))) {
            home = value;
        }
    }
    return config_note_state_home(config, xdg_state_home, home, reterr);
}

static const struct option *config_find_flag(struct slice name)
{
    for (size_t i = 0; i < options_count; i++) {
        char flag[option_flag_bytes_max];
        if (options[i].variable != NULL && option_flag(&options[i], flag) &&
            slice_equals(name, slice_from_string(flag))) {
            return &options[i];
        }
    }
    return NULL;
}

static enum status config_load_flags(struct config *config, char *const *flags, size_t count,
                                     struct failure *reterr)
{
    for (size_t i = 0; i < count; i++) {
        struct slice flag = slice_from_string(flags[i]);
        size_t equals = slice_find(flag, '=');
        struct slice name = slice_make(flag.data, equals);
        const struct option *option = config_find_flag(name);
        struct slice value;
        if (option == NULL) {
            /* Its value is not shown: --engine-api-key=... is no option, but a secret. */
            failure_set(reterr, "unknown option %.*s: see attach-gateway --help",
                        (int)(name.length < 100 ? name.length : 100), name.data);
            return STATUS_INVALID;
        }
        bool next_is_value = i + 1 < count && strncmp(flags[i + 1], "--", 2) != 0;
        if (equals < flag.length) {
            value = slice_after(flag, equals + 1);
        } else if (option->type == OPTION_SWITCH && !next_is_value) {
            value = SLICE("true");
        } else if (i + 1 < count) {
            value = slice_from_string(flags[++i]);
        } else {
            failure_set(reterr, "%.100s needs a value", flags[i]);
            return STATUS_INVALID;
        }
        enum status status = option_set(config, option, value, "command line", reterr);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status config_load(struct config *config, const struct config_sources *sources,
                        struct failure *reterr)
{
    *config = (struct config){0};
    arena_init(&config->arena, config_bytes_max);
    enum status status = config_load_defaults(config, reterr);
    if (status == STATUS_OK) {
        status = config_load_env_file(config, sources->env_file, reterr);
    }
    if (status == STATUS_OK) {
        status = config_load_environment(config, sources->environment, reterr);
    }
    if (status == STATUS_OK) {
        status = config_load_flags(config, sources->flags, sources->flags_count, reterr);
    }
    return status;
}

void config_clear(struct config *config)
{
    arena_clear(&config->arena);
}

/* ---- rules ---- */

/* Tokens are matched with one trailing '/' forgiven, so that issuers which differ in nothing else
 * are one. */
static struct slice config_issuer_name(struct slice issuer)
{
    return slice_ends_with(issuer, SLICE("/")) ? slice_make(issuer.data, issuer.length - 1)
                                               : issuer;
}

static enum status config_check_trust(const struct config *config, struct failure *reterr)
{
    bool trusts_dids = config->did_allow.count > 0;
    if (config->oidc_issuer.count == 0 && !config->attach_local && !trusts_dids) {
        failure_set(reterr, "nobody could log in: set OIDC_ISSUER and OIDC_AUD to trust an OIDC "
                            "provider, ATTACH_LOCAL=true (--local) to trust tokens made on this "
                            "machine, or DID_ALLOW and DID_AUD to trust DIDs");
        return STATUS_INVALID;
    }
    if (trusts_dids && !config->attach_local && config->did_aud.count == 0 &&
        config->oidc_aud.count == 0) {
        failure_set(reterr, "DID_ALLOW is set but neither DID_AUD nor OIDC_AUD is: set DID_AUD to "
                            "the audience that DID tokens for this gateway must name");
        return STATUS_INVALID;
    }
    if (config->oidc_issuer.count > 0 && config->oidc_aud.count == 0) {
        failure_set(reterr, "OIDC_ISSUER is set but OIDC_AUD is not: set it to the audience your "
                            "provider puts into access tokens for this gateway");
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < config->oidc_issuer.count; i++) {
        for (size_t j = i + 1; j < config->oidc_issuer.count; j++) {
            if (slice_equals(config_issuer_name(config->oidc_issuer.items[i]),
                             config_issuer_name(config->oidc_issuer.items[j]))) {
                failure_set(reterr, "OIDC_ISSUER: %.*s is there twice",
                            SLICE_ARGS(config->oidc_issuer.items[i]));
                return STATUS_INVALID;
            }
        }
    }
    return STATUS_OK;
}

/* Credentials go with allowed origins, so there is no "all of them" (Fetch standard, CORS protocol
 * and credentials). */
static enum status config_check_origins(const struct config *config, struct failure *reterr)
{
    for (size_t i = 0; i < config->cors_origins.count; i++) {
        struct slice origin = config->cors_origins.items[i];
        struct slice rest = {0};
        if (slice_starts_with(origin, SLICE("http://"))) {
            rest = slice_after(origin, 7);
        } else if (slice_starts_with(origin, SLICE("https://"))) {
            rest = slice_after(origin, 8);
        }
        if (rest.length == 0 || slice_find(rest, '/') < rest.length ||
            slice_find(rest, '*') < rest.length) {
            failure_set(reterr,
                        "CORS_ORIGINS: \"%.100s\" is not an origin such as https://app.example.com "
                        "(no path, no *)",
                        origin.data);
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

enum status config_check(const struct config *config, struct failure *reterr)
{
    struct slice key = config->engine_api_key;
    enum status status = config_check_trust(config, reterr);
    if (status == STATUS_OK) {
        status = config_check_origins(config, reterr);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if ((config->tls_cert.length == 0) != (config->tls_key.length == 0)) {
        failure_set(reterr, "TLS_CERT and TLS_KEY go together: set both or none");
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < key.length; i++) {
        if ((unsigned char)key.data[i] <= 0x20 || (unsigned char)key.data[i] >= 0x7f) {
            failure_set(reterr, "ENGINE_API_KEY holds a character that no header may carry");
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

enum status config_data_directory(struct config *config, struct slice *ret, struct failure *reterr)
{
    struct buffer path;
    if (config->attach_data_dir.length > 0) {
        *ret = config->attach_data_dir;
        return STATUS_OK;
    }
    if (config->state_home.length == 0) {
        failure_set(reterr, "set ATTACH_DATA_DIR: neither XDG_STATE_HOME nor HOME says where the "
                            "gateway may keep its key");
        return STATUS_INVALID;
    }
    buffer_init(&path, 8192);
    buffer_append(&path, config->state_home);
    buffer_append_string(&path, "/attach-gateway");
    bool copied = !path.failed && arena_copy(&config->arena, buffer_slice(&path), ret);
    buffer_clear(&path);
    if (!copied) {
        failure_set(reterr, "ATTACH_DATA_DIR: no memory");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}
