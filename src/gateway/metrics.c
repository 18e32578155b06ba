/* SPDX-License-Identifier: MIT
 *
 * metrics.c - the Prometheus text of metrics.def. */
#include "gateway/metrics.h"

static const struct metric_row {
    const char *kind;
    const char *name;
    const char *labels;
    const char *help;
} metric_rows[METRIC_COUNT] = {
#define METRIC(identifier, kind_, name_, labels_, help_)                                           \
    [METRIC_##identifier] = {.kind = #kind_, .name = name_, .labels = labels_, .help = help_},
#include "gateway/metrics.def"
#undef METRIC
};

static void metrics_append_head(struct buffer *buffer, const char *name, const char *kind,
                                const char *help)
{
    buffer_append_format(buffer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

void metrics_append(struct buffer *buffer, const struct metrics *const *sets, size_t sets_count)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        uint64_t sum = 0;
        for (size_t set = 0; set < sets_count; set++) {
            sum += atomic_load_explicit(&sets[set]->values[i], memory_order_relaxed);
        }
        if (row->help[0] != '\0') {
            metrics_append_head(buffer, row->name, row->kind, row->help);
        }
        if (row->labels[0] != '\0') {
            buffer_append_format(buffer, "%s{%s} %llu\n", row->name, row->labels,
                                 (unsigned long long)sum);
        } else {
            buffer_append_format(buffer, "%s %llu\n", row->name, (unsigned long long)sum);
        }
    }
    metrics_append_head(buffer, "attach_tokens_denied_total", "counter",
                        "Bearer tokens denied, by reason.");
    for (size_t reason = 0; reason < DENY_COUNT; reason++) {
        uint64_t sum = 0;
        for (size_t set = 0; set < sets_count; set++) {
            sum += atomic_load_explicit(&sets[set]->denied[reason], memory_order_relaxed);
        }
        buffer_append_format(buffer, "attach_tokens_denied_total{reason=\"%s\"} %llu\n",
                             deny_reason_name((enum deny_reason)reason), (unsigned long long)sum);
    }
}

void metrics_append_markdown(struct buffer *buffer)
{
    buffer_append_string(
        buffer,
        "<!-- Generated from src/gateway/metrics.def by `attach-gateway generate metrics`. -->\n"
        "# Metrics\n\n`GET /metrics` of the admin listener (ADMIN_HOST, ADMIN_PORT), Prometheus "
        "text format.\n\n| metric | kind | labels | what it counts |\n|---|---|---|---|\n");
    const char *help = "";
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        const char *tick = row->labels[0] != '\0' ? "`" : "";
        help = row->help[0] != '\0' ? row->help : help; /* rows of one name share the first's */
        buffer_append_format(buffer, "| `%s` | %s | %s%s%s | %s |\n", row->name, row->kind, tick,
                             row->labels, tick, help);
    }
    buffer_append_string(buffer,
                         "| `attach_tokens_denied_total` | counter | `reason` | Bearer tokens "
                         "denied, by reason (deny-reasons.md). |\n");
}
