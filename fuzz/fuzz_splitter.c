/* SPDX-License-Identifier: MIT
 *
 * fuzz_splitter.c - any bytes as an event stream and as lines: splits change nothing, no piece is
 * over the cap, and no memory is. */
#include "http/splitter_sse.h"
#include "target.h"

#include <assert.h>
#include <stdlib.h>

enum { input_bytes_max = 2048, piece_bytes_max = 48 };

size_t inputs_accepted;

static void note(struct buffer *out, enum splitter_result result, struct slice piece)
{
    buffer_append_byte(out, result == SPLITTER_PIECE ? '<' : '!');
    if (result == SPLITTER_PIECE) {
        assert(piece.length <= piece_bytes_max);
        buffer_append_uint(out, piece.length);
        buffer_append_byte(out, ':');
        buffer_append(out, piece);
    }
}

/* What <text> amounts to, fed in pieces of <count> bytes, each in memory of its own. */
static void split(struct slice text, size_t count, bool as_events, struct buffer *out)
{
    struct splitter_sse events;
    struct splitter_ndjson lines;
    struct slice found;
    enum splitter_result result;
    splitter_sse_init(&events, piece_bytes_max);
    splitter_ndjson_init(&lines, piece_bytes_max);
    while (text.length > 0) {
        size_t length = count < text.length ? count : text.length;
        char *block = malloc(length);
        assert(block != NULL);
        memcpy(block, text.data, length);
        struct slice input = slice_make(block, length);
        while ((result = as_events
                             ? splitter_sse_next(&events, &input, &found)
                             : splitter_ndjson_next(&lines, &input, &found)) != SPLITTER_MORE) {
            note(out, result, found);
        }
        assert(input.length == 0);
        assert(events.line.capacity <= piece_bytes_max && events.data.capacity <= piece_bytes_max);
        assert(lines.line.capacity <= piece_bytes_max);
        free(block);
        text = slice_after(text, length);
    }
    buffer_append_byte(out, '|');
    result = as_events ? splitter_sse_end(&events, &found) : splitter_ndjson_end(&lines, &found);
    if (result != SPLITTER_MORE) {
        note(out, result, found);
    }
    splitter_sse_clear(&events);
    splitter_ndjson_clear(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t counts[] = {1, 2, 3, 7, 50};
    struct slice text = slice_make((const char *)data, size);
    if (size > input_bytes_max) {
        return 0;
    }
    for (int as_events = 0; as_events < 2; as_events++) {
        struct buffer whole;
        buffer_init(&whole, 64 * input_bytes_max);
        split(text, SIZE_MAX, as_events == 1, &whole);
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            struct buffer pieces;
            buffer_init(&pieces, 64 * input_bytes_max);
            split(text, counts[i], as_events == 1, &pieces);
            assert(!whole.failed && slice_equals(buffer_slice(&pieces), buffer_slice(&whole)));
            buffer_clear(&pieces);
        }
        inputs_accepted += as_events == 1 && slice_find(buffer_slice(&whole), '<') < whole.length;
        buffer_clear(&whole);
    }
    return 0;
}
