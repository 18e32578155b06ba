/* SPDX-License-Identifier: MIT
 *
 * peer.c - a server of tests/ as a process; it ends when its standard input does, whatever becomes
 * of us. */
#include "peer.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { arguments_max = 8 };

void peer_start(struct peer *peer, const char *script, const char *const *arguments)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", AG_TESTS_FOLDER, script);
    char python[] = "/usr/bin/python3";
    char *argv[arguments_max + 3] = {python, path};
    for (size_t i = 0; arguments != NULL && arguments[i] != NULL; i++) {
        assert_true(i < arguments_max);
        argv[2 + i] = strdup(arguments[i]);
    }
    int to_peer[2];
    int from_peer[2];
    assert_int_equal(pipe2(to_peer, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from_peer, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, to_peer[0], STDIN_FILENO), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, from_peer[1], STDOUT_FILENO), 0);
    char *environment[] = {NULL};
    assert_int_equal(posix_spawn(&peer->pid, python, &actions, NULL, argv, environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 2; argv[i] != NULL; i++) {
        free(argv[i]);
    }
    close(to_peer[0]);
    close(from_peer[1]);
    peer->stdin_descriptor = to_peer[1];
    peer->output = fdopen(from_peer[0], "r");
    assert_non_null(peer->output);
}

void peer_expect(struct peer *peer, const char *name, char *ret, size_t size)
{
    char line[4096];
    assert_non_null(fgets(line, sizeof(line), peer->output));
    line[strcspn(line, "\n")] = '\0';
    size_t length = strlen(name);
    assert_int_equal(strncmp(line, name, length), 0);
    if (ret != NULL) {
        assert_int_equal(line[length], ' ');
        snprintf(ret, size, "%s", line + length + 1);
    }
}

void peer_tell(struct peer *peer, const char *line)
{
    assert_int_equal(write(peer->stdin_descriptor, line, strlen(line)), (ssize_t)strlen(line));
}

void peer_stop(struct peer *peer)
{
    close(peer->stdin_descriptor);
    int status = 0;
    assert_int_equal(waitpid(peer->pid, &status, 0), peer->pid);
    fclose(peer->output);
}
