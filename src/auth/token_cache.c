/* SPDX-License-Identifier: MIT
 *
 * token_cache.c - a hash table with chains, and a list in order of last use, over entries that are
 * one allocation each.
 *
 * Owning worker only. */
#include "auth/token_cache.h"

#include "auth/siphash.h"
#include "base/random.h"

#include <stdlib.h>

enum {
    buckets_least = 64,
    /* The end of a token is its signature. Nobody but the issuer can choose it, and only accepted
     * tokens get in, so a hash of these bytes spreads as well as one of all; equality is decided
     * over the whole token. */
    hashed_bytes_max = 64,
    /* One entry may take this part of the bytes. */
    share_divisor = 16,
    /* Sizes are rounded up, so that the memory of an entry that goes mostly fits
       the one that comes. */
    entry_bytes_step = 64,
};

struct entry {
    struct entry *chain; /* next of the same bucket */
    struct entry *newer; /* by last use */
    struct entry *older;
    uint64_t hash;
    size_t bytes; /* of this allocation */
    struct slice token;
    struct verification verification;
    struct cached_session session;
    char text[]; /* the token and the texts of the identity */
};

struct token_cache {
    size_t entries_max;
    size_t bytes_max;
    size_t entries;
    size_t bytes;
    size_t buckets_count; /* a power of two; 0 before the first entry */
    struct entry **buckets;
    struct entry *newest;
    struct entry *oldest;
    struct siphash_key key;
};

struct token_cache *token_cache_create(size_t entries_max, size_t bytes_max)
{
    struct token_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) {
        return NULL;
    }
    cache->entries_max = entries_max;
    cache->bytes_max = bytes_max;
    random_fill(&cache->key, sizeof(cache->key));
    return cache;
}

static uint64_t token_hash(const struct token_cache *cache, struct slice token)
{
    size_t skipped = token.length > hashed_bytes_max ? token.length - hashed_bytes_max : 0;
    return siphash(&cache->key, slice_after(token, skipped)) ^ token.length;
}

static struct entry **bucket_of(struct token_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & (cache->buckets_count - 1)];
}

static void list_remove(struct token_cache *cache, struct entry *entry)
{
    *(entry->newer == NULL ? &cache->newest : &entry->newer->older) = entry->older;
    *(entry->older == NULL ? &cache->oldest : &entry->older->newer) = entry->newer;
}

static void list_add(struct token_cache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest == NULL ? &cache->oldest : &cache->newest->newer) = entry;
    cache->newest = entry;
}

/* Takes it out of the table and the list; the memory is the caller's then. */
static void entry_unlink(struct token_cache *cache, struct entry *entry)
{
    struct entry **link = bucket_of(cache, entry->hash);
    while (*link != entry) {
        link = &(*link)->chain;
    }
    *link = entry->chain;
    list_remove(cache, entry);
    cache->entries--;
    cache->bytes -= entry->bytes;
}

static void entry_remove(struct token_cache *cache, struct entry *entry)
{
    entry_unlink(cache, entry);
    free(entry);
}

void token_cache_free(struct token_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    while (cache->oldest != NULL) {
        entry_remove(cache, cache->oldest);
    }
    free(cache->buckets);
    free(cache);
}

static struct entry *entry_find(struct token_cache *cache, struct slice token, uint64_t hash)
{
    if (cache->buckets_count == 0) {
        return NULL;
    }
    struct entry *entry = *bucket_of(cache, hash);
    while (entry != NULL && !(entry->hash == hash && slice_equals(entry->token, token))) {
        entry = entry->chain;
    }
    return entry;
}

const struct verification *token_cache_find(struct token_cache *cache, struct slice token,
                                            int64_t now_s, struct cached_session **ret_session)
{
    struct entry *entry = entry_find(cache, token, token_hash(cache, token));
    if (entry == NULL) {
        return NULL;
    }
    if (now_s >= entry->verification.expires_at_s) {
        entry_remove(cache, entry);
        return NULL;
    }
    if (entry != cache->newest) {
        list_remove(cache, entry);
        list_add(cache, entry);
    }
    *ret_session = &entry->session;
    return &entry->verification;
}

/* Doubles the table while chains would grow longer than one on average. False when there is no
 * table at all. */
static bool buckets_grow(struct token_cache *cache)
{
    if (cache->entries < cache->buckets_count) {
        return true;
    }
    size_t count = cache->buckets_count == 0 ? buckets_least : 2 * cache->buckets_count;
    struct entry **buckets = calloc(count, sizeof(*buckets));
    if (buckets == NULL) {
        return cache->buckets_count != 0; /* longer chains still work */
    }
    free(cache->buckets);
    cache->buckets = buckets;
    cache->buckets_count = count;
    for (struct entry *entry = cache->oldest; entry != NULL; entry = entry->newer) {
        struct entry **bucket = bucket_of(cache, entry->hash);
        entry->chain = *bucket;
        *bucket = entry;
    }
    return true;
}

static struct slice text_add(char **end, struct slice text)
{
    struct slice copy = {*end, text.length};
    if (text.length > 0) {
        memcpy(*end, text.data, text.length);
        *end += text.length;
    }
    return copy;
}

static struct entry *entry_make(struct entry *take_memory, struct slice token,
                                const struct verification *verification, size_t bytes)
{
    struct entry *entry = take_memory;
    memset(entry, 0, sizeof(*entry));
    char *end = entry->text;
    entry->bytes = bytes;
    entry->token = text_add(&end, token);
    entry->verification = *verification;
    struct identity *identity = &entry->verification.identity;
    identity->issuer = text_add(&end, identity->issuer);
    identity->subject = text_add(&end, identity->subject);
    identity->user = text_add(&end, identity->user);
    identity->session = text_add(&end, identity->session);
    identity->actors = text_add(&end, identity->actors);
    identity->actor = text_add(&end, identity->actor);
    if (verification->did.length > 0) {
        entry->verification.did = identity->issuer; /* a DID is its own issuer */
    }
    return entry;
}

void token_cache_insert(struct token_cache *cache, struct slice token,
                        const struct verification *verification)
{
    const struct identity *identity = &verification->identity;
    size_t bytes = sizeof(struct entry) + token.length + identity->issuer.length +
                   identity->subject.length + identity->user.length + identity->session.length +
                   identity->actors.length + identity->actor.length;
    if (verification->verdict != VERDICT_ACCEPTED || cache->entries_max == 0 ||
        bytes > cache->bytes_max / share_divisor) {
        return;
    }
    bytes = (bytes + entry_bytes_step - 1) / entry_bytes_step * entry_bytes_step;
    struct entry *memory = NULL;
    uint64_t hash = token_hash(cache, token);
    struct entry *known = entry_find(cache, token, hash);
    if (known != NULL) {
        entry_remove(cache, known);
    }
    while (cache->entries >= cache->entries_max || cache->bytes + bytes > cache->bytes_max) {
        free(memory);
        memory = cache->oldest;
        entry_unlink(cache, memory);
    }
    if (memory == NULL || memory->bytes != bytes) {
        free(memory);
        memory = malloc(bytes);
    }
    if (memory == NULL || !buckets_grow(cache)) {
        free(memory);
        return;
    }
    struct entry *entry = entry_make(memory, token, verification, bytes);
    entry->hash = hash;
    struct entry **bucket = bucket_of(cache, hash);
    entry->chain = *bucket;
    *bucket = entry;
    list_add(cache, entry);
    cache->entries++;
    cache->bytes += bytes;
}

void token_cache_forget_did(struct token_cache *cache, struct slice did)
{
    struct entry *entry = cache->oldest;
    while (entry != NULL) {
        struct entry *newer = entry->newer;
        if (entry->verification.did.length > 0 && slice_equals(entry->verification.did, did)) {
            entry_remove(cache, entry);
        }
        entry = newer;
    }
}

void token_cache_forget_issuer(struct token_cache *cache, size_t issuer_index)
{
    struct entry *entry = cache->oldest;
    while (entry != NULL) {
        struct entry *newer = entry->newer;
        if (entry->verification.issuer_index == issuer_index) {
            entry_remove(cache, entry);
        }
        entry = newer;
    }
}
