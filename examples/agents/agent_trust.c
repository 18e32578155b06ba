/* SPDX-License-Identifier: MIT
 *
 * agent_trust.c - which tokens an agent believes: those that the gateway signed for agents
 * (docs/a2a.md), checked with the gateway's own code and its published keys. Any thread; one lock,
 * since a key set belongs to one thread at a time. */
#include "agent.h"
#include "auth/verify.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    trust_cooldown_ms = 2000, /* so that unknown keys cannot make us fetch without end */
    trust_timeout_ms = 5000,
};

struct agent_trust {
    pthread_mutex_t lock;
    struct trusted_issuer issuer; /* holds the keys; none before the first token */
    struct slice audience;
    uint64_t fetched_ms; /* 0: never */
};

enum status agent_trust_create(const struct agent *agent, struct agent_trust **ret,
                               struct failure *reterr)
{
    struct agent_trust *trust = calloc(1, sizeof(*trust));
    if (trust == NULL || pthread_mutex_init(&trust->lock, NULL) != 0) {
        free(trust);
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    trust->audience = agent->issuer;
    trust->issuer = (struct trusted_issuer){.issuer = agent->issuer,
                                            .proof = IDENTITY_DELEGATED,
                                            .audiences = &trust->audience,
                                            .audiences_count = 1};
    *ret = trust;
    return STATUS_OK;
}

static enum status trust_fetch_keys(struct agent_trust *trust, const struct agent *agent,
                                    struct failure *reterr)
{
    const struct agent_call call = {
        .method = "GET", .path = "/.well-known/jwks.json", .timeout_ms = trust_timeout_ms};
    struct jwks *fresh = NULL;
    struct buffer reply;
    unsigned code = 0;
    buffer_init(&reply, jwks_bytes_max);
    enum status status = agent_call(agent, &call, &reply, &code, reterr);
    if (status == STATUS_OK && code != 200) {
        failure_set(reterr, "HTTP %u", code);
        status = STATUS_IO;
    }
    if (status == STATUS_OK) {
        status = jwks_parse(buffer_slice(&reply), &fresh, reterr);
    }
    if (status == STATUS_OK) {
        jwks_free(trust->issuer.jwks);
        trust->issuer.jwks = fresh;
        trust->fetched_ms = clock_monotonic_ms();
    }
    buffer_clear(&reply);
    return status;
}

bool agent_trust_check(struct agent_task *task, unsigned *ret_status, struct failure *reterr)
{
    struct agent_trust *own = task->agent->trust;
    struct trust trust = {.issuers = &own->issuer, .issuers_count = 1};
    struct failure reason;
    enum status fetched = STATUS_OK;
    pthread_mutex_lock(&own->lock);
    struct verification found = verify(&trust, task->token, clock_wall_s(), &task->arena);
    if (found.verdict == VERDICT_NEEDS_KEYS &&
        (own->fetched_ms == 0 || clock_monotonic_ms() - own->fetched_ms > trust_cooldown_ms)) {
        fetched = trust_fetch_keys(own, task->agent, &reason);
        found = verify(&trust, task->token, clock_wall_s(), &task->arena);
    }
    pthread_mutex_unlock(&own->lock);
    if (found.verdict == VERDICT_ACCEPTED) {
        task->identity = found.identity;
        return true;
    }
    if (fetched != STATUS_OK) {
        *ret_status = 503;
        failure_set(reterr, "the gateway's keys are not to be had: %.180s", reason.text);
        return false;
    }
    *ret_status = 401;
    failure_set(reterr, "the token is not good: %.200s", deny_reason_text(found.reason));
    return false;
}
