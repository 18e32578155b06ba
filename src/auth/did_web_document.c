/* SPDX-License-Identifier: MIT
 *
 * did_web_document.c - reads DID documents (DID core 1.0, 5) as far as tokens need it: the key
 * material of the methods that authentication and assertionMethod name becomes a JWK each. Any
 * thread. */
#include "auth/did_web_document.h"

#include "auth/did.h"
#include "auth/jwks.h"
#include "auth/members.h"
#include "base/base58.h"
#include "base/base64url.h"
#include "net/address_guard.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

enum {
    coordinate_bytes_max = 66,          /* of P-521 */
    references_max = 2 * jwks_keys_max, /* entries of one relationship */
    methods_max = 256,                  /* each reference goes through all */
    reader_arena_bytes = 4 * did_web_document_bytes_max,
};

/* A document on its way to a key set. */
struct reader {
    struct slice did;
    struct json_value methods; /* verificationMethod */
    struct arena arena;
    struct buffer *keys;
    struct slice kids[jwks_keys_max]; /* of the keys appended */
    size_t kids_count;
    bool over_limit;
};

bool did_web_url_append(struct slice did, struct buffer *buffer)
{
    struct did parsed;
    struct arena arena;
    arena_init(&arena, 2 * did_bytes_max);
    bool is_web =
        did_parse(did, &arena, &parsed) == DENY_UNDECIDED && parsed.method == DID_METHOD_WEB;
    arena_clear(&arena);
    if (!is_web) {
        return false;
    }
    struct slice rest = slice_after(did, strlen("did:web:"));
    struct slice authority = {rest.data, slice_find(rest, ':')};
    struct slice path = slice_after(rest, authority.length);
    size_t percent = slice_find(authority, '%');
    struct sockaddr_storage address;
    if (address_guard_read(slice_make(authority.data, percent), &address) != ADDRESS_FORM_NAME) {
        return false; /* did-web 2025 3.1: no IP addresses, whatever they look like */
    }
    buffer_append_string(buffer, "https://");
    buffer_append(buffer, slice_make(authority.data, percent));
    if (percent < authority.length) {
        buffer_append_byte(buffer, ':');
        buffer_append(buffer, slice_after(authority, percent + strlen("%3A")));
    }
    if (path.length == 0) {
        buffer_append_string(buffer, "/.well-known");
    }
    for (size_t i = 0; i < path.length; i++) {
        buffer_append_byte(buffer, path.data[i] == ':' ? '/' : path.data[i]);
    }
    buffer_append_string(buffer, "/did.json");
    return true;
}

/* ---- key material ---- */

static void append_coordinate(struct buffer *buffer, const char *name, const unsigned char *bytes,
                              size_t length)
{
    char text[BASE64URL_ENCODED_SIZE(coordinate_bytes_max)];
    buffer_append_format(buffer, ",\"%s\":\"", name);
    buffer_append(buffer, slice_make(text, base64url_encode(bytes, length, text)));
    buffer_append_byte(buffer, '"');
}

static const struct curve {
    enum key_kind kind;
    int number;
    size_t coordinate_bytes;
    const char *name;
} curves[] = {
    {KEY_P256, NID_X9_62_prime256v1, 32, "P-256"},
    {KEY_P384, NID_secp384r1, 48, "P-384"},
    {KEY_P521, NID_secp521r1, 66, "P-521"},
    {KEY_SECP256K1, NID_secp256k1, 32, "secp256k1"},
};

/* SEC 1 2.3.4: the other coordinate from the one that a compressed point has. */
static bool point_unfold(const struct curve *curve, struct slice bytes, unsigned char *ret_point)
{
    size_t length = 1 + 2 * curve->coordinate_bytes;
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curve->number);
    EC_POINT *point = group != NULL ? EC_POINT_new(group) : NULL;
    bool is_done = point != NULL && bytes.length == 1 + curve->coordinate_bytes &&
                   EC_POINT_oct2point(group, point, (const unsigned char *)bytes.data, bytes.length,
                                      NULL) == 1 &&
                   EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, ret_point,
                                      length, NULL) == length;
    EC_POINT_free(point);
    EC_GROUP_free(group);
    if (!is_done) {
        ERR_clear_error();
    }
    return is_done;
}

/* ,"kty":...: the members of a JWK but for its kid. */
static bool append_raw_key(struct buffer *buffer, enum key_kind kind, struct slice bytes)
{
    unsigned char point[1 + 2 * coordinate_bytes_max];
    if (kind == KEY_ED25519) {
        if (bytes.length != 32) {
            return false;
        }
        buffer_append_string(buffer, ",\"kty\":\"OKP\",\"crv\":\"Ed25519\"");
        append_coordinate(buffer, "x", (const unsigned char *)bytes.data, bytes.length);
        return true;
    }
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        size_t length = curves[i].coordinate_bytes;
        if (curves[i].kind == kind && point_unfold(&curves[i], bytes, point)) {
            buffer_append_format(buffer, ",\"kty\":\"EC\",\"crv\":\"%s\"", curves[i].name);
            append_coordinate(buffer, "x", point + 1, length);
            append_coordinate(buffer, "y", point + 1 + length, length);
            return true;
        }
    }
    return false;
}

/* A Multikey and a did:key write a key in the same way. */
static bool append_multibase(struct reader *reader, struct slice text)
{
    struct did key;
    struct slice prefix = SLICE("did:key:");
    if (text.length > did_bytes_max) {
        return false;
    }
    char *did = arena_allocate(&reader->arena, prefix.length + text.length);
    if (did == NULL) {
        return false;
    }
    memcpy(did, prefix.data, prefix.length);
    memcpy(did + prefix.length, text.data, text.length);
    return slice_find(text, ':') == text.length &&
           did_parse(slice_make(did, prefix.length + text.length), &reader->arena, &key) ==
               DENY_UNDECIDED &&
           append_raw_key(reader->keys, key.kind, slice_make((char *)key.key, key.key_length));
}

/* The older form says by its type what kind of key it is. */
static bool append_base58(struct reader *reader, struct json_value type, struct slice text)
{
    static const struct {
        const char *type;
        enum key_kind kind;
    } types[] = {
        {"Ed25519VerificationKey2018", KEY_ED25519},
        {"Ed25519VerificationKey2020", KEY_ED25519},
        {"EcdsaSecp256k1VerificationKey2019", KEY_SECP256K1},
        {"EcdsaSecp256r1VerificationKey2019", KEY_P256},
        {"P256Key2021", KEY_P256},
        {"P384Key2021", KEY_P384},
        {"P521Key2021", KEY_P521},
    };
    unsigned char bytes[did_key_bytes_max];
    size_t length = 0;
    if (!base58_decode(text, bytes, sizeof(bytes), &length)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (json_string_is(type, types[i].type)) {
            return append_raw_key(reader->keys, types[i].kind, slice_make((char *)bytes, length));
        }
    }
    return false;
}

/* The members that decide what a key may do are copied as they are; a key set is parsed anew for
 * each worker and looks at them there. RSA keys are not (no n, no e): they stay unusable. */
static bool append_jwk(struct reader *reader, struct json_value jwk)
{
    enum { copied = 7, all = 9 };
    static const struct slice names[all] = {{"kty", 3}, {"crv", 3},     {"x", 1},
                                            {"y", 1},   {"alg", 3},     {"use", 3},
                                            {"d", 1},   {"key_ops", 7}, {"k", 1}};
    static const bool is_private[all] = {[6] = true, [8] = true};
    struct json_value members[all];
    members_pick(jwk, names, all, members);
    for (size_t i = 0; i < all; i++) {
        if (is_private[i] && members[i].kind != JSON_ABSENT) {
            return false; /* all the world has it */
        }
    }
    for (size_t i = 0; i < all; i++) {
        if (members[i].kind != JSON_ABSENT) {
            buffer_append_format(reader->keys, ",\"%s\":", names[i].data);
            buffer_append(reader->keys, members[i].text);
        }
    }
    return true;
}

/* ---- methods ---- */

/* "#key-1" is short for <did>#key-1 (DID core 3.2.2). False when it names no fragment of <did>:
 * a document may not speak for another DID's keys. */
static bool kid_read(struct reader *reader, struct json_value id, struct slice *ret)
{
    struct slice text;
    if (json_string(id, &reader->arena, &text) != STATUS_OK) {
        return false;
    }
    if (slice_starts_with(text, SLICE("#"))) {
        char *kid = arena_allocate(&reader->arena, reader->did.length + text.length);
        if (kid == NULL) {
            return false;
        }
        memcpy(kid, reader->did.data, reader->did.length);
        memcpy(kid + reader->did.length, text.data, text.length);
        text = slice_make(kid, reader->did.length + text.length);
    }
    *ret = text;
    return slice_starts_with(text, reader->did) && text.length > reader->did.length + 1 &&
           text.data[reader->did.length] == '#';
}

static bool append_material(struct reader *reader, struct json_value method)
{
    enum { type, jwk, multibase, base58, count };
    static const struct slice names[count] = {
        {"type", 4}, {"publicKeyJwk", 12}, {"publicKeyMultibase", 18}, {"publicKeyBase58", 15}};
    struct json_value members[count];
    struct slice text;
    members_pick(method, names, count, members);
    int forms = (members[jwk].kind != JSON_ABSENT) + (members[multibase].kind != JSON_ABSENT) +
                (members[base58].kind != JSON_ABSENT);
    if (forms != 1) {
        return false; /* DID core 5.2.1: one form of the key, not two */
    }
    if (members[jwk].kind == JSON_OBJECT) {
        return append_jwk(reader, members[jwk]);
    }
    if (json_string(members[multibase], &reader->arena, &text) == STATUS_OK) {
        return append_multibase(reader, text);
    }
    return json_string(members[base58], &reader->arena, &text) == STATUS_OK &&
           append_base58(reader, members[type], text);
}

static void method_append(struct reader *reader, struct slice kid, struct json_value method)
{
    for (size_t i = 0; i < reader->kids_count; i++) {
        if (slice_equals(reader->kids[i], kid)) {
            return;
        }
    }
    if (reader->kids_count == jwks_keys_max) {
        reader->over_limit = true;
        return;
    }
    size_t before = reader->keys->length;
    buffer_append_string(reader->keys, reader->kids_count > 0 ? ",{\"kid\":" : "{\"kid\":");
    buffer_append_json_string(reader->keys, kid);
    if (append_material(reader, method)) {
        buffer_append_byte(reader->keys, '}');
        reader->kids[reader->kids_count++] = kid;
    } else if (!reader->keys->failed) {
        reader->keys->length = before;
    }
}

static bool id_is(struct reader *reader, struct json_value id, struct slice kid)
{
    struct slice text;
    if (json_string(id, &reader->arena, &text) != STATUS_OK) {
        return false;
    }
    return slice_starts_with(text, SLICE("#"))
               ? slice_equals(text, slice_after(kid, reader->did.length))
               : slice_equals(text, kid);
}

/* The method that <kid> refers to; an id that is there twice refers to none. */
static struct json_value method_find(struct reader *reader, struct slice kid)
{
    struct json_value found = {.kind = JSON_ABSENT};
    struct json_value method;
    if (reader->methods.kind != JSON_ARRAY) {
        return found;
    }
    size_t count = 0;
    struct json_walk walk = json_walk_begin(reader->methods);
    while (json_walk_next(&walk, NULL, &method)) {
        if (++count > methods_max) {
            reader->over_limit = true;
            break;
        }
        if (!id_is(reader, json_member(method, "id"), kid)) {
            continue;
        }
        if (found.kind != JSON_ABSENT) {
            return (struct json_value){.kind = JSON_ABSENT};
        }
        found = method;
    }
    return found;
}

static void relationship_read(struct reader *reader, struct json_value relationship)
{
    struct json_value entry;
    struct slice kid;
    if (relationship.kind != JSON_ARRAY) {
        return;
    }
    size_t count = 0;
    struct json_walk walk = json_walk_begin(relationship);
    while (!reader->over_limit && json_walk_next(&walk, NULL, &entry)) {
        if (++count > references_max) {
            reader->over_limit = true;
            return;
        }
        bool is_embedded = entry.kind == JSON_OBJECT;
        if (!kid_read(reader, is_embedded ? json_member(entry, "id") : entry, &kid)) {
            continue;
        }
        struct json_value method = is_embedded ? entry : method_find(reader, kid);
        if (method.kind == JSON_OBJECT) {
            method_append(reader, kid, method);
        }
    }
}

static enum status document_read(struct reader *reader, struct json_value document,
                                 struct failure *reterr)
{
    enum { id, methods, authentication, assertion, count };
    static const struct slice names[count] = {
        {"id", 2}, {"verificationMethod", 18}, {"authentication", 14}, {"assertionMethod", 15}};
    struct json_value members[count];
    struct slice name;
    members_pick(document, names, count, members);
    if (json_string(members[id], &reader->arena, &name) != STATUS_OK ||
        !slice_equals(name, reader->did)) {
        failure_set(reterr, "the document's id is not the DID");
        return STATUS_DENIED;
    }
    reader->methods = members[methods];
    buffer_append_string(reader->keys, "{\"keys\":[");
    relationship_read(reader, members[authentication]);
    relationship_read(reader, members[assertion]);
    buffer_append_string(reader->keys, "]}");
    if (reader->over_limit) {
        failure_set(reterr, "the document has more than %d keys, %d references or %d methods",
                    (int)jwks_keys_max, (int)references_max, (int)methods_max);
        return STATUS_LIMIT;
    }
    if (reader->keys->failed) {
        failure_set(reterr, "no memory for the document's keys");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

enum status did_web_document_keys(struct slice did, struct slice json, struct buffer *buffer,
                                  struct failure *reterr)
{
    struct json_value document;
    struct reader reader = {.did = did, .keys = buffer};
    if (json.length > did_web_document_bytes_max ||
        json_parse(json, JSON_DUPLICATES_REFUSED, &document, NULL) != STATUS_OK ||
        document.kind != JSON_OBJECT) {
        failure_set(reterr, "the document is no strict JSON object");
        return STATUS_INVALID;
    }
    arena_init(&reader.arena, reader_arena_bytes);
    enum status status = document_read(&reader, document, reterr);
    arena_clear(&reader.arena);
    return status;
}
