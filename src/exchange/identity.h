/* SPDX-License-Identifier: MIT
 *
 * identity.h - the proven caller: what authentication hands to everything else. Data only. */
#ifndef AG_EXCHANGE_IDENTITY_H
#define AG_EXCHANGE_IDENTITY_H

#include "base/slice.h"

enum identity_proof {
    IDENTITY_UNPROVEN = 0, /* the zero value proves nothing */
    IDENTITY_OIDC,
    IDENTITY_LOCAL, /* a token signed by this gateway's own key */
    IDENTITY_DID,   /* a token signed by the key of a DID; issuer, subject and user are the DID */
    IDENTITY_DELEGATED, /* a token that this gateway gave an agent, to act for the user named here
                         */
};

/* The owner of a row is (issuer, subject), never the subject alone: two issuers may use the same
 * one. */
struct identity {
    enum identity_proof proof;
    struct slice issuer;  /* as configured; a DID is its own issuer, in normal form */
    struct slice subject; /* whole, escapes resolved, never cut */
    struct slice user; /* the form X-Attach-User carries: escaped, "issuer|subject" for all but the
                          first issuer */
    /* IDENTITY_DELEGATED alone: */
    struct slice session; /* in which the agent was called; empty: none */
    struct slice actors;  /* the agents it passed through, as a JSON array of names, the one that
                             holds the token first */
    unsigned actors_count;
    struct slice actor; /* the first of them */
};

#endif
