/* SPDX-License-Identifier: MIT
 *
 * endpoint.h - sockets, time and exits, as the comparison programs share them.
 *
 * They measure and do not serve: whatever is unexpected ends the program with a message, so that a
 * disturbed run cannot pass for a result. Each program has one thread. */
#ifndef AG_BENCH_ENDPOINT_H
#define AG_BENCH_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

/* Says what is wrong and exits with 1. */
__attribute__((noreturn, format(printf, 1, 2))) void endpoint_give_up(const char *format, ...);

uint64_t endpoint_now_us(void);

/* The number that <text> is; gives up when it is none. */
uint64_t endpoint_number(const char *name, const char *text);

/* Listens on 127.0.0.1, non-blocking. */
int endpoint_listen(uint16_t port);

/* Takes one connection off <listener>, non-blocking; -1 when there is none. */
int endpoint_accept(int listener);

/* Connects to 127.0.0.1 and waits for it; the descriptor is non-blocking. -1 when nobody listens.
 */
int endpoint_connect(uint16_t port);

/* Adds <descriptor> to <poll>, readable, told as <subject>. */
void endpoint_watch(int poll, int descriptor, void *subject);

/* Writes everything, waiting where it must. 0, or -1 when the other side is gone. */
int endpoint_send(int descriptor, const char *bytes, size_t length);

/* The descriptors this process may open become as many as it may have. */
void endpoint_raise_limit(void);

#endif
