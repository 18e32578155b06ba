/* SPDX-License-Identifier: MIT
 *
 * answer_agent_card.c - what A2A clients read before they have a token: agent cards, and the public
 * half of the key that delegated tokens are signed with. Owning worker only. */
#include "a2a/a2a.h"
#include "a2a/agent_card.h"
#include "gateway/answer.h"

#define CARD_AGE "public, max-age=300"

/* An If-None-Match that names <etag> (RFC 9110 13.1.2). */
static bool agent_card_is_known(const struct request *request, struct slice etag)
{
    for (size_t i = 0; i < request->head.fields_count; i++) {
        const struct field *field = &request->head.fields[i];
        struct slice rest = field->value;
        struct slice item;
        if (field->id != FIELD_OTHER ||
            !slice_equals_ignoring_case(field->name, SLICE("if-none-match"))) {
            continue;
        }
        while (slice_next_item(&rest, &item)) {
            if (slice_starts_with(item, SLICE("W/"))) {
                item = slice_after(item, 2);
            }
            if (slice_equals(item, etag) || slice_equals(item, SLICE("*"))) {
                return true;
            }
        }
    }
    return false;
}

static enum step_result agent_card_answer(struct request *request, const struct agent *agent)
{
    const struct process *process = request->gateway->process;
    const struct targets *targets = a2a_targets(process->a2a);
    const struct agent_card_settings settings = {
        .public_url = process->self_url,
        .issuers = process->config->oidc_issuer,
        .takes_push = targets_take_push(targets),
    };
    char etag[agent_card_etag_bytes];
    struct slice stable;
    struct buffer card;
    buffer_init(&card, agent_card_bytes_max);
    agent_card_append(&settings, targets, agent, &card);
    if (card.failed || !arena_copy(&request->arena, buffer_slice(&card), &stable)) {
        buffer_clear(&card);
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    buffer_clear(&card);
    agent_card_etag(stable, etag);
    const struct field fields[] = {
        {.name = SLICE("ETag"), .value = slice_from_string(etag)},
        {.name = SLICE("Cache-Control"), .value = SLICE(CARD_AGE)},
    };
    if (agent_card_is_known(request, fields[0].value)) {
        answer(request, 304, SLICE(""), SLICE(""), fields, 2);
    } else {
        answer(request, 200, SLICE("application/json"), stable, fields, 2);
    }
    return STEP_ANSWER;
}

enum step_result answer_agent_card(struct request *request)
{
    return agent_card_answer(request, NULL);
}

enum step_result answer_agent_card_of(struct request *request)
{
    const struct agent *agent =
        targets_agent(a2a_targets(request->gateway->process->a2a), request->route_segment);
    if (agent == NULL) {
        answer_detail(request, 404, "unknown_agent", "unknown agent");
        return STEP_ANSWER;
    }
    return agent_card_answer(request, agent);
}

enum step_result answer_jwks(struct request *request)
{
    const struct field age = {.name = SLICE("Cache-Control"), .value = SLICE(CARD_AGE)};
    answer(request, 200, SLICE("application/jwk-set+json"), request->gateway->process->local_jwks,
           &age, 1);
    return STEP_ANSWER;
}
