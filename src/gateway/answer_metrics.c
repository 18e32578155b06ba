/* SPDX-License-Identifier: MIT
 *
 * answer_metrics.c - GET /metrics of the admin listener: the counters of all workers added up. Runs
 * on the first worker, reads the others' atomics. */
#include "gateway/answer.h"
#include "gateway/request.h"

enum { answer_metrics_bytes_max = 128 * 1024 };

/* A gauge that the pools keep themselves. */
static void answer_metrics_engine_connections(struct buffer *body, const struct process *process)
{
    size_t open = 0;
    for (size_t i = 0; i < process->gateways_count; i++) {
        open += atomic_load_explicit(&process->gateways[i]->engine_pool.open_count,
                                     memory_order_relaxed);
    }
    buffer_append_string(body, "# HELP attach_engine_connections Connections to the engine that "
                               "are open.\n# TYPE attach_engine_connections gauge\n");
    buffer_append_format(body, "attach_engine_connections %zu\n", open);
}

void answer_metrics(struct request *request)
{
    const struct process *process = request->gateway->process;
    const struct metrics **sets = arena_allocate_zeroed(&request->arena, process->gateways_count,
                                                        sizeof(const struct metrics *));
    struct slice stable;
    struct buffer body;
    if (sets == NULL) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return;
    }
    for (size_t i = 0; i < process->gateways_count; i++) {
        sets[i] = &process->gateways[i]->metrics;
    }
    buffer_init(&body, answer_metrics_bytes_max);
    metrics_append(&body, sets, process->gateways_count);
    answer_metrics_engine_connections(&body, process);
    bool copied = !body.failed && arena_copy(&request->arena, buffer_slice(&body), &stable);
    buffer_clear(&body);
    if (!copied) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return;
    }
    answer(request, 200, SLICE("text/plain; version=0.0.4; charset=utf-8"), stable, NULL, 0);
}
