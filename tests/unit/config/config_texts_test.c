/* SPDX-License-Identifier: MIT
 *
 * config_texts_test.c - the generated texts name every option and stay in their form. */
#include "config/option_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

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

static void every_text_names_every_option_and_its_default(void **state)
{
    append_text *const texts[] = {config_append_help, config_append_env_example,
                                  config_append_markdown, config_append_man};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *text = text_of(texts[i]);
        for (size_t j = 0; j < options_count; j++) {
            const char *wanted =
                options[j].variable != NULL ? options[j].variable : options[j].heading;
            if (strstr(text, wanted) == NULL) {
                fail_msg("%s is missing in text %zu", wanted, i);
            }
        }
        free(text);
    }
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
        assert_true(end - line <= 110);
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
        cmocka_unit_test(every_text_names_every_option_and_its_default),
        cmocka_unit_test(the_example_sets_nothing),
        cmocka_unit_test(help_is_wrapped),
        cmocka_unit_test(no_line_of_the_man_page_is_a_request_by_accident),
        cmocka_unit_test(markdown_is_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
