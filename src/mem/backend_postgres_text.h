/* SPDX-License-Identifier: MIT
 *
 * backend_postgres_text.h - any bytes as text that PostgreSQL takes, and back.
 *
 * PostgreSQL's text holds neither NUL nor bytes that are not UTF-8. Ordinary text is stored as it
 * is. A NUL is stored as the noncharacter U+FDD0; any other byte that cannot stay, and each byte of
 * a U+FDD0 or U+FDD1 that was there before, as U+FDD1 and two hex digits. Any thread. */
#ifndef AG_MEM_BACKEND_POSTGRES_TEXT_H
#define AG_MEM_BACKEND_POSTGRES_TEXT_H

#include "base/arena.h"

/* <text> itself when it can stay as it is, else a copy in <arena>. False without memory. */
bool postgres_text_encode(struct slice text, struct arena *arena, struct slice *ret) MUST_CHECK;

/* A copy in <arena>. False without memory. */
bool postgres_text_decode(struct slice text, struct arena *arena, struct slice *ret) MUST_CHECK;

#endif
