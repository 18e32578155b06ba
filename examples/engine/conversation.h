/* SPDX-License-Identifier: MIT
 *
 * conversation.h - reads the "messages" of a chat, in either dialect: what the user said last, and
 * how many words there are. What is wrong is answered as in body.h. Owning worker only. */
#ifndef AG_ENGINE_CONVERSATION_H
#define AG_ENGINE_CONVERSATION_H

#include "base/json.h"

struct client;

struct conversation {
    size_t messages;
    uint64_t words;
    struct slice last_user; /* empty when no user said anything */
};

/* Which roles there are (NULL ends them), and whether content may be an array of parts, differs
 * between the dialects. */
struct conversation_rules {
    const char *const *roles;
    bool takes_parts;
};

/* Absent messages are none. */
bool conversation_read(struct client *client, struct json_value object,
                       const struct conversation_rules *rules, struct conversation *ret) MUST_CHECK;

#endif
