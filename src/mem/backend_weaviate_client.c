/* SPDX-License-Identifier: MIT
 *
 * backend_weaviate_client.c - one HTTP call after the other over libcurl's easy interface. */
#include "mem/backend_weaviate_client.h"

#include "http/uri.h"

enum {
    url_bytes_max = 8192,
    reply_head_bytes_max = 64 * 1024,
};

static size_t body_received(char *data, size_t size, size_t count, void *context)
{
    struct weaviate_client *client = context;
    size_t length = size * count; /* libcurl hands out at most 16 KiB at a time */
    if (length > client->reply.maximum - client->reply.length) {
        client->is_over_limit = true;
        return CURL_WRITEFUNC_ERROR;
    }
    buffer_append(&client->reply, slice_make(data, length));
    return client->reply.failed ? CURL_WRITEFUNC_ERROR : length;
}

static size_t field_received(char *data, size_t size, size_t count, void *context)
{
    struct weaviate_client *client = context;
    size_t length = size * count;
    if (length > reply_head_bytes_max - client->head_bytes) {
        client->is_over_limit = true;
        return CURL_WRITEFUNC_ERROR;
    }
    client->head_bytes += length;
    return length;
}

static bool fields_add(struct weaviate_client *client, const char *field)
{
    struct curl_slist *longer = curl_slist_append(client->fields, field);
    client->fields = longer == NULL ? client->fields : longer;
    return longer != NULL;
}

static enum status fields_make(struct weaviate_client *client, struct slice api_key,
                               struct failure *reterr)
{
    for (size_t i = 0; i < api_key.length; i++) {
        if ((unsigned char)api_key.data[i] <= 0x20 || (unsigned char)api_key.data[i] >= 0x7F) {
            failure_set(reterr, "WEAVIATE_API_KEY holds a character that no key may have");
            return STATUS_INVALID;
        }
    }
    bool is_made = fields_add(client, "Content-Type: application/json") &&
                   fields_add(client, "Accept: application/json") && fields_add(client, "Expect:");
    if (api_key.length > 0) {
        struct buffer field;
        buffer_init(&field, url_bytes_max);
        buffer_append_string(&field, "Authorization: Bearer ");
        buffer_append(&field, api_key);
        buffer_append_byte(&field, '\0');
        is_made = is_made && !field.failed && fields_add(client, field.data);
        if (!field.failed) {
            explicit_bzero(field.data, field.length);
        }
        buffer_clear(&field);
    }
    if (!is_made) {
        failure_set(reterr, "no memory to open Weaviate, or a key of over %d bytes",
                    (int)url_bytes_max);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

static bool options_set(struct weaviate_client *client)
{
    CURL *easy = client->easy;
    long timeout_ms = client->timeout_ms > LONG_MAX ? LONG_MAX : (long)client->timeout_ms;
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_received) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, client) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, field_received) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, client) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->fields) == CURLE_OK;
}

enum status weaviate_client_init(struct weaviate_client *client, struct slice url,
                                 struct slice api_key, uint64_t timeout_ms, struct failure *reterr)
{
    *client = (struct weaviate_client){.timeout_ms = timeout_ms};
    buffer_init(&client->base, url_bytes_max);
    buffer_init(&client->reply, weaviate_row_bytes_max);
    struct url parts;
    struct failure reason;
    if (url_parse(url, &parts, &reason) != STATUS_OK || parts.query.length > 0) {
        failure_set(reterr, "WEAVIATE_URL is no address: write http://host:port");
        return STATUS_INVALID;
    }
    while (url.length > 0 && url.data[url.length - 1] == '/') {
        url.length--;
    }
    buffer_append(&client->base, url);
    enum status status = fields_make(client, api_key, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    client->easy = curl_easy_init();
    if (client->easy == NULL || client->base.failed || !options_set(client)) {
        failure_set(reterr, "no memory to open Weaviate");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void weaviate_client_clear(struct weaviate_client *client)
{
    curl_easy_cleanup(client->easy);
    client->easy = NULL;
    curl_slist_free_all(client->fields);
    client->fields = NULL;
    buffer_clear(&client->base);
    buffer_clear(&client->reply);
}

static enum status status_of_curl(const struct weaviate_client *client, CURLcode code,
                                  struct failure *reterr)
{
    if (client->is_over_limit) {
        failure_set(reterr, "Weaviate: the reply is larger than %zu bytes", client->reply.maximum);
        return STATUS_LIMIT;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        failure_set(reterr, "Weaviate: no answer in time");
        return STATUS_TIMEOUT;
    }
    if (code == CURLE_OUT_OF_MEMORY || client->reply.failed) {
        failure_set(reterr, "no memory for a reply of Weaviate");
        return STATUS_NO_MEMORY;
    }
    failure_set(reterr, "Weaviate: %s", curl_easy_strerror(code));
    return STATUS_IO;
}

static bool call_prepare(struct weaviate_client *client, const char *method, struct slice path,
                         struct slice body)
{
    struct buffer url;
    buffer_init(&url, url_bytes_max);
    buffer_append(&url, buffer_slice(&client->base));
    buffer_append(&url, path);
    buffer_append_byte(&url, '\0');
    CURL *easy = client->easy;
    bool is_prepared = !url.failed && curl_easy_setopt(easy, CURLOPT_URL, url.data) == CURLE_OK;
    buffer_clear(&url);
    if (body.data == NULL) {
        return is_prepared && curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
    }
    return is_prepared && curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.length) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

enum status weaviate_client_call(struct weaviate_client *client, const char *method,
                                 struct slice path, struct slice body, size_t reply_bytes_max,
                                 unsigned *ret_code, struct failure *reterr)
{
    buffer_clear(&client->reply); /* a large reply must not be held for ever */
    client->reply.maximum = reply_bytes_max;
    client->is_over_limit = false;
    client->head_bytes = 0;
    if (!call_prepare(client, method, path, body)) {
        failure_set(reterr, "no memory for a call to Weaviate");
        return STATUS_NO_MEMORY;
    }
    CURLcode code = curl_easy_perform(client->easy);
    if (code != CURLE_OK) {
        return status_of_curl(client, code, reterr);
    }
    long reply_code = 0;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &reply_code);
    *ret_code = (unsigned)reply_code;
    return STATUS_OK;
}

enum status weaviate_code_status(unsigned code, const char *what, struct failure *reterr)
{
    if (code == 401 || code == 403) {
        failure_set(reterr, "Weaviate answers %u to %s: check WEAVIATE_API_KEY", code, what);
        return STATUS_DENIED;
    }
    failure_set(reterr, "Weaviate answers %u to %s", code, what);
    if (code == 404) {
        return STATUS_NOT_FOUND;
    }
    return code == 400 || code == 413 || code == 422 ? STATUS_INVALID : STATUS_IO;
}
