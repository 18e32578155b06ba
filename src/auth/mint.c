/* SPDX-License-Identifier: MIT
 *
 * mint.c - the gateway's own key and the tokens signed with it. The file handling is mint_file.c.
 * Any thread. */
#include "auth/mint.h"

#include "auth/mint_file.h"
#include "base/base64url.h"
#include "base/random.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum {
    public_bytes = 32,
    signature_bytes = 64,
    hash_bytes = 32,
    encoded_bytes = BASE64URL_ENCODED_SIZE(32), /* of the public key, and of its thumbprint */
    id_bytes = 16,
    claims_bytes_max = 64 * 1024,
    subject_bytes_max = 1024, /* of local mode: what verify_oidc.c accepts */
    user_bytes_max = 4096,    /* of a delegated token: a user as X-Attach-User carries it */
};

struct mint {
    EVP_PKEY *key;
    char public_text[encoded_bytes];
    size_t public_length;
    char kid[encoded_bytes];
    size_t kid_length;
};

/* RFC 7638 3: the required members in the order of their names, without white space. */
static bool thumbprint_make(struct mint *mint)
{
    struct buffer text;
    unsigned char hash[EVP_MAX_MD_SIZE];
    buffer_init(&text, 256);
    buffer_append_string(&text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
    buffer_append(&text, slice_make(mint->public_text, mint->public_length));
    buffer_append_string(&text, "\"}");
    bool is_done =
        !text.failed && EVP_Q_digest(NULL, "SHA256", NULL, text.data, text.length, hash, NULL) == 1;
    buffer_clear(&text);
    if (is_done) {
        mint->kid_length = base64url_encode(hash, hash_bytes, mint->kid);
    }
    return is_done;
}

enum status mint_open(const char *directory, struct mint **ret, struct failure *reterr)
{
    struct mint *mint = calloc(1, sizeof(*mint));
    if (mint == NULL) {
        failure_set(reterr, "no memory for the local key");
        return STATUS_NO_MEMORY;
    }
    unsigned char bytes[public_bytes];
    size_t length = sizeof(bytes);
    enum status status = mint_file_open(directory, &mint->key, reterr);
    if (status == STATUS_OK &&
        (EVP_PKEY_get_raw_public_key(mint->key, bytes, &length) != 1 || length != sizeof(bytes))) {
        failure_set(reterr, "OpenSSL gives no public half of the local key");
        status = STATUS_INVALID;
    }
    if (status == STATUS_OK) {
        mint->public_length = base64url_encode(bytes, length, mint->public_text);
        if (!thumbprint_make(mint)) {
            failure_set(reterr, "OpenSSL cannot hash the local key");
            status = STATUS_NO_MEMORY;
        }
    }
    if (status != STATUS_OK) {
        ERR_clear_error();
        mint_free(mint);
        return status;
    }
    *ret = mint;
    return STATUS_OK;
}

void mint_free(struct mint *mint)
{
    if (mint == NULL) {
        return;
    }
    EVP_PKEY_free(mint->key);
    free(mint);
}

void mint_append_jwks(const struct mint *mint, struct buffer *buffer)
{
    buffer_append_string(buffer, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\","
                                 "\"alg\":\"EdDSA\",\"kid\":\"");
    buffer_append(buffer, slice_make(mint->kid, mint->kid_length));
    buffer_append_string(buffer, "\",\"x\":\"");
    buffer_append(buffer, slice_make(mint->public_text, mint->public_length));
    buffer_append_string(buffer, "\"}]}");
}

static void append_base64url(struct buffer *buffer, struct slice bytes)
{
    char *out = buffer_reserve(buffer, BASE64URL_ENCODED_SIZE(bytes.length));
    if (out != NULL) {
        buffer->length += base64url_encode((const unsigned char *)bytes.data, bytes.length, out);
    }
}

/* RFC 8693 4.1: the outermost actor is the current one, each holds the one before. */
static void append_actors(struct buffer *buffer, const struct slice *actors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_append_string(buffer, ",\"act\":{\"sub\":");
        buffer_append_json_string(buffer, actors[i]);
    }
    for (size_t i = 0; i < count; i++) {
        buffer_append_byte(buffer, '}');
    }
}

static void append_owner(struct buffer *buffer, const struct mint_delegation *what)
{
    if (what->owner_subject.length == 0) {
        return;
    }
    buffer_append_string(buffer, ",\"attach\":{\"iss\":");
    buffer_append_json_string(buffer, what->owner_issuer);
    buffer_append_string(buffer, ",\"sub\":");
    buffer_append_json_string(buffer, what->owner_subject);
    buffer_append_string(buffer, ",\"session\":");
    buffer_append_json_string(buffer, what->session);
    buffer_append_byte(buffer, '}');
}

static void append_claims(struct buffer *buffer, const struct mint_delegation *what, int64_t now_s,
                          int64_t lifetime_s)
{
    unsigned char id[id_bytes];
    random_fill(id, sizeof(id));
    buffer_append_string(buffer, "{\"iss\":");
    buffer_append_json_string(buffer, what->issuer);
    buffer_append_string(buffer, ",\"sub\":");
    buffer_append_json_string(buffer, what->subject);
    buffer_append_string(buffer, ",\"aud\":");
    buffer_append_json_string(buffer, what->audience);
    buffer_append_format(buffer, ",\"iat\":%lld,\"exp\":%lld,\"jti\":\"", (long long)now_s,
                         (long long)(now_s + lifetime_s));
    append_base64url(buffer, slice_make((const char *)id, sizeof(id)));
    buffer_append_byte(buffer, '"');
    append_actors(buffer, what->actors, what->actors_count);
    append_owner(buffer, what);
    buffer_append_byte(buffer, '}');
}

static void append_header(struct buffer *buffer, const struct mint *mint)
{
    buffer_append_string(buffer, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"");
    buffer_append(buffer, slice_make(mint->kid, mint->kid_length));
    buffer_append_string(buffer, "\"}");
}

static bool sign(const struct mint *mint, struct slice message, unsigned char *ret_signature)
{
    size_t length = signature_bytes;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context != NULL &&
                   EVP_DigestSignInit(context, NULL, NULL, NULL, mint->key) == 1 &&
                   EVP_DigestSign(context, ret_signature, &length,
                                  (const unsigned char *)message.data, message.length) == 1 &&
                   length == signature_bytes;
    EVP_MD_CTX_free(context);
    if (!is_done) {
        ERR_clear_error();
    }
    return is_done;
}

/* Header and claims as JSON into <scratch>, the token into <buffer>. */
static enum status token_append(const struct mint *mint, const struct mint_delegation *what,
                                int64_t now_s, int64_t lifetime_s, struct buffer *scratch,
                                struct buffer *buffer)
{
    size_t start = buffer->length;
    append_header(scratch, mint);
    append_base64url(buffer, buffer_slice(scratch));
    buffer_append_byte(buffer, '.');
    bool is_short = scratch->failed;
    buffer_reset(scratch);
    append_claims(scratch, what, now_s, lifetime_s);
    append_base64url(buffer, buffer_slice(scratch));
    if (is_short || scratch->failed || buffer->failed) {
        return STATUS_NO_MEMORY;
    }
    unsigned char signature[signature_bytes];
    if (!sign(mint, slice_after(buffer_slice(buffer), start), signature)) {
        return STATUS_IO;
    }
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, slice_make((const char *)signature, sizeof(signature)));
    return buffer->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static bool is_sound(struct slice text, size_t bytes_max, const char *what, struct failure *reterr)
{
    if (text.length == 0 || text.length > bytes_max) {
        failure_set(reterr, "the %s of a token has 1 to %zu bytes", what, bytes_max);
        return false;
    }
    return true;
}

static bool actors_are_sound(const struct mint_delegation *what, struct failure *reterr)
{
    if (what->actors_count > mint_actors_max) {
        failure_set(reterr, "more than %d agents in a chain", (int)mint_actors_max);
        return false;
    }
    for (size_t i = 0; i < what->actors_count; i++) {
        if (!is_sound(what->actors[i], mint_actor_bytes_max, "agent", reterr)) {
            return false;
        }
    }
    return true;
}

enum status mint_append_delegated(const struct mint *mint, const struct mint_delegation *what,
                                  int64_t now_s, int64_t lifetime_s, struct buffer *buffer,
                                  struct failure *reterr)
{
    size_t bytes_max =
        what->owner_subject.length > 0 ? (size_t)user_bytes_max : (size_t)subject_bytes_max;
    if (!is_sound(what->subject, bytes_max, "user", reterr) ||
        !is_sound(what->issuer, subject_bytes_max, "issuer", reterr) ||
        !is_sound(what->audience, subject_bytes_max, "audience", reterr) ||
        !actors_are_sound(what, reterr)) {
        return STATUS_INVALID;
    }
    if (lifetime_s <= 0 || lifetime_s > INT32_MAX) {
        failure_set(reterr, "a token lives for at least one second and at most %d", INT32_MAX);
        return STATUS_INVALID;
    }
    struct buffer scratch;
    buffer_init(&scratch, claims_bytes_max * 2);
    enum status status = token_append(mint, what, now_s, lifetime_s, &scratch, buffer);
    buffer_clear(&scratch);
    if (status != STATUS_OK) {
        failure_set(reterr, status == STATUS_IO ? "OpenSSL cannot sign with the local key"
                                                : "no memory for a token");
    }
    return status;
}

enum status mint_append_token(const struct mint *mint, struct slice subject, struct slice audience,
                              int64_t now_s, int64_t lifetime_s, struct buffer *buffer,
                              struct failure *reterr)
{
    const struct mint_delegation what = {
        .issuer = SLICE(MINT_LOCAL_ISSUER), .subject = subject, .audience = audience};
    return mint_append_delegated(mint, &what, now_s, lifetime_s, buffer, reterr);
}
