/* SPDX-License-Identifier: MIT
 *
 * server.c - see server.h. */
#include "server.h"

#include "base/clock.h"
#include "client.h"

/* ---- listening ---- */

static bool server_admits(struct listener *listener)
{
    struct server *server = listener->owner;
    if (server->clients_count == server_clients_max) {
        return false;
    }
    server->clients_count++;
    return true;
}

static void server_not_accepted(struct listener *listener)
{
    struct server *server = listener->owner;
    server->clients_count--;
}

static void server_accepted(struct listener *listener, int take_descriptor,
                            const struct sockaddr_storage *peer)
{
    client_accept(listener->owner, take_descriptor);
}

/* ---- clients ---- */

void server_client_came(struct server *server, struct client *client)
{
    client->next = server->clients;
    if (client->next != NULL) {
        client->next->previous = client;
    }
    server->clients = client;
}

void server_client_gone(struct server *server, struct client *client)
{
    server->clients_count--;
    if (client == NULL) {
        return;
    }
    if (client->previous != NULL) {
        client->previous->next = client->next;
    } else {
        server->clients = client->next;
    }
    if (client->next != NULL) {
        client->next->previous = client->previous;
    }
}

/* ---- start and stop ---- */

enum status server_start(struct server *server, const struct server_options *options,
                         uint16_t *ret_port, struct failure *reterr)
{
    int descriptor = -1;
    *server = (struct server){.options = *options, .started_us = clock_wall_us()};
    enum status status =
        listener_socket(options->host, options->port, true, &descriptor, ret_port, reterr);
    if (status == STATUS_OK) {
        status = worker_init(&server->worker, 0, server, reterr);
    }
    if (status == STATUS_OK) {
        status = listener_open(&server->listener, &server->worker.loop, descriptor, server_admits,
                               server_not_accepted, server_accepted, server, reterr);
    }
    if (status == STATUS_OK) {
        status = worker_start(&server->worker, reterr);
    }
    return status; /* after a failure the process ends, and with it whatever was begun */
}

/* On the worker: closes every handle, so that its loop ends. */
static void server_stopped(void *receiver, struct letter *letter)
{
    struct server *server = receiver;
    listener_close(&server->listener);
    while (server->clients != NULL) {
        client_close(server->clients, false);
    }
    mailbox_close(&server->worker.mailbox);
}

void server_stop(struct server *server)
{
    server->stop.deliver = server_stopped;
    if (mailbox_post(&server->worker.mailbox, &server->stop)) {
        worker_join(&server->worker);
    }
}
