/* SPDX-License-Identifier: MIT
 *
 * jwks.c - a set of keys and which of them a token means. Thread: the one that owns the set. */
#include "auth/jwks.h"

#include "auth/jwk.h"
#include "auth/members.h"

#include <openssl/err.h>
#include <stdlib.h>

struct jwks {
    struct jwk_hashes hashes;
    struct arena arena; /* the kids */
    size_t keys_count;
    struct jwk keys[];
};

enum {
    kid_arena_bytes_max = 4 * jwks_bytes_max,
};

static bool hashes_open(struct jwk_hashes *hashes)
{
    static const char *const names[HASH_COUNT] = {"SHA256", "SHA384", "SHA512"};
    for (size_t i = 0; i < HASH_COUNT; i++) {
        hashes->kinds[i] = EVP_MD_fetch(NULL, names[i], NULL);
        if (hashes->kinds[i] == NULL) {
            return false;
        }
    }
    hashes->context = EVP_MD_CTX_new();
    return hashes->context != NULL;
}

static void hashes_close(struct jwk_hashes *hashes)
{
    for (size_t i = 0; i < HASH_COUNT; i++) {
        EVP_MD_free(hashes->kinds[i]);
    }
    EVP_MD_CTX_free(hashes->context);
}

/* STATUS_INVALID: <json> is no key, or has a kid that is no text or too long, and so cannot even be
 * named. */
static enum status kid_read(struct jwks *jwks, struct json_value json, struct jwk *key)
{
    const struct slice names[] = {SLICE("kid")};
    struct json_value kid;
    if (json.kind != JSON_OBJECT) {
        return STATUS_INVALID;
    }
    members_pick(json, names, 1, &kid);
    if (kid.kind == JSON_ABSENT) {
        return STATUS_OK;
    }
    struct slice text;
    enum status status = json_string(kid, &jwks->arena, &text);
    if (status != STATUS_OK) {
        return status;
    }
    if (text.length > jwks_kid_bytes_max) {
        return STATUS_INVALID;
    }
    key->has_kid = true;
    return arena_copy(&jwks->arena, text, &key->kid) ? STATUS_OK : STATUS_NO_MEMORY;
}

/* Adds the key <json> describes; what is no key at all is left out silently, as RFC 7517 5 asks. */
static enum status key_add(struct jwks *jwks, struct json_value json)
{
    struct jwk key = {.hashes = &jwks->hashes};
    enum status status = kid_read(jwks, json, &key);
    if (status == STATUS_INVALID) {
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (jwk_import(json, &key) || key.has_kid) {
        jwks->keys[jwks->keys_count++] = key;
    }
    return STATUS_OK;
}

static size_t elements_count(struct json_value array)
{
    struct json_walk walk = json_walk_begin(array);
    struct json_value element;
    size_t count = 0;
    while (count <= jwks_keys_max && json_walk_next(&walk, NULL, &element)) {
        count++;
    }
    return count;
}

static enum status keys_add(struct jwks *jwks, struct json_value document, struct json_value keys)
{
    if (keys.kind != JSON_ARRAY) {
        return key_add(jwks, document);
    }
    struct json_walk walk = json_walk_begin(keys);
    struct json_value key;
    while (json_walk_next(&walk, NULL, &key)) {
        enum status status = key_add(jwks, key);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* The "keys" of the document, or nothing when the document itself is one key. */
static enum status document_read(struct slice json, struct json_value *ret_document,
                                 struct json_value *ret_keys, size_t *ret_count,
                                 struct failure *reterr)
{
    struct json_value document;
    struct json_value members[2];
    const struct slice names[2] = {SLICE("keys"), SLICE("kty")};
    if (json.length > jwks_bytes_max) {
        failure_set(reterr, "the key set is larger than %d bytes", (int)jwks_bytes_max);
        return STATUS_LIMIT;
    }
    enum status status = json_parse(json, JSON_DUPLICATES_REFUSED, &document, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    members_pick(document, names, 2, members);
    bool is_set = members[0].kind == JSON_ARRAY;
    if (!is_set && (members[0].kind != JSON_ABSENT || members[1].kind != JSON_STRING)) {
        failure_set(reterr, "this is no key set: an object with an array \"keys\" is expected");
        return STATUS_INVALID;
    }
    size_t count = is_set ? elements_count(members[0]) : 1;
    if (count > jwks_keys_max) {
        failure_set(reterr, "the key set has more than %d keys", (int)jwks_keys_max);
        return STATUS_LIMIT;
    }
    *ret_document = document;
    *ret_keys = members[0];
    *ret_count = count;
    return STATUS_OK;
}

enum status jwks_parse(struct slice json, struct jwks **ret, struct failure *reterr)
{
    struct json_value document;
    struct json_value keys;
    size_t count = 0;
    enum status status = document_read(json, &document, &keys, &count, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    struct jwks *jwks = calloc(1, sizeof(*jwks) + count * sizeof(jwks->keys[0]));
    if (jwks == NULL) {
        failure_set(reterr, "no memory for a key set");
        return STATUS_NO_MEMORY;
    }
    arena_init(&jwks->arena, kid_arena_bytes_max);
    status = hashes_open(&jwks->hashes) ? keys_add(jwks, document, keys) : STATUS_NO_MEMORY;
    ERR_clear_error(); /* of keys that were skipped: TLS on this thread looks at the same queue */
    if (status != STATUS_OK) {
        failure_set(reterr, "no memory for a key set");
        jwks_free(jwks);
        return status;
    }
    *ret = jwks;
    return STATUS_OK;
}

void jwks_free(struct jwks *jwks)
{
    if (jwks == NULL) {
        return;
    }
    for (size_t i = 0; i < jwks->keys_count; i++) {
        jwk_clear(&jwks->keys[i]);
    }
    hashes_close(&jwks->hashes);
    arena_clear(&jwks->arena);
    free(jwks);
}

size_t jwks_count(const struct jwks *jwks)
{
    return jwks->keys_count - jwks_skipped(jwks);
}

size_t jwks_skipped(const struct jwks *jwks)
{
    size_t count = 0;
    for (size_t i = 0; i < jwks->keys_count; i++) {
        count += jwks->keys[i].kind == KEY_NONE ? 1 : 0;
    }
    return count;
}

static bool key_fits(const struct jwk *key, const struct algorithm *algorithm)
{
    return key->kind == algorithm->key && key->kind != KEY_NONE &&
           (key->algorithm == NULL || algorithm_same(key->algorithm, algorithm));
}

enum jwks_answer jwks_find(struct jwks *jwks, bool has_kid, struct slice kid,
                           const struct algorithm *algorithm, struct jwk **ret)
{
    bool is_known = false;
    struct jwk *found = NULL;
    for (size_t i = 0; i < jwks->keys_count; i++) {
        struct jwk *key = &jwks->keys[i];
        if (has_kid && !(key->has_kid && slice_equals(key->kid, kid))) {
            continue;
        }
        is_known = is_known || has_kid;
        if (!key_fits(key, algorithm)) {
            continue;
        }
        if (found == NULL) {
            found = key;
        } else if (!jwk_equals(found, key)) { /* not one key listed twice */
            return JWKS_KEY_AMBIGUOUS;
        }
    }
    if (found == NULL) {
        return is_known ? JWKS_KEY_UNFIT : JWKS_KEY_UNKNOWN;
    }
    *ret = found;
    return JWKS_KEY_FOUND;
}
