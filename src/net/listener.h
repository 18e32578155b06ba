/* SPDX-License-Identifier: MIT
 *
 * listener.h - accepts connections for one worker.
 *
 * Every worker has its own socket on the same address (SO_REUSEPORT), so that the kernel spreads
 * the connections and nothing is handed over. When accepting fails for lack of descriptors, or the
 * process is full, the listener sleeps for a moment instead of spinning; connections wait in the
 * kernel's queue. */
#ifndef AG_NET_LISTENER_H
#define AG_NET_LISTENER_H

#include "base/slice.h"
#include "base/status.h"
#include "net/deadline.h"
#include "net/watch.h"

#include <sys/socket.h>

struct listener;

/* <descriptor> is non-blocking and the receiver's. */
typedef void listener_accepted(struct listener *listener, int take_descriptor,
                               const struct sockaddr_storage *peer);
/* Reserves a place for one connection; false while the process takes no further one. */
typedef bool listener_admits(struct listener *listener);
/* Nobody came for the place that was reserved. */
typedef void listener_not_accepted(struct listener *listener);

struct listener {
    struct watch watch;
    struct deadline pause;
    int descriptor; /* -1: not open */
    int last_error; /* errno of the last accept that failed for lack of something; 0: none since */
    listener_accepted *accepted;
    listener_admits *admits;
    listener_not_accepted *not_accepted;
    void *owner;
};

/* Opens a socket that listens on <host>, a numeric address, "localhost" or a name, and <port>. Port
 * 0 takes a free one; *ret_port is the real one. <first> makes sure that nobody else listens there;
 * the sockets of further workers then join. Any thread. */
enum status listener_socket(struct slice host, uint16_t port, bool first, int *ret_descriptor,
                            uint16_t *ret_port, struct failure *reterr) MUST_CHECK;

/* Owning worker only, from here on. */
enum status listener_open(struct listener *listener, uv_loop_t *loop, int take_descriptor,
                          listener_admits *admits, listener_not_accepted *not_accepted,
                          listener_accepted *accepted, void *owner,
                          struct failure *reterr) MUST_CHECK;
void listener_close(struct listener *listener);

#endif
