/* SPDX-License-Identifier: MIT
 *
 * log_writer_test.c - lines arrive whole and in order; a reader that stalls costs lines, not time.
 */
#include "base/log_writer.h"

#include "base/buffer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { line_bytes = 1024 };

/* Standard error goes into a pipe during a test. */
struct capture {
    int reader;
    int saved;
};

static struct capture capture_begin(void)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct capture capture = {.reader = ends[0], .saved = dup(STDERR_FILENO)};
    assert_true(capture.saved >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    return capture;
}

static void capture_end(struct capture *capture)
{
    assert_true(dup2(capture->saved, STDERR_FILENO) >= 0);
    close(capture->saved);
    close(capture->reader);
}

static void lines_are_written_at_once_without_the_thread(void **state)
{
    struct capture capture = capture_begin();
    char bytes[16];
    log_writer_put(SLICE("one\n"));
    ssize_t count = read(capture.reader, bytes, sizeof(bytes));
    capture_end(&capture);
    assert_int_equal(count, 4);
    assert_memory_equal(bytes, "one\n", 4);
}

static void lines_come_whole_and_in_order(void **state)
{
    struct capture capture = capture_begin();
    struct buffer expected;
    char bytes[16384];
    size_t count = 0;
    buffer_init(&expected, sizeof(bytes));
    assert_int_equal(log_writer_start(NULL), STATUS_OK);
    for (unsigned i = 0; i < 1000; i++) {
        size_t before = expected.length;
        buffer_append_format(&expected, "line %u\n", i);
        log_writer_put(slice_after(buffer_slice(&expected), before));
    }
    log_writer_stop();
    while (count < expected.length) {
        ssize_t got = read(capture.reader, bytes + count, sizeof(bytes) - count);
        assert_true(got > 0);
        count += (size_t)got;
    }
    capture_end(&capture);
    assert_int_equal(count, expected.length);
    assert_memory_equal(bytes, expected.data, count);
    assert_int_equal(log_writer_dropped(), 0);
    buffer_clear(&expected);
}

/* Last, since the thread is left hanging in its write. */
static void a_stalled_reader_costs_lines(void **state)
{
    struct capture capture = capture_begin();
    char line[line_bytes];
    unsigned lines = 3 * log_writer_bytes_max / line_bytes;
    memset(line, 'x', sizeof(line));
    line[line_bytes - 1] = '\n';
    assert_int_equal(log_writer_start(NULL), STATUS_OK);
    for (unsigned i = 0; i < lines; i++) {
        log_writer_put(slice_make(line, sizeof(line)));
    }
    uint64_t dropped = log_writer_dropped();
    assert_true(dropped > 0);
    assert_true(dropped < lines);
    log_writer_stop(); /* comes back although nobody reads */

    /* Once somebody does, what was kept arrives. */
    uint64_t read_lines = 0;
    char bytes[65536];
    while (read_lines + dropped < lines) {
        ssize_t got = read(capture.reader, bytes, sizeof(bytes));
        assert_true(got > 0);
        for (ssize_t i = 0; i < got; i++) {
            read_lines += bytes[i] == '\n' ? 1 : 0;
        }
    }
    assert_int_equal(read_lines + dropped, lines);
    capture_end(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_written_at_once_without_the_thread),
        cmocka_unit_test(lines_come_whole_and_in_order),
        cmocka_unit_test(a_stalled_reader_costs_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
