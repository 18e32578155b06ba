/* SPDX-License-Identifier: MIT
 *
 * backend_weaviate_client.h - one HTTP call after the other to Weaviate's REST API.
 *
 * libcurl's easy interface: the process must have called curl_global_init. No redirects, no
 * proxies, http and https only; replies are capped. No failure holds the API key or a word of what
 * the server says, which may quote the data. The thread of the handle, only. */
#ifndef AG_MEM_BACKEND_WEAVIATE_CLIENT_H
#define AG_MEM_BACKEND_WEAVIATE_CLIENT_H

#include "base/buffer.h"

#include <curl/curl.h>

enum {
    weaviate_reply_bytes_max = 64 * 1024 * 1024,
    weaviate_row_bytes_max = 256 * 1024 * 1024, /* of a reply that holds a single row */
};

struct weaviate_client {
    CURL *easy;
    struct curl_slist *fields;
    struct buffer base; /* of every URL, without the last slash */
    uint64_t timeout_ms;
    struct buffer reply; /* of the last call */
    bool is_over_limit;
    size_t head_bytes;
};

/* STATUS_INVALID: <url> or <api_key> cannot be one. Does not connect. */
enum status weaviate_client_init(struct weaviate_client *client, struct slice url,
                                 struct slice api_key, uint64_t timeout_ms,
                                 struct failure *reterr) MUST_CHECK;
void weaviate_client_clear(struct weaviate_client *client); /* also half made */

/* One call; the body of the reply is in <client>->reply until the next. STATUS_OK: there is a
 * reply, *ret_code says of which kind. STATUS_TIMEOUT, STATUS_LIMIT (more than <reply_bytes_max>),
 * STATUS_NO_MEMORY, STATUS_IO. */
enum status weaviate_client_call(struct weaviate_client *client, const char *method,
                                 struct slice path, struct slice body, size_t reply_bytes_max,
                                 unsigned *ret_code, struct failure *reterr) MUST_CHECK;

/* What an unwelcome <code> means: STATUS_DENIED, STATUS_INVALID, STATUS_NOT_FOUND or STATUS_IO. */
enum status weaviate_code_status(unsigned code, const char *what, struct failure *reterr);

#endif
