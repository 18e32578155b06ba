/* SPDX-License-Identifier: MIT
 *
 * log_writer.c - two buffers that change places: one is filled under the lock, the other is written
 * without it. */
#include "base/log_writer.h"

#include "base/buffer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { log_writer_bytes_kept = 256 * 1024 }; /* a burst's memory is given back */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_cond_t finished;
    pthread_t thread;
    struct buffer pending;
    uint64_t dropped;
    bool running;
    bool ending;
    bool done;
} writer = {.lock = PTHREAD_MUTEX_INITIALIZER,
            .filled = PTHREAD_COND_INITIALIZER,
            .finished = PTHREAD_COND_INITIALIZER};

static void log_write(struct slice lines)
{
    while (lines.length > 0) {
        ssize_t count = write(STDERR_FILENO, lines.data, lines.length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return; /* a log that takes nothing must not stop the process */
        }
        lines = slice_after(lines, (size_t)count);
    }
}

static void *log_writer_run(void *argument)
{
    struct buffer writing;
    buffer_init(&writing, log_writer_bytes_max);
    pthread_mutex_lock(&writer.lock);
    for (;;) {
        while (writer.pending.length == 0 && !writer.ending) {
            pthread_cond_wait(&writer.filled, &writer.lock);
        }
        if (writer.pending.length == 0) {
            break;
        }
        struct buffer filled = writer.pending;
        writer.pending = writing;
        writing = filled;
        pthread_mutex_unlock(&writer.lock);
        log_write(buffer_slice(&writing));
        if (writing.capacity > log_writer_bytes_kept) {
            buffer_clear(&writing);
        } else {
            buffer_reset(&writing);
        }
        pthread_mutex_lock(&writer.lock);
    }
    writer.done = true;
    pthread_cond_signal(&writer.finished);
    pthread_mutex_unlock(&writer.lock);
    buffer_clear(&writing);
    return argument;
}

enum status log_writer_start(struct failure *reterr)
{
    sigset_t all;
    sigset_t before;
    buffer_init(&writer.pending, log_writer_bytes_max);
    writer.ending = writer.done = false;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int error = pthread_create(&writer.thread, NULL, log_writer_run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        failure_set(reterr, "cannot start the thread that writes the log: %s", strerror(error));
        return STATUS_IO;
    }
    writer.running = true;
    return STATUS_OK;
}

void log_writer_stop(void)
{
    struct timespec until;
    if (!writer.running) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &until); /* what pthread_cond_timedwait counts in */
    until.tv_sec += log_writer_last_words_ms / 1000;
    pthread_mutex_lock(&writer.lock);
    writer.ending = true;
    pthread_cond_signal(&writer.filled);
    int error = 0;
    while (!writer.done && error == 0) {
        error = pthread_cond_timedwait(&writer.finished, &writer.lock, &until);
    }
    bool done = writer.done;
    pthread_mutex_unlock(&writer.lock);
    if (!done) {
        pthread_detach(writer.thread); /* it hangs in write(2); the process ends without it */
        return;
    }
    pthread_join(writer.thread, NULL);
    writer.running = false;
    buffer_clear(&writer.pending);
}

static uint64_t log_writer_count_lines(struct slice lines)
{
    uint64_t count = 0;
    for (size_t i = 0; i < lines.length; i++) {
        count += lines.data[i] == '\n' ? 1 : 0;
    }
    return count;
}

void log_writer_put(struct slice lines)
{
    if (!writer.running) {
        log_write(lines);
        return;
    }
    pthread_mutex_lock(&writer.lock);
    if (lines.length <= log_writer_bytes_max - writer.pending.length) {
        buffer_append(&writer.pending, lines);
    } else {
        writer.dropped += log_writer_count_lines(lines);
    }
    if (writer.pending.failed) {
        writer.pending.failed = false; /* without memory for these lines, perhaps for the next */
        writer.dropped += log_writer_count_lines(lines);
    }
    pthread_cond_signal(&writer.filled);
    pthread_mutex_unlock(&writer.lock);
}

uint64_t log_writer_dropped(void)
{
    pthread_mutex_lock(&writer.lock);
    uint64_t dropped = writer.dropped;
    pthread_mutex_unlock(&writer.lock);
    return dropped;
}
