/* SPDX-License-Identifier: MIT
 *
 * algorithm.c - the table of algorithms.def. Any thread. */
#include "auth/algorithm.h"

static const struct algorithm algorithms[] = {
#define ALGORITHM(text, method_name, key_name, hash_name, whose_name)                              \
    {{text, sizeof(text) - 1},                                                                     \
     METHOD_##method_name,                                                                         \
     KEY_##key_name,                                                                               \
     HASH_##hash_name,                                                                             \
     ALGORITHM_##whose_name},
#include "auth/algorithms.def"
#undef ALGORITHM
};

const struct algorithm *algorithm_find_any(struct slice name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (slice_equals(algorithms[i].name, name)) {
            return &algorithms[i];
        }
    }
    return NULL;
}

const struct algorithm *algorithm_find(struct slice name)
{
    const struct algorithm *algorithm = algorithm_find_any(name);
    return algorithm != NULL && algorithm->whose == ALGORITHM_ANYBODY ? algorithm : NULL;
}

bool algorithm_same(const struct algorithm *a, const struct algorithm *b)
{
    return a->method == b->method && a->key == b->key && a->hash == b->hash;
}
