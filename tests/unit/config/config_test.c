/* SPDX-License-Identifier: MIT
 *
 * config_test.c - where the configuration comes from, which source wins, and the rules between
 * options. */
#include "config/config.h"

#include "config/option_table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char env_file[] = "/tmp/attach-gateway-config-test-XXXXXX";

static int file_make(void **state)
{
    int descriptor = mkstemp(env_file);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int file_remove(void **state)
{
    return unlink(env_file);
}

static void file_write(const char *text, size_t length)
{
    int descriptor = open(env_file, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, length), length);
    close(descriptor);
}

/* The status of loading with <file_text> as .env; both lists end with NULL. The caller clears. */
static enum status load(struct config *config, const char *file_text,
                        const char *const *environment, const char *const *flags,
                        struct failure *failure)
{
    /* As main and environ give them: nobody writes to the texts. */
    struct config_sources sources = {.env_file = env_file,
                                     .environment = (char *const *)(uintptr_t)environment,
                                     .flags = (char *const *)(uintptr_t)flags};
    while (flags != NULL && flags[sources.flags_count] != NULL) {
        sources.flags_count++;
    }
    file_write(file_text, strlen(file_text));
    return config_load(config, &sources, failure);
}

static void later_sources_win(void **state)
{
    struct config config;
    struct failure failure;
    const char *environment[] = {"ENGINE_URL=http://environment", "HOST=::1", "NONSENSE",
                                 "PORT=", NULL};
    const char *flags[] = {"--host", "flag", NULL};
    assert_int_equal(load(&config, "ENGINE_URL=http://file\nHOST=file\nPORT=99\nLOG_LEVEL=warn\n",
                          environment, flags, &failure),
                     STATUS_OK);
    assert_string_equal(config.host.data, "flag");
    assert_string_equal(config.engine_url.data, "http://environment");
    assert_int_equal(config.port, 99); /* an empty variable is not set */
    assert_int_equal(config.log_level, LOG_WARN);
    assert_int_equal(config.max_connections, 10000);
    config_clear(&config);
}

/* Whether <option> has the same value in both. */
static bool field_is_same(const struct option *option, const struct config *a,
                          const struct config *b)
{
    const void *field_a = (const char *)a + option->offset;
    const void *field_b = (const char *)b + option->offset;
    const struct slice *text_a = field_a;
    const struct slice *text_b = field_b;
    const struct slice_list *list_a = field_a;
    const struct slice_list *list_b = field_b;
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
        return slice_equals(*text_a, *text_b);
    case OPTION_LIST:
        for (size_t i = 0; i < list_a->count && i < list_b->count; i++) {
            if (!slice_equals(list_a->items[i], list_b->items[i])) {
                return false;
            }
        }
        return list_a->count == list_b->count;
    case OPTION_SWITCH:
        return *(const bool *)field_a == *(const bool *)field_b;
    case OPTION_CHOICE:
        return *(const unsigned *)field_a == *(const unsigned *)field_b;
    case OPTION_NUMBER:
    case OPTION_DURATION:
    case OPTION_SIZE:
        return *(const uint64_t *)field_a == *(const uint64_t *)field_b;
    }
    return false;
}

/* The <index>th good value of <option>; two that follow each other differ. */
static void value_of(const struct option *option, unsigned index, char text[64])
{
    uint64_t number = option->minimum + index + 1;
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
    case OPTION_LIST:
        snprintf(text, 64, "value-%u", index);
        return;
    case OPTION_SWITCH:
        snprintf(text, 64, "%s", index % 2 == 0 ? "true" : "false");
        return;
    case OPTION_CHOICE:
        snprintf(text, 64, "%s", option_choices(option)[index % 2]);
        return;
    case OPTION_NUMBER:
    case OPTION_SIZE:
        snprintf(text, 64, "%llu", (unsigned long long)number);
        return;
    case OPTION_DURATION:
        snprintf(text, 64, "%llums", (unsigned long long)number);
        return;
    }
}

/* Loads <option> from the first <sources> of: the .env file, the environment, the command line; the
 * last of them is to be the one that counts. */
static void latest_source_wins(const struct option *option, unsigned sources)
{
    char value[64];
    char flag[option_flag_bytes_max];
    char file[256] = "";
    char variable[256] = "";
    char joined[256] = "";
    const char *environment[] = {variable, NULL};
    const char *flags[] = {joined, NULL};
    struct config config;
    struct config expected;
    struct failure failure = {""};
    value_of(option, 0, value);
    snprintf(file, sizeof(file), "%s=%s\n", option->variable, value);
    if (sources > 1) {
        value_of(option, 1, value);
        snprintf(variable, sizeof(variable), "%s=%s", option->variable, value);
    }
    if (sources > 2) {
        value_of(option, 2, value);
        assert_true(option_flag(option, flag));
        snprintf(joined, sizeof(joined), "%s=%s", flag, value);
    }
    if (load(&config, file, environment, sources > 2 ? flags : NULL, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    expected = (struct config){0};
    arena_init(&expected.arena, 4096);
    assert_int_equal(option_set(&expected, option, slice_from_string(value), "test", &failure),
                     STATUS_OK);
    if (!field_is_same(option, &config, &expected)) {
        fail_msg("%s is not %s, the value of source %u", option->variable, value, sources);
    }
    config_clear(&expected);
    config_clear(&config);
}

static void every_option_comes_from_every_source(void **state)
{
    for (size_t i = 0; i < options_count; i++) {
        unsigned sources = options[i].type == OPTION_SECRET ? 2 : 3;
        for (unsigned count = 1; options[i].variable != NULL && count <= sources; count++) {
            latest_source_wins(&options[i], count);
        }
    }
}

static void a_secret_has_no_flag_and_is_not_shown(void **state)
{
    for (size_t i = 0; i < options_count; i++) {
        char flag[128];
        char file[128];
        struct config config;
        struct failure failure = {""};
        if (options[i].variable == NULL || options[i].type != OPTION_SECRET) {
            continue;
        }
        snprintf(flag, sizeof(flag), "--%s=hush", options[i].variable);
        for (char *byte = flag; *byte != '='; byte++) {
            *byte = (char)(*byte == '_'                   ? '-'
                           : *byte >= 'A' && *byte <= 'Z' ? *byte - 'A' + 'a'
                                                          : *byte);
        }
        const char *flags[] = {flag, NULL};
        assert_int_equal(load(&config, "", NULL, flags, &failure), STATUS_INVALID);
        assert_non_null(strstr(failure.text, "unknown option"));
        assert_null(strstr(failure.text, "hush"));
        config_clear(&config);
        /* Nor when it is wrong in the file. */
        snprintf(file, sizeof(file), "%s=\"hush\n", options[i].variable);
        assert_int_equal(load(&config, file, NULL, NULL, &failure), STATUS_INVALID);
        assert_non_null(strstr(failure.text, options[i].variable));
        assert_null(strstr(failure.text, "hush"));
        config_clear(&config);
    }
}

static void a_switch_may_stand_alone_anywhere(void **state)
{
    static const struct {
        const char *flags[4];
        bool is_local;
        uint64_t port;
    } cases[] = {
        {{"--attach-local", NULL}, true, 8080},
        {{"--attach-local", "--port", "7", NULL}, true, 7},
        {{"--port", "7", "--attach-local", NULL}, true, 7},
        {{"--attach-local", "false", NULL}, false, 8080},
        {{"--attach-local=off", NULL}, false, 8080},
        {{"--attach-local=", NULL}, false, 8080},
        {{"--attach-local", "--attach-local=no", NULL}, false, 8080},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config config;
        struct failure failure = {""};
        assert_int_equal(load(&config, "", NULL, cases[i].flags, &failure), STATUS_OK);
        assert_int_equal(config.attach_local, cases[i].is_local);
        assert_int_equal(config.port, cases[i].port);
        config_clear(&config);
    }
}

/* All texts together have a limit; what is over it is refused by name. */
static void too_much_text_is_refused(void **state)
{
    enum { length = 2 * 1024 * 1024 };
    char *variable = malloc(length + 1);
    const char *environment[] = {variable, NULL};
    struct config config;
    struct failure failure = {""};
    assert_non_null(variable);
    memset(variable, 'a', length);
    memcpy(variable, "HOST=", 5);
    variable[length] = '\0';
    assert_int_equal(load(&config, "", environment, NULL, &failure), STATUS_NO_MEMORY);
    assert_ptr_equal(strstr(failure.text, "HOST (environment)"), failure.text);
    config_clear(&config);
    memcpy(variable, "HOME=/", 6); /* more than any path */
    assert_int_equal(load(&config, "", environment, NULL, &failure), STATUS_LIMIT);
    assert_non_null(strstr(failure.text, "HOME"));
    config_clear(&config);
    free(variable);
}

static void variables_without_effect_come_from_file_and_environment(void **state)
{
    const char *environment[] = {"REDIS_URL=redis://localhost", "MAX_TOKENS_PER_MIN=null", NULL};
    struct config config;
    struct failure failure = {""};
    assert_int_equal(load(&config, "USAGE_METERING=openmeter\n", environment, NULL, &failure),
                     STATUS_OK);
    assert_true(config.without_effect[WITHOUT_EFFECT_USAGE_METERING]);
    assert_true(config.without_effect[WITHOUT_EFFECT_REDIS_URL]);
    assert_false(config.without_effect[WITHOUT_EFFECT_MAX_TOKENS_PER_MIN]);
    assert_false(config.without_effect[WITHOUT_EFFECT_USAGE_BACKEND]);
    config_clear(&config);
}

static void flags_in_every_spelling(void **state)
{
    struct config config;
    struct failure failure;
    const char *flags[] = {"--port=1", "--attach-local", "--client-half-close",
                           "no",       "--host=",        NULL};
    assert_int_equal(load(&config, "HOST=file\n", NULL, flags, &failure), STATUS_OK);
    assert_int_equal(config.port, 1);
    assert_true(config.attach_local);
    assert_false(config.client_half_close);
    assert_string_equal(config.host.data, "127.0.0.1"); /* empty gives the default back */
    config_clear(&config);
}

static void flags_that_are_wrong(void **state)
{
    static const struct {
        const char *flags[3];
        const char *says;
    } cases[] = {
        {{"--no-such", "1", NULL}, "unknown option --no-such"},
        {{"port", "1", NULL}, "unknown option port"},
        {{"-port", "1", NULL}, "unknown option -port"},
        {{"--PORT", "1", NULL}, "unknown option --PORT"},
        {{"--port", NULL, NULL}, "--port needs a value"},
        {{"--port", "x", NULL}, "PORT (command line): \"x\" is not a whole number"},
        {{"--engine-api-key=hush", NULL, NULL}, "unknown option --engine-api-key"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config config;
        struct failure failure = {""};
        assert_int_equal(load(&config, "", NULL, cases[i].flags, &failure), STATUS_INVALID);
        assert_non_null(strstr(failure.text, cases[i].says));
        assert_null(strstr(failure.text, "hush"));
        config_clear(&config);
    }
}

static void a_named_file_must_be_there_and_the_usual_one_need_not(void **state)
{
    struct config config;
    struct failure failure = {""};
    struct config_sources sources = {.env_file = "/nonexistent/.env"};
    assert_int_equal(config_load(&config, &sources, &failure), STATUS_NOT_FOUND);
    assert_non_null(strstr(failure.text, "/nonexistent/.env"));
    config_clear(&config);
    assert_int_equal(chdir("/proc/self/fdinfo"), 0); /* surely without a .env */
    sources.env_file = NULL;
    assert_int_equal(config_load(&config, &sources, &failure), STATUS_OK);
    config_clear(&config);
}

static void the_data_directory(void **state)
{
    static const struct {
        const char *environment[4];
        const char *expected; /* NULL: nowhere */
    } cases[] = {
        {{"ATTACH_DATA_DIR=/data", "XDG_STATE_HOME=/state", "HOME=/own/a", NULL}, "/data"},
        {{"XDG_STATE_HOME=/state", "HOME=/own/a", NULL}, "/state/attach-gateway"},
        {{"XDG_STATE_HOME=relative", "HOME=/own/a", NULL}, "/own/a/.local/state/attach-gateway"},
        {{"HOME=/own/a", NULL}, "/own/a/.local/state/attach-gateway"},
        {{"XDG_STATE_HOME=", "HOME=/own/a", NULL}, "/own/a/.local/state/attach-gateway"},
        {{"ATTACH_DATA_DIR=", "XDG_STATE_HOME=/state", NULL}, "/state/attach-gateway"},
        {{"ATTACH_DATA_DIR=here", NULL}, "here"},
        {{"XDG_STATE_HOME=relative", NULL}, NULL},
        {{"HOME=relative", NULL}, NULL},
        {{NULL}, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config config;
        struct failure failure = {""};
        struct slice directory;
        assert_int_equal(load(&config, "", cases[i].environment, NULL, &failure), STATUS_OK);
        enum status status = config_data_directory(&config, &directory, &failure);
        if (cases[i].expected == NULL) {
            assert_int_equal(status, STATUS_INVALID);
            assert_non_null(strstr(failure.text, "ATTACH_DATA_DIR"));
        } else {
            assert_int_equal(status, STATUS_OK);
            assert_string_equal(directory.data, cases[i].expected);
        }
        config_clear(&config);
    }
}

static void rules_between_options(void **state)
{
    static const struct {
        const char *environment[5];
        const char *says; /* NULL: all is well */
    } cases[] = {
        {{NULL}, "OIDC_ISSUER and OIDC_AUD"},
        {{NULL}, "ATTACH_LOCAL"},
        {{"ATTACH_LOCAL=1", NULL}, NULL},
        {{"OIDC_ISSUER=https://a", NULL}, "OIDC_AUD"},
        {{"OIDC_ISSUER=https://a", "OIDC_AUD=b", NULL}, NULL},
        {{"OIDC_ISSUER=https://a,https://b,https://a", "OIDC_AUD=b", NULL}, "twice"},
        {{"OIDC_ISSUER=https://a,https://a/", "OIDC_AUD=b", NULL}, "twice"},
        {{"OIDC_ISSUER=https://a/,https://b,https://a", "OIDC_AUD=b", NULL}, "twice"},
        {{"OIDC_ISSUER=https://a,https://a//", "OIDC_AUD=b", NULL}, NULL},
        {{"OIDC_ISSUER=https://a,https://a/b", "OIDC_AUD=b", NULL}, NULL},
        {{"OIDC_ISSUER=https://a", "OIDC_AUD=,", NULL}, "OIDC_AUD"},
        {{"OIDC_ISSUER=https://a", "ATTACH_LOCAL=1", NULL}, "OIDC_AUD"},
        {{"OIDC_AUD=a", NULL}, "OIDC_ISSUER"},
        {{NULL}, "DID_ALLOW and DID_AUD"},
        {{"DID_ALLOW=did:key:*", "DID_AUD=a", NULL}, NULL},
        {{"DID_ALLOW=did:key:*", "OIDC_AUD=a", NULL}, NULL},
        {{"DID_ALLOW=did:key:*", "ATTACH_LOCAL=1", NULL}, NULL},
        {{"DID_ALLOW=did:key:*", NULL}, "set DID_AUD"},
        {{"DID_ALLOW=did:key:*", "DID_AUD=a", "OIDC_ISSUER=https://a", NULL}, "OIDC_AUD"},
        {{"DID_AUD=a", NULL}, "nobody could log in"},
        {{"DID_ALLOW=,", "DID_AUD=a", NULL}, "nobody could log in"},
        {{"ATTACH_LOCAL=1", "TLS_CERT=a", NULL}, "TLS_KEY"},
        {{"ATTACH_LOCAL=1", "TLS_KEY=a", NULL}, "TLS_CERT"},
        {{"ATTACH_LOCAL=1", "TLS_KEY=a", "TLS_CERT=b", NULL}, NULL},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=*", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=https://a/", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=https://", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=https://*", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=https://a,https://*.b", NULL}, "\"https://*.b\""},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=null", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=a.example", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=ftp://a", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=https://a,http://b:1", NULL}, NULL},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=,", NULL}, NULL},
        {{"ATTACH_LOCAL=1", "ENGINE_API_KEY=a b", NULL}, "ENGINE_API_KEY"},
        {{"ATTACH_LOCAL=1", "ENGINE_API_KEY=\xc3\xa4", NULL}, "ENGINE_API_KEY"},
        {{"ATTACH_LOCAL=1", "ENGINE_API_KEY=sk-a.b_c", NULL}, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config config;
        struct failure failure = {""};
        assert_int_equal(load(&config, "", cases[i].environment, NULL, &failure), STATUS_OK);
        enum status status = config_check(&config, &failure);
        assert_int_equal(status, cases[i].says == NULL ? STATUS_OK : STATUS_INVALID);
        if (cases[i].says != NULL && strstr(failure.text, cases[i].says) == NULL) {
            fail_msg("%s is not in: %s", cases[i].says, failure.text);
        }
        config_clear(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(every_option_comes_from_every_source),
        cmocka_unit_test(a_secret_has_no_flag_and_is_not_shown),
        cmocka_unit_test(a_switch_may_stand_alone_anywhere),
        cmocka_unit_test(too_much_text_is_refused),
        cmocka_unit_test(variables_without_effect_come_from_file_and_environment),
        cmocka_unit_test(flags_in_every_spelling),
        cmocka_unit_test(flags_that_are_wrong),
        cmocka_unit_test(the_data_directory),
        cmocka_unit_test(rules_between_options),
        cmocka_unit_test(a_named_file_must_be_there_and_the_usual_one_need_not),
    };
    return cmocka_run_group_tests(tests, file_make, file_remove);
}
