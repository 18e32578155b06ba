/* SPDX-License-Identifier: MIT
 *
 * token_cache.h - tokens already verified by this worker, so that a signature is checked once.
 *
 * Found by SipHash, taken only when the whole token is equal, so two tokens can never meet. An
 * entry ends with the token's exp and with any change of the issuer's keys. Bounded in entries and
 * bytes; the oldest go. Owning worker only. */
#ifndef AG_AUTH_TOKEN_CACHE_H
#define AG_AUTH_TOKEN_CACHE_H

#include "auth/verification.h"
#include "base/arena.h"

struct token_cache;

/* NULL without memory. <entries_max> 0 makes a cache that holds nothing. Memory is taken as it
 * fills. */
struct token_cache *token_cache_create(size_t entries_max, size_t bytes_max);
void token_cache_free(struct token_cache *cache); /* takes NULL */

/* A session id remembered beside the identity: sessions depend on user and agent, and most callers
 * keep both. */
struct cached_session {
    char user_agent[128];
    uint8_t user_agent_length; /* 0: nothing remembered (empty agents are not) */
    char session[16];
};

/* The remembered verification, or NULL. Its slices, and *ret_session, stay valid until the next
 * call that changes the cache: copy what must outlive that. */
const struct verification *token_cache_find(struct token_cache *cache, struct slice token,
                                            int64_t now_s, struct cached_session **ret_session);

/* Remembers an accepted <verification>; does nothing for another verdict, for tokens over a fair
 * share of the bytes, or without memory. */
void token_cache_insert(struct token_cache *cache, struct slice token,
                        const struct verification *verification);

/* Forgets everything that <did>, in normal form, proved: its document has changed. */
void token_cache_forget_did(struct token_cache *cache, struct slice did);

/* Forgets everything <issuer_index> proved. */
void token_cache_forget_issuer(struct token_cache *cache, size_t issuer_index);

#endif
