/* SPDX-License-Identifier: MIT
 *
 * step_match_route.c - what is asked, and may this host and this page ask at all? Answers what
 * needs no caller: heads that are no heads, foreign hosts, preflights, public routes. Owning worker
 * only. */
#include "gateway/answer.h"
#include "gateway/cors.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

/* A page of another site can make a browser look up its own name as 127.0.0.1 and so reach a
 * listener that only loopback can reach. Its requests carry that name as Host. */
static bool match_route_host_is_foreign(const struct request *request)
{
    const struct process *process = request->gateway->process;
    const struct config *config = request->gateway->config;
    bool is_admin = request->connection->is_admin;
    struct slice host;
    uint16_t port;
    if (is_admin ? !process->admin_on_loopback : !process->listens_on_loopback) {
        return false;
    }
    if (request->head.host.length == 0) {
        return request->head.minor_version != 0; /* HTTP/1.0 may omit it; no browser sends that */
    }
    if (!host_parse(request->head.host, &host, &port)) {
        return true;
    }
    if (host_is_loopback(host) || slice_equals_ignoring_case(host, process->public_url.host)) {
        return false;
    }
    for (size_t i = 0; i < config->allowed_hosts.count; i++) {
        if (slice_equals_ignoring_case(host, config->allowed_hosts.items[i]) ||
            slice_equals_ignoring_case(request->head.host, config->allowed_hosts.items[i])) {
            return false;
        }
    }
    return true;
}

static enum step_result match_route_method_not_allowed(struct request *request, char *allow)
{
    const struct field field = {.name = SLICE("Allow"), .value = slice_from_string(allow)};
    request->reason = "method_not_allowed";
    answer(request, 405, SLICE("application/json"), SLICE("{\"detail\":\"Method Not Allowed\"}"),
           &field, 1);
    return STEP_ANSWER;
}

enum step_result step_match_route(struct request *request)
{
    const struct request_head *head = &request->head;
    char allow[route_allow_bytes];
    struct route_parts parts;
    if (request->head_status != 0) {
        answer_detail(request, request->head_status, "bad_request", "%s",
                      request->head_failure.text);
        return STEP_ANSWER;
    }
    if (match_route_host_is_foreign(request)) {
        answer_detail(request, 421, "foreign_host",
                      "this Host is not served here; the operator can name it in ALLOWED_HOSTS");
        return STEP_ANSWER;
    }
    request->origin = cors_allowed_origin(request);
    if (cors_is_preflight(request)) {
        cors_answer_preflight(request);
        return STEP_ANSWER;
    }
    if (slice_equals(head->method, SLICE("TRACE"))) {
        /* It would show the caller what we add for the engine, its key included (RFC 9110 9.3.8).
         */
        answer_detail(request, 501, "trace_refused", "TRACE is not supported");
        return STEP_ANSWER;
    }
    if (head->framing == BODY_LENGTH &&
        head->content_length > request->gateway->config->max_request_bytes) {
        answer_detail(request, 413, "body_too_large",
                      "request body is longer than MAX_REQUEST_BYTES (%llu)",
                      (unsigned long long)request->gateway->config->max_request_bytes);
        return STEP_ANSWER;
    }
    bool is_admin = request->connection->is_admin;
    request->route = route_find(is_admin ? ROUTE_ADMIN : ROUTE_PUBLIC, head->method,
                                head->target.path, &parts, allow);
    request->route_segment = parts.segment;
    request->route_rest = parts.rest;
    if (allow[0] != '\0') {
        return match_route_method_not_allowed(request, allow);
    }
    if (request->route == NULL && is_admin) {
        answer_detail(request, 404, "not_found", "Not Found");
        return STEP_ANSWER;
    }
    if (request->route == NULL) {
        request->route = &route_engine;
    }
    return STEP_NEXT;
}
