/* SPDX-License-Identifier: MIT
 *
 * run.h - one call to the engine of a stage, and what its caller heard, written down. */
#ifndef AG_TESTS_UNIT_PROXY_RUN_H
#define AG_TESTS_UNIT_PROXY_RUN_H

#include "proxy/relay.h"
#include "stage.h"

/* What run_start sends for GET. */
#define GET "GET /x HTTP/1.1\r\nHost: engine.test:1\r\n\r\n"

struct run {
    struct engine_call call;
    struct arena arena;
    struct stage *stage;
    struct buffer log;  /* "200 OK length 5 A=b; ended", "failed: <failure> (<detail>)" */
    struct buffer body; /* of the reply */
    unsigned heads;
    unsigned over; /* ended or failed */
    unsigned settled;
    unsigned writable;
    enum engine_failure failure;
    bool pauses; /* at every settled */
};

/* Asks for <method> /x; its body and its flush are the test's to do. */
enum status run_try(struct run *run, struct stage *stage, const char *method,
                    enum body_framing framing, uint64_t length);
enum status run_try_with(struct run *run, struct stage *stage,
                         const struct engine_request *request);

/* A whole request without a body, on its way. */
void run_start(struct run *run, struct stage *stage, const char *method);

/* Ends the call, whatever it is at. */
void run_end(struct run *run);

void expect_log(const struct run *run, const char *log);
void expect_failure(const struct run *run, enum engine_failure failure);

/* A call on a new connection, answered; afterwards that is idle. Gives the engine's end of it. */
int run_warm_up(struct stage *stage);

/* The engine sends <part>, and the call gets it in a single read; once the call is over, to whom it
 * may concern. */
void run_deliver(struct run *run, int connection, struct slice part);

#endif
