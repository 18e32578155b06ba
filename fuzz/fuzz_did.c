/* SPDX-License-Identifier: MIT
 *
 * fuzz_did.c - any bytes as a DID, as bytes of base58, and as a token that begins with a DID. */
#include "auth/did_allow.h"
#include "auth/did_document.h"
#include "auth/jwk.h"
#include "base/base58.h"
#include "target.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdlib.h>

enum {
    input_bytes_max = 4096,
    arena_bytes_max = 256 * 1024,
};

size_t inputs_accepted;

/* Safe in a header field as it stands. */
static void check_characters(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        assert((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("-._:%", c) != NULL));
    }
}

/* The normal form is its own, and says the same. */
static void check_normal_form(const struct did *did, struct arena *arena)
{
    struct did again;
    enum deny_reason reason = did_parse(did->text, arena, &again);
    assert(reason == DENY_UNDECIDED);
    assert(slice_equals(again.text, did->text) && slice_equals(again.fragment, did->fragment));
    assert(again.method == did->method && again.kind == did->kind);
    assert(again.key_length == did->key_length &&
           memcmp(again.key, did->key, did->key_length) == 0);
}

static void check_key(const struct did *did, struct arena *arena)
{
    struct jwk key = {0};
    struct slice bytes = {(const char *)did->key, did->key_length};
    if (did->method == DID_METHOD_KEY) {
        assert(slice_equals(did_multibase(did->kind, bytes, arena), did->fragment));
    }
    if (did->kind == KEY_NONE || did->kind == KEY_ETHEREUM) {
        return;
    }
    enum deny_reason reason = did_import(did, &key);
    assert(reason != DENY_UNDECIDED || key.kind == did->kind);
    jwk_clear(&key);
    ERR_clear_error();
}

static void check_document(const struct did *did)
{
    struct buffer document;
    struct json_value json;
    if (did->method == DID_METHOD_WEB) {
        return;
    }
    buffer_init(&document, 64 * 1024);
    did_document_append(did, &document);
    assert(!document.failed);
    /* a JWK nests one less deeply than the document that holds it */
    enum status status = json_parse(buffer_slice(&document), JSON_DUPLICATES_REFUSED, &json, NULL);
    assert(status == STATUS_OK || (status == STATUS_LIMIT && did->method == DID_METHOD_JWK));
    buffer_clear(&document);
}

static void fuzz_text(struct slice text)
{
    struct arena arena;
    struct did did = {0};
    struct slice entry = {NULL, 0};
    arena_init(&arena, arena_bytes_max);
    enum deny_reason reason = did_parse(text, &arena, &did);
    enum status status = did_allow_normalize(text, &arena, &entry, NULL);
    if (reason == DENY_UNDECIDED) {
        assert(text.length <= did_bytes_max && did.text.length <= did_bytes_max);
        check_characters(did.text);
        check_normal_form(&did, &arena);
        check_key(&did, &arena);
        check_document(&did);
        assert(status == STATUS_OK && slice_equals(entry, did.text));
        inputs_accepted++;
    } else {
        assert(reason < DENY_COUNT && did.text.data == NULL);
        assert(status != STATUS_OK || slice_ends_with(entry, SLICE("*")));
    }
    arena_clear(&arena);
}

/* Nobody here can forge; tokens of the corpus may be accepted. */
static void fuzz_token(struct slice token)
{
    static const struct slice any[] = {{"*", 1}};
    static const struct slice audiences[] = {{"attach-gateway", 14}};
    static const struct trusted_dids dids = {
        .allow = any,
        .allow_count = 1,
        .audiences = audiences,
        .audiences_count = 1,
        .lifetime_max_s = INT64_MAX / 2,
        .domain = {"gateway.example:8443", 20},
        .origin = {"https://gateway.example:8443", 28},
    };
    struct trust trust = {.dids = &dids};
    struct arena arena;
    arena_init(&arena, arena_bytes_max);
    struct verification found = verify(&trust, token, 1700000000, &arena);
    assert(ERR_peek_error() == 0); /* TLS on the same thread looks at this queue */
    switch (found.verdict) {
    case VERDICT_ACCEPTED:
        assert(found.reason == DENY_UNDECIDED && found.identity.proof == IDENTITY_DID);
        assert(slice_equals(found.identity.user, found.did) && found.did.length > 0);
        check_characters(found.did);
        inputs_accepted++;
        break;
    case VERDICT_NEEDS_KEYS:
        assert(slice_starts_with(found.did, SLICE("did:web:")));
        break;
    case VERDICT_DENIED:
        assert(found.reason != DENY_UNDECIDED && found.identity.proof == IDENTITY_UNPROVEN);
        break;
    }
    arena_clear(&arena);
}

/* The memory has the promised size and not a byte more. */
static void fuzz_base58(const uint8_t *data, size_t size)
{
    size_t count = size > base58_bytes_max ? base58_bytes_max : size;
    char *text = malloc(BASE58_ENCODED_SIZE(count));
    unsigned char *again = malloc(count + 1);
    size_t length = 0;
    assert(text != NULL && again != NULL);
    size_t text_length = base58_encode(data, count, text);
    bool is_decoded = base58_decode(slice_make(text, text_length), again, count, &length);
    assert(is_decoded == (text_length > 0 && text_length <= base58_text_max));
    assert(!is_decoded || (length == count && memcmp(again, data, count) == 0));
    free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    if (size > input_bytes_max) {
        return 0;
    }
    fuzz_text(text);
    fuzz_token(text);
    fuzz_base58(data, size);
    return 0;
}
