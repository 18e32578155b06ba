/* SPDX-License-Identifier: MIT
 *
 * answer_health.c - GET /healthz and /readyz: public, so they say yes or no and nothing else.
 * Owning worker only. */
#include "gateway/answer.h"
#include "gateway/request.h"

enum step_result answer_healthz(struct request *request)
{
    answer(request, 200, SLICE("application/json"), SLICE("{\"status\":\"ok\"}"), NULL, 0);
    return STEP_ANSWER;
}

enum step_result answer_readyz(struct request *request)
{
    const struct store *store = request->gateway->process->store;
    if (store != NULL && store_health(store) != STORE_FINE) {
        request->reason = "degraded";
        answer(request, 503, SLICE("application/json"), SLICE("{\"status\":\"degraded\"}"), NULL,
               0);
    } else if (gateway_is_ready(request->gateway)) {
        answer(request, 200, SLICE("application/json"), SLICE("{\"status\":\"ready\"}"), NULL, 0);
    } else {
        request->reason = "not_ready";
        answer(request, 503, SLICE("application/json"), SLICE("{\"status\":\"not ready\"}"), NULL,
               0);
    }
    return STEP_ANSWER;
}
