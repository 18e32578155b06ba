/* SPDX-License-Identifier: MIT
 *
 * replay_guard.c - see replay_guard.h. */
#include "gateway/replay_guard.h"

#include "auth/verify.h"
#include "base/clock.h"
#include "gateway/errand.h"
#include "store/replay.h"

#include <stdlib.h>

struct replay_errand {
    struct errand errand;
    struct replay_job job;
    enum status status;
};

bool replay_guard_applies(const struct request *request, const struct verification *verification)
{
    return verification->has_replay_id && request->gateway->config->did_replay == DID_REPLAY_DENY;
}

/* On the store's thread. */
static void replay_guard_done(struct store_job *job, enum status status,
                              const struct failure *failure)
{
    struct replay_errand *replay =
        (struct replay_errand *)((char *)job - offsetof(struct replay_errand, job.job));
    replay->status = status;
    errand_return(&replay->errand);
}

static void replay_guard_release(struct errand *errand)
{
    free(errand);
}

static enum step_result replay_guard_finish(struct request *request, struct errand *errand)
{
    return STEP_WAIT; /* not asked: step_authenticate takes the errand itself */
}

bool replay_guard_ask(struct request *request, const struct verification *verification)
{
    struct replay_errand *replay = calloc(1, sizeof(*replay));
    if (replay == NULL || request->gateway->process->store == NULL) {
        free(replay);
        return false;
    }
    replay->errand.finish = replay_guard_finish;
    replay->errand.release = replay_guard_release;
    replay_job_init(
        &replay->job,
        slice_make((const char *)verification->replay_id, sizeof(verification->replay_id)),
        clock_wall_s(), verification->expires_at_s + token_leeway_s,
        request->gateway->config->did_replay_entries, replay_guard_done);
    errand_begin(&replay->errand, request);
    if (store_write(request->gateway->process->store, &replay->job.job) != STATUS_OK) {
        replay->status = STATUS_AGAIN; /* it comes back by the way it would have come anyhow */
        errand_return(&replay->errand);
    }
    return true;
}

enum deny_reason replay_guard_take(struct request *request)
{
    struct replay_errand *replay = (struct replay_errand *)request->errand_returned;
    enum status status = replay->status;
    request->errand_returned = NULL;
    replay->errand.release(&replay->errand);
    switch (status) {
    case STATUS_OK:
        return DENY_UNDECIDED;
    case STATUS_DENIED:
        return DENY_TOKEN_REPLAYED;
    default:
        return DENY_REPLAY_UNAVAILABLE;
    }
}
