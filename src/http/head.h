/* SPDX-License-Identifier: MIT
 *
 * head.h - the head of an HTTP/1.1 message: found, checked, taken apart (RFC 9112), strictly.
 *
 * Two stages. head_scan finds the end of a head that arrives in pieces and refuses what can be
 * refused early; request_head_parse and response_head_parse take the complete head apart in one go.
 * Anything ambiguous is an error: whoever gets one answers its status and closes. No I/O, no
 * allocation but the arena. Any thread. */
#ifndef AG_HTTP_HEAD_H
#define AG_HTTP_HEAD_H

#include "base/arena.h"
#include "http/uri.h"

enum field_id {
    FIELD_OTHER = 0,
    FIELD_X_ATTACH, /* any name that is x-attach-* when case is ignored and '_' counts as '-' */
#define FIELD(identifier, name, treatment) FIELD_##identifier,
#include "http/fields.def"
#undef FIELD
    FIELD_COUNT,
};

enum field_treatment { FIELD_FORWARD, FIELD_HOP, FIELD_OURS };

struct field {
    struct slice name;  /* as it was spelled */
    struct slice value; /* without the white space around it */
    enum field_id id;
};

/* Which known field <name> is, case ignored. Spellings with '_' for '-' of a known name that is HOP
 * or OURS count as that name, because servers behind us may fold them together (WSGI and CGI do).
 * Such a spelling is only ever dropped: Content_Length and Transfer_Encoding, which would frame the
 * message, make the whole head an error. */
enum field_id field_identify(struct slice name);
enum field_treatment field_treatment(enum field_id id);

struct head_limits {
    size_t first_line_bytes_max; /* request line: over it 414 */
    size_t head_bytes_max;       /* over it 431 */
    size_t fields_max;           /* over it 431 */
};

/* The scan so far. Zero-initialise for each head; the caller always passes the same bytes again,
 * longer. */
struct head_scan {
    size_t scanned;    /* bytes looked at so far */
    size_t line_start; /* offset of the line being looked at */
    size_t skipped;    /* leading empty lines (at most one CRLF, RFC 9112 2.2), part of no head */
    size_t lines;      /* complete lines, the first included */
};

enum head_progress {
    HEAD_INCOMPLETE, /* call again with more bytes */
    HEAD_COMPLETE,   /* the head is bytes [skipped, *ret_end) */
    HEAD_REFUSED,    /* *ret_status says how to answer, <reterr> why */
};

/* Looks for the empty line. Refuses a bare LF, a NUL, a second leading empty line, and what is over
 * the limits, as soon as they show: a line that has not ended yet counts. *ret_status is 400, 414
 * or 431. Constant work per byte over all calls together. */
enum head_progress head_scan(struct head_scan *scan, struct slice bytes,
                             const struct head_limits *limits, size_t *ret_end,
                             unsigned *ret_status, struct failure *reterr);

enum body_framing {
    BODY_NONE,        /* no body follows */
    BODY_LENGTH,      /* content_length bytes (may be 0) */
    BODY_CHUNKED,     /* chunks follow */
    BODY_UNTIL_CLOSE, /* responses only: everything until the connection ends */
};

struct request_head {
    struct slice method; /* a token, case kept */
    struct target target;
    unsigned minor_version; /* 0 or 1 */
    struct slice
        host; /* of the Host field, or of an absolute-form target, which wins (RFC 9112 3.2.2) */
    struct field *fields; /* in arrival order, in the arena */
    size_t fields_count;
    enum body_framing framing;
    uint64_t content_length;
    bool keep_alive;      /* what the client wishes, version and Connection considered */
    bool expect_continue; /* a body follows, once a 100 has been sent */
};

/* Takes apart one complete head, as found by head_scan (the bytes from <skipped> to <ret_end>, last
 * CRLFCRLF included). All slices point into <text>, but the path of an absolute-form target that
 * has none. The limits are head_scan's to hold. On failure *ret_status is 400  anything malformed
 * or ambiguous: a request line that is not method SP target SP version, obs-fold, a CR or LF on its
 * own, any control byte, white space before the colon, names that are no token, a missing, repeated
 * or malformed Host (HTTP/1.0 may omit it), a Content-Length that is repeated, signed, a list,
 * empty or 2^63 and more, both framing fields, one of them spelled with '_', a Transfer-Encoding
 * that is repeated, on HTTP/1.0 or does not end with chunked, a Connection that is no list of
 * tokens, CONNECT, "*" without OPTIONS 417  Expect is anything but one "100-continue" 431  the
 * arena is full (the status is then STATUS_NO_MEMORY) 501  Transfer-Encoding is chunked after other
 * codings 505  a version other than 1.0 and 1.1 */
enum status request_head_parse(struct slice text, struct arena *arena, struct request_head *ret,
                               unsigned *ret_status, struct failure *reterr) MUST_CHECK;

struct response_head {
    unsigned minor_version;
    unsigned status; /* 100..599 */
    struct slice reason;
    struct field *fields;
    size_t fields_count;
    enum body_framing framing; /* of what really follows: BODY_NONE after HEAD, 1xx, 204 and 304 */
    uint64_t content_length;   /* as announced, also where no body follows; 0 when not */
    bool keep_alive;           /* the connection may be used again once the body has been read */
};

/* As request_head_parse, for what an engine answers. <to_head> says that the request was HEAD, so
 * that no body follows. A status line may lack the reason and the space before it. Refused besides:
 * 101 (Upgrade is never forwarded), and a 1xx or 204 that announces a body. Field values may hold
 * bytes over 0x7F and HTAB, nothing else outside %x20-7E. */
enum status response_head_parse(struct slice text, bool to_head, struct arena *arena,
                                struct response_head *ret, struct failure *reterr) MUST_CHECK;

/* True when <name> is named by the Connection fields among <fields> and so belongs to this hop
 * only. */
bool fields_connection_names(const struct field *fields, size_t fields_count, struct slice name);

/* The one field <id>; NULL when there is none, or more than one (then *ret_repeated is set; may be
 * NULL). */
const struct field *fields_find(const struct field *fields, size_t fields_count, enum field_id id,
                                bool *ret_repeated);

/* "OK", "Not Found", ... ; "" for a status we do not know. */
const char *status_reason(unsigned status);

#endif
