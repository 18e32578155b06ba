/* SPDX-License-Identifier: MIT
 *
 * slice.h - borrowed text: a pointer and a length, never NUL-terminated.
 *
 * A slice owns nothing; whoever made the bytes says how long they live. Any thread. */
#ifndef AG_BASE_SLICE_H
#define AG_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *data;
    size_t length;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
/* For printf: "%.*s" takes SLICE_ARGS(slice). */
#define SLICE_ARGS(slice) (int)(slice).length, (slice).data

static inline struct slice slice_make(const char *data, size_t length)
{
    return (struct slice){data, length};
}

/* NULL gives the empty slice. */
static inline struct slice slice_from_string(const char *text)
{
    return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

static inline bool slice_equals(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool slice_starts_with(struct slice text, struct slice prefix)
{
    return text.length >= prefix.length &&
           (prefix.length == 0 || memcmp(text.data, prefix.data, prefix.length) == 0);
}

/* The rest of <text> after its first <count> bytes; <count> must not exceed the length. */
static inline struct slice slice_after(struct slice text, size_t count)
{
    return (struct slice){text.data + count, text.length - count};
}

/* ASCII only; bytes above 0x7F compare as they are. */
bool slice_equals_ignoring_case(struct slice a, struct slice b);

bool slice_starts_with_ignoring_case(struct slice text, struct slice prefix);

bool slice_ends_with(struct slice text, struct slice suffix);

/* Position of the first <byte>, or text.length when there is none. */
size_t slice_find(struct slice text, char byte);

/* Without leading and trailing SP and HTAB (the OWS of RFC 9110 5.6.3). */
struct slice slice_trim(struct slice text);

/* Takes the next item off a comma-separated list: trimmed, empty items skipped. False at the end.
 */
bool slice_next_item(struct slice *rest, struct slice *ret_item);

/* Decimal digits only: no sign, no space, not empty, at most <maximum>. False leaves *ret alone. */
bool slice_parse_uint(struct slice text, uint64_t maximum, uint64_t *ret);

/* Compares secrets without telling by its time where they differ (the lengths may show). */
bool slice_equals_secret(struct slice a, struct slice b);

#endif
