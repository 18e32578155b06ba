/* SPDX-License-Identifier: MIT
 *
 * fuzz_protobuf.c - any bytes as a gRPC frame, as a protobuf message and as Temporal's answers. A
 * message that can be walked says the same when its fields are written again. */
#include "a2a/grpc.h"
#include "a2a/protobuf.h"
#include "a2a/temporal_messages.h"
#include "base/json.h"
#include "target.h"

#include <assert.h>

enum { input_bytes_max = 16 * 1024 };

size_t inputs_accepted;

static bool slice_within(struct slice inner, struct slice outer)
{
    return inner.length == 0 || (inner.data >= outer.data && inner.length <= outer.length &&
                                 inner.data + inner.length <= outer.data + outer.length);
}

static void field_write(struct buffer *buffer, const struct protobuf_field *field)
{
    if (field->wire == PROTOBUF_BYTES) {
        size_t mark = protobuf_begin(buffer, field->number); /* both ways must agree */
        buffer_append(buffer, field->bytes);
        protobuf_end(buffer, mark);
    } else {
        protobuf_write_uint(buffer, field->number, field->value);
    }
}

static void fuzz_walk(struct slice message)
{
    struct protobuf_walk walk = protobuf_walk_begin(message);
    struct protobuf_walk again;
    struct protobuf_field field;
    struct protobuf_field same;
    struct buffer written;
    buffer_init(&written, input_bytes_max * 8);
    while (protobuf_walk_next(&walk, &field)) {
        assert(field.number >= 1 && field.number <= protobuf_field_number_max);
        assert(slice_within(field.bytes, message));
        field_write(&written, &field);
    }
    assert(walk.failed || walk.rest.length == 0);
    assert(protobuf_is_sound(message) == !walk.failed);
    assert(!written.failed);
    assert(protobuf_is_sound(buffer_slice(&written)));
    walk = protobuf_walk_begin(message);
    again = protobuf_walk_begin(buffer_slice(&written));
    while (protobuf_walk_next(&walk, &field)) {
        assert(protobuf_walk_next(&again, &same));
        assert(same.number == field.number && same.value == field.value);
        assert(slice_equals(same.bytes, field.bytes));
    }
    assert(!protobuf_walk_next(&again, &same));
    buffer_clear(&written);
}

static void fuzz_history(struct slice message)
{
    struct temporal_history history;
    struct json_value value;
    struct buffer result;
    struct buffer text;
    struct slice run_id;
    if (temporal_read_start(message, &run_id) == STATUS_OK) {
        assert(protobuf_is_sound(message) && slice_within(run_id, message));
    }
    if (temporal_read_history(message, &history) != STATUS_OK) {
        return;
    }
    assert(slice_within(history.page_token, message) && slice_within(history.next_run, message));
    if (!history.closed) {
        return;
    }
    inputs_accepted++;
    buffer_init(&result, input_bytes_max * 8);
    buffer_init(&text, (temporal_causes_max + 1) * (size_t)temporal_text_bytes_max);
    enum temporal_end end = temporal_describe(&history, &result, &text);
    assert(!result.failed && !text.failed);
    assert((end == TEMPORAL_COMPLETED) == (text.length == 0));
    if (end == TEMPORAL_COMPLETED) {
        assert(json_parse(buffer_slice(&result), JSON_DUPLICATES_UNCHECKED, &value, NULL) ==
               STATUS_OK);
    }
    buffer_clear(&result);
    buffer_clear(&text);
}

static void fuzz_frame(struct slice body)
{
    struct slice message;
    struct buffer written;
    char text[64];
    assert(grpc_text_decode(body, text, sizeof(text)) <= sizeof(text));
    if (grpc_frame_read(body, &message, NULL) == STATUS_OK) {
        buffer_init(&written, input_bytes_max * 2);
        grpc_frame_write(&written, message);
        assert(slice_equals(buffer_slice(&written), body));
        buffer_clear(&written);
        fuzz_walk(message);
        fuzz_history(message);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_make((const char *)data, size);
    if (size > input_bytes_max) {
        return 0;
    }
    fuzz_frame(bytes);
    fuzz_walk(bytes);
    fuzz_history(bytes);
    return 0;
}
