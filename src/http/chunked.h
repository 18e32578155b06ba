/* SPDX-License-Identifier: MIT
 *
 * chunked.h - the chunked transfer coding (RFC 9112 7.1), read incrementally.
 *
 * Fed any split of the input it reports the same data. It copies nothing: data runs are slices of
 * what it was fed. Strict: CRLF only, no white space around a size, at most 16 hex digits and less
 * than 2^63; extensions and trailers are checked byte by byte, capped and dropped. Owner's thread
 * only. */
#ifndef AG_HTTP_CHUNKED_H
#define AG_HTTP_CHUNKED_H

#include "base/slice.h"
#include "base/status.h"

enum {
    chunk_extension_bytes_max = 256, /* of one chunk */
    chunk_trailer_bytes_max = 8192,  /* of the whole trailer section */
};

enum chunked_state {
    CHUNKED_SIZE_FIRST = 0, /* zero-initialised: at the start of a body */
    CHUNKED_SIZE,
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_LF,
    CHUNKED_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_TRAILER_START,
    CHUNKED_TRAILER_NAME,
    CHUNKED_TRAILER_VALUE,
    CHUNKED_TRAILER_LF,
    CHUNKED_END_LF,
    CHUNKED_DONE,
    CHUNKED_REFUSED,
};

struct chunked_reader {
    enum chunked_state state;
    uint64_t
        left; /* bytes of the current chunk still to come; of the size while it is being read */
    unsigned digits; /* hex digits of the size so far */
    size_t extension_bytes;
    size_t trailer_bytes;
};

/* Reads from the front of *input and advances it. Returns at the first data run (then *ret_data is
 * that run, not empty), at the end of the body (state CHUNKED_DONE, *ret_data empty), or when input
 * is used up (*ret_data empty). Call again while input is not empty and the state is not
 * CHUNKED_DONE. STATUS_INVALID for anything the grammar does not allow, STATUS_LIMIT over a cap;
 * the reader then stays refused. Bytes after the end are left in *input. */
enum status chunked_read(struct chunked_reader *reader, struct slice *input, struct slice *ret_data,
                         struct failure *reterr) MUST_CHECK;

/* Writes the size line of a chunk of <size> > 0 bytes ("1a2b\r\n") without NUL and returns its
 * length. */
enum { chunk_size_line_max = 18 };
size_t chunked_size_line(uint64_t size, char ret_line[chunk_size_line_max]);

#endif
