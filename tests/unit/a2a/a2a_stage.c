/* SPDX-License-Identifier: MIT
 *
 * a2a_stage.c - see a2a_stage.h. */
#include "a2a_stage.h"

#include "agents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

void stage_open_store(struct stage *stage)
{
    const struct store_settings settings = {
        .directory = stage->directory, .queue_bytes_max = 64 * 1024 * 1024, .readers_count = 1};
    struct failure failure = {""};
    if (store_open(&settings, &stage->store, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

void stage_open(struct stage *stage, const char *options)
{
    snprintf(stage->directory, sizeof(stage->directory), "/tmp/a2a-test-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    stage->agent = test_agent_start();
    snprintf(stage->entry, sizeof(stage->entry), "coder=%s%s", test_agent_url(stage->agent),
             options);
    snprintf(stage->hooks, sizeof(stage->hooks), "%s/hook", test_agent_base(stage->agent));
    stage->items[0] = slice_from_string(stage->entry);
    stage->items[1] = slice_from_string(stage->hooks);
    stage->config = (struct config){
        .engine_url = SLICE("http://127.0.0.1:9"),
        .a2a_agents = {&stage->items[0], 1},
        .a2a_targets = {&stage->items[1], 1},
        .a2a_tasks_per_user_max = 100,
        .a2a_tasks_max = 1000,
        .a2a_concurrent_max = 8,
        .a2a_task_ttl_ms = 3600 * 1000,
        .a2a_task_timeout_ms = stage_patience_ms,
        .a2a_result_max_bytes = 4096,
        .a2a_hops_max = 3,
        .a2a_delegation_ttl_ms = 300 * 1000,
    };
    uv_loop_init(&stage->loop);
    stage_open_store(stage);
    assert_int_equal(fetcher_create(&stage->loop, 64, &stage->fetcher, NULL), STATUS_OK);
}

void stage_close(struct stage *stage)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[store_path_bytes_max];
    fetcher_free(stage->fetcher);
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&stage->loop), 0);
    store_close(stage->store);
    test_agent_stop(stage->agent);
    assert_int_equal(store_path(stage->directory, path, NULL), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        char file[store_path_bytes_max + 8];
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
    snprintf(path, sizeof(path), "%s/store.lock", stage->directory);
    unlink(path);
    assert_int_equal(rmdir(stage->directory), 0);
}
