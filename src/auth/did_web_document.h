/* SPDX-License-Identifier: MIT
 *
 * did_web_document.h - where a did:web has its document, and which keys of it may sign tokens.
 *
 * It fetches nothing (did_web.c) and verifies nothing. Any thread. */
#ifndef AG_AUTH_DID_WEB_DOCUMENT_H
#define AG_AUTH_DID_WEB_DOCUMENT_H

#include "base/buffer.h"

enum { did_web_document_bytes_max = 64 * 1024 };

/* Appends https://<host>[:port]/.well-known/did.json, or https://<host>[:port]/<path>/did.json
 * (did-web 2025 3.2). False, with <buffer> as it was, when <did> is no did:web in its one form. */
bool did_web_url_append(struct slice did, struct buffer *buffer) MUST_CHECK;

/* Appends the keys of the document <json> as a key set with absolute DID URLs for kids: those that
 * stand under authentication or assertionMethod, by reference or embedded, as publicKeyJwk,
 * publicKeyMultibase or publicKeyBase58. Keys that cannot sign tokens are left out. STATUS_DENIED
 * when the document is not that of <did>, STATUS_INVALID when it is none, STATUS_LIMIT with more
 * keys than a key set may have, STATUS_NO_MEMORY. */
enum status did_web_document_keys(struct slice did, struct slice json, struct buffer *buffer,
                                  struct failure *reterr) MUST_CHECK;

#endif
