/* SPDX-License-Identifier: MIT
 *
 * backend.c - finds a backend by its name. Any thread. */
#include "mem/backend.h"

static const struct {
    const char *name;
    const struct backend *backend;
} backends[] = {
#define BACKEND(name, symbol) {name, &symbol},
#define BACKEND_ALIAS(alias, symbol) {alias, &symbol},
#include "mem/backends.def"
#undef BACKEND
#undef BACKEND_ALIAS
};

const struct backend *backend_find(struct slice name)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(*backends); i++) {
        if (slice_equals(slice_from_string(backends[i].name), name)) {
            return backends[i].backend;
        }
    }
    return NULL;
}
