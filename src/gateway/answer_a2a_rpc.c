/* SPDX-License-Identifier: MIT
 *
 * answer_a2a_rpc.c - A2A over JSON-RPC: POST /a2a, and POST /a2a/agents/{name} for one agent.
 * Owning worker only. */
#include "gateway/a2a_face.h"
#include "gateway/answer.h"

static enum step_result a2a_rpc_answer(struct request *request, struct slice agent)
{
    struct jsonrpc_request call;
    struct failure failure = {{0}};
    struct a2a_face *face = arena_allocate_zeroed(&request->arena, 1, sizeof(*face));
    if (face == NULL) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    enum a2a_outcome outcome = jsonrpc_read(buffer_slice(&request->body), a2a_face_version(request),
                                            &request->arena, &call, &failure);
    *face = (struct a2a_face){
        .form = call.question.version == A2A_CURRENT ? WIRE_CURRENT : WIRE_LEGACY,
        .is_rpc = true,
        .id = call.id,
        .question = call.question,
        .agent = agent,
    };
    if (outcome != A2A_OK) {
        return a2a_face_refuse(request, face, outcome, failure.text);
    }
    return a2a_face_ask(request, face);
}

enum step_result answer_a2a_rpc(struct request *request)
{
    return a2a_rpc_answer(request, slice_make(NULL, 0));
}

enum step_result answer_a2a_agent_rpc(struct request *request)
{
    return a2a_rpc_answer(request, request->route_segment);
}
