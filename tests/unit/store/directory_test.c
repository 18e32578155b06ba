/* SPDX-License-Identifier: MIT
 *
 * directory_test.c - made for its owner, held by one. */
#include "store/directory.h"

#include "place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void it_is_made_with_its_parents(void **state)
{
    struct place place;
    char path[256];
    char file[256];
    struct stat status;
    int lock = -1;
    place_make(&place);
    assert_int_equal(directory_path(place.directory, "a/b", path, sizeof(path), NULL), STATUS_OK);
    assert_int_equal(directory_hold(path, &lock, NULL), STATUS_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    close(lock);
    assert_int_equal(directory_path(path, "store.lock", file, sizeof(file), NULL), STATUS_OK);
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(path), 0);
    path[strlen(path) - 2] = '\0';
    assert_int_equal(rmdir(path), 0);
    place_remove(&place);
}

static void one_holds_it_at_a_time(void **state)
{
    struct place place;
    struct failure failure = {""};
    int lock = -1;
    int second = -1;
    place_make(&place);
    assert_int_equal(directory_hold(place.directory, &lock, NULL), STATUS_OK);
    assert_int_equal(directory_hold(place.directory, &second, &failure), STATUS_DENIED);
    assert_int_equal(second, -1);
    assert_non_null(strstr(failure.text, place.directory));
    close(lock);
    assert_int_equal(directory_hold(place.directory, &second, NULL), STATUS_OK);
    close(second);
    place_remove(&place);
}

static void what_cannot_be_a_directory_is_refused(void **state)
{
    char name[5000];
    char path[64];
    struct place place;
    struct failure failure = {""};
    int lock = -1;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(directory_hold("", &lock, NULL), STATUS_INVALID);
    assert_int_equal(directory_hold(name, &lock, NULL), STATUS_INVALID);
    assert_int_equal(directory_path("abc", "def", path, 7, NULL), STATUS_INVALID);
    assert_int_equal(directory_path("abc", "def", path, 8, NULL), STATUS_OK);
    assert_string_equal(path, "abc/def");

    /* A file stands where the directory should be, a link where the lock should. */
    place_make(&place);
    FILE *file = fopen(place.path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(directory_hold(place.path, &lock, &failure), STATUS_IO);
    assert_non_null(strstr(failure.text, "store.db"));
    assert_int_equal(directory_path(place.directory, "store.lock", name, sizeof(name), NULL),
                     STATUS_OK);
    assert_int_equal(symlink("store.db", name), 0);
    assert_int_equal(directory_hold(place.directory, &lock, NULL), STATUS_IO);
    assert_int_equal(lock, -1);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_made_with_its_parents),
        cmocka_unit_test(one_holds_it_at_a_time),
        cmocka_unit_test(what_cannot_be_a_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
