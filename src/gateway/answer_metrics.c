/* SPDX-License-Identifier: MIT
 *
 * answer_metrics.c - GET /metrics of the admin listener: the counters of all workers added up. Runs
 * on the first worker, reads the others' atomics. */
#include "a2a/a2a.h"
#include "base/log_writer.h"
#include "gateway/answer.h"
#include "gateway/request.h"

enum { answer_metrics_bytes_max = 128 * 1024 };

static void answer_metrics_note_store(struct metrics *metrics, const struct process *process)
{
    const struct memory_counters *memory = memory_counters(process->memory);
    const struct store_counters *store = store_counters(process->store);
    const struct {
        enum metric metric;
        const atomic_uint_fast64_t *value;
    } rows[] = {
        {METRIC_memory_stored, &memory->events_stored},
        {METRIC_memory_refused, &memory->events_refused},
        {METRIC_memory_dropped, &memory->events_dropped},
        {METRIC_memory_delivered, &memory->events_delivered},
        {METRIC_memory_rejected, &memory->events_rejected},
        {METRIC_memory_outbox, &memory->outbox_events},
        {METRIC_memory_outbox_dropped, &memory->outbox_dropped},
        {METRIC_memory_delivery_failures, &memory->delivery_failures},
        {METRIC_store_commits, &store->commits},
        {METRIC_store_committed, &store->jobs_committed},
        {METRIC_store_failed, &store->jobs_failed},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        metric_set(metrics, rows[i].metric,
                   atomic_load_explicit(rows[i].value, memory_order_relaxed));
    }
    metric_set(metrics, METRIC_store_healthy, store_health(process->store) == STORE_FINE ? 1 : 0);
    metric_set(metrics, METRIC_store_queue_bytes, store_queue_bytes(process->store));
}

static void answer_metrics_note_tasks(struct metrics *metrics, const struct process *process)
{
    const struct a2a_counters *tasks = a2a_counters(process->a2a);
    const struct {
        enum metric metric;
        const atomic_uint_fast64_t *value;
    } rows[] = {
        {METRIC_tasks_created, &tasks->tasks_created},
        {METRIC_tasks_done, &tasks->tasks_done},
        {METRIC_tasks_failed, &tasks->tasks_failed},
        {METRIC_tasks_canceled, &tasks->tasks_canceled},
        {METRIC_tasks_running, &tasks->tasks_running},
        {METRIC_tasks_queued, &tasks->tasks_queued},
        {METRIC_pushes_sent, &tasks->pushes_sent},
        {METRIC_pushes_failed, &tasks->pushes_failed},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        metric_set(metrics, rows[i].metric,
                   atomic_load_explicit(rows[i].value, memory_order_relaxed));
    }
}

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
    if (process->store != NULL) {
        answer_metrics_note_store(&gateway->metrics, process);
    }
    if (process->a2a != NULL) {
        answer_metrics_note_tasks(&gateway->metrics, process);
    }
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
