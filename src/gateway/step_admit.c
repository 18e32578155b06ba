/* SPDX-License-Identifier: MIT
 *
 * step_admit.c - may this caller do that? What goes to the engine must be on the list of
 * ENGINE_PATHS; own routes are open to whoever is proven. Quotas will be asked here. Owning worker
 * only. */
#include "gateway/answer.h"
#include "gateway/path_rules.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

enum step_result step_admit(struct request *request)
{
    const struct process *process = request->gateway->process;
    if (request->route->answer != NULL) {
        return STEP_NEXT;
    }
    if (!path_rules_allow(process->path_rules, request->head.method, request->head.target.path)) {
        answer_detail(request, 403, "path_not_allowed",
                      "this method and path are not open; the operator can add them to "
                      "ENGINE_PATHS");
        return STEP_ANSWER;
    }
    return STEP_NEXT;
}
