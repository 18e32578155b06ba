/* SPDX-License-Identifier: MIT
 *
 * verification.c - names, sentences and classes of deny_reasons.def. Any thread. */
#include "auth/verification.h"

#include <assert.h>
#include <pthread.h>

static const struct {
    const char *identifier;
    const char *text;
    enum deny_class class;
} reasons[DENY_COUNT] = {
#define DENY(identifier, class, text) {#identifier, text, DENY_CLASS_##class},
#include "auth/deny_reasons.def"
#undef DENY
};

/* The identifiers in lower case, made once. */
static char names[DENY_COUNT][32];
static pthread_once_t names_once = PTHREAD_ONCE_INIT;

static void names_make(void)
{
    for (size_t i = 0; i < DENY_COUNT; i++) {
        const char *identifier = reasons[i].identifier;
        size_t length = strlen(identifier);
        assert(length < sizeof(names[i]));
        for (size_t j = 0; j < length; j++) {
            char letter = identifier[j];
            names[i][j] = letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
        }
    }
}

const char *deny_reason_name(enum deny_reason reason)
{
    assert(reason < DENY_COUNT);
    pthread_once(&names_once, names_make);
    return names[reason];
}

const char *deny_reason_text(enum deny_reason reason)
{
    assert(reason < DENY_COUNT);
    return reasons[reason].text;
}

enum deny_class deny_reason_class(enum deny_reason reason)
{
    assert(reason < DENY_COUNT);
    return reasons[reason].class;
}
