/* SPDX-License-Identifier: MIT
 *
 * fuzz_did_document.c - a line with a DID, and the document that its host gives. Whatever comes out
 * is a key set, all of whose names are the DID's, and the URL stays on the host that the DID names.
 */
#include "auth/did_web_document.h"
#include "auth/jwks.h"
#include "base/json.h"
#include "http/uri.h"
#include "net/address_guard.h"
#include "target.h"

#include <assert.h>
#include <openssl/err.h>

enum { input_bytes_max = 16384 };

size_t inputs_accepted;

static void check_url(struct slice did)
{
    struct buffer text;
    struct url url;
    struct sockaddr_storage address;
    buffer_init(&text, input_bytes_max);
    if (did_web_url_append(did, &text)) {
        assert(!text.failed);
        enum status status = url_parse(buffer_slice(&text), &url, NULL);
        assert(status == STATUS_OK && url.is_https && url.query.length == 0);
        assert(address_guard_read(url.host, &address) == ADDRESS_FORM_NAME);
        assert(slice_ends_with(url.path, SLICE("/did.json")));
        assert(slice_starts_with(slice_after(did, strlen("did:web:")), url.host));
        struct slice path = slice_make(url.path.data, url.path.length);
        assert(memmem(path.data, path.length, "/../", 4) == NULL);
        assert(memmem(path.data, path.length, "//", 2) == NULL);
    } else {
        assert(text.length == 0);
    }
    buffer_clear(&text);
}

/* Every kid of the set begins with <did> and '#'. */
static void check_names(struct slice did, struct slice set)
{
    struct json_value json;
    struct json_value key;
    struct arena arena;
    enum status status = json_parse(set, JSON_DUPLICATES_REFUSED, &json, NULL);
    assert(status == STATUS_OK);
    arena_init(&arena, 4 * input_bytes_max);
    struct json_walk walk = json_walk_begin(json_member(json, "keys"));
    while (json_walk_next(&walk, NULL, &key)) {
        struct slice kid = {NULL, 0};
        status = json_string(json_member(key, "kid"), &arena, &kid);
        assert(status == STATUS_OK && slice_starts_with(kid, did));
        assert(kid.length > did.length + 1 && kid.data[did.length] == '#');
        assert(json_member(key, "d").kind == JSON_ABSENT);
    }
    arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_make((const char *)data, size);
    size_t end = slice_find(input, '\n');
    if (size > input_bytes_max || end == size) {
        return 0;
    }
    struct slice did = {input.data, end};
    struct buffer keys;
    struct jwks *jwks = NULL;
    check_url(did);
    buffer_init(&keys, jwks_bytes_max);
    if (did_web_document_keys(did, slice_after(input, end + 1), &keys, NULL) == STATUS_OK) {
        check_names(did, buffer_slice(&keys));
        enum status status = jwks_parse(buffer_slice(&keys), &jwks, NULL);
        assert(status == STATUS_OK);
        inputs_accepted += jwks_count(jwks) > 0;
        jwks_free(jwks);
    }
    assert(ERR_peek_error() == 0);
    buffer_clear(&keys);
    return 0;
}
