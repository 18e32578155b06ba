/* SPDX-License-Identifier: MIT
 *
 * step_authenticate.c - who is calling? A token seen before is found in the cache; otherwise it is
 * verified, after its issuer's keys were fetched if need be. Owning worker only. */
#include "auth/bearer.h"
#include "auth/did_web_cache.h"
#include "base/clock.h"
#include "gateway/answer.h"
#include "gateway/control.h"
#include "gateway/did_documents.h"
#include "gateway/errand.h"
#include "gateway/replay_guard.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

#define REALM "Bearer realm=\"attach-gateway\""

/* What each class of denial looks like to the client (RFC 6750 3). The exact reason is for the log.
 */
static const struct denial {
    unsigned status;
    struct slice challenge; /* empty: none */
    struct slice body;
} denials[] = {
    [DENY_CLASS_INVALID] = {401,
                            SLICE(REALM ", error=\"invalid_token\", "
                                        "error_description=\"The access token is not valid\""),
                            SLICE("{\"detail\":\"Invalid token\"}")},
    [DENY_CLASS_MISSING] = {401, SLICE(REALM), SLICE("{\"detail\":\"Missing Bearer token\"}")},
    [DENY_CLASS_EXPIRED] = {401,
                            SLICE(REALM ", error=\"invalid_token\", "
                                        "error_description=\"The access token has expired\""),
                            SLICE("{\"detail\":\"Token has expired\"}")},
    [DENY_CLASS_REQUEST] = {400, SLICE(REALM ", error=\"invalid_request\""),
                            SLICE("{\"detail\":\"Malformed Authorization\"}")},
    [DENY_CLASS_UNAVAILABLE] = {503,
                                {0},
                                SLICE("{\"detail\":\"The token cannot be checked now: the keys of "
                                      "its issuer are not available\"}")},
    [DENY_CLASS_FORBIDDEN] = {403, SLICE(REALM ", error=\"insufficient_scope\""),
                              SLICE("{\"detail\":\"This identity may not call this gateway\"}")},
};

static enum step_result authenticate_deny(struct request *request, enum deny_reason reason)
{
    const struct denial *denial = &denials[deny_reason_class(reason)];
    struct field field = {.name = SLICE("WWW-Authenticate"), .value = denial->challenge};
    if (denial->challenge.length == 0) {
        field = (struct field){.name = SLICE("Retry-After"), .value = SLICE("5")};
    }
    metric_add(&request->gateway->metrics, METRIC_tokens_denied, 1);
    metric_bump(&request->gateway->metrics.denied[reason], 1);
    request->reason = deny_reason_name(reason);
    answer(request, denial->status, SLICE("application/json"), denial->body, &field, 1);
    return STEP_ANSWER;
}

/* The cache may forget at any time, the request may not. */
static bool authenticate_keep_identity(struct request *request, const struct identity *identity)
{
    struct arena *arena = &request->arena;
    request->identity.proof = identity->proof;
    request->identity.actors_count = identity->actors_count;
    return arena_copy(arena, identity->issuer, &request->identity.issuer) &&
           arena_copy(arena, identity->subject, &request->identity.subject) &&
           arena_copy(arena, identity->user, &request->identity.user) &&
           arena_copy(arena, identity->session, &request->identity.session) &&
           arena_copy(arena, identity->actors, &request->identity.actors) &&
           arena_copy(arena, identity->actor, &request->identity.actor);
}

static enum step_result authenticate_accept(struct request *request,
                                            const struct identity *identity)
{
    if (!authenticate_keep_identity(request, identity)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    return STEP_NEXT;
}

/* ---- waiting for keys ---- */

static void authenticate_link(struct request *request, struct key_wait *wait)
{
    request->keys_awaited = true;
    request->keys_wait = wait;
    request->keys_previous = NULL;
    request->keys_next = wait->first;
    if (wait->first != NULL) {
        wait->first->keys_previous = request;
    }
    wait->first = request;
}

void step_authenticate_cancel(struct request *request)
{
    if (request->errand != NULL) {
        errand_abandon(request->errand);
        request->errand = NULL;
        return;
    }
    struct key_wait *wait = request->keys_wait;
    if (wait == NULL) {
        return;
    }
    if (request->keys_previous != NULL) {
        request->keys_previous->keys_next = request->keys_next;
    } else if (wait->first == request) {
        wait->first = request->keys_next;
    }
    if (request->keys_next != NULL) {
        request->keys_next->keys_previous = request->keys_previous;
    }
    request->keys_next = request->keys_previous = NULL;
    request->keys_wait = NULL; /* it may end before the request does */
}

/* Joins those that wait already, or asks the control thread. An answer younger than the cooldown is
 * not asked for again: nothing would come of it, and a flood of unknown keys would become a flood
 * of letters. */
static enum step_result authenticate_await_keys(struct request *request,
                                                const struct verification *verification)
{
    struct gateway *gateway = request->gateway;
    struct key_wait *wait = &gateway->key_waits[verification->issuer_index];
    uint64_t now_ms = uv_now(&gateway->worker.loop);
    bool asked_lately =
        wait->answered_ms != 0 && now_ms - wait->answered_ms < gateway->config->jwks_cooldown_ms;
    bool has_no_keys = verification->issuer_index >= gateway->process->remote_issuers_count;
    if (request->keys_awaited || has_no_keys || (asked_lately && !wait->asked)) {
        return authenticate_deny(request, verification->reason);
    }
    if (!wait->asked) {
        wait->asked = control_ask_for_keys(gateway->process->control, gateway->worker.index,
                                           verification->issuer_index);
        if (!wait->asked) {
            return authenticate_deny(request, verification->reason);
        }
    }
    authenticate_link(request, wait);
    return STEP_WAIT;
}

/* The same for the document of a did:web. */
static enum step_result authenticate_await_document(struct request *request,
                                                    const struct verification *verification)
{
    struct gateway *gateway = request->gateway;
    uint64_t now_ms = uv_now(&gateway->worker.loop);
    struct key_wait *wait = NULL;
    if (!request->keys_awaited &&
        !did_web_cache_answered(gateway->dids.web, verification->did, now_ms,
                                gateway->config->jwks_cooldown_ms)) {
        wait = did_documents_wait(gateway, verification->did);
    }
    if (wait == NULL) {
        return authenticate_deny(request, verification->reason);
    }
    authenticate_link(request, wait);
    return STEP_WAIT;
}

void step_authenticate_wake(struct gateway *gateway, size_t issuer_index)
{
    struct key_wait *wait = &gateway->key_waits[issuer_index];
    wait->asked = false;
    wait->answered_ms = uv_now(&gateway->worker.loop);
    step_authenticate_wake_all(wait);
}

void step_authenticate_wake_all(struct key_wait *wait)
{
    while (wait->first != NULL) {
        struct request *request = wait->first;
        struct connection *connection = request->connection;
        step_authenticate_cancel(request);
        request_run(request);
        if (connection->request != NULL) {
            request_settle(connection->request);
        }
        connection_process(connection);
    }
}

/* ---- tokens that may be used once ---- */

static enum step_result authenticate_once(struct request *request,
                                          const struct verification *verification)
{
    if (!authenticate_keep_identity(request, &verification->identity) ||
        !replay_guard_ask(request, verification)) {
        request->identity = (struct identity){0};
        return authenticate_deny(request, DENY_REPLAY_UNAVAILABLE);
    }
    return STEP_WAIT;
}

static enum step_result authenticate_asked_once(struct request *request)
{
    enum deny_reason reason = replay_guard_take(request);
    if (reason == DENY_UNDECIDED) {
        return STEP_NEXT;
    }
    request->identity = (struct identity){0};
    return authenticate_deny(request, reason);
}

enum step_result step_authenticate(struct request *request)
{
    struct gateway *gateway = request->gateway;
    struct slice token;
    enum deny_reason reason;
    struct cached_session *session = NULL;
    if (request->route->authentication == ROUTE_NOBODY) {
        return STEP_NEXT;
    }
    if (request->errand_returned != NULL) {
        return authenticate_asked_once(request);
    }
    if (request->errand != NULL) {
        return STEP_WAIT;
    }
    if (!bearer_find(request->head.fields, request->head.fields_count, &token, &reason)) {
        return authenticate_deny(request, reason);
    }
    int64_t now_s = clock_wall_s();
    did_documents_expire(gateway);
    const struct verification *known =
        token_cache_find(gateway->token_cache, token, now_s, &session);
    if (known != NULL) {
        metric_add(&gateway->metrics, METRIC_tokens_cached, 1);
        request->remembered_session = session;
        return authenticate_accept(request, &known->identity);
    }
    if (!bearer_is_sound(token)) {
        return authenticate_deny(request, DENY_TOKEN_MALFORMED);
    }
    struct verification verification = verify(&gateway->trust, token, now_s, &request->arena);
    switch (verification.verdict) {
    case VERDICT_ACCEPTED:
        metric_add(&gateway->metrics, METRIC_tokens_verified, 1);
        if (replay_guard_applies(request, &verification)) {
            return authenticate_once(request, &verification);
        }
        token_cache_insert(gateway->token_cache, token, &verification);
        return authenticate_accept(request, &verification.identity);
    case VERDICT_NEEDS_KEYS:
        return verification.did.length > 0 ? authenticate_await_document(request, &verification)
                                           : authenticate_await_keys(request, &verification);
    case VERDICT_DENIED:
        break;
    }
    return authenticate_deny(request, verification.reason);
}
