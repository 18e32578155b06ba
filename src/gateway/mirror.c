/* SPDX-License-Identifier: MIT
 *
 * mirror.c - see mirror.h. */
#include "gateway/mirror.h"

#include "base/clock.h"
#include "dialect/dialect.h"
#include "gateway/errand.h"
#include "mem/capture.h"

#include <stdlib.h>

/* ---- what is kept ---- */

/* "Cache-Control: no-store" and "X-Attach-Memory: off" keep a call's text out of memory. */
static bool mirror_is_withheld(const struct request_head *head)
{
    for (size_t i = 0; i < head->fields_count; i++) {
        const struct field *field = &head->fields[i];
        if (field->id == FIELD_X_ATTACH &&
            slice_equals_ignoring_case(field->name, SLICE("x-attach-memory")) &&
            slice_equals_ignoring_case(field->value, SLICE("off"))) {
            return true;
        }
        if (field->id == FIELD_OTHER &&
            slice_equals_ignoring_case(field->name, SLICE("cache-control"))) {
            struct slice rest = field->value;
            struct slice item;
            while (slice_next_item(&rest, &item)) {
                if (slice_equals_ignoring_case(item, SLICE("no-store"))) {
                    return true;
                }
            }
        }
    }
    return false;
}

bool mirror_begin(struct request *request)
{
    struct memory *memory = request->gateway->process->memory;
    if (memory == NULL || !memory_keeps(memory)) {
        return true;
    }
    const struct dialect *dialect = dialect_find(request->head.method, request->head.target.path);
    if (dialect == NULL) {
        return true;
    }
    if (request->gateway->config->mem_required && !memory_is_healthy(memory)) {
        return false;
    }
    const struct capture_start start = {
        .dialect = dialect,
        .identity = &request->identity,
        .session = request->session,
        .request_id = request->request_id,
        .withheld = mirror_is_withheld(&request->head),
        .started_us = clock_wall_us(),
    };
    request->capture = capture_begin(memory, &start);
    return request->capture != NULL || !request->gateway->config->mem_required;
}

void mirror_request(struct request *request, struct slice bytes)
{
    if (request->capture != NULL) {
        capture_request(request->capture, bytes);
    }
}

void mirror_request_end(struct request *request)
{
    if (request->capture != NULL) {
        capture_request_end(request->capture);
    }
}

void mirror_reply_head(struct request *request, const struct response_head *head)
{
    struct slice type = {0};
    struct slice encoding = {0};
    if (request->capture == NULL) {
        return;
    }
    const struct field *field =
        fields_find(head->fields, head->fields_count, FIELD_CONTENT_TYPE, NULL);
    if (field != NULL) {
        type = field->value;
    }
    field = fields_find(head->fields, head->fields_count, FIELD_CONTENT_ENCODING, NULL);
    if (field != NULL) {
        encoding = field->value;
    }
    request->mirror_head_seen = true;
    capture_reply_head(request->capture, head->status, type, encoding);
}

void mirror_reply(struct request *request, struct slice bytes)
{
    if (request->capture == NULL) {
        return;
    }
    if (request->mirror_pieces_count == mirror_pieces_max) {
        mirror_flush(request);
    }
    request->mirror_pieces[request->mirror_pieces_count++] = bytes;
}

void mirror_flush(struct request *request)
{
    for (size_t i = 0; i < request->mirror_pieces_count; i++) {
        capture_reply(request->capture, request->mirror_pieces[i]);
    }
    request->mirror_pieces_count = 0;
}

/* ---- waiting for room ---- */

static void mirror_unlink(struct request *request)
{
    struct room_wait *wait = &request->gateway->room_wait;
    if (!request->awaits_room) {
        return;
    }
    request->awaits_room = false;
    if (request->room_previous != NULL) {
        request->room_previous->room_next = request->room_next;
    } else {
        wait->first = request->room_next;
    }
    if (request->room_next != NULL) {
        request->room_next->room_previous = request->room_previous;
    }
    request->room_next = request->room_previous = NULL;
}

static void mirror_resume(struct request *request)
{
    mirror_unlink(request);
    if (request->reply_complete) {
        request_wake(request);
    } else if (!connection_is_full(request->connection)) {
        engine_call_resume(&request->call);
    }
}

static void mirror_room_delivered(void *receiver, struct letter *letter)
{
    struct gateway *gateway = receiver;
    struct room_wait *wait = &gateway->room_wait;
    wait->asked = false;
    while (wait->first != NULL && !wait->asked) { /* until the room is full again */
        mirror_resume(wait->first);
    }
    gateway_errand_over(gateway);
}

static void mirror_room_notified(struct memory_waiter *waiter)
{
    struct room_wait *wait =
        (struct room_wait *)((char *)waiter - offsetof(struct room_wait, waiter));
    if (!mailbox_post(wait->mailbox, &wait->letter)) {
        abort(); /* never: the box stays open while a letter is waited for */
    }
}

/* False: there is room. True: the request is on the list of those that wait for it. */
static bool mirror_awaits_room(struct request *request)
{
    struct gateway *gateway = request->gateway;
    struct memory *memory = gateway->process->memory;
    struct room_wait *wait = &gateway->room_wait;
    if (request->awaits_room) {
        return true;
    }
    if (gateway->config->mem_when_full != MEM_WHEN_FULL_SLOW || memory_has_room(memory)) {
        return false;
    }
    if (!wait->asked) {
        wait->letter.deliver = mirror_room_delivered;
        wait->mailbox = &gateway->worker.mailbox;
        wait->waiter.notify = mirror_room_notified;
        if (!memory_await_room(memory, &wait->waiter)) {
            return false;
        }
        wait->asked = true;
        gateway->errands_out++;
    }
    request->awaits_room = true;
    request->room_previous = NULL;
    request->room_next = wait->first;
    if (wait->first != NULL) {
        wait->first->room_previous = request;
    }
    wait->first = request;
    return true;
}

bool mirror_holds(struct request *request)
{
    return request->capture != NULL && mirror_awaits_room(request);
}

/* ---- the end ---- */

struct stored_errand {
    struct errand errand;
    enum status status;
};

static void mirror_stored(void *context, enum status status)
{
    struct stored_errand *stored = context;
    stored->status = status;
    errand_return(&stored->errand);
}

static enum step_result mirror_never_finishes(struct request *request, struct errand *errand)
{
    return STEP_WAIT; /* not asked: step_relay_reply looks at errand_returned itself */
}

static void mirror_release(struct errand *errand)
{
    free(errand);
}

bool mirror_keeps_last_byte(const struct request *request)
{
    return request->capture != NULL && request->gateway->config->mem_ack == MEM_ACK_STORED;
}

bool mirror_finish(struct request *request)
{
    if (request->errand_returned != NULL) {
        struct stored_errand *stored = (struct stored_errand *)request->errand_returned;
        request->errand_returned = NULL;
        request->memory_lost =
            stored->status != STATUS_OK && request->gateway->config->mem_required;
        stored->errand.release(&stored->errand);
        return true;
    }
    if (request->errand != NULL) {
        return false;
    }
    if (request->capture == NULL) {
        return true;
    }
    mirror_flush(request);
    if (mirror_awaits_room(request)) {
        return false;
    }
    struct capture *capture = request->capture;
    struct stored_errand *stored = NULL;
    request->capture = NULL;
    if (request->gateway->config->mem_ack == MEM_ACK_STORED) {
        stored = calloc(1, sizeof(*stored));
    }
    if (stored == NULL) {
        request->memory_lost = request->gateway->config->mem_ack == MEM_ACK_STORED &&
                               request->gateway->config->mem_required; /* nobody could say so */
        capture_end(capture, CAPTURE_COMPLETE, NULL, NULL);
        return true;
    }
    stored->errand.finish = mirror_never_finishes;
    stored->errand.release = mirror_release;
    errand_begin(&stored->errand, request);
    capture_end(capture, CAPTURE_COMPLETE, mirror_stored, stored);
    return false;
}

void mirror_end(struct request *request)
{
    mirror_unlink(request);
    if (request->errand != NULL) {
        errand_abandon(request->errand);
        request->errand = NULL;
    }
    if (request->capture != NULL) {
        mirror_flush(request);
        if (!request->mirror_head_seen) { /* the engine gave none, the client got ours */
            capture_reply_head(request->capture, request->status, SLICE(""), SLICE(""));
        }
        capture_end(request->capture, request->cancelled ? CAPTURE_ABORTED : CAPTURE_TRUNCATED,
                    NULL, NULL);
        request->capture = NULL;
    }
}
