/* SPDX-License-Identifier: MIT
 *
 * grpc.h - unary gRPC calls over http/fetch (gRPC's "PROTOCOL-HTTP2").
 *
 * One message there, one message back, and a status in the trailers or, when there is no message,
 * in the head. HTTP/2 from the first byte for http, by ALPN for https. No streams, no compression,
 * no retries. The functions above grpc_start touch nothing but their arguments and may be called
 * from any thread; the others from the fetcher's. */
#ifndef AG_A2A_GRPC_H
#define AG_A2A_GRPC_H

#include "base/buffer.h"

struct fetcher;
struct fetch_reply;
struct grpc_handle;

enum {
    grpc_frame_head_bytes = 5,
    grpc_text_bytes_max = 512, /* of grpc-message; the rest is cut */
    grpc_timeout_text_size = 12,
    grpc_fields_max = 8,
};

enum grpc_code {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

struct grpc_reply {
    enum grpc_code code;
    bool answered;        /* a gRPC server said <code>; else it stands for what the network did */
    struct slice message; /* GRPC_OK: the reply, without its frame; points into the fetch's body */
    struct slice status_details; /* grpc-status-details-bin as it came: base64 */
    char
        text[grpc_text_bytes_max + 1]; /* grpc-message, decoded, or what went wrong; may be empty */
    size_t text_length;
};

/* "UNAVAILABLE", ...; "UNKNOWN" for a number that is none. */
const char *grpc_code_name(enum grpc_code code);

/* Appends the message with its frame. */
void grpc_frame_write(struct buffer *buffer, struct slice message);

/* The message of a body that must be exactly one frame. STATUS_UNSUPPORTED for a compressed one. */
enum status grpc_frame_read(struct slice body, struct slice *ret_message,
                            struct failure *reterr) MUST_CHECK;

/* Decodes what grpc-message carries (%XX); a '%' without two hex digits stays as it is. Control
 * bytes become spaces. Writes at most <size> bytes, no NUL; returns how many. */
size_t grpc_text_decode(struct slice text, char *ret_text, size_t size);

/* Writes "<digits>m" or, when that has more than eight digits, "<digits>S". */
void grpc_timeout_write(uint64_t timeout_ms, char ret_text[grpc_timeout_text_size]);

/* What a fetch's reply says to a gRPC client; made for grpc_start. */
void grpc_reply_read(const struct fetch_reply *fetched, struct grpc_reply *ret);

struct grpc_call {
    const char *url;           /* "http://host:port/package.Service/Method", copied */
    const char *const *fields; /* further ones, at most grpc_fields_max, NULL-terminated, copied */
    struct slice message;      /* copied */
    uint64_t timeout_ms;
    size_t reply_bytes_max; /* without the frame */
    const char *ca_file;
};

/* Once per grpc_start that returned STATUS_OK, from the loop; not after grpc_cancel. */
typedef void grpc_done(void *context, const struct grpc_reply *reply);

enum status grpc_start(struct fetcher *fetcher, const struct grpc_call *call, grpc_done *done,
                       void *context, struct grpc_handle **ret, struct failure *reterr) MUST_CHECK;

/* Takes NULL; not for a call whose callback was made. */
void grpc_cancel(struct grpc_handle *handle);

#endif
