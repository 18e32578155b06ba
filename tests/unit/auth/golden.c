/* SPDX-License-Identifier: MIT
 *
 * golden.c - see golden.h. */
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>

enum { file_bytes_max = 64 * 1024 };

struct json_value golden_open(const char *name, struct arena *arena)
{
    char path[1024];
    struct json_value json;
    char *text = arena_allocate(arena, file_bytes_max);
    snprintf(path, sizeof(path), "%s/did/%s", GOLDEN_DIRECTORY, name);
    FILE *file = fopen(path, "re");
    if (file == NULL || text == NULL) {
        fprintf(stderr, "golden: cannot open %s\n", path);
        abort();
    }
    size_t length = fread(text, 1, file_bytes_max, file);
    fclose(file);
    if (json_parse(slice_make(text, length), JSON_DUPLICATES_REFUSED, &json, NULL) != STATUS_OK) {
        fprintf(stderr, "golden: no JSON in %s\n", path);
        abort();
    }
    return json;
}

struct slice golden_string(struct json_value value, struct arena *arena)
{
    struct slice text;
    if (json_string(value, arena, &text) != STATUS_OK) {
        fprintf(stderr, "golden: no string\n");
        abort();
    }
    return text;
}

struct slice golden_text(struct json_value object, const char *member, struct arena *arena)
{
    return golden_string(json_member(object, member), arena);
}
