/* SPDX-License-Identifier: MIT
 *
 * metrics.h - counters of one worker. Written by the owning worker only, read by any: plain atomic
 * loads and stores, no lock. */
#ifndef AG_GATEWAY_METRICS_H
#define AG_GATEWAY_METRICS_H

#include "auth/verification.h"
#include "base/buffer.h"

#include <stdatomic.h>

enum metric {
#define METRIC(identifier, kind, name, labels, help) METRIC_##identifier,
#include "gateway/metrics.def"
#undef METRIC
    METRIC_COUNT,
};

struct metrics {
    atomic_uint_fast64_t values[METRIC_COUNT];
    atomic_uint_fast64_t denied[DENY_COUNT];
};

static inline void metric_bump(atomic_uint_fast64_t *value, uint64_t amount)
{
    /* One writer, so that a load and a store are enough: a locked add would cost more than the
     * rest. */
    uint64_t now = atomic_load_explicit(value, memory_order_relaxed);
    atomic_store_explicit(value, now + amount, memory_order_relaxed);
}

static inline void metric_add(struct metrics *metrics, enum metric metric, uint64_t amount)
{
    metric_bump(&metrics->values[metric], amount);
}

static inline void metric_set(struct metrics *metrics, enum metric metric, uint64_t value)
{
    atomic_store_explicit(&metrics->values[metric], value, memory_order_relaxed);
}

/* Appends the Prometheus text format (version 0.0.4) of all <sets> added together. */
void metrics_append(struct buffer *buffer, const struct metrics *const *sets, size_t sets_count);

/* docs/metrics.md. */
void metrics_append_markdown(struct buffer *buffer);

#endif
