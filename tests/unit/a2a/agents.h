/* SPDX-License-Identifier: MIT
 *
 * agents.h - an agent for tests: a loopback server on a thread of its own that writes down what it
 * is asked and says what it was told to. One request on each connection. */
#ifndef AG_TESTS_A2A_AGENTS_H
#define AG_TESTS_A2A_AGENTS_H

#include <stddef.h>

struct test_agent;

struct test_agent *test_agent_start(void);
void test_agent_stop(struct test_agent *agent);

const char *test_agent_base(const struct test_agent *agent); /* http://127.0.0.1:PORT */
const char *test_agent_url(const struct test_agent *agent);  /* with /run */

/* The bytes of all replies; NULL: none, and the connection stays open. */
void test_agent_reply(struct test_agent *agent, const char *bytes);
/* A 200 with this JSON to the request at <index>. */
void test_agent_reply_json(struct test_agent *agent, size_t index, const char *json);

/* The request at <index>, whole; "" when it has not come. */
const char *test_agent_request(struct test_agent *agent, size_t index);

#endif
