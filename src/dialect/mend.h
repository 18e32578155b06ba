/* SPDX-License-Identifier: MIT
 *
 * mend.h - makes JSON that is nearly sound readable, for looking at only.
 *
 * Bytes that are no UTF-8 and halves of surrogate pairs become U+FFFD, raw control characters in
 * strings become escapes, and a text that was cut is closed: a string value where it ends, anything
 * else behind the last value that is whole. Any thread. */
#ifndef AG_DIALECT_MEND_H
#define AG_DIALECT_MEND_H

#include "base/buffer.h"

/* Appends the mended <text> to <ret>. False without memory or when nothing can be done; whether the
 * result is JSON is for json_parse to say. <ret_was_cut>: something had to be closed. */
bool mend_json(struct slice text, struct buffer *ret, bool *ret_was_cut);

#endif
