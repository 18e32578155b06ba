/* SPDX-License-Identifier: MIT
 *
 * delegated.c - see delegated.h. */
#include "auth/delegated.h"

#include "auth/members.h"
#include "auth/mint.h"
#include "base/buffer.h"

enum { actors_text_bytes_max = mint_actors_max * (6 * mint_actor_bytes_max + 3) + 2 };

static bool read_text(struct json_value value, struct arena *arena, struct slice *ret)
{
    return json_string(value, arena, ret) == STATUS_OK && ret->length > 0;
}

/* act within act (RFC 8693 4.1) as a flat array, the outermost, who holds the token, first. */
static bool read_actors(struct json_value act, struct arena *arena, struct identity *identity)
{
    static const struct slice names[] = {SLICE("sub"), SLICE("act")};
    struct buffer text;
    bool is_fine = true;
    buffer_init(&text, actors_text_bytes_max);
    buffer_append_byte(&text, '[');
    while (is_fine && act.kind != JSON_ABSENT) {
        struct json_value members[2] = {{.kind = JSON_ABSENT}, {.kind = JSON_ABSENT}};
        struct slice name;
        if (act.kind == JSON_OBJECT) {
            members_pick(act, names, 2, members);
        }
        is_fine = identity->actors_count < mint_actors_max && read_text(members[0], arena, &name);
        if (is_fine) {
            buffer_append_string(&text, identity->actors_count++ > 0 ? "," : "");
            buffer_append_json_string(&text, name);
        }
        if (is_fine && identity->actors_count == 1) {
            identity->actor = name;
        }
        act = members[1];
    }
    buffer_append_byte(&text, ']');
    is_fine = is_fine && !text.failed && arena_copy(arena, buffer_slice(&text), &identity->actors);
    buffer_clear(&text);
    return is_fine;
}

enum deny_reason delegated_read(struct json_value claims, struct arena *arena,
                                struct identity *identity)
{
    static const struct slice names[] = {SLICE("act"), SLICE("attach")};
    static const struct slice owner_names[] = {SLICE("iss"), SLICE("sub"), SLICE("session")};
    struct json_value members[2];
    struct json_value owner[3];
    identity->user = identity->subject;
    members_pick(claims, names, 2, members);
    if (members[0].kind != JSON_OBJECT || members[1].kind != JSON_OBJECT) {
        return DENY_DELEGATION_MALFORMED; /* signed by our key, but not for this */
    }
    members_pick(members[1], owner_names, 3, owner);
    if (!read_text(owner[0], arena, &identity->issuer) ||
        !read_text(owner[1], arena, &identity->subject) ||
        json_string(owner[2], arena, &identity->session) != STATUS_OK ||
        !read_actors(members[0], arena, identity)) {
        return DENY_DELEGATION_MALFORMED;
    }
    return DENY_UNDECIDED;
}
