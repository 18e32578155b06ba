/* SPDX-License-Identifier: MIT
 *
 * golden_test.c - calls in the shapes of real clients and engines, from tests/golden/<dialect>/.
 *
 * <case>.request is the body; <case>.reply has a line with status and content type, an empty line
 * and the body; <case>.exchange is what the dialect must read. Each reply is read whole, cut into
 * two at every place, and byte by byte. The folder tests/golden is the one argument. */
#include "base/buffer.h"
#include "dialect/reader.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { file_bytes_max = 64 * 1024, text_bytes_max = 4096 };

static const char *golden_folder;

static const struct {
    const char *name;
    const char *path;
} dialects[] = {
#define DIALECT(symbol, path) {#symbol, path},
#include "dialect/dialects.def"
#undef DIALECT
};

static struct slice read_file(const char *dialect, const char *name, const char *ending)
{
    char path[4096];
    char *data = malloc(file_bytes_max);
    assert_non_null(data);
    snprintf(path, sizeof(path), "%s/%s/%s%s", golden_folder, dialect, name, ending);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("%s: missing", path);
    }
    size_t length = fread(data, 1, file_bytes_max, file);
    assert_true(length < file_bytes_max);
    fclose(file);
    return slice_make(data, length);
}

static void write_text(struct buffer *out, const char *name, struct slice text)
{
    buffer_append_format(out, "  \"%s\": ", name);
    buffer_append_json_string(out, text);
    buffer_append_string(out, ",\n");
}

static void write_exchange(struct buffer *out, const struct exchange *exchange)
{
    buffer_append_string(out, "{\n");
    write_text(out, "model", exchange->model);
    write_text(out, "prompt", exchange->prompt);
    write_text(out, "completion", exchange->completion);
    write_text(out, "finish_reason", exchange->finish_reason);
    buffer_append_format(out, "  \"tokens_in\": %lld,\n  \"tokens_out\": %lld,\n",
                         (long long)exchange->tokens_in, (long long)exchange->tokens_out);
    buffer_append_format(out, "  \"reply_complete\": %s,\n  \"reply_failed\": %s,\n",
                         exchange->reply_complete ? "true" : "false",
                         exchange->reply_failed ? "true" : "false");
    buffer_append_format(out, "  \"truncated\": %s,\n  \"opaque\": %s\n}\n",
                         exchange->truncated ? "true" : "false",
                         exchange->opaque ? "true" : "false");
}

/* A block of its own for each piece, so that a look behind its end, or at it later, is caught. */
static void feed(struct dialect_reader *reader, struct slice piece)
{
    char *block = malloc(piece.length > 0 ? piece.length : 1);
    assert_non_null(block);
    memcpy(block, piece.data, piece.length);
    dialect_reply_feed(reader, slice_make(block, piece.length));
    free(block);
}

/* The reply in pieces of <piece> bytes after a first one of <first>. */
static void read_call(const struct dialect *dialect, struct slice request, struct slice reply,
                      size_t first, size_t piece, struct buffer *out)
{
    char type[128];
    unsigned status = 0;
    const char *body = memmem(reply.data, reply.length, "\n\n", 2);
    struct dialect_reader *reader = dialect_reader_create(dialect, text_bytes_max);
    assert_non_null(reader);
    assert_non_null(body);
    assert_int_equal(sscanf(reply.data, "%u %127[^\n]", &status, type), 2);
    dialect_read_request(reader, request, true);
    dialect_reply_head(reader, status, slice_from_string(type));
    struct slice rest = slice_after(reply, (size_t)(body + 2 - reply.data));
    for (size_t count = first; rest.length > 0; count = piece) {
        count = count < rest.length ? count : rest.length;
        feed(reader, slice_make(rest.data, count));
        rest = slice_after(rest, count);
    }
    dialect_reply_end(reader);
    buffer_reset(out);
    write_exchange(out, dialect_exchange(reader));
    assert_false(out->failed);
    dialect_reader_free(reader);
}

static void check_case(const char *dialect_name, const char *path, const char *name)
{
    const struct dialect *dialect = dialect_find(SLICE("POST"), slice_from_string(path));
    struct slice request = read_file(dialect_name, name, ".request");
    struct slice reply = read_file(dialect_name, name, ".reply");
    struct slice expected = read_file(dialect_name, name, ".exchange");
    struct buffer out;
    buffer_init(&out, file_bytes_max);
    read_call(dialect, request, reply, SIZE_MAX, SIZE_MAX, &out);
    if (!slice_equals(buffer_slice(&out), expected)) {
        fail_msg("%s/%s is read as\n%.*s", dialect_name, name, SLICE_ARGS(buffer_slice(&out)));
    }
    read_call(dialect, request, reply, 1, 1, &out);
    assert_true(slice_equals(buffer_slice(&out), expected));
    for (size_t first = 1; first < reply.length; first++) {
        read_call(dialect, request, reply, first, SIZE_MAX, &out);
        if (!slice_equals(buffer_slice(&out), expected)) {
            fail_msg("%s/%s cut after %zu bytes is read as\n%.*s", dialect_name, name, first,
                     SLICE_ARGS(buffer_slice(&out)));
        }
    }
    buffer_clear(&out);
    free((void *)(uintptr_t)request.data);
    free((void *)(uintptr_t)reply.data);
    free((void *)(uintptr_t)expected.data);
}

static void cases_are_read_alike_in_every_split(void **state)
{
    for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
        char folder[4096];
        struct dirent **entries = NULL;
        size_t cases_count = 0;
        snprintf(folder, sizeof(folder), "%s/%s", golden_folder, dialects[i].name);
        int entries_count = scandir(folder, &entries, NULL, alphasort);
        for (int e = 0; e < entries_count; e++) {
            char *ending = strstr(entries[e]->d_name, ".request");
            if (ending != NULL) {
                *ending = '\0';
                check_case(dialects[i].name, dialects[i].path, entries[e]->d_name);
                cases_count++;
            }
            free(entries[e]);
        }
        free(entries);
        if (cases_count == 0) {
            fail_msg("%s: no cases", folder);
        }
    }
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases_are_read_alike_in_every_split)};
    if (count != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
        return 2;
    }
    golden_folder = arguments[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
