/* SPDX-License-Identifier: MIT
 *
 * routes.h - which function answers which method and path. Owning worker only. */
#ifndef AG_ENGINE_ROUTES_H
#define AG_ENGINE_ROUTES_H

#include "base/slice.h"

struct client;
struct dialect;

/* Answers the client's call, head and body of which are whole, with exactly one reply. */
void routes_answer(struct client *client);

/* Whose error form a path wants. */
const struct dialect *routes_dialect(struct slice path);

#endif
