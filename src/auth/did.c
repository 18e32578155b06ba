/* SPDX-License-Identifier: MIT
 *
 * did.c - DIDs in general, did:key, did:jwk and the syntax of did:web. did:pkh is did_pkh.c. Any
 * thread. */
#include "auth/did.h"

#include "auth/ed25519_key.h"
#include "auth/jwk.h"
#include "auth/members.h"
#include "base/base58.h"
#include "base/base64url.h"
#include "http/characters.h"

static const struct multicodec {
    uint32_t code;
    enum key_kind kind;
    size_t key_bytes;
    enum deny_reason reason;
} multicodecs[] = {
#define MULTICODEC(code, kind, bytes, reason) {code, KEY_##kind, bytes, DENY_##reason},
#include "auth/multicodecs.def"
#undef MULTICODEC
};

/* ---- did:key ---- */

static const struct multicodec *multicodec_find(uint32_t code)
{
    for (size_t i = 0; i < sizeof(multicodecs) / sizeof(multicodecs[0]); i++) {
        if (multicodecs[i].code == code) {
            return &multicodecs[i];
        }
    }
    return NULL;
}

/* An unsigned varint in its shortest form. False for a longer one, or one over three bytes, which
 * no code of ours needs. */
static bool varint_read(const unsigned char *bytes, size_t length, uint32_t *ret_value,
                        size_t *ret_taken)
{
    uint32_t value = 0;
    for (size_t i = 0; i < length && i < 3; i++) {
        value |= (uint32_t)(bytes[i] & 0x7f) << (7 * i);
        if ((bytes[i] & 0x80) == 0) {
            *ret_value = value;
            *ret_taken = i + 1;
            return i == 0 || bytes[i] != 0;
        }
    }
    return false;
}

static enum deny_reason key_read(const unsigned char *bytes, size_t length, struct did *did)
{
    uint32_t code = 0;
    size_t taken = 0;
    if (!varint_read(bytes, length, &code, &taken)) {
        return DENY_DID_KEY_MULTICODEC;
    }
    const struct multicodec *multicodec = multicodec_find(code);
    if (multicodec == NULL) {
        return DENY_DID_KEY_MULTICODEC;
    }
    if (multicodec->reason != DENY_UNDECIDED) {
        return multicodec->reason;
    }
    if (length - taken != multicodec->key_bytes) {
        return DENY_DID_KEY_LENGTH;
    }
    did->kind = multicodec->kind;
    did->key_length = length - taken;
    memcpy(did->key, bytes + taken, did->key_length);
    if (did->kind == KEY_ED25519) {
        switch (ed25519_key_form(did->key)) {
        case ED25519_NOT_CANONICAL:
            return DENY_DID_KEY_NOT_A_POINT;
        case ED25519_SMALL_ORDER:
            return DENY_DID_KEY_WEAK;
        case ED25519_SOUND:
            break;
        }
    } else if (did->key[0] != 2 && did->key[0] != 3) {
        return DENY_DID_KEY_NOT_A_POINT; /* no compressed point begins so */
    }
    return DENY_UNDECIDED;
}

struct slice did_multibase(enum key_kind kind, struct slice key, struct arena *arena)
{
    unsigned char bytes[3 + did_key_bytes_max];
    size_t length = 0;
    for (size_t i = 0; i < sizeof(multicodecs) / sizeof(multicodecs[0]); i++) {
        if (multicodecs[i].kind == kind && multicodecs[i].key_bytes == key.length) {
            uint32_t code = multicodecs[i].code;
            for (; code >= 0x80; code >>= 7) {
                bytes[length++] = (unsigned char)(code | 0x80);
            }
            bytes[length++] = (unsigned char)code;
        }
    }
    char *text = arena_allocate(arena, 1 + BASE58_ENCODED_SIZE(sizeof(bytes)));
    if (text == NULL || length == 0) {
        return (struct slice){NULL, 0};
    }
    memcpy(bytes + length, key.data, key.length);
    text[0] = 'z';
    return slice_make(text, 1 + base58_encode(bytes, length + key.length, text + 1));
}

/* "did:key:" before <multibase>, in the arena. */
static bool key_text_make(struct slice multibase, struct arena *arena, struct did *did)
{
    struct slice prefix = SLICE("did:key:");
    char *text = arena_allocate(arena, prefix.length + multibase.length);
    if (text == NULL) {
        return false;
    }
    memcpy(text, prefix.data, prefix.length);
    memcpy(text + prefix.length, multibase.data, multibase.length);
    did->text = slice_make(text, prefix.length + multibase.length);
    did->fragment = slice_after(did->text, prefix.length);
    return true;
}

static enum deny_reason key_parse(struct slice rest, struct arena *arena, struct did *did)
{
    unsigned char bytes[base58_text_max]; /* base64url makes fewer bytes of as many characters */
    size_t length = 0;
    size_t colon = slice_find(rest, ':');
    if (colon < rest.length) {
        if (!slice_equals(slice_make(rest.data, colon), SLICE("1"))) {
            return DENY_DID_KEY_VERSION;
        }
        rest = slice_after(rest, colon + 1);
    }
    struct slice encoded = rest.length == 0 ? rest : slice_after(rest, 1);
    bool is_base58 = rest.length > 0 && rest.data[0] == 'z';
    bool is_decoded = is_base58 ? base58_decode(encoded, bytes, sizeof(bytes), &length)
                                : rest.length > 0 && rest.data[0] == 'u' &&
                                      base64url_decode(encoded, bytes, &length);
    if (!is_decoded) {
        return DENY_DID_KEY_MULTIBASE;
    }
    enum deny_reason reason = key_read(bytes, length, did);
    if (reason != DENY_UNDECIDED) {
        return reason;
    }
    struct slice multibase = rest;
    if (!is_base58) {
        multibase =
            did_multibase(did->kind, slice_make((const char *)did->key, did->key_length), arena);
    }
    return multibase.data != NULL && key_text_make(multibase, arena, did) ? DENY_UNDECIDED
                                                                          : DENY_NO_MEMORY;
}

/* ---- did:jwk ---- */

enum { jwk_kty, jwk_crv, jwk_public_members, jwk_private_members = 8 };

static enum deny_reason jwk_kind_read(const struct json_value *members, struct did *did)
{
    static const struct {
        const char *kty;
        const char *crv;
        enum key_kind kind;
    } kinds[] = {
        {"OKP", "Ed25519", KEY_ED25519},    {"EC", "P-256", KEY_P256},
        {"EC", "P-384", KEY_P384},          {"EC", "P-521", KEY_P521},
        {"EC", "secp256k1", KEY_SECP256K1},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (json_string_is(members[jwk_kty], kinds[i].kty) &&
            json_string_is(members[jwk_crv], kinds[i].crv)) {
            did->kind = kinds[i].kind;
            return DENY_UNDECIDED;
        }
    }
    if (json_string_is(members[jwk_kty], "RSA")) {
        return DENY_DID_KEY_RSA;
    }
    if (json_string_is(members[jwk_crv], "X25519") || json_string_is(members[jwk_crv], "X448")) {
        return DENY_DID_KEY_AGREEMENT;
    }
    return DENY_DID_KEY_UNSUPPORTED;
}

static enum deny_reason jwk_parse(struct slice rest, struct arena *arena, struct did *did)
{
    static const struct slice names[jwk_public_members + jwk_private_members] = {
        {"kty", 3}, {"crv", 3}, {"d", 1},  {"p", 1},   {"q", 1},
        {"dp", 2},  {"dq", 2},  {"qi", 2}, {"oth", 3}, {"k", 1},
    };
    struct json_value members[jwk_public_members + jwk_private_members];
    unsigned char *bytes = arena_allocate(arena, BASE64URL_DECODED_SIZE(rest.length));
    size_t length = 0;
    if (bytes == NULL) {
        return DENY_NO_MEMORY;
    }
    if (rest.length == 0 || !base64url_decode(rest, bytes, &length) ||
        json_parse(slice_make((const char *)bytes, length), JSON_DUPLICATES_REFUSED, &did->jwk,
                   NULL) != STATUS_OK ||
        did->jwk.kind != JSON_OBJECT) {
        return DENY_DID_JWK_MALFORMED;
    }
    members_pick(did->jwk, names, jwk_public_members + jwk_private_members, members);
    for (size_t i = 0; i < jwk_private_members; i++) {
        if (members[jwk_public_members + i].kind != JSON_ABSENT) {
            return DENY_DID_JWK_PRIVATE;
        }
    }
    did->fragment = SLICE("0");
    return jwk_kind_read(members, did);
}

/* ---- did:web ---- */

/* A name without capital letters, which would be a second spelling of the same host. Its last label
 * begins with a letter: those that do not are addresses, 127.0.0.1 and 0x7f000001 alike (did-web
 * 2025 3.1). */
static bool web_host_is_sound(struct slice host)
{
    size_t label = 0;
    bool is_name = false;
    for (size_t i = 0; i < host.length; i++) {
        char c = host.data[i];
        bool is_letter = c >= 'a' && c <= 'z';
        bool is_edge = label == 0 || i + 1 == host.length || host.data[i + 1] == '.';
        if (c == '.' ? label == 0
                     : !is_letter && !(c >= '0' && c <= '9') && (c != '-' || is_edge)) {
            return false;
        }
        is_name = label == 0 ? is_letter : is_name;
        label = c == '.' ? 0 : label + 1;
        if (label > 63) {
            return false;
        }
    }
    return label > 0 && is_name && host.length <= did_web_host_bytes_max;
}

static bool web_port_is_sound(struct slice port)
{
    uint64_t number = 0;
    return port.length > 0 && port.data[0] != '0' && slice_parse_uint(port, 65535, &number);
}

/* A segment of the path: what DID core 3.1 calls idchars, and nothing that a server could take for
 * more than one name. */
static bool web_segment_is_sound(struct slice segment)
{
    for (size_t i = 0; i < segment.length; i++) {
        char c = segment.data[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        if (!is_plain) {
            return false;
        }
    }
    return segment.length > 0 && !slice_equals(segment, SLICE(".")) &&
           !slice_equals(segment, SLICE(".."));
}

static enum deny_reason web_parse(struct slice rest)
{
    size_t end = slice_find(rest, ':');
    struct slice authority = {rest.data, end};
    size_t percent = slice_find(authority, '%');
    struct slice host = {rest.data, percent};
    if (percent < authority.length) {
        struct slice port = slice_after(authority, percent);
        if (!slice_starts_with(port, SLICE("%3A")) || !web_port_is_sound(slice_after(port, 3))) {
            return DENY_DID_MALFORMED;
        }
    }
    if (!web_host_is_sound(host)) {
        return DENY_DID_MALFORMED;
    }
    while (end < rest.length) {
        struct slice path = slice_after(rest, end + 1);
        size_t length = slice_find(path, ':');
        if (!web_segment_is_sound(slice_make(path.data, length))) {
            return DENY_DID_MALFORMED;
        }
        end += 1 + length;
    }
    return DENY_UNDECIDED;
}

/* ---- all of them ---- */

static enum deny_reason method_parse(struct slice method, struct slice rest, struct arena *arena,
                                     struct did *did)
{
    if (slice_equals(method, SLICE("key"))) {
        did->method = DID_METHOD_KEY;
        return key_parse(rest, arena, did);
    }
    if (slice_equals(method, SLICE("pkh"))) {
        did->method = DID_METHOD_PKH;
        return did_pkh_parse(rest, arena, did);
    }
    if (slice_equals(method, SLICE("jwk"))) {
        did->method = DID_METHOD_JWK;
        return jwk_parse(rest, arena, did);
    }
    if (slice_equals(method, SLICE("web"))) {
        did->method = DID_METHOD_WEB;
        return web_parse(rest);
    }
    return DENY_DID_METHOD_UNSUPPORTED;
}

enum deny_reason did_parse(struct slice text, struct arena *arena, struct did *ret)
{
    struct did did = {0};
    if (text.length > did_bytes_max) {
        return DENY_DID_TOO_LONG;
    }
    if (!slice_starts_with(text, SLICE("did:"))) {
        return DENY_DID_MALFORMED;
    }
    struct slice method = slice_after(text, 4);
    method.length = slice_find(method, ':');
    size_t start = 4 + method.length + 1;
    if (method.length == 0 || start >= text.length) {
        return DENY_DID_MALFORMED;
    }
    enum deny_reason reason = method_parse(method, slice_after(text, start), arena, &did);
    if (reason != DENY_UNDECIDED) {
        return reason;
    }
    if (did.text.data == NULL && !arena_copy(arena, text, &did.text)) { /* as it was written */
        return DENY_NO_MEMORY;
    }
    *ret = did;
    return DENY_UNDECIDED;
}

enum deny_reason did_import(const struct did *did, struct jwk *ret)
{
    if (did->method == DID_METHOD_JWK) {
        return jwk_import(did->jwk, ret) ? DENY_UNDECIDED : DENY_DID_JWK_UNFIT;
    }
    struct slice key = {(const char *)did->key, did->key_length};
    return jwk_import_raw(did->kind, key, ret) ? DENY_UNDECIDED : DENY_DID_KEY_NOT_A_POINT;
}
