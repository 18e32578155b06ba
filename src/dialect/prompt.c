/* SPDX-License-Identifier: MIT
 *
 * prompt.c - turns and parts as plain text. The reader's thread only. */
#include "dialect/prompt.h"

#include "dialect/answer.h"
#include "dialect/pick.h"

enum { prompt_depth_max = 4 }; /* parts within parts */

static bool prompt_is_full(const struct text *prompt)
{
    return prompt->room->was_short;
}

/* On a line of its own within its turn, which began at <start>. */
static void prompt_line(struct text *prompt, size_t start)
{
    if (prompt->bytes.length > start) {
        text_append(prompt, SLICE("\n"));
    }
}

static const struct {
    const char *type;
    const char *mark; /* NULL: not part of what was asked */
} prompt_marks[] = {
    {"image", "[image]"},        {"image_url", "[image]"},   {"input_image", "[image]"},
    {"audio", "[audio]"},        {"input_audio", "[audio]"}, {"audio_url", "[audio]"},
    {"video_url", "[video]"},    {"file", "[file]"},         {"input_file", "[file]"},
    {"document", "[file]"},      {"thinking", NULL},         {"reasoning", NULL},
    {"redacted_thinking", NULL}, {"compaction", NULL},
};

static void prompt_mark(struct text *prompt, struct json_value type, size_t start)
{
    for (size_t i = 0; i < sizeof(prompt_marks) / sizeof(prompt_marks[0]); i++) {
        if (json_string_is(type, prompt_marks[i].type)) {
            if (prompt_marks[i].mark != NULL) {
                prompt_line(prompt, start);
                text_append(prompt, slice_from_string(prompt_marks[i].mark));
            }
            return;
        }
    }
    prompt_line(prompt, start);
    text_append(prompt, SLICE("[part]"));
}

static void prompt_call(struct text *prompt, struct json_value name, struct json_value arguments,
                        size_t start)
{
    struct text_room room = {.left = prompt->room->left};
    struct text name_text;
    struct text arguments_text;
    text_init(&name_text, &room);
    text_init(&arguments_text, &room);
    text_append_json(&name_text, name);
    if (arguments.kind == JSON_OBJECT) {
        text_append(&arguments_text, arguments.text);
    } else {
        text_append_json(&arguments_text, arguments);
    }
    prompt_line(prompt, start);
    answer_write_call(prompt, buffer_slice(&name_text.bytes), buffer_slice(&arguments_text.bytes));
    prompt->room->was_short = prompt->room->was_short || room.was_short;
    text_clear(&name_text);
    text_clear(&arguments_text);
}

static void prompt_parts(struct text *prompt, struct json_value content, size_t start,
                         unsigned depth);

static void prompt_part(struct text *prompt, struct json_value part, size_t start, unsigned depth)
{
    enum { TYPE, TEXT, REFUSAL, NAME, INPUT, CONTENT, PART_NAMES };
    static const struct slice names[PART_NAMES] = {SLICE("type"), SLICE("text"),  SLICE("refusal"),
                                                   SLICE("name"), SLICE("input"), SLICE("content")};
    struct json_value of[PART_NAMES];
    if (part.kind == JSON_STRING) {
        prompt_line(prompt, start);
        text_append_json(prompt, part);
        return;
    }
    pick_members(part, names, PART_NAMES, of);
    bool is_marked = of[TYPE].kind == JSON_STRING;
    if (text_is_said(of[TEXT])) {
        prompt_line(prompt, start);
        text_append_json(prompt, of[TEXT]);
    } else if (text_is_said(of[REFUSAL])) {
        prompt_line(prompt, start);
        text_append_json(prompt, of[REFUSAL]);
    } else if (json_string_is(of[TYPE], "tool_use")) {
        prompt_call(prompt, of[NAME], of[INPUT], start);
    } else if (json_string_is(of[TYPE], "tool_result")) {
        prompt_line(prompt, start);
        text_append(prompt, SLICE("[tool result]"));
        prompt_parts(prompt, of[CONTENT], start, depth + 1);
    } else if (is_marked && of[TEXT].kind == JSON_ABSENT && of[REFUSAL].kind == JSON_ABSENT) {
        prompt_mark(prompt, of[TYPE], start);
    }
}

static void prompt_parts(struct text *prompt, struct json_value content, size_t start,
                         unsigned depth)
{
    struct json_value part;
    if (depth == prompt_depth_max) {
        prompt->room->was_short = true;
        return;
    }
    if (content.kind != JSON_ARRAY) {
        if (content.kind == JSON_OBJECT || text_is_said(content)) {
            prompt_part(prompt, content, start, depth);
        }
        return;
    }
    struct json_walk walk = json_walk_begin(content);
    while (!prompt_is_full(prompt) && json_walk_next(&walk, NULL, &part)) {
        prompt_part(prompt, part, start, depth);
    }
}

void prompt_content(struct text *prompt, struct json_value content)
{
    prompt_parts(prompt, content, prompt->bytes.length, 0);
}

void prompt_images(struct text *prompt, struct json_value images)
{
    struct json_value image;
    struct json_walk walk = json_walk_begin(images);
    while (!prompt_is_full(prompt) && json_walk_next(&walk, NULL, &image)) {
        prompt_line(prompt, 0);
        text_append(prompt, SLICE("[image]"));
    }
}

static void prompt_open_turn(struct text *prompt)
{
    if (prompt->bytes.length > 0) {
        text_append(prompt, SLICE("\n\n"));
    }
}

void prompt_turn(struct text *prompt, struct slice role, struct json_value content)
{
    if (text_is_said(content) || content.kind == JSON_ARRAY) {
        prompt_open_turn(prompt);
        text_append(prompt, role);
        text_append(prompt, SLICE(": "));
        prompt_content(prompt, content);
    }
}

/* An assistant's earlier tool calls. */
static void prompt_calls(struct text *prompt, struct json_value calls, size_t start)
{
    static const struct slice function_names[] = {SLICE("name"), SLICE("arguments")};
    struct json_value call;
    struct json_walk walk = json_walk_begin(calls);
    while (calls.kind == JSON_ARRAY && !prompt_is_full(prompt) &&
           json_walk_next(&walk, NULL, &call)) {
        struct json_value of[2];
        pick_members(json_member(call, "function"), function_names, 2, of);
        prompt_call(prompt, of[0], of[1], start);
    }
}

static void prompt_message(struct text *prompt, struct json_value message)
{
    enum { ROLE, CONTENT, CALLS, IMAGES, MESSAGE_NAMES };
    static const struct slice names[MESSAGE_NAMES] = {SLICE("role"), SLICE("content"),
                                                      SLICE("tool_calls"), SLICE("images")};
    struct json_value of[MESSAGE_NAMES];
    pick_members(message, names, MESSAGE_NAMES, of);
    prompt_open_turn(prompt);
    if (text_is_said(of[ROLE])) {
        text_append_json(prompt, of[ROLE]);
    } else {
        text_append(prompt, SLICE("user"));
    }
    text_append(prompt, SLICE(": "));
    size_t start = prompt->bytes.length;
    prompt_parts(prompt, of[CONTENT], start, 0);
    prompt_calls(prompt, of[CALLS], start);
    struct json_value image;
    struct json_walk walk = json_walk_begin(of[IMAGES]);
    while (!prompt_is_full(prompt) && json_walk_next(&walk, NULL, &image)) {
        prompt_line(prompt, start);
        text_append(prompt, SLICE("[image]"));
    }
}

void prompt_messages(struct text *prompt, struct json_value messages)
{
    struct json_value message;
    struct json_walk walk = json_walk_begin(messages);
    while (messages.kind == JSON_ARRAY && !prompt_is_full(prompt) &&
           json_walk_next(&walk, NULL, &message)) {
        prompt_message(prompt, message);
    }
}
