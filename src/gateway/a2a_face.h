/* SPDX-License-Identifier: MIT
 *
 * a2a_face.h - the A2A protocol behind its two bindings: from a question to a call, from the answer
 * to the wire. The bindings themselves are answer_a2a_rpc.c and answer_a2a_rest.c. Owning worker
 * only. */
#ifndef AG_GATEWAY_A2A_FACE_H
#define AG_GATEWAY_A2A_FACE_H

#include "a2a/wire.h"
#include "gateway/a2a_errand.h"

/* Which wire an answer goes to; in the request's arena. */
struct a2a_face {
    enum wire_form form;
    bool is_rpc;
    struct slice id; /* of the JSON-RPC request */
    struct a2a_question question;
    struct slice agent; /* of /a2a/agents/{name}; empty: the engine, or what the message names */
};

/* Asks; returned from an answer function as it is. */
enum step_result a2a_face_ask(struct request *request, struct a2a_face *face) MUST_CHECK;

/* An error in the binding's own form. <text> empty: the outcome's. */
enum step_result a2a_face_refuse(struct request *request, const struct a2a_face *face,
                                 enum a2a_outcome outcome, const char *text);

/* The value of A2A-Version, of the header or else of the query; empty: not sent. */
struct slice a2a_face_version(const struct request *request);

#endif
