/* SPDX-License-Identifier: MIT
 *
 * did_web.c - fetches did:web documents. Each DID that was asked for is an entry of one list in the
 * order of last use: idle with or without a document, or with a fetch under way and the workers
 * that wait for it. Thread: the control thread only. */
#include "auth/did_web.h"

#include "auth/did.h"
#include "auth/did_web_document.h"
#include "http/uri.h"

#include <assert.h>
#include <stdlib.h>

struct document {
    struct did_webs *owner;
    struct document *newer; /* by last use */
    struct document *older;
    struct fetch *fetch; /* NULL while idle */
    uint64_t waiting[did_web_workers_max / 64];
    bool was_fetched;
    uint64_t started_ms;    /* of the last fetch, on the loop's clock */
    struct buffer keys;     /* a key set's text; empty: none */
    uint64_t keys_ms;       /* when they came */
    struct failure failure; /* of the last fetch, when it brought none */
    size_t did_length;
    char did[];
};

struct did_webs {
    struct did_webs_settings settings;
    uv_loop_t *loop;
    struct fetcher *fetcher;
    struct document *newest;
    struct document *oldest;
    size_t documents_count;
    size_t fetches_count;
};

static struct slice document_did(const struct document *document)
{
    return slice_make(document->did, document->did_length);
}

/* ---- the list ---- */

static void list_remove(struct did_webs *webs, struct document *document)
{
    *(document->newer == NULL ? &webs->newest : &document->newer->older) = document->older;
    *(document->older == NULL ? &webs->oldest : &document->older->newer) = document->newer;
}

static void list_add(struct did_webs *webs, struct document *document)
{
    document->newer = NULL;
    document->older = webs->newest;
    *(webs->newest == NULL ? &webs->oldest : &webs->newest->newer) = document;
    webs->newest = document;
}

static void document_free(struct document *document)
{
    struct did_webs *webs = document->owner;
    list_remove(webs, document);
    webs->documents_count--;
    fetch_cancel(document->fetch);
    buffer_clear(&document->keys);
    free(document);
}

static struct document *document_find(struct did_webs *webs, struct slice did)
{
    struct document *document = webs->newest;
    while (document != NULL && !slice_equals(document_did(document), did)) {
        document = document->older;
    }
    return document;
}

/* Makes room by letting the idle one go that was not asked for the longest time, one without keys
 * if there is any: whoever makes up DIDs pushes no document out. */
static bool documents_make_room(struct did_webs *webs)
{
    struct document *leaves = NULL;
    if (webs->documents_count < did_web_documents_max) {
        return true;
    }
    for (struct document *document = webs->oldest; document != NULL; document = document->newer) {
        if (document->fetch == NULL && document->keys.length == 0) {
            leaves = document;
            break;
        }
        if (document->fetch == NULL && leaves == NULL) {
            leaves = document;
        }
    }
    if (leaves != NULL) {
        document_free(leaves);
    }
    return leaves != NULL;
}

static struct document *document_create(struct did_webs *webs, struct slice did)
{
    if (!documents_make_room(webs)) {
        return NULL;
    }
    struct document *document = calloc(1, sizeof(*document) + did.length);
    if (document == NULL) {
        return NULL;
    }
    document->owner = webs;
    document->did_length = did.length;
    memcpy(document->did, did.data, did.length);
    buffer_init(&document->keys, jwks_bytes_max);
    list_add(webs, document);
    webs->documents_count++;
    return document;
}

/* ---- answers ---- */

static uint64_t document_left(const struct document *document)
{
    const struct did_webs *webs = document->owner;
    uint64_t age_ms = uv_now(webs->loop) - document->keys_ms;
    bool holds = document->keys.length > 0 && age_ms < webs->settings.max_age_ms;
    return holds ? webs->settings.max_age_ms - age_ms : 0;
}

/* What is known goes to one worker: keys as long as they hold, or why there are none. Each gets a
 * set of its own: sets are not shared between threads. */
static void document_publish(const struct document *document, size_t worker_index, bool fetch_ended)
{
    const struct did_webs_settings *settings = &document->owner->settings;
    struct jwks *jwks = NULL;
    struct failure failure = document->failure;
    uint64_t left_ms = document_left(document);
    if (left_ms > 0 && jwks_parse(buffer_slice(&document->keys), &jwks, &failure) != STATUS_OK) {
        jwks = NULL;
    }
    settings->publish(settings->context, worker_index, document_did(document), jwks, left_ms,
                      fetch_ended, jwks != NULL ? "" : failure.text);
}

static void document_publish_to_all(struct document *document)
{
    bool is_first = true;
    for (size_t i = 0; i < document->owner->settings.workers_count; i++) {
        if ((document->waiting[i / 64] >> (i % 64) & 1) != 0) {
            document_publish(document, i, is_first);
            is_first = false;
        }
    }
    memset(document->waiting, 0, sizeof(document->waiting));
}

/* ---- fetches ---- */

/* The media types of did-web 2025 3.2 and DID core 6. */
static bool media_type_fits(struct slice content_type)
{
    static const struct slice types[] = {
        {"application/did+json", 20},
        {"application/did+ld+json", 23},
        {"application/did", 15},
        {"application/json", 16},
    };
    struct slice type = slice_trim(slice_make(content_type.data, slice_find(content_type, ';')));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (slice_equals_ignoring_case(type, types[i])) {
            return true;
        }
    }
    return false;
}

enum status did_web_reply_read(struct slice did, const struct fetch_reply *reply,
                               struct buffer *keys, struct failure *reterr)
{
    if (reply->status != STATUS_OK) {
        *reterr = reply->failure;
        return reply->status;
    }
    if (reply->code != 200) {
        failure_set(reterr, "status %u", reply->code);
        return STATUS_DENIED;
    }
    if (!media_type_fits(reply->content_type)) {
        failure_set(reterr, "the document's Content-Type is not one of a DID document");
        return STATUS_DENIED;
    }
    struct jwks *jwks = NULL;
    enum status status = did_web_document_keys(did, reply->body, keys, reterr);
    if (status == STATUS_OK) {
        status = jwks_parse(buffer_slice(keys), &jwks, reterr);
    }
    if (status == STATUS_OK && jwks_count(jwks) == 0) {
        failure_set(reterr, "no usable key stands under authentication or assertionMethod");
        status = STATUS_DENIED;
    }
    jwks_free(jwks);
    return status;
}

/* A host that cannot be reached says nothing of its document: what was known holds until it is too
 * old. One that answers has spoken. */
static void document_fetched(void *context, const struct fetch_reply *reply)
{
    struct document *document = context;
    struct did_webs *webs = document->owner;
    document->fetch = NULL;
    webs->fetches_count--;
    if (reply->status == STATUS_OK || reply->status == STATUS_LIMIT) {
        buffer_reset(&document->keys);
    }
    if (did_web_reply_read(document_did(document), reply, &document->keys, &document->failure) ==
        STATUS_OK) {
        document->failure.text[0] = '\0';
        document->keys_ms = uv_now(webs->loop);
    } else if (reply->status == STATUS_OK) {
        buffer_reset(&document->keys);
    }
    document_publish_to_all(document);
}

/* Whether the operator named the host of <url>, with its port or without. */
static bool host_is_nearby(const struct did_webs_settings *settings, const struct url *url)
{
    for (size_t i = 0; i < settings->nearby_hosts_count; i++) {
        struct slice name = settings->nearby_hosts[i];
        if (slice_equals_ignoring_case(name, url->host) ||
            slice_equals_ignoring_case(name, url->authority)) {
            return true;
        }
    }
    return false;
}

static enum status url_fetch(struct fetcher *fetcher, const struct did_webs_settings *settings,
                             const char *text, fetch_done *done, void *context,
                             struct fetch **ret_fetch, struct failure *reterr)
{
    static const char *const fields[] = {
        "Accept: application/did+json, application/did+ld+json, application/json", NULL};
    struct url url;
    enum status status = url_parse(slice_from_string(text), &url, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    const struct fetch_request request = {
        .method = "GET",
        .url = text,
        .fields = fields,
        .timeout_ms = settings->timeout_ms,
        .reply_bytes_max = did_web_document_bytes_max,
        .ca_file = settings->ca_file,
        .address_policy =
            host_is_nearby(settings, &url) ? ADDRESS_PRIVATE_ALLOWED : ADDRESS_PUBLIC_ONLY,
    };
    return fetch_start(fetcher, &request, done, context, ret_fetch, reterr);
}

enum status did_web_fetch(struct fetcher *fetcher, const struct did_webs_settings *settings,
                          struct slice did, fetch_done *done, void *context,
                          struct fetch **ret_fetch, struct failure *reterr)
{
    struct buffer text;
    enum status status = STATUS_INVALID;
    buffer_init(&text, 2 * did_bytes_max);
    bool is_web = did_web_url_append(did, &text);
    buffer_append_byte(&text, '\0');
    if (!is_web) {
        failure_set(reterr, "it is no did:web in its one form");
    } else if (text.failed) {
        failure_set(reterr, "out of memory");
        status = STATUS_NO_MEMORY;
    } else {
        status = url_fetch(fetcher, settings, text.data, done, context, ret_fetch, reterr);
    }
    buffer_clear(&text);
    return status;
}

static bool document_fetch(struct document *document)
{
    struct did_webs *webs = document->owner;
    struct failure failure;
    if (webs->fetches_count == did_web_fetches_max) {
        failure_set(&document->failure, "too many documents are being fetched at once");
        return false;
    }
    if (did_web_fetch(webs->fetcher, &webs->settings, document_did(document), document_fetched,
                      document, &document->fetch, &failure) != STATUS_OK) {
        document->failure = failure;
        document->fetch = NULL;
        return false;
    }
    document->was_fetched = true;
    document->started_ms = uv_now(webs->loop);
    webs->fetches_count++;
    return true;
}

void did_webs_ask(struct did_webs *webs, size_t worker_index, struct slice did)
{
    assert(worker_index < webs->settings.workers_count);
    struct document *document = document_find(webs, did);
    if (document == NULL) {
        document = document_create(webs, did);
    } else {
        list_remove(webs, document);
        list_add(webs, document);
    }
    if (document == NULL) {
        webs->settings.publish(webs->settings.context, worker_index, did, NULL, 0, false,
                               "too many documents are being fetched at once");
        return;
    }
    bool cools_down = document->was_fetched &&
                      uv_now(webs->loop) - document->started_ms < webs->settings.cooldown_ms;
    if (document->fetch == NULL && (cools_down || !document_fetch(document))) {
        document_publish(document, worker_index, false);
        return;
    }
    document->waiting[worker_index / 64] |= UINT64_C(1) << (worker_index % 64);
}

struct did_webs *did_webs_create(uv_loop_t *loop, struct fetcher *fetcher,
                                 const struct did_webs_settings *settings)
{
    assert(settings->workers_count <= did_web_workers_max);
    struct did_webs *webs = calloc(1, sizeof(*webs));
    if (webs != NULL) {
        webs->settings = *settings;
        webs->loop = loop;
        webs->fetcher = fetcher;
    }
    return webs;
}

void did_webs_free(struct did_webs *webs)
{
    if (webs == NULL) {
        return;
    }
    while (webs->newest != NULL) {
        document_free(webs->newest);
    }
    free(webs);
}
