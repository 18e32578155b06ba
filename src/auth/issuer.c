/* SPDX-License-Identifier: MIT
 *
 * issuer.c - keeps the keys of every trusted issuer fresh.
 *
 * Each issuer goes round: a timer or an unknown key starts a cycle, which is discovery (skipped
 * when a worker waits for a key and the last jwks_uri still stands), then the key set; its end is
 * told to every worker and sets the timer for the next. Cache-Control is not looked at: max_age_ms
 * alone says how long a withdrawn key may live. Thread: the control thread only. */
#include "auth/issuer.h"

#include "auth/issuer_name.h"
#include "auth/members.h"
#include "base/buffer.h"
#include "base/random.h"
#include "http/uri.h"

#include <assert.h>
#include <stdlib.h>

enum {
    url_bytes_max = 4096,
    document_bytes_max = 128 * 1024,
};

enum phase {
    PHASE_IDLE,
    PHASE_OIDC,  /* {issuer}/.well-known/openid-configuration (OpenID Connect Discovery 4) */
    PHASE_OAUTH, /* /.well-known/oauth-authorization-server between host and path (RFC 8414 3) */
    PHASE_KEYS,
};

struct issuer {
    struct issuers *owner;
    size_t index;
    struct slice name; /* as configured */
    bool is_loopback;
    enum phase phase;
    struct fetch *fetch;    /* NULL while idle */
    struct buffer url;      /* what is being fetched, NUL-terminated */
    struct buffer jwks_uri; /* of the last discovery, NUL-terminated; empty before */
    bool was_started;
    uint64_t started_ms; /* of the last cycle, on the loop's clock */
    unsigned failures;   /* in a row */
    uv_timer_t timer;
};

struct issuers {
    struct issuers_settings settings;
    uv_loop_t *loop;
    struct fetcher *fetcher;
    size_t open_timers;
    size_t count;
    struct issuer items[];
};

static void discovery_start(struct issuer *issuer, enum phase phase);
static void timer_fired(uv_timer_t *timer);

static const char *text_of(const struct buffer *buffer)
{
    return buffer->length == 0 || buffer->failed ? "" : buffer->data;
}

static void url_set(struct buffer *buffer, struct slice before, struct slice middle,
                    struct slice after)
{
    buffer_reset(buffer);
    buffer_append(buffer, before);
    buffer_append(buffer, middle);
    buffer_append(buffer, after);
    buffer_append_byte(buffer, '\0');
}

/* A number in [7/8, 8/8] of <delay_ms>, so that many gateways do not ask in step. */
static uint64_t with_jitter(uint64_t delay_ms)
{
    uint64_t spread = delay_ms / 8;
    uint64_t number = 0;
    random_fill(&number, sizeof(number));
    return spread == 0 ? delay_ms : delay_ms - number % (spread + 1);
}

static uint64_t retry_delay(const struct issuer *issuer)
{
    const struct issuers_settings *settings = &issuer->owner->settings;
    uint64_t delay_ms = settings->retry_ms > 0 ? settings->retry_ms : 1;
    for (unsigned i = 1; i < issuer->failures && delay_ms < settings->max_age_ms; i++) {
        delay_ms *= 2;
    }
    return delay_ms < settings->max_age_ms ? delay_ms : settings->max_age_ms;
}

static void publish(const struct issuer *issuer, size_t worker, enum keys_outcome outcome,
                    struct jwks *take_jwks, const char *reason)
{
    const struct issuers_settings *settings = &issuer->owner->settings;
    settings->publish(settings->context, worker, issuer->index, outcome, take_jwks, reason);
}

/* Ends the cycle: what was known stays, the next try comes sooner than the next refresh. */
static void cycle_fail(struct issuer *issuer, const struct failure *failure)
{
    issuer->phase = PHASE_IDLE;
    issuer->failures += issuer->failures < 64 ? 1 : 0;
    buffer_reset(&issuer->jwks_uri); /* it may have moved */
    uv_timer_start(&issuer->timer, timer_fired, with_jitter(retry_delay(issuer)), 0);
    for (size_t i = 0; i < issuer->owner->settings.workers_count; i++) {
        publish(issuer, i, KEYS_FAILED, NULL, failure->text);
    }
}

/* Ends the cycle well if <json> is a key set. Each worker gets one of its own: sets are not shared
 * between threads. */
static void cycle_succeed(struct issuer *issuer, struct slice json)
{
    struct jwks *jwks = NULL;
    struct failure failure;
    struct failure why;
    if (jwks_parse(json, &jwks, &why) != STATUS_OK) {
        failure_set(&failure, "%s (keys from %s)", why.text, text_of(&issuer->url));
        cycle_fail(issuer, &failure);
        return;
    }
    issuer->phase = PHASE_IDLE;
    issuer->failures = 0;
    uv_timer_start(&issuer->timer, timer_fired, with_jitter(issuer->owner->settings.max_age_ms), 0);
    for (size_t i = 0; i < issuer->owner->settings.workers_count; i++) {
        if (jwks == NULL && jwks_parse(json, &jwks, &why) != STATUS_OK) {
            publish(issuer, i, KEYS_FAILED, NULL, why.text);
            continue;
        }
        publish(issuer, i, KEYS_FRESH, jwks, "");
        jwks = NULL;
    }
    jwks_free(jwks);
}

static void fetch_begin(struct issuer *issuer, size_t bytes_max, fetch_done *done)
{
    static const char *const fields[] = {"Accept: application/json, application/jwk-set+json",
                                         NULL};
    struct failure failure;
    if (issuer->url.failed) {
        failure_set(&failure, "the URL is longer than %d bytes", (int)url_bytes_max);
        cycle_fail(issuer, &failure);
        return;
    }
    struct fetch_request request = {
        .method = "GET",
        .url = issuer->url.data,
        .fields = fields,
        .timeout_ms = issuer->owner->settings.timeout_ms,
        .reply_bytes_max = bytes_max,
    };
    if (fetch_start(issuer->owner->fetcher, &request, done, issuer, &issuer->fetch, &failure) !=
        STATUS_OK) {
        issuer->fetch = NULL;
        cycle_fail(issuer, &failure);
    }
}

/* True when <reply> is a 200. Else <ret_failure> says what it was. */
static bool reply_is_good(const struct issuer *issuer, const struct fetch_reply *reply,
                          struct failure *ret_failure)
{
    if (reply->status != STATUS_OK) {
        failure_set(ret_failure, "%s (%s)", reply->failure.text, text_of(&issuer->url));
        return false;
    }
    if (reply->code != 200) {
        failure_set(ret_failure, "status %u from %s", reply->code, text_of(&issuer->url));
        return false;
    }
    return true;
}

static void keys_fetched(void *context, const struct fetch_reply *reply)
{
    struct issuer *issuer = context;
    struct failure failure;
    issuer->fetch = NULL;
    if (!reply_is_good(issuer, reply, &failure)) {
        cycle_fail(issuer, &failure);
        return;
    }
    cycle_succeed(issuer, reply->body);
}

static void keys_start(struct issuer *issuer)
{
    issuer->phase = PHASE_KEYS;
    buffer_reset(&issuer->url);
    buffer_append(&issuer->url, buffer_slice(&issuer->jwks_uri)); /* with its NUL */
    fetch_begin(issuer, jwks_bytes_max, keys_fetched);
}

/* https anywhere; http on a loopback host, and there only for an issuer that is itself on one: a
 * remote issuer has no business pointing us at our own machine. */
static bool url_is_allowed(struct slice text, bool is_loopback_allowed, bool *ret_is_loopback)
{
    struct url url;
    if (url_parse(text, &url, NULL) != STATUS_OK) {
        return false;
    }
    *ret_is_loopback = host_is_loopback(url.host);
    return *ret_is_loopback ? is_loopback_allowed : url.is_https;
}

static enum status document_take(struct issuer *issuer, struct json_value document,
                                 struct arena *arena, struct failure *reterr)
{
    const struct slice names[] = {SLICE("issuer"), SLICE("jwks_uri")};
    struct json_value members[2];
    struct slice name = {NULL, 0};
    struct slice uri = {NULL, 0};
    bool is_loopback = false;
    members_pick(document, names, 2, members);
    if (json_string(members[0], arena, &name) != STATUS_OK ||
        !issuer_name_equals(issuer->name, name)) {
        failure_set(reterr, "%s names another issuer, \"%.*s\": configure exactly that one",
                    text_of(&issuer->url), (int)(name.length < 100 ? name.length : 100),
                    name.length > 0 ? name.data : "");
        return STATUS_DENIED;
    }
    if (json_string(members[1], arena, &uri) != STATUS_OK ||
        !url_is_allowed(uri, issuer->is_loopback, &is_loopback)) {
        failure_set(reterr, "%s has no jwks_uri with https", text_of(&issuer->url));
        return STATUS_DENIED;
    }
    url_set(&issuer->jwks_uri, uri, SLICE(""), SLICE(""));
    if (issuer->jwks_uri.failed) {
        failure_set(reterr, "%s has a jwks_uri that is too long", text_of(&issuer->url));
        return STATUS_LIMIT;
    }
    return STATUS_OK;
}

/* STATUS_INVALID: no document at all, so that the other place may be tried. */
static enum status document_read(struct issuer *issuer, const struct fetch_reply *reply,
                                 struct failure *reterr)
{
    struct json_value document;
    struct failure why;
    if (json_parse(reply->body, JSON_DUPLICATES_REFUSED, &document, &why) != STATUS_OK ||
        document.kind != JSON_OBJECT) {
        failure_set(reterr, "no JSON document at %s", text_of(&issuer->url));
        return STATUS_INVALID;
    }
    struct arena arena;
    arena_init(&arena, document_bytes_max);
    enum status status = document_take(issuer, document, &arena, reterr);
    arena_clear(&arena);
    return status;
}

static void document_fetched(void *context, const struct fetch_reply *reply)
{
    struct issuer *issuer = context;
    struct failure failure;
    issuer->fetch = NULL;
    /* An answer that is no document may mean the other form; an issuer that is down or slow is not
     * asked twice. */
    bool may_be_elsewhere =
        issuer->phase == PHASE_OIDC && reply->status == STATUS_OK && reply->code < 500;
    enum status status = STATUS_INVALID;
    if (reply_is_good(issuer, reply, &failure)) {
        status = document_read(issuer, reply, &failure);
    }
    if (status == STATUS_OK) {
        keys_start(issuer);
    } else if (status == STATUS_INVALID && may_be_elsewhere) {
        discovery_start(issuer, PHASE_OAUTH);
    } else {
        cycle_fail(issuer, &failure);
    }
}

static struct slice without_final_slash(struct slice text)
{
    return slice_ends_with(text, SLICE("/")) ? slice_make(text.data, text.length - 1) : text;
}

static void discovery_start(struct issuer *issuer, enum phase phase)
{
    struct slice base = without_final_slash(issuer->name);
    issuer->phase = phase;
    if (phase == PHASE_OIDC) {
        url_set(&issuer->url, base, SLICE("/.well-known/openid-configuration"), SLICE(""));
    } else {
        struct url url;
        enum status status = url_parse(issuer->name, &url, NULL);
        assert(status == STATUS_OK); /* issuers_create looked */
        (void)status;
        struct slice path = without_final_slash(url.path);
        size_t origin_length = (size_t)(url.authority.data - base.data) + url.authority.length;
        url_set(&issuer->url, slice_make(base.data, origin_length),
                SLICE("/.well-known/oauth-authorization-server"), path);
    }
    fetch_begin(issuer, document_bytes_max, document_fetched);
}

static void cycle_start(struct issuer *issuer, bool must_discover)
{
    uv_timer_stop(&issuer->timer);
    issuer->was_started = true;
    issuer->started_ms = uv_now(issuer->owner->loop);
    if (must_discover || issuer->jwks_uri.length == 0) {
        discovery_start(issuer, PHASE_OIDC);
    } else {
        keys_start(issuer);
    }
}

static void timer_fired(uv_timer_t *timer)
{
    struct issuer *issuer = timer->data;
    if (issuer->phase == PHASE_IDLE) {
        cycle_start(issuer, true);
    }
}

void issuers_refresh(struct issuers *issuers, size_t worker_index, size_t issuer_index)
{
    assert(worker_index < issuers->settings.workers_count && issuer_index < issuers->count);
    struct issuer *issuer = &issuers->items[issuer_index];
    if (issuer->phase != PHASE_IDLE) {
        return; /* its outcome goes to every worker */
    }
    if (issuer->was_started &&
        uv_now(issuers->loop) - issuer->started_ms < issuers->settings.cooldown_ms) {
        publish(issuer, worker_index, KEYS_COOLDOWN, NULL,
                "the keys were asked for less than JWKS_COOLDOWN ago");
        return;
    }
    cycle_start(issuer, false);
}

enum status issuer_name_check(struct slice name, struct failure *reterr)
{
    struct url url;
    bool is_loopback = false;
    if (url_is_allowed(name, true, &is_loopback) && name.length <= url_bytes_max / 2 &&
        url_parse(name, &url, NULL) == STATUS_OK && url.query.length == 0) {
        return STATUS_OK;
    }
    failure_set(reterr,
                "issuer \"%.*s\" is no https URL without a query (http is for loopback hosts only)",
                (int)(name.length < 120 ? name.length : 120), name.length > 0 ? name.data : "");
    return STATUS_INVALID;
}

enum status issuers_create(uv_loop_t *loop, struct fetcher *fetcher,
                           const struct issuers_settings *settings, struct issuers **ret,
                           struct failure *reterr)
{
    for (size_t i = 0; i < settings->issuers_count; i++) {
        enum status status = issuer_name_check(settings->issuers[i], reterr);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct issuers *issuers =
        calloc(1, sizeof(*issuers) + settings->issuers_count * sizeof(issuers->items[0]));
    if (issuers == NULL) {
        failure_set(reterr, "no memory for the issuers");
        return STATUS_NO_MEMORY;
    }
    issuers->settings = *settings;
    issuers->loop = loop;
    issuers->fetcher = fetcher;
    issuers->count = settings->issuers_count;
    for (size_t i = 0; i < issuers->count; i++) {
        struct issuer *issuer = &issuers->items[i];
        issuer->owner = issuers;
        issuer->index = i;
        issuer->name = settings->issuers[i];
        bool is_allowed = url_is_allowed(issuer->name, true, &issuer->is_loopback);
        assert(is_allowed);
        (void)is_allowed;
        buffer_init(&issuer->url, url_bytes_max);
        buffer_init(&issuer->jwks_uri, url_bytes_max);
        uv_timer_init(loop, &issuer->timer); /* cannot fail */
        issuer->timer.data = issuer;
        /* From the loop, so that no outcome is published before the caller has <ret>. */
        uv_timer_start(&issuer->timer, timer_fired, 0, 0);
        issuers->open_timers++;
    }
    *ret = issuers;
    return STATUS_OK;
}

static void timer_closed(uv_handle_t *handle)
{
    struct issuer *issuer = handle->data;
    struct issuers *issuers = issuer->owner;
    buffer_clear(&issuer->url);
    buffer_clear(&issuer->jwks_uri);
    issuers->open_timers--;
    if (issuers->open_timers == 0) {
        free(issuers);
    }
}

void issuers_free(struct issuers *issuers)
{
    if (issuers == NULL) {
        return;
    }
    if (issuers->count == 0) {
        free(issuers);
        return;
    }
    for (size_t i = 0; i < issuers->count; i++) {
        if (issuers->items[i].fetch != NULL) {
            fetch_cancel(issuers->items[i].fetch);
        }
        uv_close((uv_handle_t *)&issuers->items[i].timer, timer_closed);
    }
}
