/* SPDX-License-Identifier: MIT
 *
 * control.c - see control.h. */
#include "gateway/control.h"

#include "a2a/a2a.h"
#include "auth/mint.h"
#include "base/clock.h"
#include "base/json.h"

#include "auth/did_web.h"
#include "gateway/did_documents.h"

#include <signal.h>
#include <stdlib.h>

enum {
    control_fetches_max = 128, /* keys, documents and webhooks at once; tasks come on top */
    control_retry_ms = 1000,   /* first retry of a fetch that failed */
    control_watch_ms = 500,
    control_document_timeout_ms = 5000,
};

struct control {
    uv_loop_t loop;
    struct mailbox mailbox;
    struct process *process;
    struct fetcher *fetcher;
    struct issuers *issuers;
    struct did_webs *did_webs; /* NULL when no DID may call */
    struct slice *issuer_urls;
    uv_signal_t terminate;
    uv_signal_t interrupt;
    uv_timer_t drain;
    uv_timer_t watch; /* looks after the store */
    enum store_health store_seen;
    uint64_t refused_seen;
    bool delivery_failed; /* when last looked at */
    size_t workers_running;
    bool draining;
    bool drained_now;
};

/* ---- keys ---- */

struct ask_letter {
    struct letter letter;
    unsigned worker_index;
    size_t issuer_index;
};

static void control_asked(void *receiver, struct letter *letter)
{
    struct control *control = receiver;
    struct ask_letter *ask = (struct ask_letter *)letter;
    if (!control->draining) {
        issuers_refresh(control->issuers, ask->worker_index, ask->issuer_index);
    }
    free(ask);
}

bool control_ask_for_keys(struct control *control, unsigned worker_index, size_t issuer_index)
{
    struct ask_letter *ask = calloc(1, sizeof(*ask));
    if (ask == NULL) {
        return false;
    }
    *ask = (struct ask_letter){.letter = {.deliver = control_asked},
                               .worker_index = worker_index,
                               .issuer_index = issuer_index};
    if (!mailbox_post(&control->mailbox, &ask->letter)) {
        free(ask);
        return false;
    }
    return true;
}

static void control_published(void *context, size_t worker_index, size_t issuer_index,
                              enum keys_outcome outcome, struct jwks *take_jwks, const char *reason)
{
    struct control *control = context;
    if (worker_index == 0 && outcome == KEYS_FAILED) {
        log_line(LOG_WARN, (struct slice){0},
                 "cannot get the keys of issuer %.*s: %s; check OIDC_ISSUER and the network",
                 SLICE_ARGS(control->process->issuers[issuer_index].issuer), reason);
    } else if (worker_index == 0 && outcome == KEYS_FRESH) {
        log_line(LOG_INFO, (struct slice){0}, "got %zu keys of issuer %.*s", jwks_count(take_jwks),
                 SLICE_ARGS(control->process->issuers[issuer_index].issuer));
    }
    gateway_post_keys(control->process->gateways[worker_index], issuer_index, outcome, take_jwks);
}

static enum status control_start_issuers(struct control *control, struct failure *reterr)
{
    const struct process *process = control->process;
    const struct config *config = process->config;
    const struct issuers_settings settings = {
        .issuers = control->issuer_urls,
        .issuers_count = process->remote_issuers_count,
        .workers_count = process->gateways_count,
        .cooldown_ms = config->jwks_cooldown_ms,
        .max_age_ms = config->jwks_max_age_ms,
        .retry_ms = control_retry_ms,
        .timeout_ms = config->jwks_timeout_ms,
        .publish = control_published,
        .context = control,
    };
    return issuers_create(&control->loop, control->fetcher, &settings, &control->issuers, reterr);
}

/* ---- documents of did:web ---- */

struct document_question {
    struct letter letter;
    unsigned worker_index;
    size_t length;
    char did[];
};

static void control_asked_for_document(void *receiver, struct letter *letter)
{
    struct control *control = receiver;
    struct document_question *question = (struct document_question *)letter;
    if (!control->draining && control->did_webs != NULL) {
        did_webs_ask(control->did_webs, question->worker_index,
                     slice_make(question->did, question->length));
    }
    free(question);
}

bool control_ask_for_document(struct control *control, unsigned worker_index, struct slice did)
{
    struct document_question *question = calloc(1, sizeof(*question) + did.length);
    if (question == NULL) {
        return false;
    }
    question->letter.deliver = control_asked_for_document;
    question->worker_index = worker_index;
    question->length = did.length;
    memcpy(question->did, did.data, did.length);
    if (!mailbox_post(&control->mailbox, &question->letter)) {
        free(question);
        return false;
    }
    return true;
}

static void control_published_document(void *context, size_t worker_index, struct slice did,
                                       struct jwks *take_jwks, uint64_t left_ms, bool fetch_ended,
                                       const char *reason)
{
    struct control *control = context;
    if (fetch_ended && take_jwks == NULL) {
        log_line(LOG_WARN, (struct slice){0}, "cannot use the document of %.*s: %s",
                 SLICE_ARGS(did), reason);
    } else if (fetch_ended) {
        log_line(LOG_INFO, (struct slice){0}, "got %zu keys of %.*s", jwks_count(take_jwks),
                 SLICE_ARGS(did));
    }
    did_documents_post(control->process->gateways[worker_index], did, take_jwks, left_ms,
                       fetch_ended);
}

static enum status control_start_did_webs(struct control *control, struct failure *reterr)
{
    const struct config *config = control->process->config;
    const struct did_webs_settings settings = {
        .workers_count = control->process->gateways_count,
        .nearby_hosts = config->did_web_hosts.items,
        .nearby_hosts_count = config->did_web_hosts.count,
        .ca_file = config->did_web_ca_file.length > 0 ? config->did_web_ca_file.data : NULL,
        .cooldown_ms = config->jwks_cooldown_ms,
        .max_age_ms = config->did_web_max_age_ms,
        .timeout_ms = config->jwks_timeout_ms < control_document_timeout_ms
                          ? config->jwks_timeout_ms
                          : control_document_timeout_ms,
        .publish = control_published_document,
        .context = control,
    };
    if (control->process->dids.allow_count == 0) {
        return STATUS_OK;
    }
    control->did_webs = did_webs_create(&control->loop, control->fetcher, &settings);
    if (control->did_webs == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

/* ---- tasks ---- */

static enum status control_mint(void *context, const struct a2a_delegation *delegation,
                                struct buffer *token, struct failure *reterr)
{
    const struct process *process = ((struct control *)context)->process;
    struct slice names[mint_actors_max + 1]; /* one more, so that a longer chain is refused */
    struct json_value actors;
    struct json_value actor;
    struct arena arena;
    size_t count = 0;
    arena_init(&arena, (size_t)(mint_actors_max + 1) * 1024);
    if (json_parse(delegation->actors, JSON_DUPLICATES_UNCHECKED, &actors, reterr) == STATUS_OK) {
        struct json_walk walk = json_walk_begin(actors);
        while (count <= mint_actors_max && json_walk_next(&walk, NULL, &actor) &&
               json_string(actor, &arena, &names[count]) == STATUS_OK) {
            count++;
        }
    }
    const struct mint_delegation what = {
        .issuer = process->self_url,
        .subject = delegation->owner->user,
        .audience = process->self_url,
        .actors = names,
        .actors_count = count,
        .owner_issuer = delegation->owner->issuer,
        .owner_subject = delegation->owner->subject,
        .session = delegation->session,
    };
    enum status status =
        mint_append_delegated(process->mint, &what, clock_wall_s(),
                              (int64_t)(delegation->lifetime_ms / 1000), token, reterr);
    arena_clear(&arena);
    return status;
}

/* What could not be kept is counted by the bus, and told again unless it never will be. */
static void control_remembered(struct memory_job *job)
{
    bool is_settled = job->status == STATUS_OK || job->status == STATUS_INVALID ||
                      job->status == STATUS_UNSUPPORTED;
    a2a_remembered(job->context, is_settled);
    memory_job_free(job);
}

static bool control_copy_event(struct memory_job *job, const struct event *event)
{
    job->events = arena_allocate_zeroed(&job->arena, 1, sizeof(*event));
    if (job->events == NULL) {
        return false;
    }
    struct event *copy = job->events;
    job->events_count = 1;
    memory_event_init(copy);
    memcpy(copy->id, event->id, sizeof(copy->id));
    copy->timestamp_us = event->timestamp_us;
    const struct {
        const struct slice *from;
        struct slice *to;
    } texts[] = {
        {&event->issuer, &copy->issuer},   {&event->subject, &copy->subject},
        {&event->user, &copy->user},       {&event->session, &copy->session},
        {&event->event, &copy->event},     {&event->task, &copy->task},
        {&event->payload, &copy->payload}, {&event->state, &copy->state},
        {&event->result, &copy->result},   {&event->request_id, &copy->request_id},
        {&event->agent, &copy->agent},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].from->data != NULL && !arena_copy(&job->arena, *texts[i].from, texts[i].to)) {
            return false;
        }
    }
    return true;
}

static void control_stamp(void *context, struct event *event)
{
    memory_event_init(event);
}

static void control_remember(void *context, const struct event *event,
                             struct a2a_remembering *take_remembering)
{
    const struct process *process = ((struct control *)context)->process;
    struct memory_job *job = memory_job_create(MEMORY_WRITE, control_remembered, take_remembering);
    if (job == NULL || !control_copy_event(job, event)) {
        memory_job_free(job);
        a2a_remembered(take_remembering, false);
        return;
    }
    memory_run(process->memory, job);
}

enum status control_open_tasks(struct control *control, struct failure *reterr)
{
    const struct a2a_settings settings = {
        .config = control->process->config,
        .loop = &control->loop,
        .store = control->process->store,
        .fetcher = control->fetcher,
        .mint = control_mint,
        .remember = memory_keeps(control->process->memory) ? control_remember : NULL,
        .stamp = control_stamp,
        .context = control,
    };
    return a2a_open(&settings, &control->process->a2a, reterr);
}

/* ---- the store ---- */

/* Says once what has changed: the threads that meet it do not speak. */
static void control_watch_store(uv_timer_t *timer)
{
    struct control *control = timer->data;
    const struct process *process = control->process;
    enum store_health health = store_health(process->store);
    uint64_t refused = atomic_load_explicit(&memory_counters(process->memory)->events_refused,
                                            memory_order_relaxed);
    if (health != control->store_seen && health == STORE_FINE) {
        log_line(LOG_INFO, (struct slice){0}, "the store takes writes again");
    } else if (health != control->store_seen) {
        struct failure why = {""};
        store_last_failure(process->store, &why);
        log_line(LOG_ERROR, (struct slice){0}, "nothing can be stored in %.*s: %s",
                 SLICE_ARGS(process->data_directory),
                 health == STORE_FULL ? "no room is left on the disk" : why.text);
    }
    if (refused != control->refused_seen && health == STORE_FINE) {
        log_line(LOG_WARN, (struct slice){0}, "%llu events were not kept",
                 (unsigned long long)(refused - control->refused_seen));
    }
    if (health == STORE_FINE) {
        control->refused_seen = refused;
    }
    control->store_seen = health;
}

static void control_watch_delivery(struct control *control)
{
    struct failure failure;
    bool fails = memory_delivery_failure(control->process->memory, &failure);
    if (fails && !control->delivery_failed) {
        log_line(LOG_WARN, (struct slice){0},
                 "the remote backend of memory fails, events wait in the outbox: %s", failure.text);
    } else if (!fails && control->delivery_failed) {
        log_line(LOG_INFO, (struct slice){0}, "the remote backend of memory answers again");
    }
    control->delivery_failed = fails;
}

static void control_watched(uv_timer_t *timer)
{
    control_watch_store(timer);
    control_watch_delivery(timer->data);
}

/* ---- the end ---- */

static void control_close(void *context)
{
    struct control *control = context;
    uv_close((uv_handle_t *)&control->terminate, NULL);
    uv_close((uv_handle_t *)&control->interrupt, NULL);
    uv_close((uv_handle_t *)&control->drain, NULL);
    uv_close((uv_handle_t *)&control->watch, NULL);
    fetcher_free(control->fetcher);
    mailbox_close(&control->mailbox);
}

static void control_worker_ended_delivered(void *receiver, struct letter *letter)
{
    struct control *control = receiver;
    free(letter);
    if (--control->workers_running == 0 && control->process->a2a != NULL) {
        a2a_close(control->process->a2a, control_close, control);
    } else if (control->workers_running == 0) {
        control_close(control);
    }
}

void control_worker_ended(struct control *control)
{
    struct letter *letter = calloc(1, sizeof(*letter));
    if (letter == NULL) {
        abort(); /* without it the process would never end */
    }
    letter->deliver = control_worker_ended_delivered;
    if (!mailbox_post(&control->mailbox, letter)) {
        free(letter);
    }
}

static void control_drain(struct control *control, bool now)
{
    control->drained_now = control->drained_now || now;
    if (!control->draining) {
        control->draining = true;
        issuers_free(control->issuers); /* nothing is published from here on */
        control->issuers = NULL;
        did_webs_free(control->did_webs);
        control->did_webs = NULL;
    }
    for (size_t i = 0; i < control->process->gateways_count; i++) {
        gateway_post_drain(control->process->gateways[i], now);
    }
    if (now && control->process->memory != NULL) {
        memory_hurry(control->process->memory);
    }
}

static void control_drain_timed_out(uv_timer_t *timer)
{
    struct control *control = timer->data;
    log_line(LOG_WARN, (struct slice){0},
             "DRAIN_TIMEOUT is over: ending the requests that still run");
    control_drain(control, true);
}

static void control_signalled(uv_signal_t *handle, int number)
{
    struct control *control = handle->data;
    uint64_t timeout_ms = control->process->config->drain_timeout_ms;
    const char *name = number == SIGINT ? "SIGINT" : "SIGTERM";
    if (control->draining) {
        log_line(LOG_INFO, (struct slice){0}, "%s again: ending at once", name);
        control_drain(control, true);
        return;
    }
    log_line(LOG_INFO, (struct slice){0}, "%s: finishing what runs, at most %llu ms", name,
             (unsigned long long)timeout_ms);
    uv_timer_start(&control->drain, control_drain_timed_out, timeout_ms, 0);
    control_drain(control, false);
}

/* ---- making ---- */

static enum status control_make_loop(struct control *control, struct failure *reterr)
{
    if (uv_loop_init(&control->loop) != 0 ||
        uv_signal_init(&control->loop, &control->terminate) != 0 ||
        uv_signal_init(&control->loop, &control->interrupt) != 0 ||
        uv_timer_init(&control->loop, &control->drain) != 0 ||
        uv_timer_init(&control->loop, &control->watch) != 0) {
        failure_set(reterr, "cannot make the control loop: out of descriptors");
        return STATUS_IO;
    }
    control->terminate.data = control->interrupt.data = control->drain.data = control;
    control->watch.data = control;
    enum status status = mailbox_open(&control->mailbox, &control->loop, control, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    /* From here on a signal waits for the loop to run, however early it comes. */
    uv_signal_start(&control->terminate, control_signalled, SIGTERM);
    uv_signal_start(&control->interrupt, control_signalled, SIGINT);
    uv_timer_start(&control->watch, control_watched, 1, control_watch_ms);
    return fetcher_create(
        &control->loop, control_fetches_max + (size_t)control->process->config->a2a_concurrent_max,
        &control->fetcher, reterr);
}

enum status control_create(struct process *process, struct control **ret, struct failure *reterr)
{
    struct control *control = calloc(1, sizeof(*control));
    size_t count = process->remote_issuers_count;
    if (control == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    control->process = process;
    control->issuer_urls = calloc(count + 1, sizeof(control->issuer_urls[0]));
    if (control->issuer_urls == NULL) {
        failure_set(reterr, "out of memory");
        free(control);
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        control->issuer_urls[i] = process->issuers[i].issuer;
    }
    enum status status = control_make_loop(control, reterr);
    if (status != STATUS_OK) {
        return status; /* the process is about to end */
    }
    *ret = control;
    return STATUS_OK;
}

enum status control_run(struct control *control, struct failure *reterr)
{
    control->workers_running = control->process->gateways_count;
    enum status status = control_start_issuers(control, reterr);
    if (status == STATUS_OK) {
        status = control_start_did_webs(control, reterr);
    }
    if (status != STATUS_OK) {
        return status;
    }
    uv_run(&control->loop, UV_RUN_DEFAULT);
    return STATUS_OK;
}

void control_free(struct control *control)
{
    mailbox_clear(&control->mailbox);
    uv_loop_close(&control->loop);
    free(control->issuer_urls);
    free(control);
}
