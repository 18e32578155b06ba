/* SPDX-License-Identifier: MIT
 *
 * connection_h1.c - HTTP/1.1 (RFC 9112) on a client connection: finds heads and bodies in what
 * arrives, frames replies.
 *
 * It knows no route and no token; it does not decide, it translates. Owning worker only. */
#include "gateway/connection.h"
#include "gateway/request.h"

static const struct failure h1_timed_out_failure = {"the request head did not arrive in time"};

/* ---- heads ---- */

static void h1_begin_request(struct connection *connection, struct request *request)
{
    struct connection_h1 *h1 = &connection->h1;
    if (request == NULL) {
        connection_close(connection, true);
        return;
    }
    connection_enter(connection, CONNECTION_REQUEST);
    connection->requests++;
    connection->request = request;
    h1->scan = (struct head_scan){0};
    h1->chunked = (struct chunked_reader){0};
    h1->framing = request->head.framing;
    h1->body_left = request->head.content_length;
    h1->close_after = false;
    h1->abort_after = false;
    connection->body_flows = false;
    connection->body_expected =
        h1->framing == BODY_CHUNKED || (h1->framing == BODY_LENGTH && h1->body_left > 0);
    request->body_ended = !connection->body_expected;
    request_run(request);
}

/* Returns how many bytes of <bytes> belong to the head, 0 when it is not complete. */
static size_t h1_read_head(struct connection *connection, struct slice bytes)
{
    const struct config *config = connection->gateway->config;
    const struct head_limits limits = {.first_line_bytes_max = config->max_request_line_bytes,
                                       .head_bytes_max = config->max_head_bytes,
                                       .fields_max = config->max_head_fields};
    struct connection_h1 *h1 = &connection->h1;
    struct failure failure;
    size_t end = 0;
    unsigned status = 0;
    if (connection->state == CONNECTION_IDLE) {
        connection_enter(connection, CONNECTION_HEAD);
    }
    switch (head_scan(&h1->scan, bytes, &limits, &end, &status, &failure)) {
    case HEAD_INCOMPLETE:
        return 0;
    case HEAD_REFUSED:
        h1_begin_request(connection, request_create_refused(connection, status, &failure));
        return 0;
    case HEAD_COMPLETE:
        break;
    }
    size_t skipped = h1->scan.skipped;
    h1_begin_request(connection,
                     request_create(connection, slice_make(bytes.data + skipped, end - skipped)));
    return end;
}

/* ---- bodies ---- */

static void h1_body_ended(struct connection *connection)
{
    connection->body_expected = false;
    connection->body_flows = false;
    request_body_end(connection->request);
}

static size_t h1_read_body_of_length(struct connection *connection, struct slice bytes)
{
    struct connection_h1 *h1 = &connection->h1;
    size_t take = bytes.length < h1->body_left ? bytes.length : (size_t)h1->body_left;
    h1->body_left -= take;
    request_body(connection->request, slice_make(bytes.data, take));
    if (h1->body_left == 0 && connection->request != NULL) {
        h1_body_ended(connection);
    }
    return take;
}

static size_t h1_read_body_of_chunks(struct connection *connection, struct slice bytes)
{
    struct connection_h1 *h1 = &connection->h1;
    struct slice rest = bytes;
    while (rest.length > 0 && connection->request != NULL && connection->body_flows) {
        struct slice run = {0};
        struct failure failure;
        enum status status = chunked_read(&h1->chunked, &rest, &run, &failure);
        if (status != STATUS_OK) {
            request_refuse(connection->request, 400, "bad_chunk", failure.text);
            break;
        }
        if (run.length > 0) {
            request_body(connection->request, run);
        }
        if (connection->request != NULL && h1->chunked.state == CHUNKED_DONE) {
            h1_body_ended(connection);
        }
    }
    return bytes.length - rest.length;
}

static size_t h1_read_body(struct connection *connection, struct slice bytes)
{
    return connection->h1.framing == BODY_CHUNKED ? h1_read_body_of_chunks(connection, bytes)
                                                  : h1_read_body_of_length(connection, bytes);
}

static size_t h1_linger(struct connection *connection, struct slice bytes)
{
    connection->lingered += bytes.length;
    if (connection->lingered > connection_linger_bytes_max) {
        connection_close(connection, true);
    }
    return bytes.length;
}

static size_t h1_received(struct connection *connection, struct slice bytes)
{
    size_t used = 0;
    while (used < bytes.length) {
        struct slice rest = slice_after(bytes, used);
        size_t took = 0;
        switch (connection->state) {
        case CONNECTION_IDLE:
        case CONNECTION_HEAD:
            took = h1_read_head(connection, rest);
            break;
        case CONNECTION_REQUEST:
            took = connection->body_expected && connection->body_flows
                       ? h1_read_body(connection, rest)
                       : 0;
            break;
        case CONNECTION_LINGER:
            took = h1_linger(connection, rest);
            break;
        case CONNECTION_FLUSH:
        case CONNECTION_CLOSED:
            break;
        }
        used += took;
        if (took == 0 && connection->state != CONNECTION_LINGER) {
            break;
        }
    }
    return used;
}

static void h1_timed_out(struct connection *connection)
{
    bool nothing_came = connection->input.length == 0;
    if (connection->state == CONNECTION_REQUEST) {
        request_refuse(connection->request, 408, "body_timeout",
                       "the request body did not arrive in time");
    } else if (nothing_came) {
        connection_close(connection, false);
    } else {
        h1_begin_request(connection,
                         request_create_refused(connection, 408, &h1_timed_out_failure));
    }
}

/* ---- the request's side: its body ---- */

static void h1_body_start(struct request *request)
{
    struct connection *connection = request->connection;
    if (!connection->body_expected) {
        return;
    }
    connection->body_flows = true;
    if (request->head.expect_continue && !request->replied) {
        request->head.expect_continue = false;
        gather_add(connection->gateway->worker.gather, connection,
                   SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
        connection_send(connection);
    }
}

static void h1_body_pause(struct request *request)
{
    request->connection->body_flows = false;
}

static void h1_body_resume(struct request *request)
{
    struct connection *connection = request->connection;
    connection->body_flows = connection->body_expected;
    connection_process(connection);
}

/* ---- the request's side: the reply ---- */

/* Text written by us lives in the gather until it is sent. A reply head that does not fit breaks
 * the connection: it cannot happen below the caps on engine heads and on our own fields. */
static void h1_put(struct connection *connection, struct slice text)
{
    struct gather *gather = connection->gateway->worker.gather;
    if (gather_text_max - gather->text_used < text.length) {
        connection->broken = true;
        return;
    }
    if (text.length > 0) {
        memcpy(gather->text + gather->text_used, text.data, text.length);
        gather->text_used += text.length;
    }
}

static void h1_put_number(struct connection *connection, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    h1_put(connection, slice_make(digits + at, sizeof(digits) - at));
}

static void h1_put_framing(struct connection *connection, const struct request *request,
                           const struct reply_head *head)
{
    struct connection_h1 *h1 = &connection->h1;
    h1->reply_has_body = head->has_body;
    h1->reply_chunked = false;
    h1->chunk_line = 0;
    h1->chunk_bytes = 0;
    if (head->has_length) {
        h1_put(connection, SLICE("Content-Length: "));
        h1_put_number(connection, head->length);
        h1_put(connection, SLICE("\r\n"));
    } else if (head->has_body && request->head.minor_version >= 1) {
        h1->reply_chunked = true;
        h1_put(connection, SLICE("Transfer-Encoding: chunked\r\n"));
    } else if (head->has_body) {
        h1->close_after = true; /* HTTP/1.0 knows no other end of such a body (RFC 9112 6.3) */
    }
}

static void h1_put_connection(struct connection *connection, const struct request *request)
{
    struct connection_h1 *h1 = &connection->h1;
    const struct gateway *gateway = connection->gateway;
    bool relayed = request->call_began;
    /* Inside codec->received it is not known yet whether more requests are here. */
    bool nothing_left =
        connection->input_ended && !connection->processing && connection->input.length == 0;
    if (!request->head.keep_alive || gateway->draining || nothing_left ||
        connection->requests >= gateway->config->max_requests_per_connection ||
        (connection->body_expected && !relayed)) {
        h1->close_after = true;
    }
    if (h1->close_after) {
        h1_put(connection, SLICE("Connection: close\r\n"));
    } else if (request->head.minor_version == 0) {
        h1_put(connection, SLICE("Connection: keep-alive\r\n"));
    }
}

static void h1_reply_head(struct request *request, const struct reply_head *head)
{
    struct connection *connection = request->connection;
    struct gather *gather = connection->gateway->worker.gather;
    size_t start = gather->text_used;
    struct slice reason = head->reason;
    if (reason.length == 0) {
        reason = slice_from_string(status_reason(head->status));
    }
    h1_put(connection, SLICE("HTTP/1.1 "));
    h1_put_number(connection, head->status);
    h1_put(connection, SLICE(" "));
    h1_put(connection, reason);
    h1_put(connection, SLICE("\r\n"));
    for (size_t i = 0; i < head->fields_count; i++) {
        h1_put(connection, head->fields[i].name);
        h1_put(connection, SLICE(": "));
        h1_put(connection, head->fields[i].value);
        h1_put(connection, SLICE("\r\n"));
    }
    h1_put_framing(connection, request, head);
    h1_put_connection(connection, request);
    h1_put(connection, SLICE("\r\n"));
    gather_add(gather, connection, slice_make(gather->text + start, gather->text_used - start));
}

/* Everything of one event travels as one chunk; its size is known when it is sent. */
static void h1_close_chunk(struct connection *connection)
{
    struct gather *gather = connection->gateway->worker.gather;
    struct connection_h1 *h1 = &connection->h1;
    if (h1->chunk_line == 0) {
        return;
    }
    char *line = gather->text + gather->text_used;
    if (gather_text_max - gather->text_used < chunk_size_line_max) {
        connection->broken = true;
        return;
    }
    size_t length = chunked_size_line(h1->chunk_bytes, line);
    gather->text_used += length;
    gather->pieces[h1->chunk_line - 1] = (struct iovec){.iov_base = line, .iov_len = length};
    gather_add(gather, connection, SLICE("\r\n"));
    h1->chunk_line = 0;
    h1->chunk_bytes = 0;
}

static void h1_send(struct connection *connection)
{
    h1_close_chunk(connection);
    connection_send(connection);
}

static void h1_reply_body(struct request *request, struct slice bytes)
{
    struct connection *connection = request->connection;
    struct gather *gather = connection->gateway->worker.gather;
    struct connection_h1 *h1 = &connection->h1;
    if (!h1->reply_has_body || connection->broken) {
        return;
    }
    if (gather_is_full(gather)) {
        h1_send(connection);
    }
    if (h1->reply_chunked) {
        if (h1->chunk_line == 0) {
            gather_add(gather, connection, SLICE(""));
            h1->chunk_line = gather->count;
        }
        h1->chunk_bytes += bytes.length;
    }
    gather_add(gather, connection, bytes);
}

static void h1_reply_end(struct request *request)
{
    struct connection *connection = request->connection;
    struct gather *gather = connection->gateway->worker.gather;
    if (connection->h1.reply_chunked && !connection->broken) {
        h1_close_chunk(connection);
        if (gather_is_full(gather)) {
            h1_send(connection);
        }
        gather_add(gather, connection, SLICE("0\r\n\r\n"));
    }
}

static void h1_reply_abort(struct request *request)
{
    struct connection *connection = request->connection;
    struct connection_h1 *h1 = &connection->h1;
    /* A length that is not reached and a last chunk that does not come show it; the plain end of an
     * HTTP/1.0 reply does not. */
    h1->abort_after = h1->reply_has_body && !h1->reply_chunked && request->head.minor_version == 0;
    h1->close_after = true;
}

static void h1_flush(struct request *request)
{
    h1_send(request->connection);
}

/* ---- what comes after a request ---- */

static void h1_next(struct connection *connection)
{
    struct connection_h1 *h1 = &connection->h1;
    if (h1->close_after && h1->abort_after) {
        connection_close(connection, true);
    } else if (h1->close_after) {
        connection_enter(connection, CONNECTION_LINGER);
        buffer_clear(&connection->output);
        connection_update(connection);
    } else if ((connection->input_ended || connection->gateway->draining) &&
               connection->input.length == 0) {
        connection_close(connection, false);
    } else {
        connection_enter(connection, CONNECTION_IDLE);
        connection_process(connection);
    }
}

static void h1_request_over(struct connection *connection)
{
    connection->body_flows = false;
    if (connection->broken) {
        connection_close(connection, true);
        return;
    }
    if (connection->body_expected) {
        connection->h1.close_after =
            true; /* what is left of the body cannot be told from a request */
    }
    if (connection->output.length > 0) {
        connection_enter(connection, CONNECTION_FLUSH);
        connection_update(connection);
        return;
    }
    h1_next(connection);
}

const struct codec codec_h1 = {
    .name = "http/1.1",
    .received = h1_received,
    .timed_out = h1_timed_out,
    .written = h1_next,
    .body_start = h1_body_start,
    .body_pause = h1_body_pause,
    .body_resume = h1_body_resume,
    .reply_head = h1_reply_head,
    .reply_body = h1_reply_body,
    .reply_end = h1_reply_end,
    .reply_abort = h1_reply_abort,
    .flush = h1_flush,
    .request_over = h1_request_over,
};
