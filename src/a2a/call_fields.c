/* SPDX-License-Identifier: MIT
 *
 * call_fields.c - writes the header fields of calls to targets. Thread: the loop's. */
#include "a2a/call_fields.h"

#include "a2a/outgoing.h"

static void field_add(struct call_fields *fields, const char *name, struct slice value)
{
    if (value.length == 0 || fields->count == call_fields_max) {
        return;
    }
    fields->starts[fields->count++] = fields->text.length;
    buffer_append_string(&fields->text, name);
    buffer_append_string(&fields->text, ": ");
    buffer_append(&fields->text, value);
    buffer_append_byte(&fields->text, '\0');
}

/* Whose token goes along: a delegated one for agents, ENGINE_API_KEY for the engine; never the
 * user's own. */
static bool field_add_token(struct call_fields *fields, const struct a2a_settings *a2a,
                            const struct task *task, const struct task_target *target,
                            struct failure *reterr)
{
    struct buffer token, actors;
    bool is_well = true;
    buffer_init(&token, a2a_mint_bytes_max);
    buffer_init(&actors, call_fields_bytes_max);
    buffer_append_string(&token, "Bearer ");
    if (target->kind == TASK_TARGET_ENGINE) {
        if (a2a->config->engine_api_key.length > 0) {
            buffer_append(&token, a2a->config->engine_api_key);
            field_add(fields, "Authorization", buffer_slice(&token));
        }
    } else if (a2a->mint != NULL) {
        outgoing_append_actors(task, target, &actors);
        struct a2a_delegation delegation = {
            .owner = &task->owner,
            .session = task->session,
            .actors = buffer_slice(&actors),
            .lifetime_ms = a2a->config->a2a_delegation_ttl_ms,
        };
        is_well = !actors.failed &&
                  a2a->mint(a2a->context, &delegation, &token, reterr) == STATUS_OK &&
                  !token.failed;
        field_add(fields, "Authorization",
                  is_well ? buffer_slice(&token) : (struct slice){NULL, 0});
    }
    is_well = is_well && !token.failed;
    buffer_clear(&token);
    buffer_clear(&actors);
    return is_well;
}

bool call_fields_make(struct call_fields *fields, const struct a2a_settings *settings,
                      const struct task *task, const struct task_target *target,
                      struct failure *reterr)
{
    struct buffer hops;
    *fields = (struct call_fields){0};
    buffer_init(&fields->text, call_fields_bytes_max);
    buffer_init(&hops, 32);
    buffer_append_uint(&hops, (uint64_t)task->hops + 1);
    field_add(fields, "Content-Type", SLICE("application/json"));
    field_add(fields, "Accept", SLICE("application/json"));
    field_add(fields, "X-Attach-User", task->owner.user);
    field_add(fields, "X-Attach-Session", task->session);
    field_add(fields, "X-Attach-Task", slice_make(task->id, task_id_length));
    field_add(fields, "X-Attach-Hops", buffer_slice(&hops));
    field_add(fields, "X-Request-Id", task->request_id);
    field_add(fields, "traceparent", task->traceparent);
    if (target->protocol == PROTOCOL_A2A_CURRENT) {
        field_add(fields, "A2A-Version", SLICE("1.0"));
    }
    bool is_well = field_add_token(fields, settings, task, target, reterr) &&
                   !fields->text.failed && !hops.failed;
    buffer_clear(&hops);
    for (size_t i = 0; i < fields->count && is_well; i++) {
        fields->pointers[i] = fields->text.data + fields->starts[i];
    }
    return is_well;
}

void call_fields_clear(struct call_fields *fields)
{
    buffer_clear(&fields->text);
}
