/* SPDX-License-Identifier: MIT
 *
 * status.c - names of statuses and the sentence of a failure. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

void failure_set(struct failure *failure, const char *format, ...)
{
    va_list arguments;
    if (failure == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
}

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_LIMIT:
        return "limit";
    case STATUS_NO_MEMORY:
        return "no_memory";
    case STATUS_IO:
        return "io";
    case STATUS_AGAIN:
        return "again";
    case STATUS_CLOSED:
        return "closed";
    case STATUS_TIMEOUT:
        return "timeout";
    case STATUS_NOT_FOUND:
        return "not_found";
    case STATUS_DENIED:
        return "denied";
    case STATUS_UNSUPPORTED:
        return "unsupported";
    }
    return "unknown";
}
