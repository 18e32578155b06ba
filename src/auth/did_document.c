/* SPDX-License-Identifier: MIT
 *
 * did_document.c - see did_document.h. Names in a parsed DID need no escapes in JSON. */
#include "auth/did_document.h"

#include <assert.h>

static void append_slice(struct buffer *buffer, const char *before, struct slice text)
{
    buffer_append_string(buffer, before);
    buffer_append(buffer, text);
}

/* CAIP-10: what follows "did:pkh:". */
static struct slice account_of(const struct did *did)
{
    return slice_after(did->text, sizeof("did:pkh:") - 1);
}

static void append_key(const struct did *did, struct buffer *buffer)
{
    switch (did->method) {
    case DID_METHOD_KEY:
        append_slice(buffer, "\"type\":\"Multikey\",\"publicKeyMultibase\":\"", did->fragment);
        buffer_append_byte(buffer, '"');
        break;
    case DID_METHOD_JWK:
        append_slice(buffer, "\"type\":\"JsonWebKey\",\"publicKeyJwk\":", did->jwk.text);
        break;
    case DID_METHOD_PKH:
        buffer_append_string(buffer, did->kind == KEY_ETHEREUM
                                         ? "\"type\":\"EcdsaSecp256k1RecoveryMethod2020\""
                                         : "\"type\":\"Ed25519VerificationKey2018\"");
        append_slice(buffer, ",\"blockchainAccountId\":\"", account_of(did));
        buffer_append_byte(buffer, '"');
        break;
    case DID_METHOD_WEB:
        assert(did->method != DID_METHOD_WEB);
        break;
    }
}

/* What the keys of each method's document need besides DID core's own words. */
static const char *context_of(const struct did *did)
{
    switch (did->method) {
    case DID_METHOD_KEY:
        return "https://w3id.org/security/multikey/v1";
    case DID_METHOD_JWK:
        return "https://w3id.org/security/jwk/v1";
    case DID_METHOD_PKH:
    case DID_METHOD_WEB:
        break;
    }
    return did->kind == KEY_ETHEREUM ? "https://w3id.org/security/suites/secp256k1recovery-2020/v2"
                                     : "https://w3id.org/security/suites/ed25519-2018/v1";
}

void did_document_append(const struct did *did, struct buffer *buffer)
{
    static const char *const relations[] = {"authentication", "assertionMethod",
                                            "capabilityInvocation", "capabilityDelegation"};
    buffer_append_format(buffer, "{\"@context\":[\"https://www.w3.org/ns/did/v1\",\"%s\"],",
                         context_of(did));
    append_slice(buffer, "\"id\":\"", did->text);
    append_slice(buffer, "\",\"verificationMethod\":[{\"id\":\"", did->text);
    append_slice(buffer, "#", did->fragment);
    append_slice(buffer, "\",\"controller\":\"", did->text);
    buffer_append_string(buffer, "\",");
    append_key(did, buffer);
    buffer_append_string(buffer, "}]");
    for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++) {
        buffer_append_format(buffer, ",\"%s\":[\"", relations[i]);
        buffer_append(buffer, did->text);
        append_slice(buffer, "#", did->fragment);
        buffer_append_string(buffer, "\"]");
    }
    buffer_append_byte(buffer, '}');
}
