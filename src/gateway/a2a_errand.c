/* SPDX-License-Identifier: MIT
 *
 * a2a_errand.c - see a2a_errand.h. */
#include "gateway/a2a_errand.h"

#include "base/log.h"
#include "gateway/answer.h"

#include <stdlib.h>

struct a2a_stream {
    struct a2a_watch watch;
    struct a2a_leave *leave; /* NULL: was used */
    struct gateway *gateway;
    struct request *request; /* NULL: the client has left */
    a2a_stream_write *write;
    struct buffer text; /* not sent yet */
    size_t sent;
    size_t room;  /* taken for <text> */
    bool watches; /* events come until one says that it is the last */
    bool ended;   /* nothing more is to be sent */
};

struct a2a_errand {
    struct errand errand;
    struct a2a_call *call;
    a2a_errand_finish *finish;
    uint64_t id;             /* of a call that waits for its task; 0: it does not */
    struct a2a_leave *leave; /* of such a call; NULL: was used */
};

static void a2a_stream_empty(struct a2a_stream *stream)
{
    bool is_broken = stream->text.failed;
    a2a_room_give(stream->gateway->process->a2a, stream->room);
    stream->room = 0;
    stream->sent = 0;
    buffer_clear(&stream->text);
    stream->text.failed = is_broken;
}

static void a2a_stream_free(struct a2a_stream *stream)
{
    a2a_stream_empty(stream);
    free(stream->leave);
    free(stream);
}

/* The call was answered so that no events will come. */
static void a2a_stream_hears_nothing(struct a2a_stream *stream)
{
    stream->watches = false;
    stream->ended = true;
    stream->gateway->errands_out--; /* the errand that brought the answer is still counted */
    if (stream->request == NULL) {
        a2a_stream_free(stream);
    }
}

static void a2a_errand_done(struct a2a_call *call)
{
    errand_return(call->context);
}

static enum step_result a2a_errand_finished(struct request *request, struct errand *errand)
{
    struct a2a_errand *a2a = (struct a2a_errand *)errand;
    return a2a->finish(request, a2a->call);
}

/* A call that waits for a task's end is answered at once, so that the worker can end. */
static void a2a_errand_abandoned(struct errand *errand)
{
    struct a2a_errand *a2a = (struct a2a_errand *)errand;
    if (a2a->id != 0 && a2a->leave != NULL) {
        a2a_unwatch(errand->gateway->process->a2a, a2a->id, a2a->leave);
        a2a->leave = NULL;
    }
}

static void a2a_errand_release(struct errand *errand)
{
    struct a2a_errand *a2a = (struct a2a_errand *)errand;
    const struct a2a_call *call = a2a->call;
    if (call->watch != NULL && (call->job.outcome != A2A_OK || call->was_over)) {
        a2a_stream_hears_nothing(call->watch->context);
    }
    a2a_call_free(a2a->call);
    free(a2a->leave);
    free(a2a);
}

static bool a2a_errand_is_hex(struct slice text, bool *ret_is_zero)
{
    *ret_is_zero = true;
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f')) {
            return false;
        }
        *ret_is_zero = *ret_is_zero && byte == '0';
    }
    return true;
}

/* W3C Trace Context 3.2: version-trace-parent-flags, in lower-case hex. A later version may be
 * longer; it is not passed on, since what stands behind is not known. */
bool a2a_errand_traceparent_is_sound(struct slice text)
{
    static const struct {
        size_t start, length;
        bool may_be_zero;
    } parts[] = {{0, 2, true}, {3, 32, false}, {36, 16, false}, {53, 2, true}};
    bool is_zero = false;
    if (text.length != 55 || slice_equals(slice_make(text.data, 2), SLICE("ff"))) {
        return false;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct slice part = slice_make(text.data + parts[i].start, parts[i].length);
        bool is_hex = a2a_errand_is_hex(part, &is_zero);
        if (!is_hex || (is_zero && !parts[i].may_be_zero) || (i > 0 && part.data[-1] != '-')) {
            return false;
        }
    }
    return true;
}

/* A trace context that can be passed on, or nothing. */
static struct slice a2a_errand_traceparent(const struct request *request)
{
    for (size_t i = 0; i < request->head.fields_count; i++) {
        const struct field *field = &request->head.fields[i];
        if (field->id == FIELD_OTHER &&
            slice_equals_ignoring_case(field->name, SLICE("traceparent")) &&
            a2a_errand_traceparent_is_sound(field->value)) {
            return field->value;
        }
    }
    return slice_make(NULL, 0);
}

static bool a2a_errand_own(struct a2a_call *call, const struct request *request)
{
    struct arena *arena = &call->job.arena;
    struct task *task = &call->job.task;
    const struct identity *identity = &request->identity;
    task->hops = identity->actors_count;
    return arena_copy(arena, identity->issuer, &task->owner.issuer) &&
           arena_copy(arena, identity->subject, &task->owner.subject) &&
           arena_copy(arena, identity->user, &task->owner.user) &&
           arena_copy(arena, identity->actors, &task->actors) &&
           arena_copy(arena, request->session, &task->session) &&
           arena_copy(arena, request->request_id, &task->request_id) &&
           arena_copy(arena, a2a_errand_traceparent(request), &task->traceparent);
}

struct a2a_call *a2a_errand_create(struct request *request, enum a2a_action action,
                                   a2a_errand_finish *finish)
{
    struct a2a_errand *errand = calloc(1, sizeof(*errand));
    struct a2a_call *call = NULL;
    if (errand != NULL) {
        call = a2a_call_create(action, a2a_errand_done, errand);
    }
    if (call == NULL || !a2a_errand_own(call, request)) {
        a2a_call_free(call);
        free(errand);
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return NULL;
    }
    errand->call = call;
    errand->finish = finish;
    errand->errand.finish = a2a_errand_finished;
    errand->errand.release = a2a_errand_release;
    errand->errand.abandoned = a2a_errand_abandoned;
    return call;
}

enum step_result a2a_errand_send(struct request *request, struct a2a_call *take_call)
{
    struct a2a_errand *errand = take_call->context;
    bool watches = take_call->watch != NULL; /* a stream lets go of its watch itself */
    if (!watches && take_call->waits) {
        errand->leave = a2a_leave_create();
        if (errand->leave == NULL) {
            answer_detail(request, 503, "out_of_memory", "out of memory");
            return a2a_errand_drop(take_call);
        }
    }
    errand_begin(&errand->errand, request);
    uint64_t id = a2a_run(request->gateway->process->a2a, take_call);
    errand->id = watches ? 0 : id; /* the answer is a letter to this thread: it is still ours */
    return STEP_WAIT;
}

enum step_result a2a_errand_drop(struct a2a_call *take_call)
{
    a2a_errand_release(take_call->context);
    return STEP_ANSWER;
}

void a2a_errand_log(const struct request *request, const struct a2a_call *call)
{
    if (a2a_outcome_is_inner(call->job.outcome) && call->job.failure.text[0] != '\0') {
        log_line(LOG_WARN, request->request_id, "a question about tasks was refused: %s",
                 call->job.failure.text);
    }
}

/* ---- streams ---- */

/* A client that does not read what its share of the room takes loses the stream, visibly. */
void a2a_stream_tell(struct a2a_stream *stream, const struct a2a_event *event)
{
    size_t before = stream->text.length;
    stream->ended = stream->write(stream->request, event, &stream->text);
    size_t more = stream->text.length - before;
    if (!stream->text.failed && a2a_room_take(stream->gateway->process->a2a, more)) {
        stream->room += more;
        return;
    }
    stream->text.failed = true;
    a2a_stream_empty(stream);
}

static void a2a_stream_delivered(void *receiver, struct letter *letter)
{
    struct gateway *gateway = receiver;
    struct a2a_event *event = (struct a2a_event *)letter;
    struct a2a_stream *stream = event->context;
    struct request *request = stream->request;
    bool is_over = event->is_over;
    if (request != NULL && event->has_task && !stream->ended) {
        a2a_stream_tell(stream, event);
    }
    a2a_event_free(event);
    if (is_over) {
        stream->watches = false;
        stream->ended = true;
    }
    if (request != NULL && request->replied) {
        request_wake(request); /* its end may free the stream, unless it still watches */
    } else if (request == NULL && is_over) {
        a2a_stream_free(stream);
    }
    if (is_over) {
        gateway_errand_over(gateway);
    }
}

/* On another thread. */
static void a2a_stream_changed(struct a2a_watch *watch, struct a2a_event *take_event)
{
    struct a2a_stream *stream = watch->context;
    take_event->letter = (struct letter){.deliver = a2a_stream_delivered};
    if (!mailbox_post(&stream->gateway->worker.mailbox, &take_event->letter)) {
        abort(); /* never: the box stays open while a watch is open */
    }
}

/* The request is being freed. */
static void a2a_stream_over(struct request *request)
{
    struct a2a_stream *stream = request->answer_state;
    stream->request = NULL;
    if (!stream->watches) {
        a2a_stream_free(stream);
        return;
    }
    a2a_unwatch(request->gateway->process->a2a, stream->watch.id, stream->leave);
    stream->leave = NULL;
}

struct a2a_stream *a2a_stream_create(struct request *request, struct a2a_call *call,
                                     a2a_stream_write *write)
{
    struct a2a_stream *stream = calloc(1, sizeof(*stream));
    struct a2a_leave *leave = a2a_leave_create();
    if (stream == NULL || leave == NULL) {
        free(stream);
        free(leave);
        return NULL;
    }
    stream->leave = leave;
    stream->gateway = request->gateway;
    stream->request = request;
    stream->write = write;
    stream->watches = true;
    stream->watch.changed = a2a_stream_changed;
    stream->watch.context = stream;
    buffer_init(&stream->text, a2a_stream_bytes_max(request->gateway->process->config));
    call->watch = &stream->watch;
    request->answer_state = stream;
    request->answer_over = a2a_stream_over;
    request->gateway->errands_out++; /* until the last event */
    return stream;
}

struct buffer *a2a_stream_text(struct a2a_stream *stream)
{
    return &stream->text;
}

enum source_result a2a_stream_source(struct request *request, struct slice *ret_bytes)
{
    struct a2a_stream *stream = request->answer_state;
    enum { piece_bytes = 64 * 1024 };
    if (stream->text.failed) {
        return SOURCE_BROKEN;
    }
    struct slice rest = slice_after(buffer_slice(&stream->text), stream->sent);
    if (rest.length == 0) {
        a2a_stream_empty(stream);
        return stream->ended ? SOURCE_END : SOURCE_WAITS;
    }
    rest.length = rest.length > piece_bytes ? piece_bytes : rest.length;
    stream->sent += rest.length;
    *ret_bytes = rest;
    return SOURCE_BYTES;
}
