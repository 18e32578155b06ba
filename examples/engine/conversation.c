/* SPDX-License-Identifier: MIT
 *
 * conversation.c - see conversation.h. */
#include "conversation.h"

#include "body.h"
#include "client.h"
#include "reply.h"
#include "speech.h"

#include <stdio.h>

/* "messages[7].content", for error answers. */
struct member_name {
    char text[64];
};

static struct member_name conversation_name(size_t index, const char *member)
{
    struct member_name name;
    snprintf(name.text, sizeof(name.text), "messages[%zu]%s", index, member);
    return name;
}

static bool conversation_refuse(struct client *client, size_t index, const char *member,
                                const char *what)
{
    struct member_name name = conversation_name(index, member);
    reply_error(client, 400, name.text, "%s %s", name.text, what);
    return false;
}

/* The text parts of <content>, one behind the other; other kinds of parts are passed over. */
static bool conversation_join_parts(struct client *client, struct json_value content, size_t index,
                                    struct slice *ret)
{
    char *text = arena_allocate(&client->call.arena, content.text.length);
    struct json_walk walk = json_walk_begin(content);
    struct json_value part;
    size_t length = 0;
    if (text == NULL) {
        reply_error(client, 500, "messages", "out of memory");
        return false;
    }
    while (json_walk_next(&walk, NULL, &part)) {
        struct json_value kind = json_member(part, "type");
        struct slice piece;
        if (kind.kind != JSON_STRING) {
            return conversation_refuse(client, index, ".content", "has a part without a type");
        }
        if (!json_string_is(kind, "text")) {
            continue;
        }
        switch (json_string(json_member(part, "text"), &client->call.arena, &piece)) {
        case STATUS_OK:
            break;
        case STATUS_INVALID:
            return conversation_refuse(client, index, ".content", "has a text part without text");
        default:
            reply_error(client, 500, "messages", "out of memory");
            return false;
        }
        if (length > 0) {
            text[length++] = ' '; /* there is room: a part is longer than its text */
        }
        if (piece.length > 0) {
            memcpy(text + length, piece.data, piece.length);
        }
        length += piece.length;
    }
    *ret = slice_make(text, length);
    return true;
}

static bool conversation_content(struct client *client, struct json_value message, size_t index,
                                 const struct conversation_rules *rules, struct slice *ret)
{
    struct json_value content = body_member(message, "content");
    *ret = (struct slice){0};
    switch (content.kind) {
    case JSON_ABSENT:
        return true; /* a message may consist of tool calls or images alone */
    case JSON_STRING:
        if (json_string(content, &client->call.arena, ret) != STATUS_OK) {
            reply_error(client, 500, "messages", "out of memory");
            return false;
        }
        return true;
    case JSON_ARRAY:
        if (rules->takes_parts) {
            return conversation_join_parts(client, content, index, ret);
        }
        return conversation_refuse(client, index, ".content", "must be a string");
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
    case JSON_OBJECT:
        break;
    }
    return conversation_refuse(client, index, ".content",
                               rules->takes_parts ? "must be a string or an array of parts"
                                                  : "must be a string");
}

static bool conversation_role_is_known(struct json_value role,
                                       const struct conversation_rules *rules)
{
    for (const char *const *known = rules->roles; *known != NULL; known++) {
        if (json_string_is(role, *known)) {
            return true;
        }
    }
    return false;
}

bool conversation_read(struct client *client, struct json_value object,
                       const struct conversation_rules *rules, struct conversation *ret)
{
    struct json_value messages = body_member(object, "messages");
    struct json_walk walk = json_walk_begin(messages);
    struct json_value message;
    struct conversation conversation = {0};
    if (messages.kind != JSON_ABSENT && messages.kind != JSON_ARRAY) {
        reply_error(client, 400, "messages", "messages must be an array");
        return false;
    }
    for (; json_walk_next(&walk, NULL, &message); conversation.messages++) {
        struct slice content;
        size_t index = conversation.messages;
        if (message.kind != JSON_OBJECT) {
            return conversation_refuse(client, index, "", "must be an object");
        }
        struct json_value role = json_member(message, "role");
        if (!conversation_role_is_known(role, rules)) {
            return conversation_refuse(client, index, ".role",
                                       role.kind == JSON_ABSENT ? "is required"
                                                                : "is no known role");
        }
        if (!conversation_content(client, message, index, rules, &content)) {
            return false;
        }
        conversation.words += speech_count_words(content);
        if (json_string_is(role, "user")) {
            conversation.last_user = content;
        }
    }
    *ret = conversation;
    return true;
}
