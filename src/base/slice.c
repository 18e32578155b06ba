/* SPDX-License-Identifier: MIT
 *
 * slice.c - looking at borrowed text. */
#include "base/slice.h"

static unsigned char slice_lower(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 'A' && value <= 'Z' ? (unsigned char)(value | 0x20) : value;
}

bool slice_equals_ignoring_case(struct slice a, struct slice b)
{
    if (a.length != b.length) {
        return false;
    }
    for (size_t i = 0; i < a.length; i++) {
        if (slice_lower(a.data[i]) != slice_lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

bool slice_starts_with_ignoring_case(struct slice text, struct slice prefix)
{
    return text.length >= prefix.length &&
           slice_equals_ignoring_case(slice_make(text.data, prefix.length), prefix);
}

bool slice_ends_with(struct slice text, struct slice suffix)
{
    return text.length >= suffix.length &&
           slice_equals(slice_after(text, text.length - suffix.length), suffix);
}

size_t slice_find(struct slice text, char byte)
{
    const char *found = text.length == 0 ? NULL : memchr(text.data, byte, text.length);
    return found == NULL ? text.length : (size_t)(found - text.data);
}

static bool slice_is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

struct slice slice_trim(struct slice text)
{
    while (text.length > 0 && slice_is_space(text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && slice_is_space(text.data[text.length - 1])) {
        text.length--;
    }
    return text;
}

bool slice_next_item(struct slice *rest, struct slice *ret_item)
{
    while (rest->length > 0) {
        size_t comma = slice_find(*rest, ',');
        struct slice item = slice_trim(slice_make(rest->data, comma));
        *rest = slice_after(*rest, comma < rest->length ? comma + 1 : comma);
        if (item.length > 0) {
            *ret_item = item;
            return true;
        }
    }
    return false;
}

bool slice_parse_uint(struct slice text, uint64_t maximum, uint64_t *ret)
{
    uint64_t value = 0;
    if (text.length == 0) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        unsigned digit = (unsigned)((unsigned char)text.data[i] - (unsigned char)'0');
        if (digit > 9 || value > maximum / 10 || digit > maximum - value * 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool slice_equals_secret(struct slice a, struct slice b)
{
    unsigned char difference = 0;
    if (a.length != b.length) {
        return false;
    }
    for (size_t i = 0; i < a.length; i++) {
        difference |= (unsigned char)(a.data[i] ^ b.data[i]);
    }
    return difference == 0;
}
