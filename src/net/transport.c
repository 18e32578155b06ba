/* SPDX-License-Identifier: MIT
 *
 * transport.c - reads and writes on a descriptor, and the same through OpenSSL. */
#include "net/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    tls_record_bytes_max = 16384, /* one TLS record carries no more (RFC 8446 5.1) */
};

void transport_open_plain(struct transport *transport, int take_descriptor)
{
    int on = 1;
    *transport = (struct transport){.descriptor = take_descriptor};
    /* Fails on unix sockets, where there is nothing to turn off. */
    (void)setsockopt(take_descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static enum status transport_open_tls(struct transport *transport, int take_descriptor,
                                      SSL_CTX *context)
{
    transport_open_plain(transport, take_descriptor);
    transport->tls = SSL_new(context);
    if (transport->tls == NULL || SSL_set_fd(transport->tls, take_descriptor) != 1) {
        transport_close(transport, true);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

enum status transport_open_tls_server(struct transport *transport, int take_descriptor,
                                      SSL_CTX *context)
{
    enum status status = transport_open_tls(transport, take_descriptor, context);
    if (status == STATUS_OK) {
        SSL_set_accept_state(transport->tls);
    }
    return status;
}

enum status transport_open_tls_client(struct transport *transport, int take_descriptor,
                                      SSL_CTX *context, const char *server_name)
{
    enum status status = transport_open_tls(transport, take_descriptor, context);
    if (status != STATUS_OK) {
        return status;
    }
    SSL_set_connect_state(transport->tls);
    X509_VERIFY_PARAM *rules = SSL_get0_param(transport->tls);
    bool named;
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, server_name) == 1) {
        named = true; /* an address is checked as one and never sent as SNI (RFC 6066 3) */
    } else {
        ERR_clear_error();
        named = SSL_set1_host(transport->tls, server_name) == 1 &&
                SSL_set_tlsext_host_name(transport->tls, server_name) == 1;
    }
    if (!named) {
        transport_close(transport, true);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

void transport_close(struct transport *transport, bool abort)
{
    if (transport->tls != NULL) {
        if (!abort && SSL_is_init_finished(transport->tls)) {
            (void)SSL_shutdown(transport->tls);
        }
        SSL_free(transport->tls);
        transport->tls = NULL;
        ERR_clear_error();
    }
    if (transport->descriptor < 0) {
        return;
    }
    if (abort) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(transport->descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    close(transport->descriptor);
    transport->descriptor = -1;
}

void transport_shutdown(struct transport *transport)
{
    if (transport->tls != NULL && SSL_is_init_finished(transport->tls)) {
        (void)SSL_shutdown(transport->tls);
        ERR_clear_error();
    }
    (void)shutdown(transport->descriptor, SHUT_WR);
}

/* What an SSL_ call that did not succeed means. */
static enum status transport_tls_status(struct transport *transport, int result)
{
    switch (SSL_get_error(transport->tls, result)) {
    case SSL_ERROR_WANT_READ:
        transport->wants_read = true;
        return STATUS_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        transport->wants_write = true;
        return STATUS_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return STATUS_CLOSED;
    default:
        ERR_clear_error();
        return STATUS_IO;
    }
}

enum status transport_read(struct transport *transport, char *bytes, size_t size, size_t *ret_count)
{
    if (transport->tls != NULL) {
        transport->wants_write = false;
        ERR_clear_error();
        int result = SSL_read_ex(transport->tls, bytes, size, ret_count);
        return result == 1 ? STATUS_OK : transport_tls_status(transport, result);
    }
    ssize_t count;
    do {
        count = recv(transport->descriptor, bytes, size, 0);
    } while (count < 0 && errno == EINTR);
    if (count > 0) {
        *ret_count = (size_t)count;
        return STATUS_OK;
    }
    if (count == 0) {
        return STATUS_CLOSED;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? STATUS_AGAIN : STATUS_IO;
}

bool transport_has_pending(const struct transport *transport)
{
    return transport->tls != NULL && SSL_has_pending(transport->tls) == 1;
}

/* Small pieces travel together: a record each would cost more than the copy. */
static enum status transport_write_tls(struct transport *transport, const struct iovec *pieces,
                                       size_t pieces_count, size_t *ret_count)
{
    char record[tls_record_bytes_max];
    size_t total = 0;
    size_t piece = 0;
    size_t offset = 0;
    transport->wants_read = false;
    while (piece < pieces_count) {
        size_t filled = 0;
        while (piece < pieces_count && filled < sizeof(record)) {
            size_t left = pieces[piece].iov_len - offset;
            size_t room = sizeof(record) - filled;
            size_t take = left < room ? left : room;
            if (take > 0) {
                memcpy(record + filled, (const char *)pieces[piece].iov_base + offset, take);
            }
            filled += take;
            offset += take;
            if (offset == pieces[piece].iov_len) {
                piece++;
                offset = 0;
            }
        }
        if (filled == 0) {
            break;
        }
        size_t written = 0;
        ERR_clear_error();
        int result = SSL_write_ex(transport->tls, record, filled, &written);
        if (result != 1) {
            enum status status = transport_tls_status(transport, result);
            if (status == STATUS_AGAIN && total > 0) {
                break;
            }
            return status == STATUS_CLOSED ? STATUS_IO : status;
        }
        total += written;
        if (written < filled) {
            break;
        }
    }
    *ret_count = total;
    return STATUS_OK;
}

enum status transport_write(struct transport *transport, const struct iovec *pieces,
                            size_t pieces_count, size_t *ret_count)
{
    if (transport->tls != NULL) {
        return transport_write_tls(transport, pieces, pieces_count, ret_count);
    }
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
                             .msg_iovlen = pieces_count};
    ssize_t count;
    do {
        count = pieces_count == 1 ? send(transport->descriptor, pieces[0].iov_base,
                                         pieces[0].iov_len, MSG_NOSIGNAL)
                                  : sendmsg(transport->descriptor, &message, MSG_NOSIGNAL);
    } while (count < 0 && errno == EINTR);
    if (count >= 0) {
        *ret_count = (size_t)count;
        return STATUS_OK;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? STATUS_AGAIN : STATUS_IO;
}

enum status transport_handshake(struct transport *transport, struct failure *reterr)
{
    transport->wants_read = false;
    transport->wants_write = false;
    ERR_clear_error();
    int result = SSL_do_handshake(transport->tls);
    if (result == 1) {
        return STATUS_OK;
    }
    long verified = SSL_get_verify_result(transport->tls);
    unsigned long error = ERR_peek_error();
    enum status status = transport_tls_status(transport, result);
    if (status == STATUS_AGAIN) {
        return status;
    }
    const char *reason = ERR_reason_error_string(error);
    failure_set(reterr, "TLS handshake failed: %s",
                verified != X509_V_OK ? X509_verify_cert_error_string(verified)
                : reason != NULL      ? reason
                                      : "connection closed");
    return STATUS_IO;
}

static SSL_CTX *transport_tls_context(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL) {
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* Idle connections give their record buffers back. */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    return context;
}

static enum status transport_tls_refused(SSL_CTX *context, const char *what, const char *file,
                                         SSL_CTX **ret, struct failure *reterr)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    failure_set(reterr, "%s %s: %s", what, file, reason != NULL ? reason : "cannot be used");
    ERR_clear_error();
    SSL_CTX_free(context);
    (void)ret;
    return STATUS_INVALID;
}

enum status transport_tls_server_context(const char *certificate_file, const char *key_file,
                                         SSL_CTX **ret, struct failure *reterr)
{
    SSL_CTX *context = transport_tls_context(TLS_server_method());
    if (context == NULL) {
        failure_set(reterr, "out of memory for TLS");
        return STATUS_NO_MEMORY;
    }
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1) {
        return transport_tls_refused(context, "TLS_CERT", certificate_file, ret, reterr);
    }
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return transport_tls_refused(context, "TLS_KEY", key_file, ret, reterr);
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    *ret = context;
    return STATUS_OK;
}

enum status transport_tls_client_context(const char *authority_file, SSL_CTX **ret,
                                         struct failure *reterr)
{
    SSL_CTX *context = transport_tls_context(TLS_client_method());
    if (context == NULL) {
        failure_set(reterr, "out of memory for TLS");
        return STATUS_NO_MEMORY;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    int loaded = authority_file == NULL
                     ? SSL_CTX_set_default_verify_paths(context)
                     : SSL_CTX_load_verify_locations(context, authority_file, NULL);
    if (loaded != 1) {
        return transport_tls_refused(context, "ENGINE_CA_FILE",
                                     authority_file != NULL ? authority_file : "(system store)",
                                     ret, reterr);
    }
    *ret = context;
    return STATUS_OK;
}
