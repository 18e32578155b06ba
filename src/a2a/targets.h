/* SPDX-License-Identifier: MIT
 *
 * targets.h - who may be called: agents by name, URLs by A2A_TARGETS, the engine, workflows.
 *
 * Everything that is not allowed by one of these is refused; what a caller sends is compared, never
 * completed. It decides on what is written; the address that a name leads to is checked where it is
 * connected to. Made once from the configuration, read-only afterwards: any thread. */
#ifndef AG_A2A_TARGETS_H
#define AG_A2A_TARGETS_H

#include "base/arena.h"
#include "config/config.h"
#include "http/uri.h"
#include "net/address_guard.h"

enum {
    targets_agents_max = 256,
    targets_patterns_max = 1024,
    targets_workflows_max = 1024,
    targets_name_bytes_max = 64,
    targets_url_bytes_max = 2048,
    targets_actor_bytes_max = 128, /* of a name in a token's chain, as auth/ takes it */
};

enum task_target_kind {
    TASK_TARGET_NOBODY = 0,
    TASK_TARGET_ENGINE,   /* the engine's chat route */
    TASK_TARGET_AGENT,    /* one of A2A_AGENTS */
    TASK_TARGET_URL,      /* matches A2A_TARGETS */
    TASK_TARGET_WORKFLOW, /* temporal:// */
};

enum task_target_protocol {
    PROTOCOL_CHAT = 0,    /* a JSON body is posted, a JSON body comes back */
    PROTOCOL_A2A_LEGACY,  /* message/send */
    PROTOCOL_A2A_CURRENT, /* SendMessage, A2A-Version: 1.0 */
};

struct task_target {
    enum task_target_kind kind;
    enum task_target_protocol protocol;
    struct slice name; /* an agent's or a workflow's; "engine"; scheme://host:port for
                          TASK_TARGET_URL, since paths may be longer than a token's chain takes */
    struct slice url;  /* with a NUL behind it; empty for a workflow */
    bool is_idempotent;
    enum address_policy address_policy; /* of the connect; link-local is never fine */
};

struct agent {
    struct slice name;
    struct slice text; /* its URL, with a NUL behind it */
    struct url url;
    enum task_target_protocol protocol;
    bool is_idempotent;
};

struct targets;

/* Reads A2A_AGENTS, A2A_TARGETS, A2A_WORKFLOWS, ENGINE_URL and ENGINE_API. STATUS_INVALID names the
 * option and the entry at fault. */
enum status targets_create(const struct config *config, struct targets **ret,
                           struct failure *reterr) MUST_CHECK;
void targets_free(struct targets *targets); /* takes NULL */

/* Webhooks go where A2A_TARGETS and A2A_AGENTS say; false: it would be nowhere. */
bool targets_take_push(const struct targets *targets);

/* NULL when there is none. */
const struct agent *targets_agent(const struct targets *targets, struct slice name);
const struct agent *targets_agents(const struct targets *targets, size_t *ret_count);

/* <name> and <text>, a URL, as the caller sent them, empty when not sent; both empty mean the
 * engine. Slices of <ret> live as long as <targets> and <arena>. STATUS_NOT_FOUND: no agent of that
 * name. STATUS_DENIED: that URL may not be called. STATUS_INVALID: both were sent. */
enum status targets_choose(const struct targets *targets, struct slice name, struct slice url,
                           struct arena *arena, struct task_target *ret,
                           struct failure *reterr) MUST_CHECK;

#endif
