/* SPDX-License-Identifier: MIT
 *
 * peer.h - a server of tests/ as a process of its own, for the length of one test program. */
#ifndef AG_TESTS_MEM_PEER_H
#define AG_TESTS_MEM_PEER_H

#include <stdio.h>
#include <sys/types.h>

struct peer {
    pid_t pid;
    int stdin_descriptor;
    FILE *output;
};

/* Runs /usr/bin/python3 <script> <arguments>, <script> in tests/. Fails the test when it cannot. */
void peer_start(struct peer *peer, const char *script, const char *const *arguments);
/* The rest of the next line, which must begin with <name>; <ret> may be NULL. */
void peer_expect(struct peer *peer, const char *name, char *ret, size_t size);
void peer_tell(struct peer *peer, const char *line);
void peer_stop(struct peer *peer);

#endif
