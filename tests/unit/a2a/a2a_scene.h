/* SPDX-License-Identifier: MIT
 *
 * a2a_scene.h - a real store in a temporary directory, a loop on this thread, an agent "coder" that
 * speaks A2A, and a memory that takes or refuses. */
#ifndef AG_TESTS_A2A_SCENE_H
#define AG_TESTS_A2A_SCENE_H

#include "a2a/a2a.h"
#include "http/fetch.h"

enum { patience_ms = 20000, told_max = 16 };

struct told {
    char id[event_id_length + 1];
    char text[96];
};

struct scene {
    char directory[64];
    struct store *store;
    uv_loop_t loop;
    struct fetcher *fetcher;
    struct a2a *a2a;
    bool is_closed;
    struct config config;
    struct slice items[2];
    size_t replies_bytes_max; /* as in a2a_settings */
    struct test_agent *agent;
    char entry[128];
    char hooks[64];
    bool refuses; /* memory does */
    struct told told[told_max];
    size_t told_count;
    unsigned stamps;
    struct a2a_call *answer;
    size_t events_count;
};

int scene_open(void **state);
int scene_close(void **state);
void scene_begin(struct scene *scene);
void scene_end(struct scene *scene);

/* Runs the loop until <is_done>; liveness only. */
void scene_run_until(struct scene *scene, bool (*is_done)(struct scene *scene));

/* A task for "coder", with a webhook. */
struct a2a_call *scene_send_make(struct scene *scene);
bool scene_is_answered(struct scene *scene);
void scene_send(struct scene *scene, bool waits);

/* Events that memory has not acknowledged. */
size_t scene_rows_count(struct scene *scene);
bool scene_has_no_rows(struct scene *scene);

#define ANSWER                                                                                     \
    "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{\"kind\":\"message\",\"role\":\"agent\","       \
    "\"messageId\":\"a\",\"parts\":[{\"kind\":\"text\",\"text\":\"done\"}]}}"
#define QUESTION                                                                                   \
    "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{\"kind\":\"task\",\"id\":\"r\","                \
    "\"contextId\":\"c\",\"status\":{\"state\":\"input-required\"}}}"

#endif
