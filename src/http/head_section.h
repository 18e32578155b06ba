/* SPDX-License-Identifier: MIT
 *
 * head_section.h - what requests and responses share: the lines between the first one and the empty
 * one, and the framing they announce (RFC 9112 5 and 6). Private to http/. Any thread. */
#ifndef AG_HTTP_HEAD_SECTION_H
#define AG_HTTP_HEAD_SECTION_H

#include "http/head.h"

struct head_section {
    struct field *fields; /* in arrival order, in the arena */
    size_t fields_count;
    uint32_t present;                       /* bit <id>: there is such a field */
    uint32_t repeated;                      /* bit <id>: there is more than one */
    const struct field *first[FIELD_COUNT]; /* meaningful where <present> has the bit */
};

struct head_connection {
    bool close;
    bool keep_alive;
};

static inline bool head_section_has(const struct head_section *section, enum field_id id)
{
    return (section->present >> id & 1) != 0;
}

static inline bool head_section_repeats(const struct head_section *section, enum field_id id)
{
    return (section->repeated >> id & 1) != 0;
}

/* Says how to answer and why; always STATUS_INVALID. */
enum status head_refuse(unsigned status, const char *why, unsigned *ret_status,
                        struct failure *reterr) MUST_CHECK;

/* Checks every byte of a whole head for what may stand in none of its parts: lines end with CRLF,
 * the last one is empty, and there is no other control byte but HTAB. Then takes its first line
 * off. */
enum status head_first_line(struct slice text, struct slice *ret_line, struct slice *ret_rest,
                            unsigned *ret_status, struct failure *reterr) MUST_CHECK;

/* "HTTP/1.0" or "HTTP/1.1"; 505 for another version, 400 for what is none. */
enum status head_version(struct slice text, unsigned *ret_minor, unsigned *ret_status,
                         struct failure *reterr) MUST_CHECK;

/* Takes the field lines apart. <text> is what head_first_line left over. */
enum status head_section_parse(struct slice text, struct arena *arena, struct head_section *ret,
                               unsigned *ret_status, struct failure *reterr) MUST_CHECK;

/* BODY_LENGTH or BODY_CHUNKED as announced, BODY_NONE when nothing is; <ret_length> is 0 but for
 * BODY_LENGTH. */
enum status head_section_framing(const struct head_section *section, unsigned minor_version,
                                 enum body_framing *ret_framing, uint64_t *ret_length,
                                 unsigned *ret_status, struct failure *reterr) MUST_CHECK;

/* What the Connection fields ask for. */
enum status head_section_connection(const struct head_section *section, struct head_connection *ret,
                                    unsigned *ret_status, struct failure *reterr) MUST_CHECK;

/* Whether the connection may carry another message, as far as version and Connection go (RFC
 * 9112 9.3). */
static inline bool head_connection_persists(struct head_connection connection,
                                            unsigned minor_version)
{
    return !connection.close && (minor_version >= 1 || connection.keep_alive);
}

#endif
