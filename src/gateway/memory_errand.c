/* SPDX-License-Identifier: MIT
 *
 * memory_errand.c - see memory_errand.h. */
#include "gateway/memory_errand.h"

#include "auth/session_id.h"
#include "gateway/answer.h"

#include <stdlib.h>

struct memory_errand {
    struct errand errand;
    struct memory_job *job;
    memory_errand_finish *finish;
};

static void memory_errand_done(struct memory_job *job)
{
    errand_return(job->context);
}

/* The client has left. */
static void memory_errand_abandoned(struct errand *errand)
{
    memory_job_abandon(((struct memory_errand *)errand)->job);
}

static enum step_result memory_errand_finished(struct request *request, struct errand *errand)
{
    struct memory_errand *memory = (struct memory_errand *)errand;
    return memory->finish(request, memory->job);
}

static void memory_errand_release(struct errand *errand)
{
    struct memory_errand *memory = (struct memory_errand *)errand;
    memory_job_free(memory->job);
    free(memory);
}

static bool memory_errand_own(struct memory_job *job, const struct request *request, size_t count)
{
    struct slice user;
    struct slice session;
    struct slice agent = {0};
    struct backend_query *query = &job->query;
    if (!arena_copy(&job->arena, request->identity.issuer, &query->issuer) ||
        !arena_copy(&job->arena, request->identity.subject, &query->subject)) {
        return false;
    }
    query->limit = count;
    if (job->action != MEMORY_WRITE) {
        return true;
    }
    job->events = arena_allocate_zeroed(&job->arena, count, sizeof(job->events[0]));
    if (job->events == NULL || !arena_copy(&job->arena, request->identity.user, &user) ||
        !arena_copy(&job->arena, request->session, &session) ||
        (request->identity.actor.length > 0 &&
         !arena_copy(&job->arena, request->identity.actor, &agent))) {
        return false;
    }
    job->events_count = count;
    for (size_t i = 0; i < count; i++) {
        struct event *event = &job->events[i];
        memory_event_init(event);
        event->issuer = query->issuer;
        event->subject = query->subject;
        event->user = user;
        event->session = session;
        event->agent = agent; /* who wrote it for the user; a log line may name another */
    }
    return true;
}

struct memory_job *memory_errand_create(struct request *request, enum memory_action action,
                                        size_t count, memory_errand_finish *finish)
{
    struct memory_errand *errand = calloc(1, sizeof(*errand));
    struct memory_job *job = NULL;
    if (errand != NULL) {
        job = memory_job_create(action, memory_errand_done, errand);
    }
    if (job == NULL || !memory_errand_own(job, request, count)) {
        memory_job_free(job);
        free(errand);
        if (!request->replied) { /* else half a reply is out, and its source breaks it off */
            answer_detail(request, 503, "out_of_memory", "out of memory");
        }
        return NULL;
    }
    errand->job = job;
    errand->finish = finish;
    errand->errand.finish = memory_errand_finished;
    errand->errand.abandoned = memory_errand_abandoned;
    errand->errand.release = memory_errand_release;
    return job;
}

enum step_result memory_errand_send(struct request *request, struct memory_job *take_job)
{
    errand_begin(take_job->context, request);
    memory_run(request->gateway->process->memory, take_job);
    return STEP_WAIT;
}

enum step_result memory_errand_drop(struct memory_job *take_job)
{
    memory_errand_release(take_job->context);
    return STEP_ANSWER;
}

enum step_result memory_errand_refuse(struct request *request, const struct memory_job *job)
{
    switch (job->status) {
    case STATUS_LIMIT:
        answer_detail(request, 507, "memory_full", "memory has no room left");
        break;
    case STATUS_NOT_FOUND:
        answer_detail(request, 404, "unknown_event", "unknown event");
        break;
    case STATUS_UNSUPPORTED:
        answer_detail(request, 503, "memory_off", "memory is off: MEM_BACKEND is none");
        break;
    case STATUS_INVALID:
        answer_detail(request, 422, "memory_invalid", "memory does not take this: %s",
                      job->failure.text);
        break;
    case STATUS_AGAIN:
        answer_detail(request, 503, "memory_busy", "memory is busy: try again");
        break;
    default:
        answer_detail(request, 503, "memory_unavailable", "memory is not available now");
        break;
    }
    return STEP_ANSWER;
}

static bool memory_errand_is_session_id(struct slice text)
{
    if (text.length != session_id_length) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (!((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f'))) {
            return false;
        }
    }
    return true;
}

bool memory_errand_session(struct request *request, struct arena *arena, struct slice text,
                           struct slice *ret_session)
{
    char digits[session_id_length];
    struct slice id = text;
    if (text.length == 0) {
        return true;
    }
    if (!memory_errand_is_session_id(text)) {
        if (!session_id_make(request->identity.user, text, digits)) {
            answer_detail(request, 503, "out_of_memory", "out of memory");
            return false;
        }
        id = slice_make(digits, sizeof(digits));
    }
    if (!arena_copy(arena, id, ret_session)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return false;
    }
    return true;
}
