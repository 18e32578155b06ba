/* SPDX-License-Identifier: MIT
 *
 * errand.c - see errand.h. */
#include "gateway/errand.h"

#include <stdlib.h>

static void errand_delivered(void *receiver, struct letter *letter)
{
    struct gateway *gateway = receiver;
    struct errand *errand = (struct errand *)letter;
    struct request *request = errand->request;
    if (request == NULL) {
        errand->release(errand);
    } else {
        request->errand = NULL;
        request->errand_returned = errand;
        request_wake(request);
    }
    gateway_errand_over(gateway);
}

void errand_begin(struct errand *errand, struct request *request)
{
    errand->letter = (struct letter){.deliver = errand_delivered};
    errand->gateway = request->gateway;
    errand->request = request;
    request->errand = errand;
    request->gateway->errands_out++;
}

void errand_return(struct errand *errand)
{
    if (!mailbox_post(&errand->gateway->worker.mailbox, &errand->letter)) {
        abort(); /* never: the box stays open while an errand is out */
    }
}

void errand_abandon(struct errand *errand)
{
    errand->request = NULL;
    if (errand->abandoned != NULL) {
        errand->abandoned(errand);
    }
}
