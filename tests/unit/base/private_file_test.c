/* SPDX-License-Identifier: MIT
 *
 * private_file_test.c - what is made is for its owner alone; what is there is left alone. */
#include "base/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char place[64];

static int place_make(void **state)
{
    snprintf(place, sizeof(place), "/tmp/attach-private-XXXXXX");
    return mkdtemp(place) == NULL ? -1 : 0;
}

static unsigned mode_of(const char *path)
{
    struct stat about;
    assert_int_equal(lstat(path, &about), 0);
    return about.st_mode & 0777;
}

static void a_directory_is_made_with_its_parents(void **state)
{
    char path[128];
    struct failure failure;
    mode_t before = umask(0);
    snprintf(path, sizeof(path), "%s/deep/er//data/", place);
    assert_int_equal(private_directory_make(path, &failure), STATUS_OK);
    umask(before);
    assert_int_equal(mode_of(path), 0700);
    assert_int_equal(private_directory_make(path, &failure), STATUS_OK); /* again: it is there */
    snprintf(path, sizeof(path), "%s/deep/er/data", place);
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof(path), "%s/deep/er", place);
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof(path), "%s/deep", place);
    assert_int_equal(rmdir(path), 0);
}

static void no_directory_is_made_where_none_can_be(void **state)
{
    char file[128];
    char path[140];
    char *longest = malloc(5000);
    struct failure failure;
    assert_non_null(longest);
    memset(longest, 'x', 4999);
    longest[4999] = '\0';
    assert_int_equal(private_directory_make("", &failure), STATUS_INVALID);
    assert_int_equal(private_directory_make(longest, &failure), STATUS_INVALID);
    free(longest);
    snprintf(file, sizeof(file), "%s/file", place);
    assert_int_equal(private_file_write(AT_FDCWD, file, SLICE("x"), &failure), STATUS_OK);
    snprintf(path, sizeof(path), "%s/below", file);
    assert_int_equal(private_directory_make(path, &failure), STATUS_IO);
    assert_non_null(strstr(failure.text, file));
    assert_int_equal(unlink(file), 0);
}

static void a_file_is_written_whole_and_never_over_another(void **state)
{
    char path[128];
    char target[128];
    char bytes[8] = "";
    struct failure failure;
    mode_t before = umask(0);
    snprintf(path, sizeof(path), "%s/key", place);
    assert_int_equal(private_file_write(AT_FDCWD, path, SLICE("secret"), &failure), STATUS_OK);
    umask(before);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(private_file_write(AT_FDCWD, path, SLICE("other"), &failure), STATUS_IO);
    assert_non_null(strstr(failure.text, path));
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(descriptor, bytes, sizeof(bytes)), 6);
    assert_memory_equal(bytes, "secret", 6);
    close(descriptor);
    assert_int_equal(unlink(path), 0);
    snprintf(target, sizeof(target), "%s/elsewhere", place);
    assert_int_equal(symlink(target, path), 0); /* a link is not followed */
    assert_int_equal(private_file_write(AT_FDCWD, path, SLICE("secret"), &failure), STATUS_IO);
    assert_int_equal(access(target, F_OK), -1);
    assert_int_equal(unlink(path), 0);
}

static int place_remove(void **state)
{
    return rmdir(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_made_with_its_parents),
        cmocka_unit_test(no_directory_is_made_where_none_can_be),
        cmocka_unit_test(a_file_is_written_whole_and_never_over_another),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
