/* SPDX-License-Identifier: MIT
 *
 * step_answer_route.c - what routes.def names answers here: at once, after an errand, or piece by
 * piece as the client reads. Owning worker only. */
#include "gateway/answer.h"
#include "gateway/errand.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

void step_answer_route_cancel(struct request *request)
{
    if (request->errand != NULL) {
        errand_abandon(request->errand);
        request->errand = NULL;
    }
}

static enum step_result answer_route_finish(struct request *request)
{
    struct errand *errand = request->errand_returned;
    request->errand_returned = NULL;
    enum step_result result = errand->finish(request, errand);
    errand->release(errand);
    return result;
}

enum step_result step_answer_route(struct request *request)
{
    enum step_result result = STEP_WAIT;
    if (request->route->answer == NULL) {
        return STEP_NEXT;
    }
    if (request->errand != NULL) {
        return STEP_WAIT;
    }
    if (request->errand_returned != NULL) {
        result = answer_route_finish(request);
    } else if (!request->answer_asked) {
        request->answer_asked = true;
        result = request->route->answer(request);
    }
    if (result == STEP_WAIT && request->errand == NULL && request->reply_source != NULL) {
        return answer_pour(request);
    }
    return result;
}
