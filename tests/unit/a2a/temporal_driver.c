/* SPDX-License-Identifier: MIT
 *
 * temporal_driver.c - runs one workflow with src/a2a/temporal.c, for tests/peers/temporal.test.mjs:
 *
 *   temporal-driver ADDRESS NAMESPACE TASK_ID WORKFLOW_TYPE INPUT TIMEOUT_MS [CA_FILE API_KEY]
 *
 * Prints one line of JSON when the call ends. A line on standard input cancels it. */
#include "a2a/temporal.h"

#include "base/buffer.h"
#include "http/fetch.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct driver {
    struct temporal_handle *handle;
    uv_poll_t input;
};

static void input_end(struct driver *driver)
{
    if (!uv_is_closing((uv_handle_t *)&driver->input)) {
        uv_close((uv_handle_t *)&driver->input, NULL);
    }
}

static void input_ready(uv_poll_t *input, int status, int events)
{
    struct driver *driver = input->data;
    char line[64];
    if (status == 0 && read(STDIN_FILENO, line, sizeof(line)) > 0) {
        temporal_cancel(driver->handle);
    } else {
        input_end(driver);
    }
}

static void call_done(void *context, const struct temporal_outcome *outcome)
{
    struct buffer line;
    buffer_init(&line, SIZE_MAX / 2);
    buffer_append_string(&line, "{\"end\":");
    buffer_append_json_string(&line, slice_from_string(temporal_end_name(outcome->end)));
    buffer_append_string(&line, ",\"message\":");
    buffer_append_json_string(&line, outcome->message);
    buffer_append_string(&line, ",\"run\":");
    buffer_append_json_string(&line, outcome->run_id);
    buffer_append_string(&line, ",\"result\":");
    buffer_append(&line, outcome->result.length > 0 ? outcome->result : SLICE("null"));
    buffer_append_byte(&line, '}');
    printf("%.*s\n", SLICE_ARGS(buffer_slice(&line)));
    buffer_clear(&line);
    input_end(context);
}

int main(int count, char **arguments)
{
    signal(SIGPIPE, SIG_IGN); /* as main.c does: TLS writes to those that have left */
    struct driver driver;
    struct fetcher *fetcher;
    struct temporal *temporal;
    struct failure failure = {"standard input cannot be watched"};
    uv_loop_t loop;
    uint64_t timeout_ms;
    if (count < 7 || !slice_parse_uint(slice_from_string(arguments[6]), UINT32_MAX, &timeout_ms)) {
        fprintf(stderr, "six arguments are needed\n");
        return 2;
    }
    struct temporal_settings settings = {
        .address = arguments[1],
        .name_space = arguments[2],
        .ca_file = count > 7 ? arguments[7] : NULL,
        .api_key = count > 8 ? arguments[8] : NULL,
        .retry_least_ms = 10,
    };
    struct temporal_call call = {
        .task_id = slice_from_string(arguments[3]),
        .workflow_type = slice_from_string(arguments[4]),
        .input = slice_from_string(arguments[5]),
        .user = SLICE("user-1"),
        .session = SLICE("session-1"),
        .timeout_ms = timeout_ms,
    };
    uv_loop_init(&loop);
    if (uv_poll_init(&loop, &driver.input, STDIN_FILENO) != 0 ||
        fetcher_create(&loop, 4, &fetcher, &failure) != STATUS_OK ||
        temporal_create(&loop, fetcher, &settings, &temporal, &failure) != STATUS_OK ||
        temporal_run(temporal, &call, call_done, &driver, &driver.handle, &failure) != STATUS_OK) {
        fprintf(stderr, "%s\n", failure.text);
        return 1;
    }
    driver.input.data = &driver;
    uv_poll_start(&driver.input, UV_READABLE, input_ready);
    uv_run(&loop, UV_RUN_DEFAULT);
    temporal_free(temporal);
    fetcher_free(fetcher);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
