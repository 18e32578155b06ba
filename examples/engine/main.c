/* SPDX-License-Identifier: MIT
 *
 * main.c - `stand-in-engine`: arguments, start, and waiting for the signal that ends it. Main
 * thread; everything else happens on the server's worker. */
#include "server.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    delay_ms_max = 24 * 60 * 60 * 1000,
    chunks_max = 100 * 1000 * 1000,
};

static const char usage[] =
    "Usage: stand-in-engine [--host ADDRESS] [--port PORT] [--delay MS] [--chunks N]\n"
    "\n"
    "Speaks the protocols of Ollama and OpenAI and says honestly that it is no language model.\n"
    "\n"
    "  --host ADDRESS  where to listen (127.0.0.1)\n"
    "  --port PORT     0 takes a free one (11435)\n"
    "  --delay MS      pause between two words of a stream; 0: none (30)\n"
    "  --chunks N      words of every answer, its text repeated or cut; 0: the text once (0)\n"
    "  --help          this text\n";

static bool main_read_number(const char *name, const char *text, uint64_t maximum, uint64_t *ret)
{
    if (slice_parse_uint(slice_from_string(text), maximum, ret)) {
        return true;
    }
    fprintf(stderr, "stand-in-engine: %s must be a whole number from 0 to %" PRIu64 "\n", name,
            maximum);
    return false;
}

static bool main_read_option(int option, struct server_options *options)
{
    uint64_t port;
    switch (option) {
    case 'o':
        options->host = slice_from_string(optarg);
        return true;
    case 'p':
        if (!main_read_number("--port", optarg, UINT16_MAX, &port)) {
            return false;
        }
        options->port = (uint16_t)port;
        return true;
    case 'd':
        return main_read_number("--delay", optarg, delay_ms_max, &options->delay_ms);
    case 'c':
        return main_read_number("--chunks", optarg, chunks_max, &options->chunks);
    case 'h':
        fputs(usage, stdout);
        exit(EXIT_SUCCESS);
    default:
        fputs("stand-in-engine: see --help\n", stderr);
        return false;
    }
}

static bool main_read_arguments(int count, char **arguments, struct server_options *options)
{
    static const struct option known[] = {
        {"host", required_argument, NULL, 'o'},  {"port", required_argument, NULL, 'p'},
        {"delay", required_argument, NULL, 'd'}, {"chunks", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},        {0},
    };
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        if (!main_read_option(option, options)) {
            return false;
        }
    }
    if (optind < count) {
        fprintf(stderr, "stand-in-engine: unexpected '%s', see --help\n", arguments[optind]);
        return false;
    }
    return true;
}

int main(int count, char **arguments)
{
    static struct server server;
    struct server_options options = {
        .host = SLICE("127.0.0.1"), .port = 11435, .delay_ms = 30, .chunks = 0};
    struct failure failure;
    uint16_t port;
    if (!main_read_arguments(count, arguments, &options)) {
        return 2;
    }
    sigset_t ending;
    int signal_number;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    if (server_start(&server, &options, &port, &failure) != STATUS_OK) {
        fprintf(stderr, "stand-in-engine: %s\n", failure.text);
        return EXIT_FAILURE;
    }
    bool is_ipv6 = slice_find(options.host, ':') < options.host.length;
    fprintf(stderr, "stand-in engine on http://%s%.*s%s:%u\n", is_ipv6 ? "[" : "",
            SLICE_ARGS(options.host), is_ipv6 ? "]" : "", port);
    sigwait(&ending, &signal_number);
    server_stop(&server);
    return EXIT_SUCCESS;
}
