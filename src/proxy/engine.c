/* SPDX-License-Identifier: MIT
 *
 * engine.c - names of what can go wrong with an engine. */
#include "proxy/engine.h"

const char *engine_failure_text(enum engine_failure failure)
{
    switch (failure) {
    case ENGINE_FAILURE_NONE:
        return "none";
    case ENGINE_UNREACHABLE:
        return "engine cannot be reached";
    case ENGINE_CONNECT_TIMEOUT:
        return "engine could not be reached in time";
    case ENGINE_BUSY:
        return "all engine connections are in use";
    case ENGINE_SILENT:
        return "engine did not answer in time";
    case ENGINE_CLOSED:
        return "engine closed the connection before its reply was whole";
    case ENGINE_GARBLED:
        return "engine answered something that is not HTTP/1.1";
    }
    return "unknown";
}
