/* SPDX-License-Identifier: MIT
 *
 * agent_card.h - what the gateway says of itself and its agents to A2A clients: one document for
 * 0.2, 0.3 and 1.0 (unknown members are ignored by each).
 *
 * The bytes depend on the configuration alone, so that the ETag does too. Any thread. */
#ifndef AG_A2A_AGENT_CARD_H
#define AG_A2A_AGENT_CARD_H

#include "a2a/targets.h"
#include "base/buffer.h"

enum {
    agent_card_bytes_max = 1024 * 1024,
    agent_card_etag_bytes = 24, /* with quotes and NUL */
};

struct agent_card_settings {
    struct slice public_url;   /* without a '/' at its end; where this process is reached */
    struct slice_list issuers; /* OIDC; the first one's discovery document is named */
    bool takes_push;           /* webhooks: A2A_TARGETS names some */
};

/* The card of <agent>, or with NULL that of the gateway, whose skills are all agents. */
void agent_card_append(const struct agent_card_settings *settings, const struct targets *targets,
                       const struct agent *agent, struct buffer *buffer);

/* A strong validator (RFC 9110 8.8.3) of <card>. */
void agent_card_etag(struct slice card, char ret_etag[agent_card_etag_bytes]);

#endif
