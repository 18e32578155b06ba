/* SPDX-License-Identifier: MIT
 *
 * a2a_stage.h - what the tests of the whole of a2a stand on: a real store in a temporary directory,
 * a loop on the test's thread, and an agent "coder", a loopback server on a thread of its own. */
#ifndef AG_TESTS_A2A_STAGE_H
#define AG_TESTS_A2A_STAGE_H

#include "config/config.h"
#include "http/fetch.h"
#include "store/store.h"

enum { stage_patience_ms = 20000 };

struct stage {
    char directory[64];
    struct store *store;
    uv_loop_t loop;
    struct fetcher *fetcher;
    struct config config;  /* small caps; "coder" is its agent, its /hook may be called */
    struct slice items[3]; /* agent, webhook; one more for the test */
    struct test_agent *agent;
    char entry[128];
    char hooks[64];
};

/* <options> stand behind the agent's URL: "" or ";a2a". */
void stage_open(struct stage *stage, const char *options);
/* After a2a was freed. Checks that nothing keeps the loop alive. */
void stage_close(struct stage *stage);

void stage_open_store(struct stage *stage);

#endif
