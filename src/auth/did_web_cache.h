/* SPDX-License-Identifier: MIT
 *
 * did_web_cache.h - the did:web documents that one worker knows, as key sets ready to verify with.
 *
 * It asks for nothing (gateway/did_wait.c) and knows no clock: times are the caller's, in
 * milliseconds of a clock that only moves forward. Bounded; those without keys go first,
 * then what was not used for longest. Owning worker only. */
#ifndef AG_AUTH_DID_WEB_CACHE_H
#define AG_AUTH_DID_WEB_CACHE_H

#include "auth/jwks.h"

enum { did_web_cache_entries_max = 256 };

struct did_web_cache;

struct did_web_cache *did_web_cache_create(size_t entries_max); /* NULL without memory */
void did_web_cache_free(struct did_web_cache *cache);           /* takes NULL */

/* The keys of <did>, byte for byte, or NULL. Valid until the next call that changes the cache. */
struct jwks *did_web_cache_find(struct did_web_cache *cache, struct slice did);

/* What the control thread answered: keys that hold until <expires_ms>, or NULL when there are none
 * to be had. In place of what was there. Without memory it is as if there had been no answer. */
void did_web_cache_insert(struct did_web_cache *cache, struct slice did, struct jwks *take_jwks,
                          uint64_t now_ms, uint64_t expires_ms);

/* Whether there was an answer about <did> within the last <cooldown_ms>: another would be the same.
 */
bool did_web_cache_answered(const struct did_web_cache *cache, struct slice did, uint64_t now_ms,
                            uint64_t cooldown_ms);

void did_web_cache_remove(struct did_web_cache *cache, struct slice did);

/* Takes one entry out that has expired, and copies its DID to <ret_did>, which has room for
 * did_bytes_max (auth/did.h). False when there is none: to be called until then. */
bool did_web_cache_expire(struct did_web_cache *cache, uint64_t now_ms, char *ret_did,
                          size_t *ret_length);

size_t did_web_cache_count(const struct did_web_cache *cache);

#endif
