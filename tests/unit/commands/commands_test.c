/* SPDX-License-Identifier: MIT
 *
 * commands_test.c - a command takes its own arguments and leaves the rest for the options. */
#include "commands/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { arguments_max = 8 };

struct taken {
    const char *user;
    bool check;
    int left;
    char *arguments[arguments_max];
};

static struct taken take(const char *const *given)
{
    struct taken taken = {0};
    const struct argument own[] = {{.flag = "--user", .ret = &taken.user},
                                   {.flag = "--check", .ret_is_there = &taken.check}};
    int count = 0;
    while (given[count] != NULL) {
        taken.arguments[count] = (char *)(uintptr_t)given[count]; /* moved about, never written */
        count++;
    }
    taken.left = arguments_take(count, taken.arguments, own, 2);
    return taken;
}

static void its_own_are_taken_and_the_rest_keeps_its_order(void **state)
{
    const char *const given[] = {"--port", "1", "--user", "a", "--check", "--host=x", NULL};
    struct taken taken = take(given);
    assert_int_equal(taken.left, 3);
    assert_string_equal(taken.user, "a");
    assert_true(taken.check);
    assert_string_equal(taken.arguments[0], "--port");
    assert_string_equal(taken.arguments[1], "1");
    assert_string_equal(taken.arguments[2], "--host=x");
}

static void a_value_may_be_joined_and_may_be_empty(void **state)
{
    const char *const joined[] = {"--user=a=b", NULL};
    const char *const empty[] = {"--user=", NULL};
    assert_string_equal(take(joined).user, "a=b");
    assert_string_equal(take(empty).user, "");
}

static void nothing_is_taken_from_nothing(void **state)
{
    const char *const none[] = {NULL};
    const char *const others[] = {"--users", "--User", "user", "--checks", NULL};
    assert_int_equal(take(none).left, 0);
    assert_int_equal(take(others).left, 4);
    assert_null(take(others).user);
    assert_false(take(others).check);
}

static void a_missing_value_and_one_too_many_are_refused(void **state)
{
    const char *const missing[] = {"--check", "--user", NULL};
    const char *const extra[] = {"--check=yes", NULL};
    assert_int_equal(take(missing).left, -1);
    assert_int_equal(take(extra).left, -1);
}

static void the_last_one_counts_and_takes_whatever_follows(void **state)
{
    const char *const twice[] = {"--user", "a", "--port", "1", "--user=b", NULL};
    const char *const flag_like[] = {"--user", "--check", NULL};
    struct taken taken = take(twice);
    assert_string_equal(taken.user, "b");
    assert_int_equal(taken.left, 2);
    taken = take(flag_like);
    assert_string_equal(taken.user, "--check");
    assert_false(taken.check);
    assert_int_equal(taken.left, 0);
}

static void only_the_name_of_a_flag_names_it(void **state)
{
    const char *const given[] = {"--user-name=x", "--use", "-user", "=--user", "--", "", NULL};
    struct taken taken = take(given);
    assert_int_equal(taken.left, 6);
    assert_null(taken.user);
    for (int i = 0; i < taken.left; i++) {
        assert_ptr_equal(taken.arguments[i], given[i]);
    }
}

/* A stream of the process, led into a file meanwhile. */
struct diverted {
    int number;
    int saved;
    FILE *file;
    char text[4096];
};

static void divert_begin(struct diverted *diverted, int number)
{
    *diverted = (struct diverted){.number = number, .saved = dup(number), .file = tmpfile()};
    assert_true(diverted->saved >= 0);
    assert_non_null(diverted->file);
    fflush(stdout);
    assert_true(dup2(fileno(diverted->file), number) >= 0);
}

static const char *divert_end(struct diverted *diverted)
{
    fflush(stdout);
    assert_true(dup2(diverted->saved, diverted->number) >= 0);
    close(diverted->saved);
    ssize_t length = pread(fileno(diverted->file), diverted->text, sizeof(diverted->text) - 1, 0);
    assert_true(length >= 0);
    fclose(diverted->file);
    return diverted->text;
}

static void complaints_name_the_program_and_the_flag(void **state)
{
    const char *const missing[] = {"--user", NULL};
    const char *const extra[] = {"--check=yes", NULL};
    struct diverted diverted;
    divert_begin(&diverted, STDERR_FILENO);
    (void)take(missing);
    assert_string_equal(divert_end(&diverted), "attach-gateway: --user needs a value\n");
    divert_begin(&diverted, STDERR_FILENO);
    (void)take(extra);
    assert_string_equal(divert_end(&diverted), "attach-gateway: --check takes no value\n");
}

static void a_configuration_that_cannot_be_loaded_is_complained_about(void **state)
{
    char port[] = "--port=many";
    char *flags[] = {port};
    struct config config;
    struct diverted diverted;
    divert_begin(&diverted, STDERR_FILENO);
    bool loaded = arguments_load_config(&config, "/dev/null", 1, flags);
    const char *text = divert_end(&diverted);
    config_clear(&config);
    assert_false(loaded);
    assert_string_equal(text, "attach-gateway: PORT (command line): \"many\" is not a whole number "
                              "from 0 to 65535\n");
    divert_begin(&diverted, STDERR_FILENO);
    loaded = arguments_load_config(&config, "/dev/null", 0, flags);
    text = divert_end(&diverted);
    config_clear(&config);
    assert_true(loaded);
    assert_string_equal(text, "");
}

static void a_text_is_printed_whole_or_complained_about(void **state)
{
    struct diverted diverted;
    struct buffer buffer;
    buffer_init(&buffer, 4);
    buffer_append_string(&buffer, "abcd");
    divert_begin(&diverted, STDOUT_FILENO);
    bool printed = command_print(&buffer);
    const char *text = divert_end(&diverted);
    assert_true(printed);
    assert_string_equal(text, "abcd");
    assert_null(buffer.data);
    buffer_append_string(&buffer, "abcde"); /* does not fit */
    divert_begin(&diverted, STDERR_FILENO);
    printed = command_print(&buffer);
    text = divert_end(&diverted);
    assert_false(printed);
    assert_string_equal(text, "attach-gateway: cannot write to standard output\n");
}

static void the_usage_has_every_command(void **state)
{
    static const char *const names[] = {
#define COMMAND(name, arguments, text) "  attach-gateway " #name " ", text "\n",
#include "commands/commands.def"
#undef COMMAND
        "--version", "--help"};
    struct buffer usage;
    buffer_init(&usage, 65536);
    commands_append_usage(&usage);
    buffer_append_byte(&usage, '\0');
    assert_false(usage.failed);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_non_null(strstr(usage.data, names[i]));
    }
    buffer_clear(&usage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_own_are_taken_and_the_rest_keeps_its_order),
        cmocka_unit_test(a_value_may_be_joined_and_may_be_empty),
        cmocka_unit_test(nothing_is_taken_from_nothing),
        cmocka_unit_test(a_missing_value_and_one_too_many_are_refused),
        cmocka_unit_test(the_last_one_counts_and_takes_whatever_follows),
        cmocka_unit_test(only_the_name_of_a_flag_names_it),
        cmocka_unit_test(complaints_name_the_program_and_the_flag),
        cmocka_unit_test(a_configuration_that_cannot_be_loaded_is_complained_about),
        cmocka_unit_test(a_text_is_printed_whole_or_complained_about),
        cmocka_unit_test(the_usage_has_every_command),
    };
    clearenv(); /* nobody's settings but those of the tests */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
