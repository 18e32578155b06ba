/* SPDX-License-Identifier: MIT
 *
 * gateway.c - one worker's things: made, told what happens elsewhere, drained, freed. */
#include "gateway/gateway.h"

#include "auth/did_web_cache.h"
#include "base/clock.h"
#include "gateway/connection.h"
#include "gateway/control.h"
#include "gateway/did_documents.h"
#include "gateway/steps.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { token_cache_bytes_each = 2048 }; /* of an average entry, for the cap in bytes */

/* ---- listeners ---- */

/* The cap counts the whole process; only accepting and closing touch the counter. */
static bool gateway_admits(struct listener *listener)
{
    struct gateway *gateway = listener->owner;
    struct process *process = gateway->process;
    if (atomic_fetch_add(&process->connections_open, 1) < gateway->config->max_connections) {
        return true;
    }
    atomic_fetch_sub(&process->connections_open, 1);
    return false;
}

static bool gateway_admits_admin(struct listener *listener)
{
    struct gateway *gateway = listener->owner;
    atomic_fetch_add(&gateway->process->connections_open, 1); /* operators always get in */
    return true;
}

static void gateway_not_accepted(struct listener *listener)
{
    struct gateway *gateway = listener->owner;
    atomic_fetch_sub(&gateway->process->connections_open, 1);
}

static void gateway_accepted(struct listener *listener, int take_descriptor,
                             const struct sockaddr_storage *peer)
{
    connection_accept(listener->owner, take_descriptor, peer, false);
}

static void gateway_accepted_admin(struct listener *listener, int take_descriptor,
                                   const struct sockaddr_storage *peer)
{
    connection_accept(listener->owner, take_descriptor, peer, true);
}

/* ---- making ---- */

static enum status gateway_make_dids(struct gateway *gateway, struct failure *reterr)
{
    gateway->dids = gateway->process->dids;
    if (gateway->dids.allow_count == 0) {
        return STATUS_OK;
    }
    gateway->dids.web = did_web_cache_create(did_web_cache_entries_max);
    if (gateway->dids.web == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    gateway->trust.dids = &gateway->dids;
    return STATUS_OK;
}

static enum status gateway_make_trust(struct gateway *gateway, struct failure *reterr)
{
    const struct process *process = gateway->process;
    size_t count = process->issuers_count;
    gateway->trust.issuers = calloc(count + 1, sizeof(gateway->trust.issuers[0]));
    gateway->key_waits = calloc(count + 1, sizeof(gateway->key_waits[0]));
    if (gateway->trust.issuers == NULL || gateway->key_waits == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    memcpy(gateway->trust.issuers, process->issuers, count * sizeof(process->issuers[0]));
    gateway->trust.issuers_count = count;
    if (process->local_jwks.length == 0) {
        return STATUS_OK;
    }
    enum status status = STATUS_OK; /* what comes behind the remote issuers has our own key */
    for (size_t i = process->remote_issuers_count; i < count && status == STATUS_OK; i++) {
        status = jwks_parse(process->local_jwks, &gateway->trust.issuers[i].jwks, reterr);
    }
    return status;
}

static enum status gateway_make_parts(struct gateway *gateway, struct failure *reterr)
{
    const struct config *config = gateway->config;
    enum status status = gateway_make_trust(gateway, reterr);
    if (status == STATUS_OK) {
        status = gateway_make_dids(gateway, reterr);
    }
    if (status != STATUS_OK) {
        return status;
    }
    gateway->token_cache = token_cache_create(config->token_cache_entries,
                                              config->token_cache_entries * token_cache_bytes_each);
    if (gateway->token_cache == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    if (engine_pool_init(&gateway->engine_pool, &gateway->process->engine, &gateway->worker) !=
        STATUS_OK) {
        failure_set(reterr, "ENGINE_URL: the host name is too long");
        return STATUS_INVALID;
    }
    access_log_init(&gateway->access_log, &gateway->worker.loop);
    return STATUS_OK;
}

enum status gateway_create(struct process *process, unsigned index, int take_descriptor,
                           int take_admin_descriptor, struct gateway **ret, struct failure *reterr)
{
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    gateway->process = process;
    gateway->config = process->config;
    gateway->admin_listener.descriptor = -1;
    enum status status = worker_init(&gateway->worker, index, gateway, reterr);
    if (status == STATUS_OK) {
        status = gateway_make_parts(gateway, reterr);
    }
    if (status == STATUS_OK) {
        status =
            listener_open(&gateway->listener, &gateway->worker.loop, take_descriptor,
                          gateway_admits, gateway_not_accepted, gateway_accepted, gateway, reterr);
    }
    if (status == STATUS_OK && take_admin_descriptor >= 0) {
        status = listener_open(&gateway->admin_listener, &gateway->worker.loop,
                               take_admin_descriptor, gateway_admits_admin, gateway_not_accepted,
                               gateway_accepted_admin, gateway, reterr);
    }
    if (status != STATUS_OK) {
        return status; /* the process is about to end; half a worker is not worth taking apart */
    }
    *ret = gateway;
    return STATUS_OK;
}

void gateway_free(struct gateway *gateway)
{
    if (gateway == NULL) {
        return;
    }
    for (size_t i = 0; i < gateway->trust.issuers_count; i++) {
        jwks_free(gateway->trust.issuers[i].jwks);
    }
    token_cache_free(gateway->token_cache);
    did_web_cache_free(gateway->dids.web);
    free(gateway->trust.issuers);
    free(gateway->key_waits);
    free(gateway);
}

/* ---- small answers ---- */

bool gateway_is_ready(const struct gateway *gateway)
{
    for (size_t i = 0; i < gateway->trust.issuers_count; i++) {
        if (gateway->trust.issuers[i].jwks == NULL) {
            return false;
        }
    }
    return !gateway->draining;
}

struct slice gateway_date(struct gateway *gateway)
{
    int64_t now_s = clock_wall_s();
    if (now_s != gateway->date_s) {
        time_t time = (time_t)now_s;
        struct tm parts;
        gateway->date_s = now_s;
        gmtime_r(&time, &parts);
        /* strftime's names follow the locale, which is never set: the C locale's are the
         * protocol's. */
        strftime(gateway->date, sizeof(gateway->date), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    }
    return slice_from_string(gateway->date);
}

/* ---- letters ---- */

struct keys_letter {
    struct letter letter;
    size_t issuer_index;
    enum keys_outcome outcome;
    struct jwks *jwks;
};

static void gateway_keys_delivered(void *receiver, struct letter *letter)
{
    struct gateway *gateway = receiver;
    struct keys_letter *keys = (struct keys_letter *)letter;
    size_t index = keys->issuer_index;
    if (keys->outcome == KEYS_FRESH) {
        jwks_free(gateway->trust.issuers[index].jwks);
        gateway->trust.issuers[index].jwks = keys->jwks;
        token_cache_forget_issuer(gateway->token_cache, index);
        metric_add(&gateway->metrics, METRIC_keys_fetched, gateway->worker.index == 0 ? 1 : 0);
    } else if (keys->outcome == KEYS_FAILED) {
        metric_add(&gateway->metrics, METRIC_keys_failed, gateway->worker.index == 0 ? 1 : 0);
    }
    free(keys);
    step_authenticate_wake(gateway, index);
}

void gateway_post_keys(struct gateway *gateway, size_t issuer_index, enum keys_outcome outcome,
                       struct jwks *take_jwks)
{
    struct keys_letter *keys = calloc(1, sizeof(*keys));
    if (keys == NULL) {
        jwks_free(take_jwks);
        return;
    }
    *keys = (struct keys_letter){.letter = {.deliver = gateway_keys_delivered},
                                 .issuer_index = issuer_index,
                                 .outcome = outcome,
                                 .jwks = take_jwks};
    if (!mailbox_post(&gateway->worker.mailbox, &keys->letter)) {
        jwks_free(take_jwks);
        free(keys);
    }
}

struct drain_letter {
    struct letter letter;
    bool now;
};

/* The last connection has gone: closes what keeps the loop alive. */
static void gateway_end(struct gateway *gateway)
{
    gateway->ended = true;
    engine_pool_close(&gateway->engine_pool);
    access_log_close(&gateway->access_log);
    mailbox_close(&gateway->worker.mailbox);
    control_worker_ended(gateway->process->control);
}

static void gateway_drain_delivered(void *receiver, struct letter *letter)
{
    struct gateway *gateway = receiver;
    bool now = ((struct drain_letter *)letter)->now;
    free(letter);
    if (gateway->ended) {
        return;
    }
    gateway->draining = true;
    listener_close(&gateway->listener);
    listener_close(&gateway->admin_listener);
    for (size_t i = 0; i < gateway->trust.issuers_count; i++) {
        step_authenticate_wake(gateway, i); /* no keys will come any more */
    }
    did_documents_wake_all(gateway);
    struct connection *connection = gateway->connections;
    while (connection != NULL && !gateway->ended) {
        struct connection *next = connection->next;
        bool waits_for_nothing =
            connection->state == CONNECTION_IDLE ||
            (connection->state == CONNECTION_HEAD && connection->input.length == 0);
        if (now || waits_for_nothing) {
            connection_close(connection, now);
        }
        connection = next;
    }
    gateway_connection_gone(gateway);
}

void gateway_post_drain(struct gateway *gateway, bool now)
{
    struct drain_letter *drain = calloc(1, sizeof(*drain));
    if (drain == NULL) {
        return;
    }
    drain->letter.deliver = gateway_drain_delivered;
    drain->now = now;
    if (!mailbox_post(&gateway->worker.mailbox, &drain->letter)) {
        free(drain);
    }
}

void gateway_connection_gone(struct gateway *gateway)
{
    if (gateway->draining && gateway->connections == NULL && gateway->errands_out == 0 &&
        !gateway->ended) {
        gateway_end(gateway);
    }
}

void gateway_errand_over(struct gateway *gateway)
{
    gateway->errands_out--;
    gateway_connection_gone(gateway);
}
