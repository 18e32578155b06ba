/* SPDX-License-Identifier: MIT
 *
 * query.c - see query.h. */
#include "http/query.h"

static int query_digit(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

static enum status query_decode(struct slice text, struct arena *arena, struct slice *ret)
{
    if (slice_find(text, '%') == text.length && slice_find(text, '+') == text.length) {
        *ret = text;
        return STATUS_OK;
    }
    char *out = arena_allocate(arena, text.length);
    size_t length = 0;
    if (out == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%') {
            int high = text.length - i > 2 ? query_digit(text.data[i + 1]) : -1;
            int low = text.length - i > 2 ? query_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0) {
                return STATUS_INVALID;
            }
            byte = (char)(high * 16 + low);
            i += 2;
        }
        out[length++] = byte;
    }
    *ret = slice_make(out, length);
    return STATUS_OK;
}

enum status query_next(struct slice *rest, struct arena *arena, struct slice *ret_name,
                       struct slice *ret_value)
{
    struct slice pair = {0};
    while (rest->length > 0 && pair.length == 0) {
        size_t end = slice_find(*rest, '&');
        pair = slice_make(rest->data, end);
        *rest = slice_after(*rest, end < rest->length ? end + 1 : end);
    }
    if (pair.length == 0) {
        return STATUS_NOT_FOUND;
    }
    size_t equals = slice_find(pair, '=');
    struct slice value = slice_after(pair, equals < pair.length ? equals + 1 : equals);
    enum status status = query_decode(slice_make(pair.data, equals), arena, ret_name);
    return status == STATUS_OK ? query_decode(value, arena, ret_value) : status;
}
