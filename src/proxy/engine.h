/* SPDX-License-Identifier: MIT
 *
 * engine.h - the LLM server behind us: where it is, how to reach it, how long to wait for it.
 *
 * Made once from the configuration, read-only afterwards: any thread. */
#ifndef AG_PROXY_ENGINE_H
#define AG_PROXY_ENGINE_H

#include "http/uri.h"

#include <openssl/ssl.h>

struct engine {
    struct url url;
    char host[256];       /* url.host with a NUL, what the certificate must name */
    SSL_CTX *tls_context; /* NULL for http */
    uint64_t connect_timeout_ms;
    uint64_t first_byte_timeout_ms;
    uint64_t idle_timeout_ms;
    size_t connections_max; /* of one worker */
};

/* Why an engine gave no whole reply. */
enum engine_failure {
    ENGINE_FAILURE_NONE = 0,
    ENGINE_UNREACHABLE,     /* no address, refused, TLS did not agree */
    ENGINE_CONNECT_TIMEOUT, /* not reached in time */
    ENGINE_BUSY,            /* connections_max are in use */
    ENGINE_SILENT,          /* no reply in time, or silence within one */
    ENGINE_CLOSED,          /* ended the connection before the reply was whole */
    ENGINE_GARBLED,         /* answered something that is not HTTP/1.1 */
};

const char *engine_failure_text(enum engine_failure failure);

#endif
