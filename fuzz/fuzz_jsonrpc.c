/* SPDX-License-Identifier: MIT
 *
 * fuzz_jsonrpc.c - any bytes as an A2A request, as an A2A agent's reply and as a chat route's
 * reply.
 *
 * A message that is accepted is written in every wire form, and each reads as a message with the
 * same parts; a reply always makes a state, and its result is JSON; all that is written is JSON. */
#include "a2a/chat.h"
#include "a2a/jsonrpc.h"
#include "a2a/outgoing.h"
#include "a2a/wire.h"
#include "target.h"

#include <assert.h>

enum {
    input_bytes_max = 8 * 1024,
    output_bytes_max = 1024 * 1024,
    arena_bytes_max = 1024 * 1024,
};

size_t inputs_accepted;

static struct json_value parse(const struct buffer *buffer)
{
    struct json_value value = {0};
    assert(!buffer->failed);
    enum status status = json_parse(buffer_slice(buffer), JSON_DUPLICATES_UNCHECKED, &value, NULL);
    assert(status == STATUS_OK || status == STATUS_LIMIT); /* nested once more than we read */
    return value;
}

/* The kinds of the parts, one letter each; how many there are. */
static size_t part_kinds(struct json_value parts, char kinds[message_parts_max])
{
    struct json_walk walk = json_walk_begin(parts);
    struct json_value value;
    struct part part;
    size_t count = 0;
    while (json_walk_next(&walk, NULL, &value)) {
        bool is_part = part_read(value, &part);
        assert(is_part && count < message_parts_max);
        kinds[count++] = (char)('a' + part.kind);
    }
    return count;
}

static void check_message(const struct message *message, enum wire_form form)
{
    struct buffer buffer;
    struct message again;
    char kinds[message_parts_max], kinds_again[message_parts_max];
    struct task task = {.id = "00000000000000000000000000000001",
                        .context_id = SLICE("c"),
                        .form = TASK_MESSAGE,
                        .input = message->whole.text};
    struct wire_task_options options = {.history_length = -1, .with_artifacts = true};
    buffer_init(&buffer, output_bytes_max);
    wire_append_task(&buffer, form, &task, options);
    struct json_value written = parse(&buffer);
    struct json_walk walk = json_walk_begin(json_member(written, "history"));
    struct json_value value;
    if (json_walk_next(&walk, NULL, &value)) {
        enum status status = message_read(value, &again, NULL);
        assert(status == STATUS_OK);
        (void)status;
        size_t count = part_kinds(message->parts, kinds);
        assert(part_kinds(again.parts, kinds_again) == count);
        assert(memcmp(kinds, kinds_again, count) == 0);
        assert(slice_equals(message->id.text, again.id.text));
    } else {
        assert(written.kind == JSON_ABSENT);
    }
    buffer_clear(&buffer);
}

static void check_bodies(const struct message *message)
{
    static const enum task_target_protocol protocols[] = {PROTOCOL_CHAT, PROTOCOL_A2A_LEGACY,
                                                          PROTOCOL_A2A_CURRENT};
    struct task task = {.id = "00000000000000000000000000000001",
                        .form = TASK_MESSAGE,
                        .input = message->whole.text};
    for (size_t i = 0; i < 3; i++) {
        struct task_target target = {.kind = TASK_TARGET_AGENT, .protocol = protocols[i]};
        struct buffer buffer;
        buffer_init(&buffer, output_bytes_max);
        enum status status =
            outgoing_append_body(&task, &target, (struct slice){NULL, 0}, &buffer, NULL);
        assert(status == STATUS_OK || status == STATUS_UNSUPPORTED);
        if (status == STATUS_OK) {
            (void)parse(&buffer);
        }
        buffer_clear(&buffer);
    }
}

static void check_request(struct slice input, struct arena *arena)
{
    struct jsonrpc_request request;
    struct failure failure = {""};
    enum a2a_outcome outcome =
        jsonrpc_read(input, (struct slice){NULL, 0}, arena, &request, &failure);
    struct buffer buffer;
    buffer_init(&buffer, output_bytes_max);
    if (outcome != A2A_OK) {
        wire_append_error(&buffer, request.id, outcome, failure.text);
        (void)parse(&buffer);
    } else {
        inputs_accepted++;
    }
    buffer_clear(&buffer);
    bool has_message = outcome == A2A_OK && (request.question.operation == OPERATION_SEND ||
                                             request.question.operation == OPERATION_STREAM);
    if (has_message) {
        check_message(&request.question.message, WIRE_LEGACY);
        check_message(&request.question.message, WIRE_LEGACY_REST);
        check_message(&request.question.message, WIRE_CURRENT);
        check_bodies(&request.question.message);
    }
    if (outcome == A2A_OK && request.question.has_push) {
        const struct task_push *push = &request.question.push;
        assert(push->url.length > 0);
        assert(memchr(push->token.length > 0 ? push->token.data : "", '\n', push->token.length) ==
               NULL);
    }
}

static void check_reply(struct slice input, enum task_target_protocol protocol, struct arena *arena)
{
    struct outgoing_reply reply;
    struct json_value value;
    struct wire_task_options options = {.history_length = -1, .with_artifacts = true};
    outgoing_read(protocol, 200, input, output_bytes_max, arena, &reply);
    assert(reply.state < TASK_STATE_COUNT);
    assert(reply.state != TASK_FAILED || reply.detail.length > 0);
    assert(protocol != PROTOCOL_CHAT || reply.state == TASK_COMPLETED ||
           reply.state == TASK_FAILED);
    if (reply.result.length > 0) {
        enum status status = json_parse(reply.result, JSON_DUPLICATES_UNCHECKED, &value, NULL);
        assert(status == STATUS_OK);
        (void)status;
    }
    for (unsigned form = WIRE_LEGACY; form <= WIRE_CURRENT; form++) {
        struct task task = {.id = "00000000000000000000000000000001",
                            .context_id = SLICE("c"),
                            .state = reply.state,
                            .result = reply.result,
                            .result_is_a2a = reply.result_is_a2a,
                            .detail = reply.detail};
        struct buffer buffer;
        buffer_init(&buffer, output_bytes_max);
        wire_append_task(&buffer, (enum wire_form)form, &task, options);
        (void)parse(&buffer);
        buffer_clear(&buffer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_make((const char *)data, size);
    struct arena arena;
    if (size > input_bytes_max) {
        return 0;
    }
    arena_init(&arena, arena_bytes_max);
    check_request(input, &arena);
    check_reply(input, PROTOCOL_CHAT, &arena);
    check_reply(input, PROTOCOL_A2A_LEGACY, &arena);
    arena_clear(&arena);
    return 0;
}
