/* SPDX-License-Identifier: MIT
 *
 * starter.c - starts a server on a CPU of its own and says how many microseconds passed until it
 * answered a request with 200: bench-starter PORT CPU TOKENS-FILE COMMAND... The server is ended
 * afterwards. */
#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    starter_pause_us = 200,
    starter_patience_us = 10000000,
    starter_answer_ms = 1000,
};

static pid_t starter_spawn(unsigned cpu, char **command)
{
    pid_t child = fork();
    if (child < 0) {
        endpoint_give_up("cannot fork: %s", strerror(errno));
    }
    if (child > 0) {
        return child;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (sched_setaffinity(0, sizeof(set), &set) != 0 || dup2(nowhere, STDOUT_FILENO) < 0 ||
        dup2(nowhere, STDERR_FILENO) < 0) {
        _exit(127);
    }
    execvp(command[0], command);
    _exit(127);
}

/* One request on a connection of its own. */
static int starter_answers(uint16_t port, const char *request, size_t length)
{
    char answer[64] = "";
    int descriptor = endpoint_connect(port);
    if (descriptor < 0) {
        return 0;
    }
    struct pollfd readable = {.fd = descriptor, .events = POLLIN};
    int came = endpoint_send(descriptor, request, length) == 0 &&
               poll(&readable, 1, starter_answer_ms) == 1 &&
               recv(descriptor, answer, sizeof(answer) - 1, 0) > 0;
    close(descriptor);
    return came && strncmp(answer, "HTTP/1.1 200", 12) == 0;
}

int main(int count, char **arguments)
{
    char token[4096];
    char request[8192];
    if (count < 5) {
        endpoint_give_up("usage: bench-starter PORT CPU TOKENS-FILE COMMAND...");
    }
    uint16_t port = (uint16_t)endpoint_number("PORT", arguments[1]);
    unsigned cpu = (unsigned)endpoint_number("CPU", arguments[2]);
    FILE *tokens = fopen(arguments[3], "re");
    if (tokens == NULL || fgets(token, sizeof(token), tokens) == NULL) {
        endpoint_give_up("no token in %s", arguments[3]);
    }
    token[strcspn(token, "\n")] = '\0';
    int length = snprintf(request, sizeof(request),
                          "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                          "Authorization: Bearer %s\r\n\r\n",
                          port, token);
    uint64_t start_us = endpoint_now_us();
    pid_t child = starter_spawn(cpu, arguments + 4);
    uint64_t took_us = 0;
    while (!starter_answers(port, request, (size_t)length)) {
        took_us = endpoint_now_us() - start_us;
        if (took_us > starter_patience_us || waitpid(child, NULL, WNOHANG) == child) {
            kill(child, SIGKILL);
            endpoint_give_up("%s did not start to answer", arguments[4]);
        }
        usleep(starter_pause_us);
    }
    took_us = endpoint_now_us() - start_us;
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    printf("%" PRIu64 "\n", took_us);
    return 0;
}
