/* SPDX-License-Identifier: MIT
 *
 * step_stamp_identity.c - the session of the proven caller. What the client sent as X-Attach-* is
 * never passed on (step_forward.c); the one thing it may do is name a session inside its own user.
 * Owning worker only. */
#include "gateway/answer.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

/* The client's own X-Attach-Session: exactly one, spelled with hyphens, not empty. Others count as
 * not sent. */
static bool stamp_identity_named_session(const struct request *request, struct slice *ret_name)
{
    size_t found = 0;
    for (size_t i = 0; i < request->head.fields_count; i++) {
        const struct field *field = &request->head.fields[i];
        if (field->id == FIELD_X_ATTACH &&
            slice_equals_ignoring_case(field->name, SLICE("x-attach-session"))) {
            *ret_name = field->value;
            found++;
        }
    }
    return found == 1 && ret_name->length > 0;
}

/* Most callers keep their agent, so that the digest of the last time serves again. */
static bool stamp_identity_from_agent(struct request *request, struct slice agent)
{
    struct cached_session *remembered = request->remembered_session;
    bool fits = agent.length > 0 && agent.length <= sizeof(remembered->user_agent);
    request->remembered_session = NULL;
    if (remembered != NULL && fits && remembered->user_agent_length == agent.length &&
        memcmp(remembered->user_agent, agent.data, agent.length) == 0) {
        memcpy(request->session_digits, remembered->session, session_id_length);
        return true;
    }
    if (!session_id_make(request->identity.user, agent, request->session_digits)) {
        return false;
    }
    if (remembered != NULL && fits) {
        memcpy(remembered->user_agent, agent.data, agent.length);
        remembered->user_agent_length = (uint8_t)agent.length;
        memcpy(remembered->session, request->session_digits, session_id_length);
    }
    return true;
}

enum step_result step_stamp_identity(struct request *request)
{
    struct slice name = {0};
    struct slice agent = {0};
    if (request->identity.proof == IDENTITY_UNPROVEN) {
        if (request->route->authentication != ROUTE_NOBODY) {
            answer_detail(request, 500, "unproven_identity", "Internal Server Error");
            return STEP_ANSWER; /* never reached; a mistake before this step must not let anybody in
                                 */
        }
        return STEP_NEXT;
    }
    const struct field *field =
        fields_find(request->head.fields, request->head.fields_count, FIELD_USER_AGENT, NULL);
    if (field != NULL) {
        agent = field->value;
    }
    if (request->identity.session.length > 0) {
        /* An agent goes on in its user's session, whatever fields it sends or echoes. */
        request->session = request->identity.session;
        return STEP_NEXT;
    }
    bool made = stamp_identity_named_session(request, &name)
                    ? session_id_make(request->identity.user, name, request->session_digits)
                    : stamp_identity_from_agent(request, agent);
    if (!made) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    request->session = slice_make(request->session_digits, session_id_length);
    return STEP_NEXT;
}
