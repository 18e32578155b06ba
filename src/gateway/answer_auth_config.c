/* SPDX-License-Identifier: MIT
 *
 * answer_auth_config.c - GET /auth/config: what a login page must know. Owning worker only. */
#include "gateway/answer.h"
#include "gateway/request.h"

static void auth_config_member(struct buffer *body, const char *name, struct slice value)
{
    buffer_append_string(body, name);
    if (value.length == 0) {
        buffer_append_string(body, "null");
    } else {
        buffer_append_json_string(body, value);
    }
}

enum step_result answer_auth_config(struct request *request)
{
    const struct config *config = request->gateway->config;
    struct slice audience = {0};
    struct slice stable;
    struct buffer body;
    if (config->oidc_aud.count > 0) {
        audience = config->oidc_aud.items[0];
    }
    buffer_init(&body, 64 * 1024);
    auth_config_member(&body, "{\"domain\":", config->auth0_domain);
    auth_config_member(&body, ",\"client_id\":", config->auth0_client);
    auth_config_member(&body, ",\"audience\":", audience);
    buffer_append_byte(&body, '}');
    if (body.failed || !arena_copy(&request->arena, buffer_slice(&body), &stable)) {
        buffer_clear(&body);
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    buffer_clear(&body);
    answer(request, 200, SLICE("application/json"), stable, NULL, 0);
    return STEP_ANSWER;
}
