/* SPDX-License-Identifier: MIT
 *
 * agent_call.c - HTTP calls to the gateway, one after the other, over libcurl's easy interface. Any
 * thread. */
#include "agent.h"

#include <curl/curl.h>

enum { call_connect_ms = 5000 };

static size_t call_received(char *data, size_t size, size_t count, void *context)
{
    struct buffer *reply = context;
    buffer_append(reply, slice_make(data, size * count));
    return reply->failed ? CURL_WRITEFUNC_ERROR : size * count;
}

/* Asked by libcurl now and then, at least once a second. */
static int call_goes_on(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                        curl_off_t up)
{
    const struct agent_task *task = context;
    return agent_is_abandoned(task) ? 1 : 0;
}

/* "Name: value"; false without memory. */
static bool call_add_field(struct curl_slist **fields, const char *name, struct slice value)
{
    struct buffer line;
    buffer_init(&line, 32 * 1024);
    buffer_append_format(&line, "%s: %.*s", name, SLICE_ARGS(value));
    buffer_append_byte(&line, '\0');
    struct curl_slist *longer = line.failed ? NULL : curl_slist_append(*fields, line.data);
    buffer_clear(&line);
    *fields = longer != NULL ? longer : *fields;
    return longer != NULL;
}

static bool call_fields(const struct agent_call *call, struct curl_slist **fields)
{
    struct buffer bearer;
    buffer_init(&bearer, 32 * 1024);
    buffer_append_string(&bearer, "Bearer ");
    buffer_append(&bearer, call->token);
    bool made = !bearer.failed &&
                (call->token.length == 0 ||
                 call_add_field(fields, "Authorization", buffer_slice(&bearer))) &&
                (call->request_id.length == 0 ||
                 call_add_field(fields, "X-Request-Id", call->request_id)) &&
                call_add_field(fields, "Content-Type", SLICE("application/json"));
    buffer_clear(&bearer);
    return made;
}

enum status agent_call(const struct agent *agent, const struct agent_call *call,
                       struct buffer *reply, unsigned *ret_status, struct failure *reterr)
{
    struct curl_slist *fields = NULL;
    struct buffer url;
    char words[CURL_ERROR_SIZE] = "";
    long code = 0;
    enum status status = STATUS_NO_MEMORY;
    CURL *easy = curl_easy_init();
    buffer_init(&url, 4096);
    buffer_append(&url, agent->gateway);
    buffer_append_string(&url, call->path);
    buffer_append_byte(&url, '\0');
    failure_set(reterr, "out of memory");
    if (easy == NULL || url.failed || !call_fields(call, &fields)) {
        goto out;
    }
    curl_easy_setopt(easy, CURLOPT_URL, url.data);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* ids of others must not climb */
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call_connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, call_received);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
    if (call->task != NULL) {
        curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, call_goes_on);
        curl_easy_setopt(easy, CURLOPT_XFERINFODATA, (void *)(uintptr_t)call->task);
    }
    if (call->body.length > 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)call->body.length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.data);
    }
    CURLcode result = curl_easy_perform(easy);
    if (result != CURLE_OK) {
        failure_set(reterr, "%s", words[0] != '\0' ? words : curl_easy_strerror(result));
        status = reply->failed ? STATUS_LIMIT : STATUS_IO;
        goto out;
    }
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    *ret_status = (unsigned)code;
    status = STATUS_OK;
out:
    curl_slist_free_all(fields);
    curl_easy_cleanup(easy);
    buffer_clear(&url);
    return status;
}
