/* SPDX-License-Identifier: MIT
 *
 * transport_test.c - the same bytes, plain and through TLS, over the two ends of a socket pair;
 * what an end, a cut and a reset look like; whom a TLS client believes. */
#include "net/transport.h"

#include "base/random.h"
#include "certificate.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { rounds_max = 100000 };

struct pair {
    struct transport server;
    struct transport client;
};

static struct certificate certificate;
static struct certificate other_certificate;
static SSL_CTX *server_context;
static SSL_CTX *client_context;

static int begin_all(void **state)
{
    signal(SIGPIPE, SIG_IGN); /* as main does: OpenSSL writes with write(2) */
    certificate_create(&certificate, "DNS:localhost,IP:127.0.0.1");
    certificate_create(&other_certificate, "DNS:localhost");
    struct failure failure = {""};
    if (transport_tls_server_context(certificate.certificate_file, certificate.key_file,
                                     &server_context, &failure) != STATUS_OK ||
        transport_tls_client_context(certificate.certificate_file, &client_context, &failure) !=
            STATUS_OK) {
        fprintf(stderr, "%s\n", failure.text);
        return -1;
    }
    return 0;
}

static int end_all(void **state)
{
    SSL_CTX_free(server_context);
    SSL_CTX_free(client_context);
    certificate_remove(&certificate);
    certificate_remove(&other_certificate);
    return 0;
}

static void tcp_pair(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&address, length), 0);
    ends[1] = accept(listener, NULL, NULL);
    assert_true(ends[1] >= 0);
    close(listener);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fcntl(ends[i], F_SETFL, O_NONBLOCK), 0);
    }
}

static void pair_open_over(struct pair *pair, bool is_tls, const char *name, const int ends[2])
{
    if (!is_tls) {
        transport_open_plain(&pair->server, ends[0]);
        transport_open_plain(&pair->client, ends[1]);
        return;
    }
    assert_int_equal(transport_open_tls_server(&pair->server, ends[0], server_context), STATUS_OK);
    assert_int_equal(transport_open_tls_client(&pair->client, ends[1], client_context, name),
                     STATUS_OK);
}

/* Shakes hands until one side is done or has failed. The server shakes by reading. */
static enum status pair_shake_hands(struct pair *pair, struct failure *reterr)
{
    for (size_t i = 0; i < rounds_max; i++) {
        char byte;
        size_t count;
        enum status status = transport_handshake(&pair->client, reterr);
        if (status != STATUS_AGAIN) {
            return status;
        }
        assert_true(pair->client.wants_read || pair->client.wants_write);
        if (transport_read(&pair->server, &byte, 1, &count) != STATUS_AGAIN) {
            assert_int_not_equal(transport_handshake(&pair->client, reterr), STATUS_OK);
            return STATUS_IO;
        }
    }
    fail_msg("the handshake does not end");
    return STATUS_IO;
}

static void pair_open(struct pair *pair, bool is_tls)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    pair_open_over(pair, is_tls, "localhost", ends);
    if (is_tls) {
        struct failure failure = {""};
        if (pair_shake_hands(pair, &failure) != STATUS_OK) {
            fail_msg("%s", failure.text);
        }
    }
}

static void pair_close(struct pair *pair)
{
    transport_close(&pair->server, false);
    transport_close(&pair->client, false);
    assert_int_equal(pair->client.descriptor, -1);
    transport_close(&pair->client, true); /* closing twice does nothing */
    assert_int_equal(ERR_peek_error(), 0);
}

static enum status read_some(struct transport *transport, char *bytes, size_t size, size_t *count)
{
    enum status status = STATUS_AGAIN;
    for (size_t i = 0; i < rounds_max && status == STATUS_AGAIN; i++) {
        status = transport_read(transport, bytes, size, count);
    }
    return status;
}

static void write_text(struct transport *transport, const char *text)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    size_t count = 0;
    assert_int_equal(transport_write(transport, &piece, 1, &count), STATUS_OK);
    assert_int_equal(count, strlen(text));
}

static void bytes_pass_both_ways(void **state)
{
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct pair pair;
        char bytes[16];
        size_t count = 99;
        pair_open(&pair, is_tls);
        assert_int_equal(transport_read(&pair.server, bytes, sizeof(bytes), &count), STATUS_AGAIN);
        assert_int_equal(count, 99);
        write_text(&pair.client, "hello");
        assert_int_equal(read_some(&pair.server, bytes, sizeof(bytes), &count), STATUS_OK);
        assert_int_equal(count, 5);
        assert_memory_equal(bytes, "hello", 5);
        write_text(&pair.server, "and back");
        assert_int_equal(read_some(&pair.client, bytes, 3, &count), STATUS_OK);
        assert_int_equal(count, 3);
        /* what TLS has read ahead no descriptor shows */
        assert_true(transport_has_pending(&pair.client) == (is_tls != 0));
        assert_int_equal(read_some(&pair.client, bytes, sizeof(bytes), &count), STATUS_OK);
        assert_memory_equal(bytes, " back", 5);
        assert_false(transport_has_pending(&pair.client));
        pair_close(&pair);
    }
}

static void pieces_are_written_in_order(void **state)
{
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct pair pair;
        char bytes[64];
        size_t count = 0;
        struct iovec pieces[] = {{(void *)(uintptr_t) "one", 3},
                                 {NULL, 0},
                                 {(void *)(uintptr_t) "", 0},
                                 {(void *)(uintptr_t) ", two", 5},
                                 {(void *)(uintptr_t) ", three", 7}};
        pair_open(&pair, is_tls);
        assert_int_equal(transport_write(&pair.server, pieces, 5, &count), STATUS_OK);
        assert_int_equal(count, 15);
        assert_int_equal(read_some(&pair.client, bytes, sizeof(bytes), &count), STATUS_OK);
        assert_int_equal(count, 15); /* with TLS in one record */
        assert_memory_equal(bytes, "one, two, three", 15);
        pair_close(&pair);
    }
}

/* As connections do: what was not taken is offered again, from other memory and with more behind
 * it, in pieces of many sizes, while the reader now and then falls behind. */
static void much_is_written_whatever_the_socket_takes(void **state)
{
    enum { total = 3 * 1024 * 1024, offer_max = 100000 };
    unsigned char *sent = malloc(total);
    unsigned char *received = malloc(total);
    char *moved = malloc(offer_max);
    assert_non_null(sent);
    assert_non_null(received);
    assert_non_null(moved);
    random_fill(sent, total);
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct pair pair;
        size_t written = 0;
        size_t read_bytes = 0;
        size_t again = 0;
        size_t offer = 1;
        pair_open(&pair, is_tls);
        while (read_bytes < total) {
            enum status status = STATUS_OK;
            while (written < total && status == STATUS_OK) {
                size_t count = 0;
                offer = offer * 7 % offer_max + offer; /* never less than was refused */
                offer = offer < offer_max ? offer : offer_max;
                offer = offer < total - written ? offer : total - written;
                memcpy(moved, sent + written, offer);
                struct iovec pieces[2] = {{moved, offer / 3},
                                          {moved + offer / 3, offer - offer / 3}};
                status = transport_write(&pair.server, pieces, 2, &count);
                assert_true(status == STATUS_OK || status == STATUS_AGAIN);
                assert_true(status == STATUS_AGAIN || (count > 0 && count <= offer));
                written += status == STATUS_OK ? count : 0;
                offer = status == STATUS_OK ? 1 + written % 977 : offer;
                memset(moved, 'x', offer_max);
            }
            again += status == STATUS_AGAIN;
            size_t count = 0;
            while (read_bytes < total &&
                   transport_read(&pair.client, (char *)received + read_bytes,
                                  total - read_bytes < 5000 ? total - read_bytes : 5000,
                                  &count) == STATUS_OK) {
                read_bytes += count;
            }
        }
        assert_true(again > 0);
        assert_memory_equal(sent, received, total);
        pair_close(&pair);
    }
    free(sent);
    free(received);
    free(moved);
}

static void an_orderly_end_is_one(void **state)
{
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        for (int is_close = 0; is_close < 2; is_close++) {
            struct pair pair;
            char bytes[16];
            size_t count = 0;
            pair_open(&pair, is_tls);
            write_text(&pair.client, "last");
            if (is_close) {
                transport_close(&pair.client, false);
            } else {
                transport_shutdown(&pair.client);
            }
            assert_int_equal(read_some(&pair.server, bytes, sizeof(bytes), &count), STATUS_OK);
            assert_int_equal(count, 4);
            assert_int_equal(read_some(&pair.server, bytes, sizeof(bytes), &count), STATUS_CLOSED);
            assert_int_equal(read_some(&pair.server, bytes, sizeof(bytes), &count), STATUS_CLOSED);
            if (!is_close) { /* half closed: the other way still works */
                write_text(&pair.server, "reply");
                assert_int_equal(read_some(&pair.client, bytes, sizeof(bytes), &count), STATUS_OK);
                assert_int_equal(count, 5);
            }
            pair_close(&pair);
        }
    }
}

/* Without a close_notify anybody on the way could have cut the stream short. */
static void a_cut_is_no_end_for_tls(void **state)
{
    struct pair pair;
    char bytes[16];
    size_t count = 0;
    pair_open(&pair, true);
    write_text(&pair.client, "last");
    assert_int_equal(shutdown(pair.client.descriptor, SHUT_RDWR), 0);
    assert_int_equal(read_some(&pair.server, bytes, sizeof(bytes), &count), STATUS_OK);
    assert_int_equal(read_some(&pair.server, bytes, sizeof(bytes), &count), STATUS_IO);
    pair_close(&pair);
}

static void an_aborted_connection_is_reset(void **state)
{
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct pair pair;
        struct failure failure;
        char bytes[16];
        size_t count = 0;
        int ends[2];
        tcp_pair(ends);
        pair_open_over(&pair, is_tls, "localhost", ends);
        assert_int_equal(is_tls ? pair_shake_hands(&pair, &failure) : STATUS_OK, STATUS_OK);
        if (is_tls) { /* the server ends its part of the handshake by reading */
            assert_int_equal(transport_read(&pair.server, bytes, sizeof(bytes), &count),
                             STATUS_AGAIN);
        }
        transport_close(&pair.client, true);
        assert_int_equal(read_some(&pair.server, bytes, sizeof(bytes), &count), STATUS_IO);
        pair_close(&pair);
    }
}

static void writing_to_nobody_is_an_error_and_no_signal(void **state)
{
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct pair pair;
        struct iovec piece = {(void *)(uintptr_t) "x", 1};
        enum status status = STATUS_OK;
        signal(SIGPIPE, is_tls ? SIG_IGN : SIG_DFL); /* plain ones do without main's help */
        pair_open(&pair, is_tls);
        close(pair.client.descriptor);
        pair.client.descriptor = -1;
        for (size_t i = 0; i < 10 && status == STATUS_OK; i++) {
            size_t count = 0;
            status = transport_write(&pair.server, &piece, 1, &count);
        }
        assert_int_equal(status, STATUS_IO);
        pair_close(&pair);
    }
    signal(SIGPIPE, SIG_IGN);
}

static void small_packets_are_not_held_back(void **state)
{
    int ends[2];
    struct pair pair;
    tcp_pair(ends);
    pair_open_over(&pair, false, NULL, ends);
    int is_on = 0;
    socklen_t length = sizeof(is_on);
    assert_int_equal(getsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &is_on, &length), 0);
    assert_int_not_equal(is_on, 0);
    pair_close(&pair);
}

/* ---- whom a client believes ---- */

static enum status shake_with(SSL_CTX *context, const char *name, struct failure *ret_failure)
{
    struct pair pair;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(transport_open_tls_server(&pair.server, ends[0], server_context), STATUS_OK);
    assert_int_equal(transport_open_tls_client(&pair.client, ends[1], context, name), STATUS_OK);
    enum status status = pair_shake_hands(&pair, ret_failure);
    transport_close(&pair.server, true);
    transport_close(&pair.client, true);
    assert_int_equal(ERR_peek_error(), 0);
    return status;
}

static void the_certificate_must_name_the_server(void **state)
{
    static const struct {
        const char *name;
        enum status status;
    } cases[] = {{"localhost", STATUS_OK},    {"127.0.0.1", STATUS_OK},
                 {"LOCALHOST", STATUS_OK},    {"127.0.0.2", STATUS_IO},
                 {"engine.local", STATUS_IO}, {"localhost.example", STATUS_IO},
                 {"::1", STATUS_IO}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure failure = {""};
        enum status status = shake_with(client_context, cases[i].name, &failure);
        if (status != cases[i].status) {
            fail_msg("%s: %d, %s", cases[i].name, status, failure.text);
        }
        assert_true((status == STATUS_OK) ==
                    (strstr(failure.text, "mismatch") == NULL && failure.text[0] == '\0'));
    }
}

static void the_certificate_must_be_vouched_for(void **state)
{
    SSL_CTX *contexts[2] = {NULL, NULL};
    assert_int_equal(
        transport_tls_client_context(other_certificate.certificate_file, &contexts[0], NULL),
        STATUS_OK);
    assert_int_equal(transport_tls_client_context(NULL, &contexts[1], NULL), STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        struct failure failure = {""};
        assert_int_equal(shake_with(contexts[i], "localhost", &failure), STATUS_IO);
        assert_non_null(strstr(failure.text, "self"));
        SSL_CTX_free(contexts[i]);
    }
}

static void what_is_not_tls_fails_the_handshake(void **state)
{
    struct pair pair;
    struct failure failure = {""};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    transport_open_plain(&pair.server, ends[0]);
    assert_int_equal(transport_open_tls_client(&pair.client, ends[1], client_context, "localhost"),
                     STATUS_OK);
    assert_int_equal(transport_handshake(&pair.client, &failure), STATUS_AGAIN);
    write_text(&pair.server, "HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_int_equal(transport_handshake(&pair.client, &failure), STATUS_IO);
    assert_true(failure.text[0] != '\0');
    pair_close(&pair);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    transport_open_plain(&pair.server, ends[0]);
    assert_int_equal(transport_open_tls_client(&pair.client, ends[1], client_context, "localhost"),
                     STATUS_OK);
    assert_int_equal(transport_handshake(&pair.client, &failure), STATUS_AGAIN);
    transport_close(&pair.server, false);
    assert_int_equal(transport_handshake(&pair.client, &failure), STATUS_IO);
    pair_close(&pair);
}

static void versions_below_tls_1_2_are_refused(void **state)
{
    static const int versions[] = {TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 3; i++) {
        struct failure failure = {""};
        SSL_CTX *context = NULL;
        assert_int_equal(transport_tls_client_context(certificate.certificate_file, &context, NULL),
                         STATUS_OK);
        SSL_CTX_set_security_level(context, 0); /* so that it is the server who says no */
        assert_int_equal(SSL_CTX_set_min_proto_version(context, versions[i]), 1);
        assert_int_equal(SSL_CTX_set_max_proto_version(context, versions[i]), 1);
        assert_int_equal(shake_with(context, "localhost", &failure),
                         versions[i] >= TLS1_2_VERSION ? STATUS_OK : STATUS_IO);
        SSL_CTX_free(context);
    }
    assert_int_equal(SSL_CTX_get_min_proto_version(client_context), TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_get_min_proto_version(server_context), TLS1_2_VERSION);
}

static void files_that_do_not_serve_are_named(void **state)
{
    const struct {
        const char *certificate_file;
        const char *key_file;
        const char *option;
        const char *culprit;
    } cases[] = {
        {"/nowhere/cert.pem", certificate.key_file, "TLS_CERT", "/nowhere/cert.pem"},
        {certificate.key_file, certificate.key_file, "TLS_CERT", certificate.key_file},
        {certificate.certificate_file, "/nowhere/key.pem", "TLS_KEY", "/nowhere/key.pem"},
        {certificate.certificate_file, other_certificate.key_file, "TLS_KEY",
         other_certificate.key_file},
        {certificate.certificate_file, certificate.certificate_file, "TLS_KEY",
         certificate.certificate_file},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure failure = {""};
        SSL_CTX *context = NULL;
        assert_int_equal(transport_tls_server_context(cases[i].certificate_file, cases[i].key_file,
                                                      &context, &failure),
                         STATUS_INVALID);
        assert_null(context);
        assert_non_null(strstr(failure.text, cases[i].option));
        assert_non_null(strstr(failure.text, cases[i].culprit));
        assert_int_equal(ERR_peek_error(), 0);
    }
    struct failure failure = {""};
    SSL_CTX *context = NULL;
    assert_int_equal(transport_tls_client_context("/nowhere/ca.pem", &context, &failure),
                     STATUS_INVALID);
    assert_null(context);
    assert_non_null(strstr(failure.text, "ENGINE_CA_FILE"));
    assert_non_null(strstr(failure.text, "/nowhere/ca.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_both_ways),
        cmocka_unit_test(pieces_are_written_in_order),
        cmocka_unit_test(much_is_written_whatever_the_socket_takes),
        cmocka_unit_test(an_orderly_end_is_one),
        cmocka_unit_test(a_cut_is_no_end_for_tls),
        cmocka_unit_test(an_aborted_connection_is_reset),
        cmocka_unit_test(writing_to_nobody_is_an_error_and_no_signal),
        cmocka_unit_test(small_packets_are_not_held_back),
        cmocka_unit_test(the_certificate_must_name_the_server),
        cmocka_unit_test(the_certificate_must_be_vouched_for),
        cmocka_unit_test(what_is_not_tls_fails_the_handshake),
        cmocka_unit_test(versions_below_tls_1_2_are_refused),
        cmocka_unit_test(files_that_do_not_serve_are_named),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}
