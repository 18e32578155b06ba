/* SPDX-License-Identifier: MIT
 *
 * mend.c - one pass that copies a text and mends it on the way. Any thread. */
#include "dialect/mend.h"

#include "base/utf8.h"

#include "base/json.h"

struct mend {
    struct slice rest;
    struct buffer *out;
    char closers[json_depth_max]; /* of the open brackets */
    bool is_name[json_depth_max]; /* the next string at that depth is a member's name */
    size_t depth;
    size_t safe_length; /* <out> up to here, and <safe_depth> closers, is JSON */
    size_t safe_depth;
};

static const struct slice mend_replacement = {"\xEF\xBF\xBD", 3};

/* The code unit of a \u escape at the front of <text>, or -1. */
static int mend_unit(struct slice text)
{
    int unit = 0;
    if (text.length < 6 || text.data[0] != '\\' || text.data[1] != 'u') {
        return -1;
    }
    for (size_t i = 2; i < 6; i++) {
        char byte = text.data[i];
        char lower = (char)(byte | 0x20);
        if (byte >= '0' && byte <= '9') {
            unit = unit * 16 + (byte - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            unit = unit * 16 + (lower - 'a' + 10);
        } else {
            return -1;
        }
    }
    return unit;
}

static void mend_take(struct mend *mend, size_t count)
{
    buffer_append(mend->out, slice_make(mend->rest.data, count));
    mend->rest = slice_after(mend->rest, count);
}

static void mend_replace(struct mend *mend, size_t count)
{
    buffer_append(mend->out, mend_replacement);
    mend->rest = slice_after(mend->rest, count);
}

/* At a backslash in a string. */
static void mend_escape(struct mend *mend)
{
    struct slice rest = mend->rest;
    int unit = mend_unit(rest);
    if (rest.length < 2 || (rest.data[1] == 'u' && rest.length < 6)) {
        mend->rest = slice_after(rest, rest.length); /* cut within the escape */
    } else if (rest.data[1] != 'u') {
        bool is_known = memchr("\"\\/bfnrt", rest.data[1], 8) != NULL;
        if (is_known) {
            mend_take(mend, 2);
        } else {
            mend_replace(mend, 1);
        }
    } else if (unit >= 0xD800 && unit <= 0xDBFF) {
        int low = mend_unit(slice_after(rest, 6));
        if (low >= 0xDC00 && low <= 0xDFFF) {
            mend_take(mend, 12);
        } else {
            mend_replace(mend, 6);
        }
    } else if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) {
        mend_replace(mend, unit < 0 ? 2 : 6);
    } else {
        mend_take(mend, 6);
    }
}

/* From an opening quote; true when the closing one is there. */
static bool mend_string(struct mend *mend)
{
    mend_take(mend, 1);
    while (mend->rest.length > 0) {
        unsigned char byte = (unsigned char)mend->rest.data[0];
        if (byte == '"') {
            mend_take(mend, 1);
            return true;
        }
        if (byte == '\\') {
            mend_escape(mend);
        } else if (byte < 0x20) {
            buffer_append_format(mend->out, "\\u%04x", (unsigned)byte);
            mend->rest = slice_after(mend->rest, 1);
        } else {
            size_t length = utf8_length((const unsigned char *)mend->rest.data, mend->rest.length);
            if (length > 0) {
                mend_take(mend, length);
            } else {
                mend_replace(mend, 1);
            }
        }
    }
    return false;
}

static void mend_is_safe(struct mend *mend)
{
    mend->safe_length = mend->out->length;
    mend->safe_depth = mend->depth;
}

static bool mend_at_name(const struct mend *mend)
{
    return mend->depth > 0 && mend->is_name[mend->depth - 1];
}

/* One byte outside of strings. False when the brackets cannot be followed. */
static bool mend_structure(struct mend *mend)
{
    char byte = mend->rest.data[0];
    if (byte == ',') {
        mend_is_safe(mend);
    }
    mend_take(mend, 1);
    if (byte == '{' || byte == '[') {
        if (mend->depth == json_depth_max) {
            return false;
        }
        mend->closers[mend->depth] = byte == '{' ? '}' : ']';
        mend->is_name[mend->depth++] = byte == '{';
        mend_is_safe(mend);
    } else if (byte == '}' || byte == ']') {
        if (mend->depth == 0 || mend->closers[mend->depth - 1] != byte) {
            return false;
        }
        mend->depth--;
        mend_is_safe(mend);
    } else if (mend->depth > 0 && (byte == ':' || byte == ',')) {
        mend->is_name[mend->depth - 1] = byte == ',' && mend->closers[mend->depth - 1] == '}';
    }
    return true;
}

bool mend_json(struct slice text, struct buffer *ret, bool *ret_was_cut)
{
    struct mend mend = {.rest = text, .out = ret, .safe_length = ret->length};
    bool is_open = false;
    while (mend.rest.length > 0 && !is_open) {
        if (mend.rest.data[0] != '"') {
            if (!mend_structure(&mend)) {
                return false;
            }
            continue;
        }
        bool is_value = !mend_at_name(&mend);
        is_open = !mend_string(&mend);
        if (is_open && is_value) {
            buffer_append_byte(ret, '"');
        }
        if (is_value) {
            mend_is_safe(&mend);
        }
    }
    *ret_was_cut = is_open || mend.depth > 0;
    if (*ret_was_cut && !ret->failed) {
        ret->length = mend.safe_length;
        while (mend.safe_depth > 0) {
            buffer_append_byte(ret, mend.closers[--mend.safe_depth]);
        }
    }
    return !ret->failed;
}
