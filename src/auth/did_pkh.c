/* SPDX-License-Identifier: MIT
 *
 * did_pkh.c - DIDs that are a wallet's account (did-pkh method draft; CAIP-2, CAIP-10). Any thread.
 */
#include "auth/did.h"

#include "auth/ed25519_key.h"
#include "auth/ethereum.h"
#include "base/base58.h"

/* The first 32 characters of the genesis hash; the draft of did:pkh has the older one. */
#define SOLANA_REFERENCE "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
#define SOLANA_REFERENCE_OLD "4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ"

enum {
    reference_bytes_max = 32,
    solana_address_bytes_max = 44, /* of 32 bytes in base58 */
};

/* "did:pkh:" <namespace> ":" <reference> ":" <address> */
static bool text_make(struct slice namespace, struct slice reference, struct slice address,
                      struct arena *arena, struct did *did)
{
    const struct slice parts[] = {SLICE("did:pkh:"), namespace,  SLICE(":"),
                                  reference,         SLICE(":"), address};
    size_t length = 0;
    char *text = arena_allocate(arena, 10 + namespace.length + reference.length + address.length);
    if (text == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (i == 3) {
            did->chain = slice_make(text + length, reference.length);
        }
        memcpy(text + length, parts[i].data, parts[i].length);
        length += parts[i].length;
    }
    did->text = slice_make(text, length);
    did->fragment = SLICE("blockchainAccountId");
    return true;
}

/* The chain's number without leading zeros: one chain, one spelling. */
static bool chain_is_sound(struct slice reference)
{
    if (reference.length == 0 || reference.length > reference_bytes_max ||
        reference.data[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < reference.length; i++) {
        if (reference.data[i] < '0' || reference.data[i] > '9') {
            return false;
        }
    }
    return true;
}

static enum deny_reason eip155_parse(struct slice reference, struct slice address,
                                     struct arena *arena, struct did *did)
{
    char text[ethereum_address_length];
    if (!chain_is_sound(reference)) {
        return DENY_DID_PKH_CHAIN;
    }
    switch (ethereum_address_parse(address, did->key, text)) {
    case ETHEREUM_MALFORMED:
        return DENY_DID_PKH_ADDRESS;
    case ETHEREUM_CHECKSUM_WRONG:
        return DENY_DID_PKH_CHECKSUM;
    case ETHEREUM_ONE_CASE:
    case ETHEREUM_CHECKSUM_RIGHT:
        break;
    }
    did->kind = KEY_ETHEREUM;
    did->key_length = ethereum_address_bytes;
    return text_make(SLICE("eip155"), reference, slice_make(text, sizeof(text)), arena, did)
               ? DENY_UNDECIDED
               : DENY_NO_MEMORY;
}

/* The address is the key. */
static enum deny_reason solana_parse(struct slice reference, struct slice address,
                                     struct arena *arena, struct did *did)
{
    size_t length = 0;
    if (!slice_equals(reference, SLICE(SOLANA_REFERENCE)) &&
        !slice_equals(reference, SLICE(SOLANA_REFERENCE_OLD))) {
        return DENY_DID_PKH_CHAIN;
    }
    if (address.length > solana_address_bytes_max ||
        !base58_decode(address, did->key, ed25519_key_bytes, &length) ||
        length != ed25519_key_bytes) {
        return DENY_DID_PKH_ADDRESS;
    }
    switch (ed25519_key_form(did->key)) {
    case ED25519_NOT_CANONICAL:
        return DENY_DID_KEY_NOT_A_POINT;
    case ED25519_SMALL_ORDER:
        return DENY_DID_KEY_WEAK;
    case ED25519_SOUND:
        break;
    }
    did->kind = KEY_ED25519;
    did->key_length = ed25519_key_bytes;
    return text_make(SLICE("solana"), SLICE(SOLANA_REFERENCE), address, arena, did)
               ? DENY_UNDECIDED
               : DENY_NO_MEMORY;
}

enum deny_reason did_pkh_parse(struct slice rest, struct arena *arena, struct did *ret)
{
    struct slice namespace = {rest.data, slice_find(rest, ':')};
    if (namespace.length == rest.length) {
        return DENY_DID_MALFORMED;
    }
    rest = slice_after(rest, namespace.length + 1);
    struct slice reference = {rest.data, slice_find(rest, ':')};
    if (reference.length == rest.length) {
        return DENY_DID_PKH_ALIAS; /* did:pkh:eth:0x..., of the method's first drafts */
    }
    struct slice address = slice_after(rest, reference.length + 1);
    if (slice_equals(namespace, SLICE("eip155"))) {
        return eip155_parse(reference, address, arena, ret);
    }
    if (slice_equals(namespace, SLICE("solana"))) {
        return solana_parse(reference, address, arena, ret);
    }
    return DENY_DID_PKH_NAMESPACE;
}
