/* SPDX-License-Identifier: MIT
 *
 * metrics_test.c - sets are added up, and the text keeps Prometheus' form (that promtool agrees is
 * shown by tests/system/test_operations.py). */
#include "gateway/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static char *text_of(const struct metrics *const *sets, size_t count)
{
    struct buffer text;
    buffer_init(&text, 1024 * 1024);
    metrics_append(&text, sets, count);
    buffer_append_byte(&text, '\0');
    assert_false(text.failed);
    return text.data;
}

static void sets_are_added_up(void **state)
{
    static struct metrics one;
    static struct metrics two;
    const struct metrics *const sets[] = {&one, &two};
    metric_add(&one, METRIC_requests_2xx, 3);
    metric_add(&two, METRIC_requests_2xx, 4);
    metric_set(&one, METRIC_connections, 5);
    metric_set(&one, METRIC_connections, 2);
    metric_bump(&two.denied[DENY_EXPIRED], 9);
    char *text = text_of(sets, 2);
    assert_non_null(strstr(text, "\nattach_requests_total{class=\"2xx\"} 7\n"));
    assert_non_null(strstr(text, "\nattach_connections 2\n"));
    assert_non_null(strstr(text, "\nattach_tokens_denied_total{reason=\"expired\"} 9\n"));
    free(text);
}

static void every_name_is_described_once_before_its_rows(void **state)
{
    static struct metrics none;
    const struct metrics *const sets[] = {&none};
    char *text = text_of(sets, 1);
    char described[128] = "";
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        char name[128] = "";
        assert_non_null(end);
        *end = '\0';
        if (strncmp(line, "# HELP ", 7) == 0) {
            size_t length = strcspn(line + 7, " ");
            assert_true(length < sizeof(described));
            memcpy(described, line + 7, length);
            described[length] = '\0';
            assert_true(strlen(line) > 7 + length + 1);
        } else if (line[0] != '#') {
            size_t length = strcspn(line, "{ ");
            assert_true(length < sizeof(name));
            memcpy(name, line, length);
            assert_string_equal(name, described);
        }
        line = end + 1;
    }
    free(text);
}

static void the_page_names_every_metric(void **state)
{
    static const char *const names[] = {
#define METRIC(identifier, kind, name, labels, help) name,
#include "gateway/metrics.def"
#undef METRIC
        "attach_tokens_denied_total"};
    struct buffer text;
    buffer_init(&text, 1024 * 1024);
    metrics_append_markdown(&text);
    buffer_append_byte(&text, '\0');
    assert_false(text.failed);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_non_null(strstr(text.data, names[i]));
    }
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_added_up),
        cmocka_unit_test(every_name_is_described_once_before_its_rows),
        cmocka_unit_test(the_page_names_every_metric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
