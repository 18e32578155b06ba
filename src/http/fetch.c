/* SPDX-License-Identifier: MIT
 *
 * fetch.c - libcurl's multi interface driven by a libuv loop.
 *
 * libcurl says which sockets to watch (one uv_poll_t each) and when to call it again (one
 * uv_timer_t); we tell it what happened and collect the fetches that have ended. Callbacks of ours
 * are made from there only, when no libcurl function is on the stack, so that they may start and
 * cancel fetches and even free the fetcher. Thread: the loop's. */
#include "http/fetch.h"

#include "base/buffer.h"
#include "http/characters.h"
#include "http/uri.h"

#include <curl/curl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    reply_head_bytes_max = 64 * 1024,
    reply_max_age_s = INT32_MAX, /* RFC 9111 1.2.2: what larger numbers count as */
};

struct fetcher {
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    struct fetch *fetches; /* those under way */
    size_t fetches_count;
    size_t concurrent_max;
    bool closing;
};

struct fetch_lengths {
    size_t name;
    size_t value;
    bool is_trailer;
};

struct fetch {
    struct fetcher *fetcher;
    struct fetch *previous;
    struct fetch *next;
    CURL *easy;
    struct curl_slist *fields;
    struct buffer body;
    size_t head_bytes;
    bool head_ended; /* the empty line has come */
    int64_t max_age_s;
    bool keep_fields;
    struct buffer field_texts;     /* names and values of the fields kept, one after the other */
    struct fetch_lengths *lengths; /* of each field kept */
    size_t lengths_count;
    size_t lengths_capacity;
    enum address_policy address_policy;
    bool address_allowed;   /* at least one of the addresses was */
    struct failure refusal; /* of the last address refused; empty: none was */
    bool over_limit;        /* why the write or header callback stopped the transfer */
    bool no_memory;
    bool ended; /* its callback is being made */
    fetch_done *done;
    void *context;
    char error[CURL_ERROR_SIZE];
};

/* One for each socket libcurl has open; freed once libuv has let go of it. */
struct fetch_socket {
    uv_poll_t poll;
    struct fetcher *fetcher;
    curl_socket_t socket;
};

static void fetch_free(struct fetch *fetch)
{
    if (fetch == NULL) {
        return;
    }
    curl_easy_cleanup(fetch->easy);
    curl_slist_free_all(fetch->fields);
    buffer_clear(&fetch->body);
    buffer_clear(&fetch->field_texts);
    free(fetch->lengths);
    free(fetch);
}

/* --- the reply --- */

static size_t fetch_body_received(char *data, size_t size, size_t count, void *context)
{
    struct fetch *fetch = context;
    size_t length = size * count; /* libcurl hands out at most 16 KiB at a time */
    if (length > fetch->body.maximum - fetch->body.length) {
        fetch->over_limit = true;
        return CURL_WRITEFUNC_ERROR;
    }
    buffer_append(&fetch->body, slice_make(data, length));
    return fetch->body.failed ? CURL_WRITEFUNC_ERROR : length;
}

/* The freshness one Cache-Control directive grants; -1 when it is about something else. What we
 * cannot read counts as stale (RFC 9111 4.2.1). */
static int64_t directive_max_age(struct slice directive)
{
    static const struct slice max_age = SLICE("max-age=");
    if (slice_starts_with_ignoring_case(directive, SLICE("no-store")) ||
        slice_starts_with_ignoring_case(directive, SLICE("no-cache"))) {
        return 0;
    }
    if (!slice_starts_with_ignoring_case(directive, max_age)) {
        return -1;
    }
    struct slice digits = slice_after(directive, max_age.length);
    uint64_t seconds = 0;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return 0;
        }
        seconds = seconds * 10 + (uint64_t)(digits.data[i] - '0');
        seconds = seconds < reply_max_age_s ? seconds : reply_max_age_s;
    }
    return (int64_t)seconds;
}

/* Of several directives the strictest holds. */
static void fetch_read_cache_control(struct fetch *fetch, struct slice value)
{
    struct slice directive;
    while (slice_next_item(&value, &directive)) {
        int64_t max_age_s = directive_max_age(directive);
        if (max_age_s >= 0 && (fetch->max_age_s < 0 || max_age_s < fetch->max_age_s)) {
            fetch->max_age_s = max_age_s;
        }
    }
}

static bool fetch_lengths_grow(struct fetch *fetch)
{
    if (fetch->lengths_count < fetch->lengths_capacity) {
        return true;
    }
    size_t capacity = fetch->lengths_capacity == 0 ? 16 : fetch->lengths_capacity * 2;
    struct fetch_lengths *longer = realloc(fetch->lengths, capacity * sizeof(*longer));
    if (longer == NULL) {
        return false;
    }
    fetch->lengths = longer;
    fetch->lengths_capacity = capacity;
    return true;
}

/* reply_head_bytes_max bounds how many there can be. */
static void fetch_keep_field(struct fetch *fetch, struct slice name, struct slice value)
{
    value = slice_trim(value);
    buffer_append(&fetch->field_texts, name);
    buffer_append(&fetch->field_texts, value);
    if (fetch->field_texts.failed || !fetch_lengths_grow(fetch)) {
        fetch->no_memory = true;
        return;
    }
    fetch->lengths[fetch->lengths_count++] = (struct fetch_lengths){
        .name = name.length, .value = value.length, .is_trailer = fetch->head_ended};
}

static void fetch_read_field(struct fetch *fetch, struct slice name, struct slice value)
{
    bool is_content_type = slice_equals_ignoring_case(name, SLICE("content-type"));
    if (!fetch->head_ended && slice_equals_ignoring_case(name, SLICE("cache-control"))) {
        fetch_read_cache_control(fetch, value);
    }
    if (fetch->keep_fields || (is_content_type && !fetch->head_ended)) {
        fetch_keep_field(fetch, name, value);
    }
}

static size_t fetch_field_received(char *data, size_t size, size_t count, void *context)
{
    struct fetch *fetch = context;
    struct slice line = slice_make(data, size * count);
    if (line.length > reply_head_bytes_max - fetch->head_bytes) {
        fetch->over_limit = true;
        return CURL_WRITEFUNC_ERROR;
    }
    fetch->head_bytes += line.length;
    while (line.length > 0 && memchr("\r\n", line.data[line.length - 1], 2) != NULL) {
        line.length--;
    }
    size_t colon = slice_find(line, ':');
    struct slice name = slice_make(data, colon);
    if (slice_starts_with(line, SLICE("HTTP/"))) {
        fetch->head_ended = false; /* a 100 may have come before */
        fetch->max_age_s = -1;
        fetch->lengths_count = 0;
        buffer_reset(&fetch->field_texts);
    } else if (line.length == 0) {
        fetch->head_ended = true; /* what follows are trailers */
    } else if (colon < line.length && character_is_token(name)) {
        fetch_read_field(fetch, name, slice_after(line, colon + 1));
    }
    return fetch->no_memory ? CURL_WRITEFUNC_ERROR : size * count;
}

/* --- where it may go --- */

static bool fetch_judge_address(struct fetch *fetch, const struct sockaddr *address,
                                socklen_t length)
{
    if (address_guard_allows(fetch->address_policy, address)) {
        fetch->address_allowed = true;
        return true;
    }
    char text[INET6_ADDRSTRLEN] = "?";
    (void)!getnameinfo(address, length, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
    failure_set(&fetch->refusal, "refused to call %s, a %s address", text,
                address_kind_name(address_guard_kind(address)));
    return false;
}

/* libcurl asks for a socket to each address it tries. */
static curl_socket_t fetch_open_socket(void *context, curlsocktype purpose,
                                       struct curl_sockaddr *address)
{
    if (!fetch_judge_address(context, &address->addr, address->addrlen)) {
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Before the request goes out, also over a connection that was there already. */
static int fetch_before_request(void *context, char *address_text, char *local_address, int port,
                                int local_port)
{
    struct fetch *fetch = context;
    struct sockaddr_storage address;
    char *zone = strchr(address_text, '%');
    size_t length = zone != NULL ? (size_t)(zone - address_text) : strlen(address_text);
    bool is_allowed =
        address_guard_read(slice_make(address_text, length), &address) == ADDRESS_FORM_LITERAL &&
        fetch_judge_address(fetch, (struct sockaddr *)&address, sizeof(address));
    if (!is_allowed) {
        fetch->address_allowed = false;
    }
    return is_allowed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* --- the end of a fetch --- */

static void fetch_unlink(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;
    curl_multi_remove_handle(fetcher->multi, fetch->easy);
    if (fetch->previous != NULL) {
        fetch->previous->next = fetch->next;
    } else {
        fetcher->fetches = fetch->next;
    }
    if (fetch->next != NULL) {
        fetch->next->previous = fetch->previous;
    }
    fetcher->fetches_count--;
}

static enum status fetch_outcome(const struct fetch *fetch, CURLcode code)
{
    if (fetch->over_limit || code == CURLE_FILESIZE_EXCEEDED) {
        return STATUS_LIMIT;
    }
    if (code == CURLE_OUT_OF_MEMORY || fetch->body.failed || fetch->no_memory) {
        return STATUS_NO_MEMORY;
    }
    if (code != CURLE_OK && fetch->refusal.text[0] != '\0' && !fetch->address_allowed) {
        return STATUS_DENIED;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return STATUS_TIMEOUT;
    }
    /* libcurl takes a reply that is cut off within its head for one without a body */
    return code == CURLE_OK && fetch->head_ended ? STATUS_OK : STATUS_IO;
}

/* Cuts the texts of the fields apart. <ret_fields> has room for all. */
static void fetch_give_fields(const struct fetch *fetch, struct fetch_field *ret_fields,
                              struct fetch_reply *reply)
{
    const char *text = fetch->field_texts.data;
    size_t content_types = 0;
    for (size_t i = 0; i < fetch->lengths_count; i++) {
        const struct fetch_lengths *lengths = &fetch->lengths[i];
        struct fetch_field *field = &ret_fields[i];
        *field = (struct fetch_field){.name = slice_make(text, lengths->name),
                                      .value = slice_make(text + lengths->name, lengths->value),
                                      .is_trailer = lengths->is_trailer};
        text += lengths->name + lengths->value;
        if (!field->is_trailer && slice_equals_ignoring_case(field->name, SLICE("content-type"))) {
            reply->content_type = content_types++ == 0 ? field->value : (struct slice){0};
        }
    }
    if (fetch->keep_fields) {
        reply->fields = ret_fields;
        reply->fields_count = fetch->lengths_count;
    }
}

static void fetch_end(struct fetch *fetch, CURLcode code)
{
    struct fetch_reply reply = {.status = fetch_outcome(fetch, code), .max_age_s = -1};
    struct fetch_field *fields = NULL;
    if (reply.status == STATUS_OK) {
        fields = calloc(fetch->lengths_count + 1, sizeof(*fields));
        reply.status = fields != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (reply.status == STATUS_OK) {
        long status_code = 0;
        curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status_code);
        reply.code = (unsigned)status_code;
        reply.body = buffer_slice(&fetch->body);
        reply.max_age_s = fetch->max_age_s;
        fetch_give_fields(fetch, fields, &reply);
    } else if (reply.status == STATUS_LIMIT) {
        failure_set(&reply.failure, "reply larger than %zu bytes", fetch->body.maximum);
    } else if (reply.status == STATUS_DENIED) {
        reply.failure = fetch->refusal;
    } else if (reply.status == STATUS_NO_MEMORY) {
        failure_set(&reply.failure, "no memory for the reply");
    } else if (code == CURLE_OK) {
        failure_set(&reply.failure, "reply cut off within its head");
    } else {
        failure_set(&reply.failure, "%s",
                    fetch->error[0] != '\0' ? fetch->error : curl_easy_strerror(code));
    }
    fetch->ended = true;
    fetch_unlink(fetch);
    fetch->done(fetch->context, &reply);
    free(fields);
    fetch_free(fetch);
}

/* Makes the callbacks of all fetches that have ended. */
static void fetcher_collect(struct fetcher *fetcher)
{
    while (!fetcher->closing) {
        int left;
        const CURLMsg *message = curl_multi_info_read(fetcher->multi, &left);
        if (message == NULL) {
            return;
        }
        if (message->msg == CURLMSG_DONE) {
            struct fetch *fetch = NULL;
            CURLcode code = message->data.result;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
            fetch_end(fetch, code); /* <message> is gone after this */
        }
    }
}

/* --- what libcurl waits for --- */

static void fetcher_advance(struct fetcher *fetcher, curl_socket_t socket, int events)
{
    int running;
    curl_multi_socket_action(fetcher->multi, socket, events, &running);
    fetcher_collect(fetcher);
}

static void timer_fired(uv_timer_t *timer)
{
    fetcher_advance(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int fetcher_timer_changed(CURLM *multi, long timeout_ms, void *context)
{
    struct fetcher *fetcher = context;
    if (fetcher->closing) {
        return 0;
    }
    if (timeout_ms < 0) {
        uv_timer_stop(&fetcher->timer);
        return 0;
    }
    uv_update_time(fetcher->loop); /* fetch_start may come long after the loop last looked */
    uv_timer_start(&fetcher->timer, timer_fired, (uint64_t)timeout_ms, 0);
    return 0;
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
    struct fetch_socket *socket = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    fetcher_advance(socket->fetcher, socket->socket, flags);
}

static void socket_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct fetch_socket *fetch_socket_create(struct fetcher *fetcher, curl_socket_t socket)
{
    struct fetch_socket *created = malloc(sizeof(*created));
    if (created == NULL) {
        return NULL;
    }
    if (uv_poll_init_socket(fetcher->loop, &created->poll, socket) != 0) {
        free(created);
        return NULL;
    }
    created->poll.data = created;
    created->fetcher = fetcher;
    created->socket = socket;
    curl_multi_assign(fetcher->multi, socket, created);
    return created;
}

/* A socket that cannot be watched is not an error here: that would abort every fetch. Its own ends
 * by its deadline. */
static int fetcher_socket_changed(CURL *easy, curl_socket_t socket, int what, void *context,
                                  void *socket_context)
{
    struct fetcher *fetcher = context;
    struct fetch_socket *watched = socket_context;
    if (what == CURL_POLL_REMOVE) {
        if (watched != NULL) {
            curl_multi_assign(fetcher->multi, socket, NULL);
            uv_close((uv_handle_t *)&watched->poll, socket_closed);
        }
        return 0;
    }
    if (watched == NULL) {
        watched = fetch_socket_create(fetcher, socket);
    }
    if (watched != NULL) {
        int events = (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
        events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
        uv_poll_start(&watched->poll, events, socket_ready);
    }
    return 0;
}

/* --- fetchers --- */

enum status fetch_prepare(struct failure *reterr)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        failure_set(reterr, "libcurl cannot be set up");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

enum status fetcher_create(uv_loop_t *loop, size_t concurrent_max, struct fetcher **ret,
                           struct failure *reterr)
{
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));
    CURLM *multi = curl_multi_init();
    if (fetcher == NULL || multi == NULL || uv_timer_init(loop, &fetcher->timer) != 0) {
        curl_multi_cleanup(multi);
        free(fetcher);
        failure_set(reterr, "no memory for the HTTP client");
        return STATUS_NO_MEMORY;
    }
    fetcher->loop = loop;
    fetcher->timer.data = fetcher;
    fetcher->multi = multi;
    fetcher->concurrent_max = concurrent_max;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, fetcher_socket_changed);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetcher);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, fetcher_timer_changed);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetcher);
    *ret = fetcher;
    return STATUS_OK;
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void fetcher_free(struct fetcher *fetcher)
{
    if (fetcher == NULL || fetcher->closing) {
        return;
    }
    fetcher->closing = true;
    while (fetcher->fetches != NULL) {
        fetch_cancel(fetcher->fetches);
    }
    curl_multi_cleanup(fetcher->multi);
    uv_close((uv_handle_t *)&fetcher->timer, timer_closed);
}

/* --- the request --- */

static enum status fetch_refuse(struct failure *reterr, const char *why)
{
    failure_set(reterr, "%s", why);
    return STATUS_INVALID;
}

static enum status fetch_request_check(const struct fetch_request *request, struct failure *reterr)
{
    struct url url;
    if (request->timeout_ms == 0) {
        return fetch_refuse(reterr, "a fetch needs a deadline");
    }
    if (!character_is_token(slice_from_string(request->method))) {
        return fetch_refuse(reterr, "method is not a token");
    }
    for (size_t i = 0; request->fields != NULL && request->fields[i] != NULL; i++) {
        if (strpbrk(request->fields[i], "\r\n") != NULL) {
            return fetch_refuse(reterr, "header field with a line break");
        }
    }
    enum status status = url_parse(slice_from_string(request->url), &url, reterr);
    struct sockaddr_storage address;
    if (status == STATUS_OK && address_guard_read(url.host, &address) == ADDRESS_FORM_ODD) {
        return fetch_refuse(reterr, "the host is an odd form of an IPv4 address");
    }
    return status;
}

static bool fetch_add_field(struct fetch *fetch, const char *field)
{
    struct curl_slist *longer = curl_slist_append(fetch->fields, field);
    if (longer == NULL) {
        return false;
    }
    fetch->fields = longer;
    return true;
}

/* What is so for every fetch: nothing from the environment, no redirects, nothing but HTTP,
 * certificates checked. */
static bool fetch_set_policy(struct fetch *fetch)
{
    CURL *easy = fetch->easy;
    bool failed = false;
    failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, fetch_body_received) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, fetch_field_received) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    /* without it a fetch that times out during name look-up would wait for the look-up, and the
     * loop with it */
    failed |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "attach-gateway/" AG_VERSION) != CURLE_OK;
    return !failed;
}

static bool fetch_set_body(struct fetch *fetch, const struct fetch_request *request)
{
    CURL *easy = fetch->easy;
    bool failed = false;
    bool is_post = strcmp(request->method, "POST") == 0;
    if (is_post || request->body.length > 0) {
        const char *body = request->body.length > 0 ? request->body.data : "";
        curl_off_t length = (curl_off_t)request->body.length;
        failed |= curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK;
        failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, length) != CURLE_OK;
        failed |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body) != CURLE_OK;
        failed |= !fetch_add_field(fetch, "Expect:"); /* libcurl would wait for a 100 */
    } else if (strcmp(request->method, "HEAD") == 0) {
        failed |= curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) != CURLE_OK;
    }
    failed |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK;
    return !failed;
}

static long fetch_milliseconds(uint64_t number)
{
    return number < LONG_MAX ? (long)number : LONG_MAX;
}

static bool fetch_set_guard(struct fetch *fetch)
{
    CURL *easy = fetch->easy;
    bool failed = false;
    if (fetch->address_policy != ADDRESS_ANY) {
        failed |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, fetch_open_socket) != CURLE_OK;
        failed |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch) != CURLE_OK;
        failed |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, fetch_before_request) != CURLE_OK;
        failed |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, fetch) != CURLE_OK;
    }
    return !failed;
}

static bool fetch_set_request(struct fetch *fetch, const struct fetch_request *request)
{
    CURL *easy = fetch->easy;
    bool failed = !fetch_set_body(fetch, request) || !fetch_set_guard(fetch);
    for (size_t i = 0; request->fields != NULL && request->fields[i] != NULL; i++) {
        failed |= !fetch_add_field(fetch, request->fields[i]);
    }
    long timeout_ms = fetch_milliseconds(request->timeout_ms);
    long connect_timeout_ms = request->connect_timeout_ms > 0
                                  ? fetch_milliseconds(request->connect_timeout_ms)
                                  : timeout_ms;
    curl_off_t bytes_max = request->reply_bytes_max < INT64_MAX
                               ? (curl_off_t)request->reply_bytes_max
                               : (curl_off_t)INT64_MAX;
    failed |= curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->fields) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, bytes_max) != CURLE_OK;
    if (request->http2) {
        bool is_tls =
            slice_starts_with_ignoring_case(slice_from_string(request->url), SLICE("https:"));
        long version = is_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
        failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version) != CURLE_OK;
        /* libcurl 7.88 (Debian 12) fails with CURLE_HTTP2 on a second use of a connection that
         * began with prior knowledge: each such call gets its own */
        failed |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, is_tls ? 0L : 1L) != CURLE_OK;
        failed |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, is_tls ? 0L : 1L) != CURLE_OK;
    }
    if (request->ca_file != NULL) {
        failed |= curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file) != CURLE_OK;
    }
    return !failed;
}

enum status fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
                        fetch_done *done, void *context, struct fetch **ret_fetch,
                        struct failure *reterr)
{
    enum status status = fetch_request_check(request, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (fetcher->closing || fetcher->fetches_count >= fetcher->concurrent_max) {
        failure_set(reterr, "more than %zu fetches at once", fetcher->concurrent_max);
        return STATUS_LIMIT;
    }
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    if (fetch != NULL) {
        fetch->fetcher = fetcher;
        fetch->done = done;
        fetch->context = context;
        fetch->max_age_s = -1;
        fetch->keep_fields = request->keep_fields;
        fetch->address_policy = request->address_policy;
        buffer_init(&fetch->field_texts, reply_head_bytes_max);
        buffer_init(&fetch->body, request->reply_bytes_max);
        fetch->easy = curl_easy_init();
    }
    /* adding it only sets the timer to 0: everything else happens from the loop */
    if (fetch == NULL || fetch->easy == NULL || !fetch_set_policy(fetch) ||
        !fetch_set_request(fetch, request) ||
        curl_multi_add_handle(fetcher->multi, fetch->easy) != CURLM_OK) {
        fetch_free(fetch);
        failure_set(reterr, "no memory for a fetch");
        return STATUS_NO_MEMORY;
    }
    fetch->next = fetcher->fetches;
    if (fetch->next != NULL) {
        fetch->next->previous = fetch;
    }
    fetcher->fetches = fetch;
    fetcher->fetches_count++;
    if (ret_fetch != NULL) {
        *ret_fetch = fetch;
    }
    return STATUS_OK;
}

void fetch_cancel(struct fetch *fetch)
{
    if (fetch == NULL || fetch->ended) {
        return;
    }
    fetch_unlink(fetch);
    fetch_free(fetch);
}
