/* SPDX-License-Identifier: MIT
 *
 * did_allow.c - see did_allow.h. */
#include "auth/did_allow.h"

#include "auth/did.h"

static bool is_pattern(struct slice entry)
{
    return slice_ends_with(entry, SLICE(":*"));
}

/* The characters a method, namespace, chain or host may have; '%' for a port. */
static bool pattern_text_is_sound(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '%';
        if (!is_plain && (c != ':' || (i > 0 && text.data[i - 1] == ':'))) {
            return false;
        }
    }
    return text.length > 0 && text.data[text.length - 1] != ':' && text.data[0] != ':';
}

/* <entry> without its last "*". A pattern is a beginning, so it must begin as a normal form does.
 */
static bool pattern_is_sound(struct slice entry)
{
    static const struct slice wholes[] = {{"did:key:", 8},         {"did:jwk:", 8},
                                          {"did:pkh:", 8},         {"did:web:", 8},
                                          {"did:pkh:eip155:", 15}, {"did:pkh:solana:", 15}};
    static const struct slice openings[] = {{"did:pkh:eip155:", 15}, {"did:web:", 8}};
    struct slice start = {entry.data, entry.length - 1};
    for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
        if (slice_equals(start, wholes[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
        if (slice_starts_with(start, openings[i])) {
            struct slice rest = slice_after(start, openings[i].length);
            return pattern_text_is_sound(slice_make(rest.data, rest.length - 1));
        }
    }
    return false;
}

enum status did_allow_normalize(struct slice entry, struct arena *arena, struct slice *ret,
                                struct failure *reterr)
{
    struct did did;
    if (slice_equals(entry, SLICE("*")) || (is_pattern(entry) && pattern_is_sound(entry))) {
        if (!arena_copy(arena, entry, ret)) {
            failure_set(reterr, "no memory for an entry of DID_ALLOW");
            return STATUS_NO_MEMORY;
        }
        return STATUS_OK;
    }
    if (is_pattern(entry)) {
        failure_set(reterr, "%.*s is no pattern of DIDs: write did:key:*, did:pkh:eip155:* or *",
                    entry.length > 100 ? 100 : (int)entry.length, entry.data);
        return STATUS_INVALID;
    }
    enum deny_reason reason = did_parse(entry, arena, &did);
    if (reason == DENY_NO_MEMORY) {
        failure_set(reterr, "no memory for an entry of DID_ALLOW");
        return STATUS_NO_MEMORY;
    }
    if (reason != DENY_UNDECIDED) {
        failure_set(reterr, "%.*s is no DID that can call: %s",
                    entry.length > 100 ? 100 : (int)entry.length, entry.data,
                    deny_reason_text(reason));
        return STATUS_INVALID;
    }
    *ret = did.text;
    return STATUS_OK;
}

static bool entry_fits(struct slice entry, struct slice did)
{
    if (slice_equals(entry, SLICE("*"))) {
        return true;
    }
    if (is_pattern(entry)) {
        struct slice start = {entry.data, entry.length - 1};
        return slice_starts_with(did, start);
    }
    return slice_equals(entry, did);
}

bool did_is_allowed(const struct trusted_dids *dids, struct slice did)
{
    for (size_t i = 0; i < dids->allow_count; i++) {
        if (entry_fits(dids->allow[i], did)) {
            return true;
        }
    }
    return false;
}
