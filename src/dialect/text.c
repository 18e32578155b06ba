/* SPDX-License-Identifier: MIT
 *
 * text.c - capped text out of JSON strings. The reader's thread only. */
#include "dialect/text.h"

enum { text_word_bytes_max = 256 };

void text_init(struct text *text, struct text_room *room)
{
    buffer_init(&text->bytes, room->left);
    text->room = room;
}

void text_clear(struct text *text)
{
    buffer_clear(&text->bytes);
}

/* The most of <bytes> that fits into <room> and ends at a whole character. */
static size_t text_fitting(struct slice bytes, size_t room)
{
    while (room > 0 && ((unsigned char)bytes.data[room] & 0xC0) == 0x80) {
        room--;
    }
    return room;
}

void text_append(struct text *text, struct slice bytes)
{
    struct text_room *room = text->room;
    if (bytes.length > room->left) {
        bytes.length = text_fitting(bytes, room->left);
        room->left = bytes.length;
        room->was_short = true;
    }
    buffer_append(&text->bytes, bytes);
    room->left -= bytes.length;
    if (text->bytes.failed || room->was_short) {
        room->left = 0;
        room->was_short = true;
    }
}

static unsigned text_hex4(const char *at)
{
    unsigned code = 0;
    for (int i = 0; i < 4; i++) {
        unsigned byte = (unsigned char)at[i];
        code = code << 4 | (byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);
    }
    return code;
}

/* Appends what the escape at <at> stands for and returns its length; json_parse knows it sound. */
static size_t text_append_escape(struct text *text, const char *at)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char bytes[4];
    if (at[1] != 'u') {
        bytes[0] = to[(const char *)memchr(from, at[1], 8) - from];
        text_append(text, slice_make(bytes, 1));
        return 2;
    }
    unsigned code = text_hex4(at + 2);
    size_t used = 6;
    size_t count = 1;
    code = code == 0 ? 0xFFFD : code;
    if (code >= 0xD800 && code <= 0xDBFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (text_hex4(at + 8) - 0xDC00);
        used = 12;
    }
    if (code < 0x80) {
        bytes[0] = (char)code;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xC0 | code >> 6);
        count = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xE0 | code >> 12);
        count = 3;
    } else {
        bytes[0] = (char)(0xF0 | code >> 18);
        count = 4;
    }
    for (size_t i = count; i-- > 1; code >>= 6) {
        bytes[i] = (char)(0x80 | (code & 63));
    }
    text_append(text, slice_make(bytes, count));
    return used;
}

void text_append_json(struct text *text, struct json_value value)
{
    if (value.kind != JSON_STRING) {
        return;
    }
    struct slice rest = slice_make(value.text.data + 1, value.text.length - 2);
    while (rest.length > 0 && !(text->room->was_short && text->room->left == 0)) {
        size_t run = slice_find(rest, '\\');
        text_append(text, slice_make(rest.data, run));
        rest = slice_after(rest, run);
        if (rest.length > 0) {
            rest = slice_after(rest, text_append_escape(text, rest.data));
        }
    }
}

bool text_is_said(struct json_value value)
{
    return value.kind == JSON_STRING && value.text.length > 2;
}

void text_word_init(struct text_word *word)
{
    word->room = (struct text_room){.left = text_word_bytes_max};
    text_init(&word->text, &word->room);
}

void text_word_set(struct text_word *word, struct json_value value)
{
    if (text_is_said(value)) {
        text_clear(&word->text);
        text_word_init(word);
        text_append_json(&word->text, value);
    }
}
