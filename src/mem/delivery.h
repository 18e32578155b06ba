/* SPDX-License-Identifier: MIT
 *
 * delivery.h - brings the outbox to a remote backend, and reads there.
 *
 * Two threads, each with a handle of its own: one delivers and erases, so that an erasure never
 * races a delivery; the other reads. */
#ifndef AG_MEM_DELIVERY_H
#define AG_MEM_DELIVERY_H

#include "mem/bus.h"

struct delivery;

/* Main thread. Starts the threads; a remote that is away is no failure. */
enum status delivery_create(struct memory *memory, struct delivery **ret,
                            struct failure *reterr) MUST_CHECK;
/* Main thread, when no job of the store is left. Does not wait for the outbox to be delivered; jobs
 * that wait are answered with STATUS_IO. Takes NULL. */
void delivery_free(struct delivery *delivery);

/* ---- any thread ---- */

/* There is something in the outbox. */
void delivery_kick(struct delivery *delivery);
/* Nothing more is begun at the remote; what waits is answered with STATUS_IO, also later. */
void delivery_hurry(struct delivery *delivery);
/* True while calls fail; <ret> says why. */
bool delivery_failure(struct delivery *delivery, struct failure *ret);
/* Answers from another thread. */
void delivery_read(struct delivery *delivery, struct bus_frame *take_frame);
/* When the rows are out of the outbox already. */
void delivery_erase(struct delivery *delivery, struct bus_frame *take_frame);

#endif
