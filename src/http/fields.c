/* SPDX-License-Identifier: MIT
 *
 * fields.c - which header fields the gateway knows (fields.def), and questions about a list of
 * them. Any thread. */
#include "http/characters.h"
#include "http/head.h"

#define FIELD(identifier, known, treatment)                                                        \
    _Static_assert(sizeof(known) > 2 && sizeof(known) <= 32, "add its length to NAME_LENGTHS");
#include "http/fields.def"
#undef FIELD

static bool folds_to(const char *name, const char *known, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (character_folded[(unsigned char)name[i]] != (unsigned char)known[i]) {
            return false;
        }
    }
    return true;
}

/* Inlined once for each length: of the rows only those of that length are left, most often none. */
static inline __attribute__((always_inline)) enum field_id identify_of_length(const char *name,
                                                                              size_t length)
{
#define FIELD(identifier, known, treatment)                                                        \
    if (sizeof(known) - 1 == length && folds_to(name, known, sizeof(known) - 1)) {                 \
        bool other_field =                                                                         \
            FIELD_##treatment == FIELD_FORWARD && memchr(name, '_', length) != NULL;               \
        return other_field ? FIELD_OTHER : FIELD_##identifier;                                     \
    }
#include "http/fields.def"
#undef FIELD
    return FIELD_OTHER;
}

#define NAME_LENGTHS(CASE)                                                                         \
    CASE(2)                                                                                        \
    CASE(3)                                                                                        \
    CASE(4)                                                                                        \
    CASE(5)                                                                                        \
    CASE(6)                                                                                        \
    CASE(7)                                                                                        \
    CASE(8)                                                                                        \
    CASE(9)                                                                                        \
    CASE(10)                                                                                       \
    CASE(11)                                                                                       \
    CASE(12)                                                                                       \
    CASE(13)                                                                                       \
    CASE(14)                                                                                       \
    CASE(15)                                                                                       \
    CASE(16)                                                                                       \
    CASE(17)                                                                                       \
    CASE(18)                                                                                       \
    CASE(19)                                                                                       \
    CASE(20)                                                                                       \
    CASE(21)                                                                                       \
    CASE(22)                                                                                       \
    CASE(23)                                                                                       \
    CASE(24)                                                                                       \
    CASE(25)                                                                                       \
    CASE(26)                                                                                       \
    CASE(27)                                                                                       \
    CASE(28)                                                                                       \
    CASE(29)                                                                                       \
    CASE(30)                                                                                       \
    CASE(31)
#define NAME_LENGTH_CASE(length)                                                                   \
    case length:                                                                                   \
        return identify_of_length(name.data, length);

enum field_id field_identify(struct slice name)
{
    static const struct slice attach = SLICE("x-attach-");
    if (name.length >= attach.length && folds_to(name.data, attach.data, attach.length)) {
        return FIELD_X_ATTACH;
    }
    switch (name.length) {
        NAME_LENGTHS(NAME_LENGTH_CASE)
    }
    return FIELD_OTHER;
}

enum field_treatment field_treatment(enum field_id id)
{
    static const enum field_treatment treatments[FIELD_COUNT] = {
        [FIELD_OTHER] = FIELD_FORWARD,
        [FIELD_X_ATTACH] = FIELD_OURS,
#define FIELD(identifier, known, treatment) [FIELD_##identifier] = FIELD_##treatment,
#include "http/fields.def"
#undef FIELD
    };
    return treatments[id];
}

bool fields_connection_names(const struct field *fields, size_t fields_count, struct slice name)
{
    for (size_t i = 0; i < fields_count; i++) {
        if (fields[i].id != FIELD_CONNECTION) {
            continue;
        }
        struct slice rest = fields[i].value;
        struct slice item;
        while (slice_next_item(&rest, &item)) {
            if (slice_equals_ignoring_case(item, name)) {
                return true;
            }
        }
    }
    return false;
}

const struct field *fields_find(const struct field *fields, size_t fields_count, enum field_id id,
                                bool *ret_repeated)
{
    const struct field *found = NULL;
    bool repeated = false;
    for (size_t i = 0; i < fields_count && !repeated; i++) {
        if (fields[i].id == id) {
            repeated = found != NULL;
            found = &fields[i];
        }
    }
    if (ret_repeated != NULL) {
        *ret_repeated = repeated;
    }
    return repeated ? NULL : found;
}
