/* SPDX-License-Identifier: MIT
 *
 * task.c - the names of the states, their moves, and copies. Any thread. */
#include "a2a/task.h"

struct task_state_row {
    bool is_over;
    const char *plain;
    const char *legacy;
    const char *current;
};

static const struct task_state_row states[] = {
#define TASK_STATE(name, is_over, plain, legacy, current) {is_over, plain, legacy, current},
#include "a2a/task_states.def"
#undef TASK_STATE
};

void task_id_fill(struct random_source *random, char ret_id[task_id_length + 1])
{
    random_hex(random, task_id_length / 2, ret_id);
    ret_id[task_id_length] = '\0';
}

bool task_id_is_sound(struct slice id)
{
    for (size_t i = 0; i < id.length; i++) {
        if (memchr("0123456789abcdef", id.data[i], 16) == NULL) {
            return false;
        }
    }
    return id.length == task_id_length;
}

bool task_is_over(enum task_state state)
{
    return states[state].is_over;
}

bool task_is_at_rest(enum task_state state)
{
    return states[state].is_over || state == TASK_INPUT_REQUIRED || state == TASK_AUTH_REQUIRED;
}

const char *task_state_plain(enum task_state state)
{
    return states[state].plain;
}

const char *task_state_legacy(enum task_state state)
{
    return states[state].legacy;
}

const char *task_state_current(enum task_state state)
{
    return states[state].current;
}

bool task_state_find(struct slice name, enum task_state *ret)
{
    for (unsigned i = 0; i < TASK_STATE_COUNT; i++) {
        if (slice_equals(name, slice_from_string(states[i].legacy)) ||
            slice_equals(name, slice_from_string(states[i].current))) {
            *ret = (enum task_state)i;
            return true;
        }
    }
    return false;
}

bool task_may_move(enum task_state from, enum task_state to)
{
    switch (from) {
    case TASK_SUBMITTED: /* an answer that came before the start was on disk is an answer */
        return to != TASK_SUBMITTED;
    case TASK_WORKING: /* back to the queue: the gateway stopped, the target may be called again */
        return to != TASK_WORKING;
    case TASK_INPUT_REQUIRED:
    case TASK_AUTH_REQUIRED:
        return to == TASK_SUBMITTED || to == TASK_WORKING || task_is_over(to);
    case TASK_COMPLETED:
    case TASK_FAILED:
    case TASK_CANCELED:
    case TASK_REJECTED:
    case TASK_STATE_COUNT:
        return false;
    }
    return false;
}

static bool copy_all(struct arena *arena, struct slice *const *slices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct slice from = *slices[i];
        if (from.length == 0) {
            *slices[i] = (struct slice){NULL, 0};
        } else if (!arena_copy(arena, from, slices[i])) {
            return false;
        }
    }
    return true;
}

enum { task_slices_count = 16 };

static void task_slices(struct task *task, struct slice *ret_slices[task_slices_count])
{
    struct slice *all[task_slices_count] = {
        &task->owner.issuer, &task->owner.subject, &task->owner.user, &task->session,
        &task->request_id,   &task->traceparent,   &task->context_id, &task->message_id,
        &task->target_name,  &task->target_url,    &task->input,      &task->history,
        &task->actors,       &task->result,        &task->detail,     &task->remote_id,
    };
    memcpy(ret_slices, all, sizeof(all));
}

enum status task_copy(const struct task *task, struct arena *arena, struct task *ret)
{
    struct task copy = *task;
    struct slice *slices[task_slices_count];
    task_slices(&copy, slices);
    struct slice *last = &copy.remote_context_id;
    if (!copy_all(arena, slices, task_slices_count) || !copy_all(arena, &last, 1)) {
        return STATUS_NO_MEMORY;
    }
    *ret = copy;
    return STATUS_OK;
}

enum status task_push_copy(const struct task_push *push, struct arena *arena, struct task_push *ret)
{
    struct task_push copy = *push;
    struct slice *slices[] = {&copy.id, &copy.url, &copy.token, &copy.scheme, &copy.credentials};
    if (!copy_all(arena, slices, sizeof(slices) / sizeof(slices[0]))) {
        return STATUS_NO_MEMORY;
    }
    *ret = copy;
    return STATUS_OK;
}

size_t task_bytes(const struct task *task)
{
    struct task copy = *task;
    struct slice *slices[task_slices_count];
    size_t bytes = task->remote_context_id.length;
    task_slices(&copy, slices);
    for (size_t i = 0; i < task_slices_count; i++) {
        bytes += slices[i]->length;
    }
    return bytes;
}
