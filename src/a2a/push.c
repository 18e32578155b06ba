/* SPDX-License-Identifier: MIT
 *
 * push.c - deliveries to webhooks: a list, one timer. Thread: the loop's. */
#include "a2a/push.h"

#include "a2a/wire.h"
#include "http/fetch.h"

#include <stdlib.h>

enum {
    delivery_arena_bytes_max = 64 * 1024,
    delivery_reply_bytes_max = 64 * 1024,
    delivery_body_bytes_max = 64 * 1024 * 1024,
};

struct delivery {
    struct pushes *pushes;
    struct delivery *previous, *next;
    struct arena arena;
    struct task_target target;
    const char *fields[4];
    struct buffer body;
    struct fetch *fetch; /* NULL: waits */
    unsigned attempts;
    uint64_t due_ms;
};

struct pushes {
    struct pushes_settings settings;
    uv_timer_t timer;
    struct delivery *deliveries; /* newest first */
    size_t count;
    size_t calls_count;
    bool is_ending;
};

static void pushes_pump(struct pushes *pushes);

static void delivery_free(struct delivery *delivery)
{
    struct pushes *pushes = delivery->pushes;
    if (delivery->fetch != NULL) {
        pushes->calls_count--;
        fetch_cancel(delivery->fetch);
    }
    if (delivery->previous != NULL) {
        delivery->previous->next = delivery->next;
    } else {
        pushes->deliveries = delivery->next;
    }
    if (delivery->next != NULL) {
        delivery->next->previous = delivery->previous;
    }
    pushes->count--;
    buffer_clear(&delivery->body);
    arena_clear(&delivery->arena);
    free(delivery);
}

/* A refusal will not change; trouble may. */
static bool reply_is_final(const struct fetch_reply *reply)
{
    return reply->status == STATUS_DENIED || reply->status == STATUS_INVALID ||
           (reply->status == STATUS_OK && reply->code >= 300 && reply->code <= 499 &&
            reply->code != 408 && reply->code != 429);
}

static void delivery_answered(void *context, const struct fetch_reply *reply)
{
    struct delivery *delivery = context;
    struct pushes *pushes = delivery->pushes;
    struct a2a_counters *counters = pushes->settings.counters;
    bool is_taken = reply->status == STATUS_OK && reply->code >= 200 && reply->code <= 299;
    delivery->fetch = NULL;
    pushes->calls_count--;
    if (is_taken || reply_is_final(reply) || delivery->attempts >= push_attempts_max) {
        atomic_fetch_add_explicit(is_taken ? &counters->pushes_sent : &counters->pushes_failed, 1,
                                  memory_order_relaxed);
        delivery_free(delivery);
    } else {
        uv_update_time(pushes->settings.loop);
        delivery->due_ms = uv_now(pushes->settings.loop) +
                           ((uint64_t)push_pause_first_ms << (delivery->attempts - 1));
    }
    pushes_pump(pushes);
}

static void delivery_start(struct delivery *delivery)
{
    struct pushes *pushes = delivery->pushes;
    struct fetch_request request = {
        .method = "POST",
        .url = delivery->target.url.data,
        .fields = delivery->fields,
        .body = buffer_slice(&delivery->body),
        .timeout_ms = push_timeout_ms,
        .reply_bytes_max = delivery_reply_bytes_max,
        .address_policy = delivery->target.address_policy,
    };
    enum status status = fetch_start(pushes->settings.fetcher, &request, delivery_answered,
                                     delivery, &delivery->fetch, NULL);
    delivery->attempts++;
    if (status == STATUS_OK) {
        pushes->calls_count++;
        return;
    }
    delivery->fetch = NULL;
    if (status == STATUS_INVALID || delivery->attempts >= push_attempts_max) {
        atomic_fetch_add_explicit(&pushes->settings.counters->pushes_failed, 1,
                                  memory_order_relaxed);
        delivery_free(delivery);
    } else {
        delivery->due_ms = uv_now(pushes->settings.loop) + push_pause_first_ms;
    }
}

static void timer_fired(uv_timer_t *timer)
{
    pushes_pump(timer->data);
}

/* Starts what is due, and sets the timer to the next. */
static void pushes_pump(struct pushes *pushes)
{
    uint64_t next_ms = UINT64_MAX;
    struct delivery *delivery = pushes->deliveries;
    if (pushes->is_ending) {
        return;
    }
    uv_update_time(pushes->settings.loop);
    uint64_t now = uv_now(pushes->settings.loop);
    while (delivery != NULL) {
        struct delivery *following = delivery->next;
        if (delivery->fetch == NULL && delivery->due_ms > now) {
            next_ms = delivery->due_ms < next_ms ? delivery->due_ms : next_ms;
        } else if (delivery->fetch == NULL && pushes->calls_count < dispatch_pushes_max) {
            delivery_start(delivery);
        }
        delivery = following;
    }
    if (next_ms != UINT64_MAX) {
        uv_timer_start(&pushes->timer, timer_fired, next_ms - now, 0);
    }
}

enum status push_check(const struct targets *targets, struct slice url, struct arena *arena,
                       struct task_target *ret, struct failure *reterr)
{
    struct task_target target;
    enum status status = url.length == 0 ? STATUS_DENIED
                                         : targets_choose(targets, (struct slice){NULL, 0}, url,
                                                          arena, &target, reterr);
    if (status == STATUS_OK && target.kind != TASK_TARGET_AGENT && target.kind != TASK_TARGET_URL) {
        status = STATUS_DENIED;
    }
    if (status == STATUS_OK) {
        *ret = target;
    } else if (status == STATUS_DENIED) {
        failure_set(reterr, "this webhook may not be called: see A2A_TARGETS");
    }
    return status;
}

/* "Name: value" with a NUL, in <arena>; NULL without memory or value. */
static const char *field_make(struct arena *arena, const char *name, struct slice first,
                              struct slice second)
{
    struct buffer text;
    struct slice copy = {NULL, 0};
    if (first.length == 0) {
        return NULL;
    }
    buffer_init(&text, delivery_arena_bytes_max);
    buffer_append_string(&text, name);
    buffer_append_string(&text, ": ");
    buffer_append(&text, first);
    buffer_append_string(&text, second.length > 0 ? " " : "");
    buffer_append(&text, second);
    if (text.failed || !arena_copy(arena, buffer_slice(&text), &copy)) {
        copy.data = NULL;
    }
    buffer_clear(&text);
    return copy.data;
}

static bool delivery_fill(struct delivery *delivery, const struct task *task,
                          const struct task_push *push)
{
    const struct targets *targets = delivery->pushes->settings.targets;
    struct wire_task_options options = {.history_length = 0, .with_artifacts = true};
    enum wire_form form = push->is_legacy ? WIRE_LEGACY : WIRE_CURRENT;
    size_t count = 0;
    if (push_check(targets, push->url, &delivery->arena, &delivery->target, NULL) != STATUS_OK) {
        return false;
    }
    const char *fields[] = {
        field_make(&delivery->arena, "Content-Type",
                   push->is_legacy ? SLICE("application/json") : SLICE("application/a2a+json"),
                   (struct slice){NULL, 0}),
        field_make(&delivery->arena, "X-A2A-Notification-Token", push->token,
                   (struct slice){NULL, 0}),
        push->credentials.length == 0
            ? NULL
            : field_make(&delivery->arena, "Authorization", push->scheme, push->credentials),
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i] != NULL) {
            delivery->fields[count++] = fields[i];
        }
    }
    wire_append_task_event(&delivery->body, form, task, options);
    return !delivery->body.failed;
}

void push_send(struct pushes *pushes, const struct task *task, const struct task_push *list,
               size_t count)
{
    for (size_t i = 0; i < count && !pushes->is_ending; i++) {
        struct delivery *delivery =
            pushes->count < push_waiting_max ? calloc(1, sizeof(*delivery)) : NULL;
        if (delivery == NULL) {
            atomic_fetch_add_explicit(&pushes->settings.counters->pushes_failed, 1,
                                      memory_order_relaxed);
            continue;
        }
        arena_init(&delivery->arena, delivery_arena_bytes_max);
        buffer_init(&delivery->body, delivery_body_bytes_max);
        delivery->pushes = pushes;
        delivery->next = pushes->deliveries;
        if (delivery->next != NULL) {
            delivery->next->previous = delivery;
        }
        pushes->deliveries = delivery;
        pushes->count++;
        if (!delivery_fill(delivery, task, &list[i])) {
            atomic_fetch_add_explicit(&pushes->settings.counters->pushes_failed, 1,
                                      memory_order_relaxed);
            delivery_free(delivery);
        }
    }
    pushes_pump(pushes);
}

enum status pushes_create(const struct pushes_settings *settings, struct pushes **ret,
                          struct failure *reterr)
{
    struct pushes *pushes = calloc(1, sizeof(*pushes));
    if (pushes == NULL || uv_timer_init(settings->loop, &pushes->timer) != 0) {
        free(pushes);
        failure_set(reterr, "no memory for webhooks");
        return STATUS_NO_MEMORY;
    }
    pushes->settings = *settings;
    pushes->timer.data = pushes;
    *ret = pushes;
    return STATUS_OK;
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void pushes_free(struct pushes *pushes)
{
    if (pushes == NULL || pushes->is_ending) {
        return;
    }
    pushes->is_ending = true;
    while (pushes->deliveries != NULL) {
        delivery_free(pushes->deliveries);
    }
    uv_close((uv_handle_t *)&pushes->timer, timer_closed);
}
