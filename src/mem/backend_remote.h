/* SPDX-License-Identifier: MIT
 *
 * backend_remote.h - what the remote backends share: the list of an event's fields, the key of an
 * owner, and the words of a search. Any thread. */
#ifndef AG_MEM_BACKEND_REMOTE_H
#define AG_MEM_BACKEND_REMOTE_H

#include "mem/backend.h"

enum field_kind { FIELD_SHORT, FIELD_LONG, FIELD_NUMBER, FIELD_FLAG };

struct event_field {
    const char *name;
    enum field_kind kind;
    size_t offset;   /* in struct event */
    int64_t unknown; /* FIELD_NUMBER: what stands for "not known" */
};

enum {
#define SHORT(member, name) event_field_##member,
#define LONG(member, name) event_field_##member,
#define NUMBER(member, name, unknown) event_field_##member,
#define FLAG(member, name) event_field_##member,
#include "mem/event_fields.def"
#undef SHORT
#undef LONG
#undef NUMBER
#undef FLAG
    event_fields_count,
};

enum {
    owner_key_length = 64,
    search_words_max = 32,
    search_bytes_max = 64 * 1024,
};

extern const struct event_field event_fields[event_fields_count];

struct slice event_field_text(const struct event *event, const struct event_field *field);
int64_t event_field_number(const struct event *event, const struct event_field *field);
bool event_field_flag(const struct event *event, const struct event_field *field);
void event_field_set_text(struct event *event, const struct event_field *field, struct slice text);
void event_field_set_number(struct event *event, const struct event_field *field, int64_t number);
void event_field_set_flag(struct event *event, const struct event_field *field, bool flag);

/* An event whose fields are all "not known". */
void event_fields_clear(struct event *event);

/* SHA-256 of issuer and subject, in hex: of one length, without spaces or capitals, so that no
 * index of a remote can trim, fold, cut or refuse it, and two owners can never be taken for one.
 * False without memory. */
bool owner_key(struct slice issuer, struct slice subject,
               char ret_key[owner_key_length + 1]) MUST_CHECK;

/* True for 36 characters in the form of a UUID in lower case. */
bool event_id_is_canonical(struct slice text);

/* Bytes of its texts, for backend_text_bytes_max. */
size_t event_text_bytes(const struct event *event);

struct search_words {
    struct slice
        words[search_words_max]; /* of the caller's text; no ASCII but letters and digits */
    size_t count;
};

/* Cuts <text> at every ASCII byte that is no letter or digit. STATUS_INVALID: too many words. */
enum status search_words_split(struct slice text, struct search_words *ret,
                               struct failure *reterr) MUST_CHECK;

/* The words of <query>, and whether any row can be meant at all: an id of another form and words
 * without a letter find nothing. STATUS_INVALID: too many words, or a cursor that is none. */
enum status remote_query_read(const struct backend_query *query, struct search_words *ret_words,
                              bool *ret_can_match, struct failure *reterr) MUST_CHECK;

#endif
