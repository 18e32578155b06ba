/* SPDX-License-Identifier: MIT
 *
 * json.h - reads JSON where it lies (RFC 8259): finds values, allocates nothing, changes nothing.
 *
 * json_parse checks the whole text once - grammar, UTF-8, lone surrogates, depth, no name twice in
 * one object - and everything after it walks text that is known to be sound. It does not build a
 * tree and cannot print. Any thread. */
#ifndef AG_BASE_JSON_H
#define AG_BASE_JSON_H

#include "base/arena.h"

enum {
    json_depth_max = 32,    /* nested arrays and objects */
    json_members_max = 512, /* members of all open objects together, while names are checked */
};

enum json_kind {
    JSON_ABSENT = 0, /* no such member, or not JSON */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json_value {
    enum json_kind kind;
    struct slice text; /* the value as written, quotes and brackets included */
};

/* How strictly names are compared. A token's duplicate names are an attack; a chat body of 32 MiB
 * is only looked at, so its lower levels are checked for grammar alone. */
enum json_duplicates {
    JSON_DUPLICATES_REFUSED, /* in every object; more than json_members_max members are STATUS_LIMIT
                              */
    JSON_DUPLICATES_UNCHECKED,
};

/* <text> must be exactly one value, white space around it allowed. */
enum status json_parse(struct slice text, enum json_duplicates duplicates, struct json_value *ret,
                       struct failure *reterr) MUST_CHECK;

/* A walk over the members of an object or the elements of an array that json_parse has checked. */
struct json_walk {
    struct slice rest;
    bool is_object;
};

struct json_walk json_walk_begin(struct json_value container);

/* False at the end. <ret_name> is the raw text between the quotes (escapes not resolved), empty for
 * an array; may be NULL for one. */
bool json_walk_next(struct json_walk *walk, struct slice *ret_name, struct json_value *ret_value);

/* The member called <name> (compared after its escapes are resolved); kind JSON_ABSENT when
 * <object> is no object or has no such member. */
struct json_value json_member(struct json_value object, const char *name);

/* The text of a string with its escapes resolved; without escapes it is the original bytes, else a
 * copy in <arena>. STATUS_INVALID when <value> is no string, STATUS_NO_MEMORY when the arena is
 * full. */
enum status json_string(struct json_value value, struct arena *arena, struct slice *ret) MUST_CHECK;

/* True when <value> is a string whose text is <text>. */
bool json_string_is(struct json_value value, const char *text);

/* Seconds of a NumericDate (RFC 7519 2): a finite number, floor of any fraction, within +-2^53.
 * False for anything else, strings included. */
bool json_numeric_date(struct json_value value, int64_t *ret);

#endif
