/* SPDX-License-Identifier: MIT
 *
 * answer_metrics.c - GET /metrics of the admin listener: the counters of all workers added up. Runs
 * on the first worker, reads the others' atomics. */
#include "base/log_writer.h"
#include "gateway/answer.h"
#include "gateway/request.h"

enum { answer_metrics_bytes_max = 128 * 1024 };

/* What is counted elsewhere goes into this worker's set, and so into the sum, just before it is
 * read. */
static void answer_metrics_note_process(struct gateway *gateway)
{
    const struct process *process = gateway->process;
    size_t open = 0;
    for (size_t i = 0; i < process->gateways_count; i++) {
        open += atomic_load_explicit(&process->gateways[i]->engine_pool.open_count,
                                     memory_order_relaxed);
    }
    metric_set(&gateway->metrics, METRIC_engine_connections, open);
    metric_set(&gateway->metrics, METRIC_log_lines_dropped, log_writer_dropped());
}

enum step_result answer_metrics(struct request *request)
{
    const struct process *process = request->gateway->process;
    const struct metrics **sets = arena_allocate_zeroed(&request->arena, process->gateways_count,
                                                        sizeof(const struct metrics *));
    struct slice stable;
    struct buffer body;
    if (sets == NULL) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    for (size_t i = 0; i < process->gateways_count; i++) {
        sets[i] = &process->gateways[i]->metrics;
    }
    answer_metrics_note_process(request->gateway);
    buffer_init(&body, answer_metrics_bytes_max);
    metrics_append(&body, sets, process->gateways_count);
    bool copied = !body.failed && arena_copy(&request->arena, buffer_slice(&body), &stable);
    buffer_clear(&body);
    if (!copied) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    answer(request, 200, SLICE("text/plain; version=0.0.4; charset=utf-8"), stable, NULL, 0);
    return STEP_ANSWER;
}
