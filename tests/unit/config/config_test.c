/* SPDX-License-Identifier: MIT
 *
 * config_test.c - where the configuration comes from, which source wins, and the rules between
 * options. */
#include "config/config.h"

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
        {{"ATTACH_LOCAL=1", "TLS_CERT=a", NULL}, "TLS_KEY"},
        {{"ATTACH_LOCAL=1", "TLS_KEY=a", NULL}, "TLS_CERT"},
        {{"ATTACH_LOCAL=1", "TLS_KEY=a", "TLS_CERT=b", NULL}, NULL},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=*", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=https://a/", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=https://", NULL}, "CORS_ORIGINS"},
        {{"ATTACH_LOCAL=1", "CORS_ORIGINS=https://a,http://b:1", NULL}, NULL},
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
        cmocka_unit_test(flags_in_every_spelling),
        cmocka_unit_test(flags_that_are_wrong),
        cmocka_unit_test(the_data_directory),
        cmocka_unit_test(rules_between_options),
        cmocka_unit_test(a_named_file_must_be_there_and_the_usual_one_need_not),
    };
    return cmocka_run_group_tests(tests, file_make, file_remove);
}
