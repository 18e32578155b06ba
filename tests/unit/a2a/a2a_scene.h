/* SPDX-License-Identifier: MIT
 *
 * a2a_scene.h - a stage whose "coder" speaks A2A, and a memory that takes or refuses. */
#ifndef AG_TESTS_A2A_SCENE_H
#define AG_TESTS_A2A_SCENE_H

#include "a2a/a2a.h"
#include "a2a_stage.h"

enum { told_max = 16 };

struct told {
    char id[event_id_length + 1];
    char text[96];
};

struct scene {
    struct stage stage;
    struct a2a *a2a;
    bool is_closed;
    size_t replies_bytes_max; /* as in a2a_settings */
    bool refuses;             /* memory does */
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
