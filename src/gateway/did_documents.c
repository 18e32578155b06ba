/* SPDX-License-Identifier: MIT
 *
 * did_documents.c - see did_documents.h. */
#include "gateway/did_documents.h"

#include "auth/did.h"
#include "auth/did_web_cache.h"
#include "gateway/control.h"
#include "gateway/steps.h"

#include <stdlib.h>

static struct did_wait *did_wait_find(struct gateway *gateway, struct slice did, size_t *ret_count)
{
    struct did_wait *wait = gateway->did_waits;
    *ret_count = 0;
    while (wait != NULL && !slice_equals(slice_make(wait->did, wait->length), did)) {
        wait = wait->next;
        ++*ret_count;
    }
    return wait;
}

struct key_wait *did_documents_wait(struct gateway *gateway, struct slice did)
{
    size_t count = 0;
    struct did_wait *wait = did_wait_find(gateway, did, &count);
    if (wait != NULL) {
        return &wait->wait;
    }
    if (gateway->draining || count >= did_waits_max) {
        return NULL;
    }
    wait = calloc(1, sizeof(*wait) + did.length);
    if (wait == NULL ||
        !control_ask_for_document(gateway->process->control, gateway->worker.index, did)) {
        free(wait);
        return NULL;
    }
    wait->length = did.length;
    memcpy(wait->did, did.data, did.length);
    wait->wait.asked = true;
    wait->next = gateway->did_waits;
    gateway->did_waits = wait;
    return &wait->wait;
}

/* Those woken may wait for another document, even for this one. */
static void did_wait_end(struct gateway *gateway, struct did_wait *wait)
{
    struct did_wait **link = &gateway->did_waits;
    while (*link != wait) {
        link = &(*link)->next;
    }
    *link = wait->next;
    step_authenticate_wake_all(&wait->wait);
    free(wait);
}

void did_documents_wake_all(struct gateway *gateway)
{
    while (gateway->did_waits != NULL) {
        did_wait_end(gateway, gateway->did_waits);
    }
}

void did_documents_expire(struct gateway *gateway)
{
    char text[did_bytes_max];
    size_t length = 0;
    if (gateway->dids.web == NULL) {
        return;
    }
    while (did_web_cache_expire(gateway->dids.web, uv_now(&gateway->worker.loop), text, &length)) {
        token_cache_forget_did(gateway->token_cache, slice_make(text, length));
    }
}

/* ---- the answer ---- */

struct document_letter {
    struct letter letter;
    struct jwks *jwks;
    uint64_t left_ms;
    bool fetch_ended;
    size_t length;
    char did[];
};

static void did_documents_delivered(void *receiver, struct letter *letter)
{
    struct gateway *gateway = receiver;
    struct document_letter *document = (struct document_letter *)letter;
    struct slice did = slice_make(document->did, document->length);
    uint64_t now_ms = uv_now(&gateway->worker.loop);
    size_t count = 0;
    bool is_good = document->jwks != NULL;
    uint64_t holds_ms = is_good ? document->left_ms : gateway->config->jwks_cooldown_ms;
    if (document->fetch_ended) {
        metric_add(&gateway->metrics, is_good ? METRIC_keys_fetched : METRIC_keys_failed, 1);
    }
    did_web_cache_insert(gateway->dids.web, did, document->jwks, now_ms, now_ms + holds_ms);
    token_cache_forget_did(gateway->token_cache, did);
    struct did_wait *wait = did_wait_find(gateway, did, &count);
    if (wait != NULL) {
        did_wait_end(gateway, wait);
    }
    free(document);
}

void did_documents_post(struct gateway *gateway, struct slice did, struct jwks *take_jwks,
                        uint64_t left_ms, bool fetch_ended)
{
    struct document_letter *document = calloc(1, sizeof(*document) + did.length);
    if (document == NULL) {
        jwks_free(take_jwks);
        return;
    }
    document->letter.deliver = did_documents_delivered;
    document->jwks = take_jwks;
    document->left_ms = left_ms;
    document->fetch_ended = fetch_ended;
    document->length = did.length;
    memcpy(document->did, did.data, did.length);
    if (!mailbox_post(&gateway->worker.mailbox, &document->letter)) {
        jwks_free(take_jwks);
        free(document);
    }
}
