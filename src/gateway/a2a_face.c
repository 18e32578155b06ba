/* SPDX-License-Identifier: MIT
 *
 * a2a_face.c - see a2a_face.h. */
#include "gateway/a2a_face.h"

#include "gateway/answer.h"

static struct slice a2a_face_type(const struct a2a_face *face)
{
    return !face->is_rpc && face->form == WIRE_CURRENT ? SLICE("application/a2a+json")
                                                       : SLICE("application/json");
}

struct slice a2a_face_version(const struct request *request)
{
    struct slice rest = request->head.target.query;
    for (size_t i = 0; i < request->head.fields_count; i++) {
        const struct field *field = &request->head.fields[i];
        if (field->id == FIELD_OTHER &&
            slice_equals_ignoring_case(field->name, SLICE("a2a-version"))) {
            return field->value;
        }
    }
    while (rest.length > 0) { /* plain digits and a dot: nothing to decode */
        size_t end = slice_find(rest, '&');
        struct slice pair = slice_make(rest.data, end);
        rest = slice_after(rest, end < rest.length ? end + 1 : end);
        if (slice_starts_with(pair, SLICE("A2A-Version="))) {
            return slice_after(pair, sizeof("A2A-Version=") - 1);
        }
    }
    return slice_make(NULL, 0);
}

enum step_result a2a_face_refuse(struct request *request, const struct a2a_face *face,
                                 enum a2a_outcome outcome, const char *text)
{
    const struct a2a_outcome_row *row = a2a_outcome_row(outcome);
    struct buffer body;
    text = a2a_outcome_text(outcome, text);
    request->reason = "task_refused";
    buffer_init(&body, 64 * 1024);
    if (face->is_rpc) {
        /* Errors of JSON-RPC travel with 200, but for those that a client must see as HTTP's. */
        wire_append_error(&body, face->id, outcome, text);
        return answer_buffer(request, 200, a2a_face_type(face), &body);
    }
    wire_append_rest_error(&body, face->form, outcome, text);
    return answer_buffer(request, row->rest_status, a2a_face_type(face), &body);
}

/* ---- answers ---- */

static struct wire_task_options a2a_face_options(const struct a2a_face *face)
{
    return (struct wire_task_options){.history_length = face->question.history_length,
                                      .with_artifacts = true};
}

static void a2a_face_begin(const struct a2a_face *face, struct buffer *text)
{
    if (face->is_rpc) {
        wire_append_result_begin(text, face->id);
    }
}

static void a2a_face_end(const struct a2a_face *face, struct buffer *text)
{
    if (face->is_rpc) {
        wire_append_result_end(text);
    }
}

/* The result of a call that went well. */
static void a2a_face_result(const struct a2a_face *face, const struct a2a_call *call,
                            struct buffer *text)
{
    const struct task_job *job = &call->job;
    struct wire_task_options options = a2a_face_options(face);
    switch (face->question.operation) {
    case OPERATION_SEND:
        wire_append_sent(text, face->form, &job->tasks[0], options);
        return;
    case OPERATION_LIST:
        options.with_artifacts = job->query.with_results;
        wire_append_page(text, face->form, job, options);
        return;
    case OPERATION_PUSH_SET:
    case OPERATION_PUSH_GET:
        wire_append_push(text, face->form, &job->pushes[0]);
        return;
    case OPERATION_PUSH_LIST:
        wire_append_pushes(text, face->form, job->pushes, job->pushes_count);
        return;
    case OPERATION_PUSH_DELETE:
        buffer_append_string(text, face->form == WIRE_LEGACY ? "null" : "{}");
        return;
    case OPERATION_GET:
    case OPERATION_CANCEL:
        wire_append_task(text, face->form, &job->tasks[0], options);
        return;
    case OPERATION_NONE:
    case OPERATION_STREAM:
    case OPERATION_SUBSCRIBE:
    case OPERATION_EXTENDED_CARD:
        text->failed = true; /* never: these answer elsewhere */
        return;
    }
}

static enum step_result a2a_face_answered(struct request *request, struct a2a_call *call)
{
    const struct a2a_face *face = request->answer_state;
    struct buffer text;
    if (call->job.outcome != A2A_OK) {
        a2a_errand_log(request, call);
        return a2a_face_refuse(request, face, call->job.outcome, call->job.failure.text);
    }
    buffer_init(&text, wire_bytes_max);
    a2a_face_begin(face, &text);
    a2a_face_result(face, call, &text);
    a2a_face_end(face, &text);
    return answer_buffer(request, 200, a2a_face_type(face), &text);
}

/* ---- streams ---- */

static void a2a_face_event_begin(const struct a2a_face *face, struct buffer *text)
{
    buffer_append_string(text, "data: ");
    a2a_face_begin(face, text);
}

static void a2a_face_event_end(const struct a2a_face *face, struct buffer *text)
{
    a2a_face_end(face, text);
    buffer_append_string(text, "\n\n");
}

/* What a change of a task is on a stream: a snapshot first, then artifacts and states. */
static bool a2a_face_write(struct request *request, const struct a2a_event *event,
                           struct buffer *text)
{
    const struct a2a_face *face = request->a2a_face;
    bool is_final = task_is_at_rest(event->task.state);
    if (event->is_snapshot) {
        a2a_face_event_begin(face, text);
        wire_append_task_event(text, face->form, &event->task, a2a_face_options(face));
        a2a_face_event_end(face, text);
        if (!is_final) {
            return false;
        }
    }
    for (size_t index = 0; is_final && !event->is_snapshot; index++) {
        size_t before = text->length;
        a2a_face_event_begin(face, text);
        if (!wire_append_artifact_event(text, face->form, &event->task, index)) {
            text->length = before;
            break;
        }
        a2a_face_event_end(face, text);
    }
    a2a_face_event_begin(face, text);
    wire_append_status_event(text, face->form, &event->task, is_final);
    a2a_face_event_end(face, text);
    return is_final;
}

static enum step_result a2a_face_streams(struct request *request, struct a2a_call *call)
{
    const struct a2a_face *face = request->a2a_face;
    if (call->job.outcome != A2A_OK) {
        a2a_errand_log(request, call);
        return a2a_face_refuse(request, face, call->job.outcome, call->job.failure.text);
    }
    if (call->was_over) { /* this message was sent before, and is answered */
        const struct a2a_event last = {
            .has_task = true, .is_snapshot = true, .task = call->job.tasks[0]};
        a2a_stream_tell(request->answer_state, &last);
    }
    return answer_stream(request, 200, SLICE("text/event-stream"), a2a_stream_source);
}

/* ---- questions ---- */

static bool a2a_face_action(enum a2a_operation operation, enum a2a_action *ret)
{
    static const struct {
        enum a2a_operation operation;
        enum a2a_action action;
    } rows[] = {
        {OPERATION_SEND, A2A_SEND},
        {OPERATION_STREAM, A2A_SEND},
        {OPERATION_GET, A2A_GET},
        {OPERATION_LIST, A2A_LIST},
        {OPERATION_CANCEL, A2A_CANCEL},
        {OPERATION_SUBSCRIBE, A2A_WATCH},
        {OPERATION_PUSH_SET, A2A_PUSH_SET},
        {OPERATION_PUSH_GET, A2A_PUSH_GET},
        {OPERATION_PUSH_LIST, A2A_PUSH_LIST},
        {OPERATION_PUSH_DELETE, A2A_PUSH_DELETE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].operation == operation) {
            *ret = rows[i].action;
            return true;
        }
    }
    return false;
}

static bool a2a_face_keep(struct arena *arena, struct slice *text)
{
    return text->data == NULL || arena_copy(arena, *text, text);
}

static bool a2a_face_copy_message(const struct a2a_face *face, struct a2a_call *call)
{
    const struct a2a_question *question = &face->question;
    struct arena *arena = &call->job.arena;
    struct task *task = &call->job.task;
    task->form = TASK_MESSAGE;
    task->target_name = face->agent;
    task->message_id = question->message_id;
    task->context_id = question->context_id;
    task->input = question->message.whole.text;
    call->waits = !question->returns_at_once && question->operation == OPERATION_SEND;
    return a2a_face_keep(arena, &task->target_name) && a2a_face_keep(arena, &task->message_id) &&
           a2a_face_keep(arena, &task->context_id) && a2a_face_keep(arena, &task->input);
}

/* Everything of the question that the call needs, in the call's own memory. */
static bool a2a_face_copy(const struct a2a_face *face, struct a2a_call *call)
{
    const struct a2a_question *question = &face->question;
    struct arena *arena = &call->job.arena;
    if (question->task_id.length > 0) {
        memcpy(call->job.task.id, question->task_id.data, task_id_length);
    }
    if ((question->operation == OPERATION_SEND || question->operation == OPERATION_STREAM) &&
        !a2a_face_copy_message(face, call)) {
        return false;
    }
    call->job.query = question->query;
    call->job.push = question->push;
    call->job.has_push = question->has_push;
    return a2a_face_keep(arena, &call->job.query.context_id) &&
           a2a_face_keep(arena, &call->job.query.token) &&
           task_push_copy(&question->push, arena, &call->job.push) == STATUS_OK;
}

static enum step_result a2a_face_extended_card(struct request *request, const struct a2a_face *face)
{
    return a2a_face_refuse(request, face, A2A_NO_EXTENDED_CARD, "");
}

enum step_result a2a_face_ask(struct request *request, struct a2a_face *face)
{
    const struct a2a_question *question = &face->question;
    bool streams =
        question->operation == OPERATION_STREAM || question->operation == OPERATION_SUBSCRIBE;
    enum a2a_action action;
    request->a2a_face = face;
    request->answer_state = face;
    if (question->operation == OPERATION_EXTENDED_CARD) {
        return a2a_face_extended_card(request, face);
    }
    if (!a2a_face_action(question->operation, &action)) {
        return a2a_face_refuse(request, face, A2A_UNKNOWN_METHOD, "");
    }
    if (question->task_id.length > 0 && !task_id_is_sound(question->task_id)) {
        return a2a_face_refuse(request, face, A2A_UNKNOWN_TASK, "");
    }
    struct a2a_call *call =
        a2a_errand_create(request, action, streams ? a2a_face_streams : a2a_face_answered);
    if (call == NULL) {
        return STEP_ANSWER;
    }
    if (!a2a_face_copy(face, call) ||
        (streams && a2a_stream_create(request, call, a2a_face_write) == NULL)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return a2a_errand_drop(call);
    }
    return a2a_errand_send(request, call);
}
