/* SPDX-License-Identifier: MIT
 *
 * uri.h - request targets and absolute URLs, taken apart once (RFC 3986, RFC 9112 3.2).
 *
 * There is one canonical spelling of a path and everything else is refused, so that routing,
 * authentication and the engine can never read the same bytes differently. Slices point into the
 * input. Any thread. */
#ifndef AG_HTTP_URI_H
#define AG_HTTP_URI_H

#include "base/slice.h"
#include "base/status.h"

enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_ASTERISK };

struct target {
    enum target_form form;
    struct slice authority; /* of the absolute form, else empty */
    struct slice path;      /* begins with '/'; "*" for the asterisk form */
    struct slice query;     /* without '?', may be empty */
    struct slice origin;    /* path, '?' and query as one piece, the bytes that go to the engine */
};

/* Refused: a path with an empty, "." or ".." segment, also with parameters behind the dots (a final
 * '/' is fine; "/" alone is fine), with a percent-encoding that is malformed, or that hides an
 * unreserved character, '/', '\', NUL or any control byte, or with a byte that RFC 3986 wants
 * encoded. A query, which decides nothing here, may hold %x21-7E without '\' and '#', and any
 * percent-encoding that is whole. Authority and CONNECT forms. */
enum status target_parse(struct slice text, struct target *ret, struct failure *reterr) MUST_CHECK;

struct url {
    bool is_https;
    struct slice host; /* a name, an IPv4 address, or an IPv6 address without its brackets; lower
                          case not forced */
    bool host_is_ipv6;
    uint16_t port; /* the scheme's when none is written */
    bool port_written;
    struct slice authority; /* host[:port] as written */
    struct slice path;      /* as written; empty when nothing follows the authority */
    struct slice query;
};

/* http and https only; no user info, no fragment, no port 0. The path is as written, canonical or
 * not: %x21-7E without '\' and '#', every percent-encoding whole. */
enum status url_parse(struct slice text, struct url *ret, struct failure *reterr) MUST_CHECK;

/* Checks uri-host [":" port] (RFC 9110 7.2) and splits it; <ret_port> is 0 when none is written.
 * <ret_host> keeps the brackets of an IPv6 address off. Names are letters, digits, '-' and '_' in
 * labels that are not empty, 255 bytes at most; a port has one to five digits. */
bool host_parse(struct slice text, struct slice *ret_host, uint16_t *ret_port) MUST_CHECK;

/* "localhost", any name under ".localhost", 127.0.0.0/8 or ::1 (also as ::ffff:127.x); written
 * forms only, nothing is resolved. */
bool host_is_loopback(struct slice host);

#endif
