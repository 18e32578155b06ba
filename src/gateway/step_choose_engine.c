/* SPDX-License-Identifier: MIT
 *
 * step_choose_engine.c - where the request goes. There is one engine; what is chosen is the path it
 * knows the call by. Owning worker only. */
#include "gateway/steps.h"

enum step_result step_choose_engine(struct request *request)
{
    const struct config *config = request->gateway->config;
    request->engine_target = request->head.target.origin;
    if (request->head.target.form == TARGET_ASTERISK) {
        request->engine_target = SLICE("*");
    }
    if (config->engine_api == ENGINE_API_OPENAI &&
        slice_equals(request->head.method, SLICE("POST")) &&
        slice_equals(request->head.target.path, SLICE("/api/chat"))) {
        request->engine_target = SLICE("/v1/chat/completions");
    }
    return STEP_NEXT;
}
