/* SPDX-License-Identifier: MIT
 *
 * reader.c - from bytes to pieces: SSE, lines or one document, told by the content type and, since
 * that may lie, by the first bytes. One thread. */
#include "dialect/reader.h"

#include "dialect/mend.h"
#include "dialect/pick.h"

#include <stdlib.h>

/* ---- life ---- */

struct dialect_reader *dialect_reader_create(const struct dialect *dialect, size_t text_bytes_max)
{
    struct dialect_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return NULL;
    }
    reader->dialect = dialect;
    reader->text_bytes_max = text_bytes_max;
    reader->exchange.tokens_in = -1;
    reader->exchange.tokens_out = -1;
    reader->prompt_room.left = text_bytes_max;
    reader->completion_room.left = text_bytes_max;
    text_init(&reader->prompt, &reader->prompt_room);
    text_word_init(&reader->model);
    text_word_init(&reader->finish_reason);
    answer_init(&reader->answer, text_bytes_max);
    text_init(&reader->completion, &reader->completion_room);
    text_init(&reader->error, &reader->completion_room);
    splitter_sse_init(&reader->events, reader_piece_bytes_max);
    splitter_ndjson_init(&reader->lines, reader_piece_bytes_max);
    buffer_init(&reader->document, reader_piece_bytes_max);
    return reader;
}

void dialect_reader_free(struct dialect_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    text_clear(&reader->prompt);
    text_clear(&reader->model.text);
    text_clear(&reader->finish_reason.text);
    answer_clear(&reader->answer);
    text_clear(&reader->completion);
    text_clear(&reader->error);
    splitter_sse_clear(&reader->events);
    splitter_ndjson_clear(&reader->lines);
    buffer_clear(&reader->document);
    free(reader);
}

/* ---- JSON, mended when need be ---- */

/* Reads <text> as JSON into *ret; what could be read only after mending lies in <mended>, which the
 * caller clears. A text that was cut is read only when <may_be_cut>. */
static bool reader_parse(struct slice text, bool may_be_cut, struct buffer *mended,
                         struct json_value *ret, bool *ret_was_cut)
{
    *ret_was_cut = false;
    if (json_parse(text, JSON_DUPLICATES_UNCHECKED, ret, NULL) == STATUS_OK) {
        return true;
    }
    /* At most three bytes for one, six for a control character in a string. */
    buffer_init(mended, text.length > SIZE_MAX / 8 ? text.length : 6 * text.length + 64);
    return mend_json(text, mended, ret_was_cut) && (may_be_cut || !*ret_was_cut) &&
           json_parse(buffer_slice(mended), JSON_DUPLICATES_UNCHECKED, ret, NULL) == STATUS_OK;
}

void dialect_read_request(struct dialect_reader *reader, struct slice body, bool is_whole)
{
    struct buffer mended;
    struct json_value value;
    bool was_cut;
    buffer_init(&mended, 0);
    if (!reader_parse(body, true, &mended, &value, &was_cut)) {
        reader->exchange.opaque = true;
    } else {
        reader->dialect->read_request(reader, value);
        reader->exchange.opaque =
            reader->exchange.opaque || value.kind != JSON_OBJECT || (was_cut && is_whole);
        reader->prompt_room.was_short = reader->prompt_room.was_short || was_cut;
    }
    buffer_clear(&mended);
}

/* ---- what dialects say ---- */

void reader_model(struct dialect_reader *reader, struct json_value model)
{
    if (!reader->has_reply_model && text_is_said(model)) {
        text_word_set(&reader->model, model);
        reader->has_reply_model = true;
    }
}

void reader_finish_reason(struct dialect_reader *reader, struct json_value reason)
{
    text_word_set(&reader->finish_reason, reason);
}

bool reader_error(struct dialect_reader *reader, struct json_value error)
{
    struct json_value message = error;
    if (error.kind == JSON_OBJECT) {
        message = json_member(error, "message");
    } else if (error.kind != JSON_STRING) {
        return false;
    }
    reader->exchange.reply_failed = true;
    if (reader->error.bytes.length == 0) {
        if (text_is_said(message)) {
            text_append_json(&reader->error, message);
        } else if (error.kind == JSON_OBJECT) {
            text_append(&reader->error, error.text);
        }
    }
    return true;
}

void reader_tokens(struct dialect_reader *reader, struct json_value in, struct json_value out)
{
    pick_count(in, &reader->exchange.tokens_in);
    pick_count(out, &reader->exchange.tokens_out);
}

/* ---- pieces ---- */

/* A reply with an error status is the same in all dialects: {"error": text or object}, or the
 * error's own members on top. */
static void reader_failed_reply(struct dialect_reader *reader, struct json_value piece)
{
    enum { ERROR, MESSAGE, DETAIL, NAMES };
    static const struct slice names[NAMES] = {SLICE("error"), SLICE("message"), SLICE("detail")};
    struct json_value of[NAMES];
    pick_members(piece, names, NAMES, of);
    bool is_readable = reader_error(reader, of[ERROR]) || reader_error(reader, of[MESSAGE]) ||
                       reader_error(reader, of[DETAIL]);
    reader->exchange.opaque = reader->exchange.opaque || !is_readable;
    reader->exchange.reply_complete = is_readable;
}

/* False when it is no JSON object. */
static bool reader_piece(struct dialect_reader *reader, struct slice text, bool may_be_cut)
{
    struct buffer mended;
    struct json_value value;
    bool was_cut;
    bool was_complete = reader->exchange.reply_complete;
    buffer_init(&mended, 0);
    bool is_readable =
        reader_parse(text, may_be_cut, &mended, &value, &was_cut) && value.kind == JSON_OBJECT;
    if (is_readable) {
        reader->has_piece = true;
        if (reader->has_error_status) {
            reader_failed_reply(reader, value);
        } else {
            reader->dialect->read_reply(reader, value);
        }
        if (was_cut) {
            reader->exchange.reply_complete = was_complete;
        }
    }
    buffer_clear(&mended);
    return is_readable;
}

static void reader_event(struct dialect_reader *reader, struct slice data, bool may_be_cut)
{
    if (slice_equals(slice_trim(data), SLICE("[DONE]"))) {
        reader->exchange.reply_complete = true;
    } else if (data.length > 0 && !reader_piece(reader, data, may_be_cut)) {
        reader->exchange.opaque = true;
    }
}

static void reader_feed_events(struct dialect_reader *reader, struct slice bytes)
{
    struct slice data;
    enum splitter_result result;
    while ((result = splitter_sse_next(&reader->events, &bytes, &data)) != SPLITTER_MORE) {
        if (result == SPLITTER_PIECE) {
            reader_event(reader, data, false);
        } else {
            reader->exchange.opaque = true;
        }
    }
}

static void reader_feed_document(struct dialect_reader *reader, struct slice bytes)
{
    buffer_append(&reader->document, bytes);
    if (reader->document.failed) {
        buffer_clear(&reader->document);
        reader->framing = READER_UNREADABLE;
        reader->exchange.opaque = true;
    }
}

/* A first line that is no JSON begins a document of several lines. */
static void reader_feed_lines(struct dialect_reader *reader, struct slice bytes)
{
    struct slice line;
    enum splitter_result result;
    while ((result = splitter_ndjson_next(&reader->lines, &bytes, &line)) != SPLITTER_MORE) {
        if (result == SPLITTER_PIECE && reader_piece(reader, line, false)) {
            continue;
        }
        if (result == SPLITTER_PIECE && !reader->has_piece && !reader->exchange.opaque) {
            reader->framing = READER_DOCUMENT;
            reader_feed_document(reader, line);
            reader_feed_document(reader, SLICE("\n"));
            reader_feed_document(reader, bytes);
            return;
        }
        reader->exchange.opaque = true;
    }
}

/* ---- the reply ---- */

void dialect_reply_head(struct dialect_reader *reader, unsigned status, struct slice content_type)
{
    reader->says_events =
        slice_starts_with_ignoring_case(slice_trim(content_type), SLICE("text/event-stream"));
    reader->has_error_status = status >= 400;
    reader->exchange.reply_failed = reader->has_error_status;
}

/* White space and a byte order mark tell nothing and mean nothing at the start of any framing. */
static bool reader_is_filler(char byte)
{
    return memchr(" \t\r\n\xEF\xBB\xBF", byte, 7) != NULL;
}

static void reader_decide(struct dialect_reader *reader, char first)
{
    if (first == '{' || first == '[') {
        reader->framing = READER_LINES;
    } else if (reader->says_events || memchr("deir:", first, 5) != NULL) {
        reader->framing = READER_EVENTS; /* data, event, id, retry, or a comment */
    } else {
        reader->framing = READER_UNREADABLE;
        reader->exchange.opaque = true;
    }
}

bool dialect_reply_feed(struct dialect_reader *reader, struct slice bytes)
{
    while (reader->framing == READER_UNDECIDED && bytes.length > 0) {
        if (reader_is_filler(bytes.data[0])) {
            bytes = slice_after(bytes, 1);
        } else {
            reader_decide(reader, bytes.data[0]);
        }
    }
    switch (reader->framing) {
    case READER_EVENTS:
        reader_feed_events(reader, bytes);
        break;
    case READER_LINES:
        reader_feed_lines(reader, bytes);
        break;
    case READER_DOCUMENT:
        reader_feed_document(reader, bytes);
        break;
    case READER_UNDECIDED:
    case READER_UNREADABLE:
        break;
    }
    return reader->answer.has_begun;
}

/* What the stream ended in the middle of: a document, a last line, an event. It may be cut. */
static void reader_feed_rest(struct dialect_reader *reader)
{
    struct slice rest = {0};
    enum splitter_result result = SPLITTER_MORE;
    if (reader->framing == READER_EVENTS) {
        result = splitter_sse_end(&reader->events, &rest);
    } else if (reader->framing == READER_LINES) {
        result = splitter_ndjson_end(&reader->lines, &rest);
    } else if (reader->framing == READER_DOCUMENT) {
        rest = buffer_slice(&reader->document);
        result = SPLITTER_PIECE;
    }
    if (result == SPLITTER_TOO_LONG) {
        reader->exchange.opaque = true;
    } else if (result == SPLITTER_PIECE) {
        reader_event(reader, rest, true);
    }
}

void dialect_reply_end(struct dialect_reader *reader)
{
    struct exchange *exchange = &reader->exchange;
    if (reader->is_over) {
        return;
    }
    reader_feed_rest(reader);
    reader->is_over = true;
    if (reader->framing != READER_UNDECIDED && !reader->has_piece && !exchange->reply_complete) {
        exchange->opaque = true;
    }
    bool has_answer = !answer_is_empty(&reader->answer);
    if (has_answer) {
        text_clear(&reader->error);
        reader->completion_room.left = reader->text_bytes_max;
        answer_assemble(&reader->answer, &reader->completion);
    }
    exchange->model = buffer_slice(&reader->model.text.bytes);
    exchange->prompt = buffer_slice(&reader->prompt.bytes);
    exchange->completion =
        buffer_slice(has_answer ? &reader->completion.bytes : &reader->error.bytes);
    exchange->finish_reason = buffer_slice(&reader->finish_reason.text.bytes);
    exchange->truncated = reader->prompt_room.was_short || reader->completion_room.was_short ||
                          reader->answer.room.was_short;
}

const struct exchange *dialect_exchange(const struct dialect_reader *reader)
{
    return &reader->exchange;
}
