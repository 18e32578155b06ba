/* SPDX-License-Identifier: MIT
 *
 * temporal.c - one workflow per call: start, long poll, cancel, and patience with a server that is
 * away.
 *
 * Every call has one timer. It fires when the call shall do something, call_step() decides what
 * (cancel, start or poll), and the answer sets the timer again or ends the call. So there is never
 * more than one request and one pause per call, and no callback from inside a caller's function.
 * Thread: the loop's. */
#include "a2a/temporal.h"

#include "a2a/grpc.h"
#include "a2a/temporal_messages.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "http/uri.h"

#include <stdlib.h>

#define SERVICE "/temporal.api.workflowservice.v1.WorkflowService/"

enum {
    request_timeout_ms = 10 * 1000, /* of what is not a long poll */
    poll_least_ms = 1000, /* a server that answers "nothing new" sooner is not asked at once */
    request_names_bytes_max = 16 * 1024, /* of a request besides the input */
    page_token_bytes_max = 64 * 1024,
    url_bytes_max = 512,
    field_bytes_max = 8 * 1024,
};

struct temporal {
    uv_loop_t *loop;
    struct fetcher *fetcher;
    struct temporal_settings settings; /* its texts belong to <texts> */
    char *texts[5];
    struct buffer base; /* "http://host:port", NUL-terminated */
    struct buffer authorization;
    struct buffer name_space_field;
    struct temporal_handle *calls;
    size_t calls_count;
};

struct temporal_handle {
    struct temporal *temporal;
    struct temporal_handle *previous;
    struct temporal_handle *next;
    uv_timer_t timer;
    struct grpc_handle *request; /* the one under way */
    temporal_done *done;
    void *context;
    struct buffer workflow_id;
    struct buffer start_message;
    struct buffer run_id;
    struct buffer page_token;
    struct buffer result;
    struct buffer message;
    uint64_t timeout_ms;
    uint64_t deadline_ms; /* monotonic */
    uint64_t asked_ms;    /* when the request under way was made */
    uint64_t pause_ms;    /* of the next try */
    bool polling;         /* the request under way is a long poll */
    bool started;         /* the server has the workflow */
    bool cancel_wanted;
    bool cancel_told; /* the server has answered the wish */
    bool ended;
    bool failing;  /* the last request failed: */
    bool answered; /* a server said so */
    enum grpc_code code;
    struct failure failure;
};

const char *temporal_end_name(enum temporal_end end)
{
    switch (end) {
    case TEMPORAL_FAILED:
        return "failed";
    case TEMPORAL_COMPLETED:
        return "completed";
    case TEMPORAL_TIMED_OUT:
        return "timed_out";
    case TEMPORAL_CANCELED:
        return "canceled";
    case TEMPORAL_TERMINATED:
        return "terminated";
    case TEMPORAL_REFUSED:
        return "refused";
    case TEMPORAL_UNREACHABLE:
        return "unreachable";
    }
    return "unknown";
}

/* --- the end of a call --- */

static void call_closed(uv_handle_t *timer)
{
    struct temporal_handle *call = timer->data;
    buffer_clear(&call->workflow_id);
    buffer_clear(&call->start_message);
    buffer_clear(&call->run_id);
    buffer_clear(&call->page_token);
    buffer_clear(&call->result);
    buffer_clear(&call->message);
    free(call);
}

/* After this the call is nobody's but libuv's, which frees it from the loop. */
static void call_close(struct temporal_handle *call)
{
    struct temporal *temporal = call->temporal;
    call->ended = true;
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        temporal->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    temporal->calls_count--;
    grpc_cancel(call->request);
    call->request = NULL;
    uv_close((uv_handle_t *)&call->timer, call_closed);
}

static void call_end(struct temporal_handle *call, enum temporal_end end)
{
    struct temporal_outcome outcome = {
        .end = end,
        .message = buffer_slice(&call->message),
        .run_id = buffer_slice(&call->run_id),
    };
    if (call->result.failed || call->message.failed) {
        outcome.end = TEMPORAL_FAILED;
        outcome.message = SLICE("no memory for the workflow's result");
    } else if (end == TEMPORAL_COMPLETED) {
        outcome.result = buffer_slice(&call->result);
    }
    call_close(call);
    call->done(call->context, &outcome);
}

static void call_end_saying(struct temporal_handle *call, enum temporal_end end, const char *what,
                            const char *why)
{
    buffer_reset(&call->message);
    buffer_append_string(&call->message, what);
    if (why[0] != '\0') {
        buffer_append_string(&call->message, ": ");
        buffer_append_string(&call->message, why);
    }
    call_end(call, end);
}

/* What the failure says, for a client. What the network says names addresses of the inside. */
static const char *call_shown(const struct temporal_handle *call)
{
    bool is_inner = !call->answered &&
                    (call->code == GRPC_UNAVAILABLE || call->code == GRPC_DEADLINE_EXCEEDED ||
                     call->code == GRPC_PERMISSION_DENIED);
    return is_inner ? "" : call->failure.text;
}

/* The deadline has passed. */
static void call_expire(struct temporal_handle *call)
{
    struct failure what;
    if (call->failing) {
        failure_set(&what, "%sTemporal %s", call->cancel_wanted ? "canceled, but " : "",
                    call->answered ? "does not serve" : "cannot be reached");
        log_line(LOG_DEBUG, (struct slice){0}, "%s at %s: %s", what.text,
                 call->temporal->settings.address, call->failure.text);
        call_end_saying(call, call->cancel_wanted ? TEMPORAL_CANCELED : TEMPORAL_UNREACHABLE,
                        what.text, call_shown(call));
    } else if (call->cancel_wanted) {
        call_end_saying(call, TEMPORAL_CANCELED,
                        "workflow was asked to cancel and has not ended yet", "");
    } else {
        failure_set(&what, "workflow did not end within %llu ms",
                    (unsigned long long)call->timeout_ms);
        call_end_saying(call, TEMPORAL_TIMED_OUT, what.text, "");
    }
}

/* --- steps --- */

static void call_step(uv_timer_t *timer);

static void call_step_after(struct temporal_handle *call, uint64_t pause_ms)
{
    uint64_t now = clock_monotonic_ms();
    uint64_t left = call->deadline_ms > now ? call->deadline_ms - now : 0;
    uv_update_time(call->temporal->loop);
    uv_timer_start(&call->timer, call_step, pause_ms < left ? pause_ms : left, 0);
}

static void call_step_later(struct temporal_handle *call)
{
    const struct temporal_settings *settings = &call->temporal->settings;
    uint64_t pause_ms = call->pause_ms;
    call->pause_ms =
        pause_ms * 2 < settings->retry_most_ms ? pause_ms * 2 : settings->retry_most_ms;
    call_step_after(call, pause_ms);
}

static void call_step_now(struct temporal_handle *call)
{
    call->pause_ms = call->temporal->settings.retry_least_ms;
    call_step_after(call, 0);
}

static bool code_is_passing(enum grpc_code code)
{
    return code == GRPC_UNAVAILABLE || code == GRPC_DEADLINE_EXCEEDED || code == GRPC_ABORTED ||
           code == GRPC_RESOURCE_EXHAUSTED || code == GRPC_INTERNAL || code == GRPC_UNKNOWN ||
           code == GRPC_CANCELLED;
}

/* A request failed: tries again when that can help, else ends the call. */
static void call_failed(struct temporal_handle *call, const struct grpc_reply *reply,
                        const char *what)
{
    bool is_too_large = !reply->answered && reply->code == GRPC_RESOURCE_EXHAUSTED;
    call->failing = true;
    call->answered = reply->answered;
    call->code = reply->code;
    failure_set(&call->failure, "%s%s%s", reply->answered ? grpc_code_name(reply->code) : "",
                reply->answered && reply->text_length > 0 ? ", " : "", reply->text);
    if (is_too_large) {
        call_end_saying(call, TEMPORAL_FAILED, "the workflow's result cannot be taken",
                        reply->text);
    } else if (code_is_passing(reply->code)) {
        call_step_later(call);
    } else {
        log_line(LOG_DEBUG, (struct slice){0}, "%s at %s: %s", what,
                 call->temporal->settings.address, call->failure.text);
        call_end_saying(call, TEMPORAL_REFUSED, what, call_shown(call));
    }
}

static void call_asked(struct temporal_handle *call)
{
    call->request = NULL;
    call->polling = false;
    call->failing = false;
}

/* Makes the request; one that cannot even be made is tried again like one that failed. */
static void call_ask(struct temporal_handle *call, const char *method, struct slice message,
                     uint64_t timeout_ms, grpc_done *done)
{
    struct temporal *temporal = call->temporal;
    char url[url_bytes_max];
    const char *fields[grpc_fields_max + 1] = {"client-name: attach-gateway",
                                               "client-version: " AG_VERSION,
                                               temporal->name_space_field.data};
    fields[3] = temporal->authorization.data; /* NULL without a key */
    uint64_t left_ms = call->deadline_ms - clock_monotonic_ms();
    snprintf(url, sizeof(url), "%s" SERVICE "%s", temporal->base.data, method);
    struct grpc_call asked = {
        .url = url,
        .fields = fields,
        .message = message,
        .timeout_ms = timeout_ms < left_ms ? timeout_ms : left_ms,
        .reply_bytes_max = temporal->settings.result_bytes_max,
        .ca_file = temporal->settings.ca_file,
    };
    call->asked_ms = clock_monotonic_ms();
    enum status status =
        grpc_start(temporal->fetcher, &asked, done, call, &call->request, &call->failure);
    if (status != STATUS_OK) {
        call->failing = true;
        call->answered = false;
        call->code = GRPC_UNAVAILABLE;
        call_step_later(call);
    }
}

/* --- starting --- */

static bool call_keep(struct buffer *buffer, struct slice bytes)
{
    buffer_reset(buffer);
    buffer_append(buffer, bytes);
    return !buffer->failed;
}

static void start_answered(void *context, const struct grpc_reply *reply)
{
    struct temporal_handle *call = context;
    struct slice run_id = {0};
    call_asked(call);
    if (reply->code == GRPC_ALREADY_EXISTS) {
        call->started = true; /* by an earlier try, or in an earlier life of this process */
        call_step_now(call);
    } else if (reply->code != GRPC_OK) {
        call_failed(call, reply, "Temporal refuses to start the workflow");
    } else if (temporal_read_start(reply->message, &run_id) != STATUS_OK ||
               !call_keep(&call->run_id, run_id)) {
        call_end_saying(call, TEMPORAL_FAILED, "Temporal's answer cannot be read", "");
    } else {
        call->started = true;
        call_step_now(call);
    }
}

/* --- waiting --- */

static void poll_read(struct temporal_handle *call, struct slice message)
{
    struct temporal_history history;
    if (temporal_read_history(message, &history) != STATUS_OK) {
        call_end_saying(call, TEMPORAL_FAILED, "Temporal's answer cannot be read", "");
        return;
    }
    bool goes_on = history.closed && history.next_run.length > 0;
    if (history.closed && !goes_on) {
        call_end(call, temporal_describe(&history, &call->result, &call->message));
        return;
    }
    bool kept = goes_on ? call_keep(&call->run_id, history.next_run) &&
                              call_keep(&call->page_token, SLICE(""))
                        : call_keep(&call->page_token, history.page_token);
    if (!kept) {
        call_end_saying(call, TEMPORAL_FAILED, "Temporal's answer cannot be read", "");
    } else if (clock_monotonic_ms() - call->asked_ms < poll_least_ms) {
        call_step_later(call);
    } else {
        call_step_now(call);
    }
}

static void poll_answered(void *context, const struct grpc_reply *reply)
{
    struct temporal_handle *call = context;
    call_asked(call);
    if (reply->code == GRPC_OK) {
        poll_read(call, reply->message);
    } else if (reply->code == GRPC_DEADLINE_EXCEEDED) {
        call_step_later(call); /* nothing new in time; or our own deadline, which the step sees */
    } else if (reply->code == GRPC_INVALID_ARGUMENT && call->page_token.length > 0) {
        buffer_reset(&call->page_token); /* a token may grow old: from the beginning */
        call_step_later(call);
    } else {
        call_failed(call, reply, "Temporal cannot say how the workflow ended");
    }
}

/* --- canceling --- */

static void cancel_answered(void *context, const struct grpc_reply *reply)
{
    struct temporal_handle *call = context;
    call_asked(call);
    if (reply->code == GRPC_NOT_FOUND && !call->started) {
        call_end_saying(call, TEMPORAL_CANCELED, "canceled before the workflow was started", "");
    } else if (reply->code == GRPC_OK || reply->code == GRPC_NOT_FOUND) {
        call->cancel_told = true; /* not found: it has ended by itself */
        call->started = true;
        call_step_now(call);
    } else {
        call_failed(call, reply, "Temporal refuses to cancel the workflow");
    }
}

static void call_step(uv_timer_t *timer)
{
    struct temporal_handle *call = timer->data;
    const struct temporal_settings *settings = &call->temporal->settings;
    struct slice name_space = slice_from_string(settings->name_space);
    struct slice workflow_id = buffer_slice(&call->workflow_id);
    struct buffer message;
    if (clock_monotonic_ms() >= call->deadline_ms) {
        call_expire(call);
        return;
    }
    buffer_init(&message, page_token_bytes_max + request_names_bytes_max);
    if (call->cancel_wanted && !call->cancel_told) {
        temporal_write_cancel(&message, name_space, workflow_id);
    } else if (call->started) {
        temporal_write_history(&message, name_space, workflow_id, buffer_slice(&call->run_id),
                               buffer_slice(&call->page_token));
    }
    if (message.failed) {
        call_step_later(call);
    } else if (call->cancel_wanted && !call->cancel_told) {
        call_ask(call, "RequestCancelWorkflowExecution", buffer_slice(&message), request_timeout_ms,
                 cancel_answered);
    } else if (!call->started) {
        call_ask(call, "StartWorkflowExecution", buffer_slice(&call->start_message),
                 request_timeout_ms, start_answered);
    } else {
        call->polling = true;
        call_ask(call, "GetWorkflowExecutionHistory", buffer_slice(&message),
                 settings->poll_timeout_ms, poll_answered);
    }
    buffer_clear(&message);
}

/* --- for callers --- */

/* The server would refuse texts that are not UTF-8, with a message that helps nobody. A JSON parser
 * knows how to check that. */
static bool text_is_name(struct slice text, bool may_be_empty)
{
    struct buffer quoted;
    struct buffer plain;
    bool is_name = (may_be_empty || text.length > 0) && text.length <= temporal_name_bytes_max;
    for (size_t i = 0; is_name && i < text.length; i++) {
        is_name = (unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f;
    }
    if (!is_name) {
        return false;
    }
    buffer_init(&quoted, temporal_name_bytes_max * 6 + 2);
    buffer_init(&plain, temporal_name_bytes_max * 2 + 2);
    buffer_append_json_string(&quoted, text); /* bytes that are not UTF-8 become others */
    buffer_append_byte(&plain, '"');
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\') {
            buffer_append_byte(&plain, '\\');
        }
        buffer_append_byte(&plain, text.data[i]);
    }
    buffer_append_byte(&plain, '"');
    is_name = !quoted.failed && !plain.failed &&
              slice_equals(buffer_slice(&quoted), buffer_slice(&plain));
    buffer_clear(&quoted);
    buffer_clear(&plain);
    return is_name;
}

static enum status call_check(const struct temporal *temporal, const struct temporal_call *call,
                              struct failure *reterr)
{
    struct json_value value;
    if (!text_is_name(call->task_id, false) || !text_is_name(call->workflow_type, false) ||
        !text_is_name(call->user, true) || !text_is_name(call->session, true)) {
        failure_set(reterr,
                    "an id, a workflow type, a user or a session that Temporal cannot take");
        return STATUS_INVALID;
    }
    if (call->timeout_ms == 0) {
        failure_set(reterr, "a workflow needs a deadline");
        return STATUS_INVALID;
    }
    if (call->input.length > temporal_message_bytes_max - request_names_bytes_max) {
        failure_set(reterr, "input of %zu bytes is more than Temporal takes", call->input.length);
        return STATUS_LIMIT;
    }
    if (temporal->calls_count >= temporal->settings.calls_max) {
        failure_set(reterr, "more than %zu workflows at once", temporal->settings.calls_max);
        return STATUS_LIMIT;
    }
    return json_parse(call->input, JSON_DUPLICATES_UNCHECKED, &value, reterr);
}

static struct temporal_handle *call_create(struct temporal *temporal,
                                           const struct temporal_call *call)
{
    struct temporal_handle *created = calloc(1, sizeof(*created));
    if (created == NULL || uv_timer_init(temporal->loop, &created->timer) != 0) {
        free(created);
        return NULL;
    }
    created->temporal = temporal;
    created->timer.data = created;
    created->timeout_ms = call->timeout_ms;
    created->deadline_ms = clock_monotonic_ms() + call->timeout_ms;
    created->pause_ms = temporal->settings.retry_least_ms;
    buffer_init(&created->workflow_id, temporal_name_bytes_max);
    buffer_init(&created->start_message, temporal_message_bytes_max);
    buffer_init(&created->run_id, temporal_name_bytes_max);
    buffer_init(&created->page_token, page_token_bytes_max);
    buffer_init(&created->result, temporal->settings.result_bytes_max);
    buffer_init(&created->message, (temporal_causes_max + 1) * (size_t)temporal_text_bytes_max);
    buffer_append(&created->workflow_id, call->task_id);
    temporal_write_start(&created->start_message, &temporal->settings, call);
    created->next = temporal->calls;
    if (created->next != NULL) {
        created->next->previous = created;
    }
    temporal->calls = created;
    temporal->calls_count++;
    return created;
}

enum status temporal_run(struct temporal *temporal, const struct temporal_call *call,
                         temporal_done *done, void *context, struct temporal_handle **ret,
                         struct failure *reterr)
{
    enum status status = call_check(temporal, call, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    struct temporal_handle *created = call_create(temporal, call);
    if (created == NULL || created->workflow_id.failed || created->start_message.failed) {
        temporal_abandon(created);
        failure_set(reterr, "no memory for a workflow");
        return STATUS_NO_MEMORY;
    }
    created->done = done;
    created->context = context;
    call_step_now(created);
    *ret = created;
    return STATUS_OK;
}

void temporal_cancel(struct temporal_handle *handle)
{
    if (handle->ended || handle->cancel_wanted) {
        return;
    }
    uint64_t latest_ms = clock_monotonic_ms() + handle->temporal->settings.cancel_wait_ms;
    handle->cancel_wanted = true;
    handle->deadline_ms = handle->deadline_ms < latest_ms ? handle->deadline_ms : latest_ms;
    if (handle->polling) {
        grpc_cancel(handle->request);
        call_asked(handle);
    }
    if (handle->request == NULL) {
        call_step_now(handle);
    } /* else a start is under way, and cut short it might still arrive after our cancel */
}

void temporal_abandon(struct temporal_handle *handle)
{
    if (handle != NULL && !handle->ended) {
        call_close(handle);
    }
}

/* --- settings --- */

static uint64_t number_or(uint64_t value, uint64_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static bool copy_text(struct temporal *temporal, size_t index, const char *text,
                      const char *otherwise, const char **ret)
{
    const char *chosen = text != NULL && text[0] != '\0' ? text : otherwise;
    if (chosen == NULL) {
        *ret = NULL;
        return true;
    }
    temporal->texts[index] = strdup(chosen);
    *ret = temporal->texts[index];
    return *ret != NULL;
}

static bool copy_settings(struct temporal *temporal, const struct temporal_settings *from)
{
    struct temporal_settings *settings = &temporal->settings;
    *settings = *from;
    settings->calls_max = number_or(from->calls_max, 1000);
    settings->result_bytes_max = number_or(from->result_bytes_max, temporal_message_bytes_max);
    settings->poll_timeout_ms = number_or(from->poll_timeout_ms, 70000);
    settings->retry_least_ms = number_or(from->retry_least_ms, 200);
    settings->retry_most_ms = number_or(from->retry_most_ms, 5000);
    settings->cancel_wait_ms = number_or(from->cancel_wait_ms, 10000);
    return copy_text(temporal, 0, from->address, "localhost:7233", &settings->address) &&
           copy_text(temporal, 1, from->name_space, "default", &settings->name_space) &&
           copy_text(temporal, 2, from->task_queue, "attach-gateway", &settings->task_queue) &&
           copy_text(temporal, 3, from->api_key, NULL, &settings->api_key) &&
           copy_text(temporal, 4, from->ca_file, NULL, &settings->ca_file);
}

/* "host:port", or a URL of it; the port may be left out. */
static enum status base_set(struct temporal *temporal, struct failure *reterr)
{
    struct temporal_settings *settings = &temporal->settings;
    struct slice address = slice_from_string(settings->address);
    bool is_url = strstr(settings->address, "://") != NULL;
    struct url url;
    settings->tls = settings->tls || settings->api_key != NULL ||
                    slice_starts_with_ignoring_case(address, SLICE("https://"));
    struct slice host = is_url ? slice_after(address, slice_find(address, '/') + 2) : address;
    while (host.length > 0 && host.data[host.length - 1] == '/') {
        host.length--;
    }
    if (settings->tls && slice_starts_with_ignoring_case(address, SLICE("http://"))) {
        failure_set(reterr, "Temporal's address says http, but TLS is wanted, or a key given");
        return STATUS_INVALID;
    }
    buffer_append_string(&temporal->base, settings->tls ? "https://" : "http://");
    buffer_append(&temporal->base, host);
    if (url_parse(is_url ? address : buffer_slice(&temporal->base), &url, reterr) != STATUS_OK) {
        return STATUS_INVALID;
    }
    if (url.path.length > 1 || url.query.length > 0 || host.length == 0) {
        failure_set(reterr, "Temporal's address is host:port, without a path");
        return STATUS_INVALID;
    }
    if (!url.port_written) {
        buffer_append_string(&temporal->base, ":7233");
    }
    buffer_append_byte(&temporal->base, '\0');
    return STATUS_OK;
}

static enum status temporal_set(struct temporal *temporal, struct failure *reterr)
{
    const struct temporal_settings *settings = &temporal->settings;
    if (!text_is_name(slice_from_string(settings->name_space), false) ||
        !text_is_name(slice_from_string(settings->task_queue), false)) {
        failure_set(reterr, "a namespace or task queue that Temporal cannot take");
        return STATUS_INVALID;
    }
    enum status status = base_set(temporal, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    buffer_append_string(&temporal->name_space_field, "temporal-namespace: ");
    buffer_append_string(&temporal->name_space_field, settings->name_space);
    buffer_append_byte(&temporal->name_space_field, '\0');
    if (settings->api_key != NULL) {
        if (strpbrk(settings->api_key, "\r\n") != NULL) {
            failure_set(reterr, "Temporal's API key has a line break");
            return STATUS_INVALID;
        }
        buffer_append_string(&temporal->authorization, "authorization: Bearer ");
        buffer_append_string(&temporal->authorization, settings->api_key);
        buffer_append_byte(&temporal->authorization, '\0');
    }
    return temporal->base.failed || temporal->name_space_field.failed ||
                   temporal->authorization.failed
               ? STATUS_NO_MEMORY
               : STATUS_OK;
}

enum status temporal_create(uv_loop_t *loop, struct fetcher *fetcher,
                            const struct temporal_settings *settings, struct temporal **ret,
                            struct failure *reterr)
{
    struct temporal *temporal = calloc(1, sizeof(*temporal));
    enum status status = STATUS_NO_MEMORY;
    if (temporal != NULL) {
        temporal->loop = loop;
        temporal->fetcher = fetcher;
        buffer_init(&temporal->base, url_bytes_max - 128);
        buffer_init(&temporal->authorization, field_bytes_max);
        buffer_init(&temporal->name_space_field, field_bytes_max);
        status = copy_settings(temporal, settings) ? temporal_set(temporal, reterr) : status;
    }
    if (status == STATUS_NO_MEMORY) {
        failure_set(reterr, "no memory, or a text that is too long, for Temporal");
    }
    if (status != STATUS_OK) {
        temporal_free(temporal);
        return status;
    }
    *ret = temporal;
    return STATUS_OK;
}

void temporal_free(struct temporal *temporal)
{
    if (temporal == NULL) {
        return;
    }
    while (temporal->calls != NULL) {
        call_close(temporal->calls);
    }
    for (size_t i = 0; i < sizeof(temporal->texts) / sizeof(temporal->texts[0]); i++) {
        free(temporal->texts[i]);
    }
    buffer_clear(&temporal->base);
    buffer_clear(&temporal->authorization);
    buffer_clear(&temporal->name_space_field);
    free(temporal);
}
