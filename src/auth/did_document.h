/* SPDX-License-Identifier: MIT
 *
 * did_document.h - the DID document of a DID that is its own key or account. Any thread. */
#ifndef AG_AUTH_DID_DOCUMENT_H
#define AG_AUTH_DID_DOCUMENT_H

#include "auth/did.h"
#include "base/buffer.h"

/* Appends it as JSON. <did> is no did:web, whose document is where its host says. */
void did_document_append(const struct did *did, struct buffer *buffer);

#endif
