/* SPDX-License-Identifier: MIT
 *
 * transport.h - bytes in and out of one connected, non-blocking socket, plain or through TLS.
 *
 * TLS works straight on the descriptor, so both kinds wait on the same uv_poll_t. Owning worker
 * only. */
#ifndef AG_NET_TRANSPORT_H
#define AG_NET_TRANSPORT_H

#include "base/slice.h"
#include "base/status.h"

#include <openssl/ssl.h>
#include <sys/uio.h>

struct transport {
    int descriptor;
    SSL *tls;         /* NULL: plain */
    bool wants_write; /* TLS must write before it can go on reading */
    bool wants_read;  /* TLS must read before it can go on writing */
};

/* Takes <descriptor>. With <context> the connection speaks TLS: as the server, or as a client that
 * expects the certificate of <server_name>. */
void transport_open_plain(struct transport *transport, int take_descriptor);
enum status transport_open_tls_server(struct transport *transport, int take_descriptor,
                                      SSL_CTX *context) MUST_CHECK;
enum status transport_open_tls_client(struct transport *transport, int take_descriptor,
                                      SSL_CTX *context, const char *server_name) MUST_CHECK;

/* Ends the connection at once; with <abort> the other side sees a reset, not an orderly end. The
 * caller has stopped polling the descriptor. */
void transport_close(struct transport *transport, bool abort);

/* Says that we send nothing more. */
void transport_shutdown(struct transport *transport);

/* STATUS_OK while bytes come (*ret_count > 0), STATUS_AGAIN when none are there, STATUS_CLOSED at
 * the orderly end, STATUS_IO for anything else. */
enum status transport_read(struct transport *transport, char *bytes, size_t size,
                           size_t *ret_count) MUST_CHECK;

/* True when bytes wait inside TLS that polling the descriptor cannot show. */
bool transport_has_pending(const struct transport *transport);

/* Writes what the socket takes of <pieces>: STATUS_OK (*ret_count > 0, perhaps less than all),
 * STATUS_AGAIN, STATUS_IO. */
enum status transport_write(struct transport *transport, const struct iovec *pieces,
                            size_t pieces_count, size_t *ret_count) MUST_CHECK;

/* Completes the handshake of a TLS client: STATUS_OK, STATUS_AGAIN, or STATUS_IO with the reason.
 * Servers need not call it, reading does. */
enum status transport_handshake(struct transport *transport, struct failure *reterr) MUST_CHECK;

/* TLS 1.2 and newer. */
enum status transport_tls_server_context(const char *certificate_file, const char *key_file,
                                         SSL_CTX **ret, struct failure *reterr) MUST_CHECK;
/* <authority_file> NULL: the system's store. */
enum status transport_tls_client_context(const char *authority_file, SSL_CTX **ret,
                                         struct failure *reterr) MUST_CHECK;

#endif
