/* SPDX-License-Identifier: MIT
 *
 * followers.c - a table of followers by task. Thread: the loop's. */
#include "a2a/followers.h"

#include <stdlib.h>

enum { event_arena_bytes_max = 64 * 1024 * 1024 };

/* Ids are random: their first digits are spread well enough. */
static struct follower **bucket_of(struct followers *followers, const char *task_id)
{
    unsigned number = 0;
    for (size_t i = 0; i < 8; i++) {
        number = number * 31 + (unsigned char)task_id[i];
    }
    return &followers->buckets[number % followers_buckets];
}

static void link_in(struct followers *followers, struct follower *follower)
{
    struct follower **bucket = bucket_of(followers, follower->task_id);
    follower->next = *bucket;
    *bucket = follower;
}

static void link_out(struct followers *followers, struct follower *follower)
{
    struct follower **at = bucket_of(followers, follower->task_id);
    while (*at != follower) {
        at = &(*at)->next;
    }
    *at = follower->next;
}

struct follower *follower_add(struct followers *followers, const char *task_id,
                              struct a2a_call *call, struct a2a_watch *watch)
{
    struct follower *follower =
        followers->count < a2a_watches_max ? calloc(1, sizeof(*follower)) : NULL;
    struct a2a_event *last_words = follower == NULL ? NULL : calloc(1, sizeof(*last_words));
    if (last_words == NULL) {
        free(follower);
        return NULL;
    }
    arena_init(&last_words->arena, 0);
    last_words->is_over = true;
    last_words->watch = watch;
    last_words->context = watch == NULL ? NULL : watch->context;
    follower->call = call;
    follower->watch = watch;
    follower->last_words = last_words;
    memcpy(follower->task_id, task_id, sizeof(follower->task_id));
    link_in(followers, follower);
    followers->count++;
    return follower;
}

void follower_move(struct followers *followers, struct follower *follower, const char *task_id)
{
    link_out(followers, follower);
    memcpy(follower->task_id, task_id, sizeof(follower->task_id));
    link_in(followers, follower);
}

void follower_remove(struct followers *followers, struct follower *follower)
{
    if (follower != NULL) {
        link_out(followers, follower);
        followers->count--;
        a2a_event_free(follower->last_words);
        free(follower);
    }
}

void a2a_event_free(struct a2a_event *event)
{
    if (event != NULL) {
        arena_clear(&event->arena);
        free(event);
    }
}

struct a2a_event *follower_event(const struct follower *follower, const struct task *task,
                                 bool is_snapshot, bool is_over)
{
    struct a2a_event *event = calloc(1, sizeof(*event));
    if (event == NULL) {
        return NULL;
    }
    arena_init(&event->arena, event_arena_bytes_max);
    event->watch = follower->watch;
    event->context = follower->watch->context;
    event->is_snapshot = is_snapshot;
    event->is_over = is_over;
    event->has_task = task != NULL;
    if (task != NULL && task_copy(task, &event->arena, &event->task) != STATUS_OK) {
        a2a_event_free(event);
        return NULL;
    }
    return event;
}

void follower_tell(struct followers *followers, struct follower *follower, const struct task *task,
                   bool is_over)
{
    struct a2a_watch *watch = follower->watch;
    struct a2a_event *event = follower_event(follower, task, false, is_over);
    if (event == NULL) { /* better an end than a gap */
        event = follower->last_words;
        follower->last_words = NULL;
        is_over = true;
    }
    if (is_over) {
        follower_remove(followers, follower);
    }
    watch->changed(watch, event);
}

static void call_answer(struct a2a_call *call, const struct task *task)
{
    struct task *copy = arena_allocate(&call->job.arena, sizeof(*copy));
    call->follower = NULL;
    call->was_over = true;
    call->job.outcome = A2A_OK;
    if (copy == NULL || task_copy(task, &call->job.arena, copy) != STATUS_OK) {
        call->job.outcome = A2A_UNAVAILABLE;
        failure_set(&call->job.failure, "no memory for the task");
        call->job.tasks_count = 0;
    } else {
        call->job.tasks = copy;
        call->job.tasks_count = 1;
    }
    call->done(call);
}

void followers_tell(struct followers *followers, const struct task *task)
{
    bool is_at_rest = task_is_at_rest(task->state);
    struct follower *follower = *bucket_of(followers, task->id);
    while (follower != NULL) {
        struct follower *following = follower->next;
        bool is_meant = strcmp(follower->task_id, task->id) == 0;
        if (is_meant && !follower->is_ready) {
            follower->has_missed = true;
        } else if (is_meant && follower->watch != NULL) {
            follower_tell(followers, follower, task, is_at_rest);
        } else if (is_meant && is_at_rest) {
            struct a2a_call *call = follower->call;
            follower_remove(followers, follower);
            call_answer(call, task);
        }
        follower = following;
    }
}

struct follower *followers_find(struct followers *followers, uint64_t id)
{
    for (size_t i = 0; i < followers_buckets; i++) {
        struct follower *follower = followers->buckets[i];
        for (; follower != NULL; follower = follower->next) {
            uint64_t its_id = follower->watch != NULL  ? follower->watch->id
                              : follower->call != NULL ? follower->call->id
                                                       : 0;
            if (its_id == id) {
                return follower;
            }
        }
    }
    return NULL;
}

void followers_clear(struct followers *followers)
{
    for (size_t i = 0; i < followers_buckets; i++) {
        struct follower *follower = followers->buckets[i];
        while (follower != NULL) {
            struct follower *following = follower->next;
            if (!follower->is_ready) {
                follower->is_gone = true; /* its question is under way and ends it */
            } else if (follower->watch != NULL) {
                follower_tell(followers, follower, NULL, true);
            } else {
                struct a2a_call *call = follower->call;
                follower_remove(followers, follower);
                call->follower = NULL;
                call->job.outcome = A2A_UNAVAILABLE;
                failure_set(&call->job.failure, "the gateway stops");
                call->done(call);
            }
            follower = following;
        }
    }
}
