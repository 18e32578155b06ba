/* SPDX-License-Identifier: MIT
 *
 * env_file_test.c - what a .env file may look like. */
#include "config/option_table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads <text> as a file; the status, and what HOST became ("" when it was not set). */
static enum status read_text(struct slice text, char ret_host[64], struct failure *failure)
{
    char path[] = "/tmp/attach-gateway-env-test-XXXXXX";
    struct config config = {0};
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text.data, text.length), text.length);
    close(descriptor);
    arena_init(&config.arena, 1024 * 1024);
    enum status status = env_file_load(&config, path, failure);
    assert_true(config.host.length < 64);
    ret_host[0] = '\0';
    if (config.host.length > 0) {
        memcpy(ret_host, config.host.data, config.host.length + 1);
    }
    arena_clear(&config.arena);
    unlink(path);
    return status;
}

static void values_are_read_as_a_shell_reads_the_plain_ones(void **state)
{
    static const struct {
        const char *text;
        const char *host;
    } cases[] = {
        {"HOST=a", "a"},
        {"HOST=a\n", "a"},
        {"HOST=a\r\n", "a"},
        {"  HOST = a  \n", "a"},
        {"export HOST=a\n", "a"},
        {"export   HOST=a\n", "a"},
        {"HOST=a # comment\n", "a"},
        {"HOST=a#b\n", "a#b"},
        {"HOST= # comment\nPORT=1\n", "127.0.0.1"}, /* empty: the default */
        {"HOST=#a # comment\n", "#a"},              /* as the shell has it */
        {"HOST=\"a # b\" # c\n", "a # b"},
        {"HOST='a \" # b'\n", "a \" # b"},
        {"HOST=\"a\\\"b\\\\c\"\n", "a\"b\\c"},
        {"HOST='a\\n'\n", "a\\n"},
        {"HOST=a=b\n", "a=b"},
        {"HOST=a\nHOST=b\n", "b"},
        {"# HOST=a\n\n \t\nHOST=b", "b"},
        {"export\tHOST=a\n", "a"},
        {"\t export HOST\t=\ta\t\n", "a"},
        {"exportHOST=x\nHOST=a", "a"},
        {"\xef\xbb\xbfHOST=a\r\n", "a"}, /* as some editors begin a file */
        {"PORT=1\r\n\r\n# c\r\nHOST=\"a\"\r\n", "a"},
        {"HOST=a\t# comment\n", "a"},
        {"HOST='a' # 'b'\n", "a"},
        {"HOST=''\n", "127.0.0.1"},
        {"HOST=$HOME ${A} $(b)\n", "$HOME ${A} $(b)"},
        {"HOST=\"$HOME\"\n", "$HOME"},
        {"HOST=a\\b\n", "a\\b"},
        {"HOST=\"a\\qb\"\n", "aqb"},
        {"HOST=a'b\"c\n", "a'b\"c"},
        {"NOBODY_KNOWS=x\nHOST=a", "a"},
        {"NOBODY_KNOWS='x\nHOST=a", "a"},
        {"HOST=\"\"\n", "127.0.0.1"},
        {"host=a\n", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char host[64];
        struct failure failure = {""};
        if (read_text(slice_from_string(cases[i].text), host, &failure) != STATUS_OK) {
            fail_msg("%s: %s", cases[i].text, failure.text);
        }
        assert_string_equal(host, cases[i].host);
    }
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"HOST=a\nwhat is this\n", "line 2: expected NAME=value"},
        {"\n\nHOST=\"a\n", "line 3): the quotes"},
        {"HOST='a\n", "line 1): the quotes"},
        {"HOST='a' b\n", "line 1): the quotes"},
        {"HOST=\"a\"b\n", "line 1): the quotes"},
        {"HOST=\"a\\\"\n", "line 1): the quotes"},
        {"HOST=\"a\\\n", "line 1): the quotes"},
        {"HOST\n", "line 1: expected NAME=value"},
        {"HOST=a\x01\n", "line 1): \"a?\""},
        {"HOST=a\rPORT=1\n", "line 1): "},
        {"HOST=\"a\\tb\"\n", "line 1): "},
        {"PORT=many\n", "line 1): \"many\" is not a whole number"},
        {"HOST=\"a\\nb\"\n", "line 1): "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char host[64];
        struct failure failure = {""};
        assert_int_equal(read_text(slice_from_string(cases[i].text), host, &failure),
                         STATUS_INVALID);
        if (strstr(failure.text, cases[i].says) == NULL) {
            fail_msg("%s is not in: %s", cases[i].says, failure.text);
        }
    }
}

static void a_file_that_is_too_long_is_refused(void **state)
{
    enum { length = 256 * 1024 + 1 };
    char *text = malloc(length);
    char host[64];
    struct failure failure = {""};
    assert_non_null(text);
    memset(text, '#', length);
    assert_int_equal(read_text(slice_make(text, length), host, &failure), STATUS_LIMIT);
    assert_int_equal(read_text(slice_make(text, length / 2), host, &failure), STATUS_OK);
    free(text);
}

static void a_folder_is_no_file(void **state)
{
    struct config config = {0};
    struct failure failure = {""};
    assert_int_equal(env_file_load(&config, "/", &failure), STATUS_IO);
    assert_int_equal(env_file_load(&config, "/nonexistent/x", &failure), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_as_a_shell_reads_the_plain_ones),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(a_file_that_is_too_long_is_refused),
        cmocka_unit_test(a_folder_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
