/* SPDX-License-Identifier: MIT
 *
 * buffer.c - growing bytes; JSON strings on their way out. */
#include "base/buffer.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { buffer_first_bytes = 512 };

void buffer_init(struct buffer *buffer, size_t maximum)
{
    *buffer = (struct buffer){.maximum = maximum};
}

void buffer_clear(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->maximum);
}

void buffer_reset(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
}

char *buffer_reserve(struct buffer *buffer, size_t count)
{
    if (buffer->failed) {
        return NULL;
    }
    if (count <= buffer->capacity - buffer->length && buffer->data != NULL) {
        return buffer->data + buffer->length;
    }
    if (buffer->length > buffer->maximum || count > buffer->maximum - buffer->length) {
        buffer->failed = true;
        return NULL;
    }
    size_t needed = buffer->length + count;
    size_t capacity = buffer->capacity < buffer_first_bytes ? buffer_first_bytes : buffer->capacity;
    while (capacity < needed) {
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    }
    if (capacity > buffer->maximum) {
        capacity = buffer->maximum;
    }
    char *data = realloc(buffer->data, capacity == 0 ? 1 : capacity);
    if (data == NULL) {
        buffer->failed = true;
        return NULL;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return data + buffer->length;
}

void buffer_append(struct buffer *buffer, struct slice bytes)
{
    if (bytes.length == 0) {
        return;
    }
    char *room = buffer_reserve(buffer, bytes.length);
    if (room != NULL) {
        memcpy(room, bytes.data, bytes.length);
        buffer->length += bytes.length;
    }
}

void buffer_append_string(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, slice_from_string(text));
}

void buffer_append_byte(struct buffer *buffer, char byte)
{
    char *room = buffer_reserve(buffer, 1);
    if (room != NULL) {
        *room = byte;
        buffer->length++;
    }
}

void buffer_append_uint(struct buffer *buffer, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buffer_append(buffer, slice_make(digits + at, sizeof(digits) - at));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    /* One byte more for the NUL that vsnprintf writes; it does not count. */
    char *room = length < 0 ? NULL : buffer_reserve(buffer, (size_t)length + 1);
    if (room != NULL) {
        vsnprintf(room, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    } else {
        buffer->failed = true;
    }
    va_end(again);
}

/* Appends the one character at <text> in its JSON form and returns its bytes. */
static size_t buffer_append_json_character(struct buffer *buffer, const unsigned char *text,
                                           size_t left)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char first = text[0];
    if (first == '"' || first == '\\') {
        char escaped[2] = {'\\', (char)first};
        buffer_append(buffer, slice_make(escaped, 2));
        return 1;
    }
    if (first == '\n' || first == '\r' || first == '\t') {
        char escaped[2] = {'\\', first == '\n' ? 'n' : first == '\r' ? 'r' : 't'};
        buffer_append(buffer, slice_make(escaped, 2));
        return 1;
    }
    if (first < 0x20 || first == 0x7F) {
        char escaped[6] = {'\\', 'u', '0', '0', hex[first >> 4], hex[first & 15]};
        buffer_append(buffer, slice_make(escaped, 6));
        return 1;
    }
    size_t length = utf8_length(text, left);
    if (length == 0) {
        buffer_append(buffer, SLICE("\\ufffd"));
        return 1;
    }
    buffer_append(buffer, slice_make((const char *)text, length));
    return length;
}

void buffer_append_json_string(struct buffer *buffer, struct slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t at = 0;
    buffer_append_byte(buffer, '"');
    while (at < text.length) {
        size_t run = at;
        while (run < text.length && bytes[run] >= 0x20 && bytes[run] < 0x7F && bytes[run] != '"' &&
               bytes[run] != '\\') {
            run++;
        }
        buffer_append(buffer, slice_make(text.data + at, run - at));
        at = run;
        if (at < text.length) {
            at += buffer_append_json_character(buffer, bytes + at, text.length - at);
        }
    }
    buffer_append_byte(buffer, '"');
}

void buffer_consume(struct buffer *buffer, size_t count)
{
    if (count >= buffer->length) {
        buffer->length = 0;
        return;
    }
    if (count > 0) {
        buffer->length -= count;
        memmove(buffer->data, buffer->data + count, buffer->length);
    }
}
