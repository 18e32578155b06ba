/* SPDX-License-Identifier: MIT
 *
 * config_texts_test.c - the generated texts name every option and stay in their form. */
#include "config/option_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

typedef void append_text(struct buffer *buffer);

/* The text with a NUL behind it; the caller frees it. */
static char *text_of(append_text *append)
{
    struct buffer buffer;
    buffer_init(&buffer, 1024 * 1024);
    append(&buffer);
    buffer_append_byte(&buffer, '\0');
    assert_false(buffer.failed);
    return buffer.data;
}

/* "--port" as the man page types it. */
static void append_typed(struct buffer *buffer, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '-') {
            buffer_append_byte(buffer, '\\');
        }
        buffer_append_byte(buffer, *text);
    }
}

/* The beginning of <option>'s place in each text: name, flag and default belong together. */
static void append_wanted(struct buffer *buffer, size_t text, const struct option *option)
{
    char flag[option_flag_bytes_max] = "(no flag)";
    bool has_flag = option_flag(option, flag);
    bool has_default = option->fallback[0] != '\0';
    switch (text) {
    case 0:
        buffer_append_format(buffer, "\n  %s  %s%s%s%s\n", flag, option->variable,
                             has_default ? "  [" : "", option->fallback, has_default ? "]" : "");
        return;
    case 1:
        buffer_append_format(buffer, "\n# %s\n#%s=%s\n", option->text, option->variable,
                             option->fallback);
        return;
    case 2:
        buffer_append_format(buffer, "\n| `%s` | %s%s%s | ", option->variable, has_flag ? "`" : "",
                             has_flag ? flag : "", has_flag ? "`" : "");
        return;
    default:
        buffer_append_string(buffer, "\n.TP\n.B ");
        append_typed(buffer, flag);
        buffer_append_format(buffer, "\n(%s%s", option->variable, has_default ? ", default " : "");
        append_typed(buffer, option->fallback);
        buffer_append_string(buffer, ")\n");
        return;
    }
}

static void every_text_has_every_option_with_flag_and_default(void **state)
{
    append_text *const texts[] = {config_append_help, config_append_env_example,
                                  config_append_markdown, config_append_man};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *text = text_of(texts[i]);
        for (size_t j = 0; j < options_count; j++) {
            struct buffer wanted;
            buffer_init(&wanted, 4096);
            if (options[j].variable != NULL) {
                append_wanted(&wanted, i, &options[j]);
            } else {
                buffer_append_string(&wanted, options[j].heading);
            }
            buffer_append_byte(&wanted, '\0');
            assert_false(wanted.failed);
            if (strstr(text, wanted.data) == NULL) {
                fail_msg("%s is missing in text %zu", wanted.data, i);
            }
            buffer_clear(&wanted);
        }
        free(text);
    }
}

/* With its comment signs gone the example is a file that says what is so anyway. */
static void the_example_holds_the_defaults(void **state)
{
    char path[] = "/tmp/attach-gateway-texts-test-XXXXXX";
    char *text = text_of(config_append_env_example);
    struct config config = {0};
    struct failure failure = {""};
    int descriptor = mkstemp(path);
    size_t lines = 0;
    assert_true(descriptor >= 0);
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (line[0] == '#' && line[1] != ' ') {
            size_t length = (size_t)(strchr(line, '\n') - line);
            assert_int_equal(write(descriptor, line + 1, length), length);
            lines++;
        }
    }
    close(descriptor);
    size_t options_with_a_variable = 0;
    for (size_t i = 0; i < options_count; i++) {
        options_with_a_variable += options[i].variable != NULL ? 1 : 0;
    }
    assert_int_equal(lines, options_with_a_variable);
    arena_init(&config.arena, 1024 * 1024);
    if (env_file_load(&config, path, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    assert_int_equal(config.port, 8080);
    assert_string_equal(config.engine_url.data, "http://localhost:11434");
    assert_int_equal(config.cors_origins.count, 2);
    arena_clear(&config.arena);
    unlink(path);
    free(text);
}

static void the_example_sets_nothing(void **state)
{
    char *text = text_of(config_append_env_example);
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_true(*line == '#' || *line == '\n');
    }
    free(text);
}

static void help_is_wrapped(void **state)
{
    char *text = text_of(config_append_help);
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        bool is_text = strncmp(line, "      ", 6) == 0;
        assert_true(end - line <= (is_text ? 100 : 110));
        assert_true(end == line || end[-1] != ' ');
        line = end + 1;
    }
    free(text);
}

static void no_line_of_the_man_page_is_a_request_by_accident(void **state)
{
    static const char *const requests[] = {".SS ", ".TP\n", ".B "};
    char *text = text_of(config_append_man);
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        bool known = line[0] != '.' && line[0] != '\'';
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
            known = known || strncmp(line, requests[i], strlen(requests[i])) == 0;
        }
        assert_true(known);
    }
    free(text);
}

static void markdown_is_escaped(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 256);
    config_append_markdown_text(&buffer, "a|b *c* <d>");
    assert_true(slice_equals(buffer_slice(&buffer), SLICE("a\\|b \\*c\\* \\<d>")));
    buffer_clear(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_has_every_option_with_flag_and_default),
        cmocka_unit_test(the_example_holds_the_defaults),
        cmocka_unit_test(the_example_sets_nothing),
        cmocka_unit_test(help_is_wrapped),
        cmocka_unit_test(no_line_of_the_man_page_is_a_request_by_accident),
        cmocka_unit_test(markdown_is_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
