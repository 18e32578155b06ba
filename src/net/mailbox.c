/* SPDX-License-Identifier: MIT
 *
 * mailbox.c - a locked list and a wake-up. The lock is held for two pointer writes, never during a
 * delivery. */
#include "net/mailbox.h"

static struct letter *mailbox_take_all(struct mailbox *mailbox)
{
    uv_mutex_lock(&mailbox->lock);
    struct letter *first = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    uv_mutex_unlock(&mailbox->lock);
    return first;
}

static void mailbox_deliver(struct mailbox *mailbox)
{
    struct letter *letter = mailbox_take_all(mailbox);
    while (letter != NULL) {
        struct letter *next = letter->next; /* the receiver frees the letter */
        letter->deliver(mailbox->receiver, letter);
        letter = next;
    }
}

static void mailbox_woken(uv_async_t *wake)
{
    mailbox_deliver(wake->data);
}

enum status mailbox_open(struct mailbox *mailbox, uv_loop_t *loop, void *receiver,
                         struct failure *reterr)
{
    *mailbox = (struct mailbox){.receiver = receiver};
    mailbox->last = &mailbox->first;
    if (uv_mutex_init(&mailbox->lock) != 0) {
        failure_set(reterr, "cannot make a lock");
        return STATUS_NO_MEMORY;
    }
    int error = uv_async_init(loop, &mailbox->wake, mailbox_woken);
    if (error != 0) {
        uv_mutex_destroy(&mailbox->lock);
        failure_set(reterr, "cannot make a wake-up descriptor: %s", uv_strerror(error));
        return STATUS_IO;
    }
    mailbox->wake.data = mailbox;
    return STATUS_OK;
}

bool mailbox_post(struct mailbox *mailbox, struct letter *letter)
{
    letter->next = NULL;
    uv_mutex_lock(&mailbox->lock);
    bool open = !mailbox->closed;
    if (open) {
        *mailbox->last = letter;
        mailbox->last = &letter->next;
        /* Under the lock, so that the handle cannot be closed between the look and the wake-up. */
        uv_async_send(&mailbox->wake);
    }
    uv_mutex_unlock(&mailbox->lock);
    return open;
}

void mailbox_close(struct mailbox *mailbox)
{
    uv_mutex_lock(&mailbox->lock);
    mailbox->closed = true;
    uv_mutex_unlock(&mailbox->lock);
    mailbox_deliver(mailbox);
    uv_close((uv_handle_t *)&mailbox->wake, NULL);
}

void mailbox_clear(struct mailbox *mailbox)
{
    uv_mutex_destroy(&mailbox->lock);
}
