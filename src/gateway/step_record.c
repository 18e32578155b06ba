/* SPDX-License-Identifier: MIT
 *
 * step_record.c - what happened is counted and logged. Owning worker only. */
#include "base/clock.h"
#include "gateway/mirror.h"
#include "gateway/steps.h"

static void record_count(struct request *request)
{
    static const enum metric classes[] = {METRIC_requests_1xx, METRIC_requests_2xx,
                                          METRIC_requests_3xx, METRIC_requests_4xx,
                                          METRIC_requests_5xx};
    struct metrics *metrics = &request->gateway->metrics;
    if (request->status >= 100 && request->status < 600) {
        metric_add(metrics, classes[request->status / 100 - 1], 1);
    }
    if (request->cancelled) {
        metric_add(metrics, METRIC_requests_cancelled, 1);
    }
    metric_add(metrics, METRIC_bytes_in, request->bytes_in);
    metric_add(metrics, METRIC_bytes_out, request->bytes_out);
}

enum step_result step_record(struct request *request)
{
    const struct access_entry entry = {
        .request_id = request->request_id,
        .method = request->head.method,
        .path = request->head.target.path,
        .user = request->identity.user,
        .session = request->session,
        .client = slice_from_string(request->connection->client),
        .reason = request->reason,
        .status = request->status,
        .bytes_in = request->bytes_in,
        .bytes_out = request->bytes_out,
        .duration_us = clock_monotonic_us() - request->started_us,
        .engine_us = request->engine_us,
    };
    mirror_end(request);
    record_count(request);
    access_log_write(&request->gateway->access_log, &entry);
    return STEP_NEXT;
}
