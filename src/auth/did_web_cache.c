/* SPDX-License-Identifier: MIT
 *
 * did_web_cache.c - a short array: so few entries are compared faster than they are hashed. Owning
 * worker only. */
#include "auth/did_web_cache.h"

#include <stdlib.h>

struct entry {
    struct jwks *jwks; /* NULL: an answer that brought none */
    uint64_t answered_ms;
    uint64_t expires_ms;
    uint64_t used; /* of the cache's counter */
    size_t length;
    char did[];
};

struct did_web_cache {
    size_t entries_max;
    size_t count;
    uint64_t uses;
    uint64_t earliest_ms; /* no entry expires before; may be too early */
    struct entry *entries[];
};

struct did_web_cache *did_web_cache_create(size_t entries_max)
{
    struct did_web_cache *cache =
        calloc(1, sizeof(*cache) + entries_max * sizeof(cache->entries[0]));
    if (cache != NULL) {
        cache->entries_max = entries_max;
        cache->earliest_ms = UINT64_MAX;
    }
    return cache;
}

static void entry_free(struct entry *entry)
{
    jwks_free(entry->jwks);
    free(entry);
}

void did_web_cache_free(struct did_web_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < cache->count; i++) {
        entry_free(cache->entries[i]);
    }
    free(cache);
}

/* Its place, or <count>. */
static size_t entry_find(const struct did_web_cache *cache, struct slice did)
{
    size_t i = 0;
    while (i < cache->count &&
           !slice_equals(slice_make(cache->entries[i]->did, cache->entries[i]->length), did)) {
        i++;
    }
    return i;
}

static void entry_remove(struct did_web_cache *cache, size_t place)
{
    entry_free(cache->entries[place]);
    cache->entries[place] = cache->entries[--cache->count];
}

struct jwks *did_web_cache_find(struct did_web_cache *cache, struct slice did)
{
    size_t place = entry_find(cache, did);
    if (place == cache->count) {
        return NULL;
    }
    cache->entries[place]->used = ++cache->uses;
    return cache->entries[place]->jwks;
}

/* Those without keys go first: whoever makes up DIDs pushes nobody out who has some. */
static size_t entry_to_leave(const struct did_web_cache *cache)
{
    size_t leaves = 0;
    for (size_t i = 1; i < cache->count; i++) {
        const struct entry *entry = cache->entries[i];
        const struct entry *other = cache->entries[leaves];
        bool is_older = entry->used < other->used;
        if ((entry->jwks == NULL) == (other->jwks == NULL) ? is_older : entry->jwks == NULL) {
            leaves = i;
        }
    }
    return leaves;
}

void did_web_cache_insert(struct did_web_cache *cache, struct slice did, struct jwks *take_jwks,
                          uint64_t now_ms, uint64_t expires_ms)
{
    struct entry *entry = malloc(sizeof(*entry) + did.length);
    did_web_cache_remove(cache, did);
    if (entry == NULL || cache->entries_max == 0) {
        free(entry);
        jwks_free(take_jwks);
        return;
    }
    *entry = (struct entry){.jwks = take_jwks,
                            .answered_ms = now_ms,
                            .expires_ms = expires_ms,
                            .used = ++cache->uses,
                            .length = did.length};
    memcpy(entry->did, did.data, did.length);
    if (cache->count == cache->entries_max) {
        entry_remove(cache, entry_to_leave(cache));
    }
    cache->entries[cache->count++] = entry;
    cache->earliest_ms = expires_ms < cache->earliest_ms ? expires_ms : cache->earliest_ms;
}

bool did_web_cache_answered(const struct did_web_cache *cache, struct slice did, uint64_t now_ms,
                            uint64_t cooldown_ms)
{
    size_t place = entry_find(cache, did);
    return place < cache->count && now_ms - cache->entries[place]->answered_ms < cooldown_ms;
}

void did_web_cache_remove(struct did_web_cache *cache, struct slice did)
{
    size_t place = entry_find(cache, did);
    if (place < cache->count) {
        entry_remove(cache, place);
    }
}

bool did_web_cache_expire(struct did_web_cache *cache, uint64_t now_ms, char *ret_did,
                          size_t *ret_length)
{
    if (now_ms < cache->earliest_ms) {
        return false;
    }
    cache->earliest_ms = UINT64_MAX;
    for (size_t i = 0; i < cache->count; i++) {
        struct entry *entry = cache->entries[i];
        if (entry->expires_ms <= now_ms) {
            memcpy(ret_did, entry->did, entry->length);
            *ret_length = entry->length;
            entry_remove(cache, i);
            cache->earliest_ms = 0; /* not all were looked at */
            return true;
        }
        if (entry->expires_ms < cache->earliest_ms) {
            cache->earliest_ms = entry->expires_ms;
        }
    }
    return false;
}

size_t did_web_cache_count(const struct did_web_cache *cache)
{
    return cache->count;
}
