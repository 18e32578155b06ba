/* SPDX-License-Identifier: MIT
 *
 * dialect_test.c - which calls are read, and by whom; the table of functions. */
#include "dialect/dialect.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *method;
    const char *path;
    const char *name; /* NULL: nothing is inferred there */
} calls[] = {
    {"POST", "/api/chat", "ollama_chat"},
    {"POST", "/api/generate", "ollama_generate"},
    {"POST", "/v1/chat/completions", "openai_chat"},
    {"POST", "/v1/completions", "openai_completions"},
    {"POST", "/v1/responses", "openai_responses"},
    {"POST", "/v1/messages", "anthropic_messages"},
    {"GET", "/v1/responses", NULL},
    {"post", "/api/chat", NULL},
    {"", "/api/chat", NULL},
    {"POST", "", NULL},
    {"POST", "/api/chat/", NULL},
    {"POST", "/API/chat", NULL},
    {"GET", "/api/tags", NULL},
    {"POST", "/api/embed", NULL},
    {"POST", "/v1/messages/count_tokens", NULL},
};

static void calls_find_their_dialect(void **state)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        const struct dialect *dialect =
            dialect_find(slice_from_string(calls[i].method), slice_from_string(calls[i].path));
        if (calls[i].name == NULL) {
            assert_null(dialect);
        } else {
            assert_non_null(dialect);
            assert_string_equal(dialect_name(dialect), calls[i].name);
        }
    }
}

static void the_table_reads_a_call(void **state)
{
    const struct exchange_reader *table = &dialect_exchange_reader;
    struct dialect_reader *reader =
        table->create(dialect_find(SLICE("POST"), SLICE("/api/generate")), 100);
    assert_non_null(reader);
    table->read_request(reader, SLICE("{\"model\":\"m\",\"prompt\":\"p\"}"), true);
    table->reply_head(reader, 200, SLICE("application/json"));
    assert_true(table->reply_feed(reader, SLICE("{\"response\":\"r\",\"done\":true}\n")));
    table->reply_end(reader);
    const struct exchange *exchange = table->exchange(reader);
    assert_true(slice_equals(exchange->model, SLICE("m")));
    assert_true(slice_equals(exchange->prompt, SLICE("p")));
    assert_true(slice_equals(exchange->completion, SLICE("r")));
    assert_true(exchange->reply_complete);
    table->free(reader);
    table->free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_find_their_dialect),
        cmocka_unit_test(the_table_reads_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
