/* SPDX-License-Identifier: MIT
 *
 * mailbox.h - how threads talk: letters posted from any thread, delivered in order on the loop that
 * owns the box.
 *
 * Never used per request on the data path. A letter is owned by whoever holds it: the sender until
 * mailbox_post, then the box, then the function that it is delivered to, which frees it. */
#ifndef AG_NET_MAILBOX_H
#define AG_NET_MAILBOX_H

#include "base/status.h"

#include <stdbool.h>
#include <uv.h>

struct letter;

/* Runs on the receiving loop. Frees <letter>. */
typedef void letter_deliver(void *receiver, struct letter *letter);

/* Embed as the first member of the message. */
struct letter {
    struct letter *next;
    letter_deliver *deliver;
};

struct mailbox {
    uv_async_t wake;
    uv_mutex_t lock;
    struct letter *first;
    struct letter **last;
    void *receiver;
    bool closed;
};

/* Receiving thread, before its loop runs. */
enum status mailbox_open(struct mailbox *mailbox, uv_loop_t *loop, void *receiver,
                         struct failure *reterr) MUST_CHECK;

/* Any thread, while the box is open: whoever closes a box makes sure first that nobody posts any
 * more. */
bool mailbox_post(struct mailbox *mailbox, struct letter *letter) MUST_CHECK;

/* Receiving thread: delivers what is left, then closes the handle; mailbox_clear after the loop
 * ended. */
void mailbox_close(struct mailbox *mailbox);
void mailbox_clear(struct mailbox *mailbox);

#endif
