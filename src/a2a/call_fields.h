/* SPDX-License-Identifier: MIT
 *
 * call_fields.h - the header fields of a call to a target: who the user is, which task it is about,
 * and whose token goes along; for the files of this folder only. Thread: the loop's. */
#ifndef AG_A2A_CALL_FIELDS_H
#define AG_A2A_CALL_FIELDS_H

#include "a2a/a2a.h"

enum { call_fields_max = 16, call_fields_bytes_max = 64 * 1024 };

struct call_fields {
    struct buffer text;
    size_t starts[call_fields_max];
    const char *pointers[call_fields_max + 1]; /* NULL-terminated, for fetch_request */
    size_t count;
};

/* Fills <fields>, which is cleared with call_fields_clear, whatever came of it. False: no token
 * could be made, and <reterr> says why, or no memory. */
bool call_fields_make(struct call_fields *fields, const struct a2a_settings *settings,
                      const struct task *task, const struct task_target *target,
                      struct failure *reterr) MUST_CHECK;
void call_fields_clear(struct call_fields *fields);

#endif
