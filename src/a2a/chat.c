/* SPDX-License-Identifier: MIT
 *
 * chat.c - chat bodies and chat replies. Any thread. */
#include "a2a/chat.h"

/* ---- bodies ---- */

static void append_model_and_stream(struct json_value object, struct slice model, bool with_stream,
                                    struct buffer *buffer)
{
    if (model.length > 0 && json_member(object, "model").kind == JSON_ABSENT) {
        buffer_append_string(buffer, ",\"model\":");
        buffer_append_json_string(buffer, model);
    }
    if (with_stream && json_member(object, "stream").kind == JSON_ABSENT) {
        buffer_append_string(buffer, ",\"stream\":false");
    }
}

enum status chat_append_body(struct slice input, struct slice model, struct buffer *buffer,
                             struct failure *reterr)
{
    struct json_value object;
    enum status status = json_parse(input, JSON_DUPLICATES_UNCHECKED, &object, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (object.kind != JSON_OBJECT) {
        failure_set(reterr, "the engine takes a JSON object");
        return STATUS_INVALID;
    }
    struct json_value prompt = json_member(object, "prompt");
    struct json_walk walk = json_walk_begin(object);
    struct json_value first;
    bool is_empty = !json_walk_next(&walk, NULL, &first);
    /* everything of ours goes behind the last member, so that theirs stays as it was written */
    buffer_append(buffer, slice_make(object.text.data, object.text.length - 1));
    size_t start = buffer->length;
    if (prompt.kind == JSON_STRING && json_member(object, "messages").kind == JSON_ABSENT) {
        buffer_append_string(buffer, ",\"messages\":[{\"role\":\"user\",\"content\":");
        buffer_append(buffer, prompt.text);
        buffer_append_string(buffer, "}]");
    }
    append_model_and_stream(object, model, true, buffer);
    if (is_empty && buffer->length > start && !buffer->failed) {
        buffer->data[start] = ' '; /* the comma that nothing stands before */
    }
    buffer_append_byte(buffer, '}');
    if (buffer->failed) {
        failure_set(reterr, "no memory for the body");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

/* A part's text inside a JSON string. */
static void append_part(struct part part, struct buffer *buffer)
{
    if (part.kind == PART_TEXT) {
        buffer_append(buffer, slice_make(part.value.text.data + 1, part.value.text.length - 2));
        return;
    }
    struct buffer quoted;
    buffer_init(&quoted, part.value.text.length * 6 + 2);
    buffer_append_json_string(&quoted, part.value.text);
    if (quoted.failed) {
        buffer->failed = true;
    } else {
        buffer_append(buffer, slice_make(quoted.data + 1, quoted.length - 2));
    }
    buffer_clear(&quoted);
}

static enum status append_chat_message(const struct message *message, struct buffer *buffer,
                                       struct failure *reterr)
{
    struct json_walk walk = json_walk_begin(message->parts);
    struct json_value value;
    struct part part;
    bool is_first = true;
    buffer_append_string(buffer, message->is_agents ? "{\"role\":\"assistant\",\"content\":\""
                                                    : "{\"role\":\"user\",\"content\":\"");
    while (json_walk_next(&walk, NULL, &value)) {
        if (!part_read(value, &part) || part.kind == PART_BYTES || part.kind == PART_URL) {
            failure_set(reterr, "the agent takes text and data, no files");
            return STATUS_UNSUPPORTED;
        }
        buffer_append_string(buffer, is_first ? "" : "\\n");
        append_part(part, buffer);
        is_first = false;
    }
    buffer_append_string(buffer, "\"}");
    return STATUS_OK;
}

/* The only part, when it is a chat body already. */
static struct json_value whole_body(const struct message *message)
{
    struct json_walk walk = json_walk_begin(message->parts);
    struct json_value value, more;
    struct part part;
    if (json_walk_next(&walk, NULL, &value) && !json_walk_next(&walk, NULL, &more) &&
        part_read(value, &part) && part.kind == PART_DATA && part.value.kind == JSON_OBJECT &&
        (json_member(part.value, "messages").kind != JSON_ABSENT ||
         json_member(part.value, "prompt").kind != JSON_ABSENT ||
         json_member(part.value, "input").kind != JSON_ABSENT)) {
        return part.value;
    }
    return (struct json_value){0};
}

static enum status append_history(struct slice history, struct buffer *buffer,
                                  struct failure *reterr)
{
    struct json_value list, value;
    struct message message;
    if (history.length == 0 ||
        json_parse(history, JSON_DUPLICATES_UNCHECKED, &list, NULL) != STATUS_OK) {
        return STATUS_OK;
    }
    struct json_walk walk = json_walk_begin(list);
    while (json_walk_next(&walk, NULL, &value)) {
        if (message_read(value, &message, NULL) == STATUS_OK) {
            enum status status = append_chat_message(&message, buffer, reterr);
            if (status != STATUS_OK) {
                return status;
            }
            buffer_append_byte(buffer, ',');
        }
    }
    return STATUS_OK;
}

enum status chat_append_message(struct slice text, struct slice history, struct slice model,
                                bool for_engine, struct buffer *buffer, struct failure *reterr)
{
    struct json_value value;
    struct message message;
    enum status status = json_parse(text, JSON_DUPLICATES_UNCHECKED, &value, reterr);
    if (status == STATUS_OK) {
        status = message_read(value, &message, reterr);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct json_value whole = whole_body(&message);
    if (whole.kind == JSON_OBJECT) {
        if (for_engine) {
            return chat_append_body(whole.text, model, buffer, reterr);
        }
        buffer_append(buffer, whole.text);
    } else {
        buffer_append_string(buffer, "{\"messages\":[");
        status = append_history(history, buffer, reterr);
        if (status == STATUS_OK) {
            status = append_chat_message(&message, buffer, reterr);
        }
        buffer_append_byte(buffer, ']');
        append_model_and_stream((struct json_value){0}, model, true, buffer);
        buffer_append_byte(buffer, '}');
    }
    if (status == STATUS_OK && buffer->failed) {
        failure_set(reterr, "no memory for the body");
        return STATUS_NO_MEMORY;
    }
    return status;
}

/* ---- replies ---- */

/* Where the text of one piece, or of a whole reply, stands. */
static struct json_value text_of(struct json_value reply)
{
    struct json_value choices = json_member(reply, "choices");
    struct json_value value = {0};
    if (choices.kind == JSON_ARRAY) {
        struct json_walk walk = json_walk_begin(choices);
        struct json_value choice;
        if (json_walk_next(&walk, NULL, &choice)) {
            struct json_value message = json_member(choice, "message");
            struct json_value delta = json_member(choice, "delta");
            value = json_member(message.kind == JSON_OBJECT ? message : delta, "content");
            value = value.kind == JSON_STRING ? value : json_member(choice, "text");
        }
    } else {
        static const char *const names[] = {"response", "content", "text",
                                            "output",   "answer",  "result"};
        value = json_member(json_member(reply, "message"), "content");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && value.kind != JSON_STRING; i++) {
            value = json_member(reply, names[i]);
        }
    }
    return value.kind == JSON_STRING ? value : (struct json_value){0};
}

struct json_value chat_reply_text(struct json_value reply)
{
    return reply.kind == JSON_STRING ? reply : text_of(reply);
}

static struct slice line_take(struct slice *rest)
{
    size_t end = slice_find(*rest, '\n');
    struct slice line = slice_make(rest->data, end);
    *rest = slice_after(*rest, end < rest->length ? end + 1 : end);
    if (line.length > 0 && line.data[line.length - 1] == '\r') {
        line.length--;
    }
    return slice_trim(line);
}

/* The JSON of one line: the line itself, or behind "data:". False: it holds none, which is fine. */
static bool line_json(struct slice line, bool is_events, struct slice *ret)
{
    static const struct slice data = SLICE("data:");
    if (is_events) {
        if (!slice_starts_with(line, data)) {
            return false;
        }
        line = slice_trim(slice_after(line, data.length));
    }
    *ret = line;
    return line.length > 0 && !slice_equals(line, SLICE("[DONE]"));
}

/* The last piece with <text>, a JSON string's inside, where its own text stood; without such a
 * place {"text": ...}. */
static void fold_write(struct slice last, struct json_value place, struct slice text,
                       struct buffer *buffer)
{
    if (place.kind != JSON_STRING) {
        buffer_append_string(buffer, "{\"text\":\"");
        buffer_append(buffer, text);
        buffer_append_string(buffer, "\"}");
        return;
    }
    size_t before = (size_t)(place.text.data - last.data);
    buffer_append(buffer, slice_make(last.data, before));
    buffer_append_byte(buffer, '"');
    buffer_append(buffer, text);
    buffer_append_byte(buffer, '"');
    buffer_append(buffer, slice_after(last, before + place.text.length));
}

struct fold {
    struct buffer text; /* the inside of a JSON string */
    struct slice last;  /* the last piece that had a place for text */
    struct json_value place;
    size_t pieces;
    struct json_value error; /* a piece that says so */
};

static bool fold_piece(struct fold *fold, struct slice json)
{
    struct json_value value;
    if (json_parse(json, JSON_DUPLICATES_UNCHECKED, &value, NULL) != STATUS_OK) {
        return false;
    }
    struct json_value text = text_of(value);
    fold->pieces++;
    if (json_member(value, "error").kind > JSON_NULL) {
        fold->error = value;
    }
    if (text.kind == JSON_STRING) {
        buffer_append(&fold->text, slice_make(text.text.data + 1, text.text.length - 2));
        fold->last = value.text;
        fold->place = text;
    }
    return true;
}

enum status chat_fold(struct slice reply, size_t bytes_max, struct buffer *buffer,
                      struct failure *reterr)
{
    struct json_value whole;
    struct fold fold = {0};
    struct slice rest = reply;
    struct slice json;
    if (json_parse(reply, JSON_DUPLICATES_UNCHECKED, &whole, reterr) == STATUS_OK) {
        buffer_append(buffer, whole.text);
        return buffer->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    bool is_events = slice_starts_with(reply, SLICE("data:")) ||
                     slice_starts_with(reply, SLICE("event:")) ||
                     slice_starts_with(reply, SLICE(":"));
    bool is_sound = true;
    buffer_init(&fold.text, bytes_max);
    while (rest.length > 0 && is_sound) {
        is_sound = !line_json(line_take(&rest), is_events, &json) || fold_piece(&fold, json);
    }
    if (is_sound && fold.error.kind == JSON_OBJECT) {
        buffer_append(buffer, fold.error.text);
    } else if (is_sound && fold.pieces > 0) {
        fold_write(fold.last, fold.place, buffer_slice(&fold.text), buffer);
    }
    bool is_short = fold.text.failed || buffer->failed;
    buffer_clear(&fold.text);
    if (!is_sound || fold.pieces == 0) {
        failure_set(reterr, "the reply is no JSON");
        return STATUS_INVALID;
    }
    if (is_short) {
        failure_set(reterr, "no memory for the reply");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}
