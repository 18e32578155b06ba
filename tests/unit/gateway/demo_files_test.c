/* SPDX-License-Identifier: MIT
 *
 * demo_files_test.c - what of a folder is served, and what never is. */
#include "gateway/demo_files.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static int directory;

static int folder_make(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/demo-files-XXXXXX");
    assert_non_null(mkdtemp(folder));
    directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory >= 0);
    return 0;
}

static int folder_remove(void **state)
{
    static const char *const names[] = {"index.html", "app.js",  "notes.md", ".hidden.html",
                                        "link.js",    "pipe.js", "big.css",  "empty.css"};
    char name[32];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unlinkat(directory, names[i], 0);
    }
    for (int i = 0; i <= demo_files_max; i++) {
        snprintf(name, sizeof(name), "%d.js", i);
        unlinkat(directory, name, 0);
    }
    unlinkat(directory, "folder.js", AT_REMOVEDIR);
    close(directory);
    return rmdir(folder);
}

static void write_file(const char *name, const char *text, size_t length)
{
    int descriptor = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    if (length > 0) {
        assert_int_equal(write(descriptor, text, length), length);
    }
    close(descriptor);
}

static struct demo_files *load(void)
{
    struct demo_files *files = NULL;
    struct failure failure = {""};
    assert_int_equal(demo_files_load(folder, &files, &failure), STATUS_OK);
    return files;
}

static void assert_serves(const struct demo_files *files, struct slice name, const char *type,
                          const char *text)
{
    struct slice found_type, found_bytes;
    assert_true(demo_files_find(files, name, &found_type, &found_bytes));
    assert_true(slice_equals(found_type, slice_from_string(type)));
    assert_true(slice_equals(found_bytes, slice_from_string(text)));
}

static void assert_serves_not(const struct demo_files *files, struct slice name)
{
    struct slice type, bytes;
    assert_false(demo_files_find(files, name, &type, &bytes));
}

static void files_are_served_by_their_exact_names(void **state)
{
    write_file("index.html", "<p>", 3);
    write_file("app.js", "1", 1);
    write_file("empty.css", "", 0);
    struct demo_files *files = load();
    assert_int_equal(demo_files_count(files), 3);
    assert_serves(files, SLICE("index.html"), "text/html; charset=utf-8", "<p>");
    assert_serves(files, SLICE(""), "text/html; charset=utf-8", "<p>");
    assert_serves(files, SLICE("app.js"), "text/javascript; charset=utf-8", "1");
    assert_serves(files, SLICE("empty.css"), "text/css; charset=utf-8", "");
    static const struct slice others[] = {SLICE("APP.JS"),   SLICE("app"),       SLICE("app.js/"),
                                          SLICE("./app.js"), SLICE("../app.js"), SLICE("app.js\0"),
                                          SLICE("%61pp.js")};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_serves_not(files, others[i]);
    }
    write_file("app.js", "2", 1); /* later changes are not seen */
    assert_serves(files, SLICE("app.js"), "text/javascript; charset=utf-8", "1");
    demo_files_free(files);
}

static void what_is_no_plain_file_of_a_known_kind_is_left_out(void **state)
{
    write_file("notes.md", "x", 1);
    write_file(".hidden.html", "x", 1);
    assert_int_equal(symlinkat("/etc/hostname", directory, "link.js"), 0);
    assert_int_equal(mkfifoat(directory, "pipe.js", 0600), 0);
    assert_int_equal(mkdirat(directory, "folder.js", 0700), 0);
    struct demo_files *files = load();
    assert_int_equal(demo_files_count(files), 0);
    assert_serves_not(files, SLICE(""));
    assert_serves_not(files, SLICE("link.js"));
    demo_files_free(files);
}

static void too_much_is_refused(void **state)
{
    struct demo_files *files = NULL;
    struct failure failure = {""};
    char *big = calloc(1, demo_file_bytes_max + 1);
    char name[32];
    assert_non_null(big);
    write_file("big.css", big, demo_file_bytes_max);
    demo_files_free(load());
    write_file("big.css", big, demo_file_bytes_max + 1);
    free(big);
    assert_int_equal(demo_files_load(folder, &files, &failure), STATUS_LIMIT);
    assert_non_null(strstr(failure.text, "big.css"));
    unlinkat(directory, "big.css", 0);
    for (int i = 0; i < demo_files_max; i++) {
        snprintf(name, sizeof(name), "%d.js", i);
        write_file(name, "", 0);
    }
    demo_files_free(load());
    snprintf(name, sizeof(name), "%d.js", demo_files_max);
    write_file(name, "", 0);
    assert_int_equal(demo_files_load(folder, &files, &failure), STATUS_LIMIT);
    assert_null(files);
}

static void a_folder_that_is_not_there_is_said_to_be(void **state)
{
    struct demo_files *files = NULL;
    struct failure failure = {""};
    assert_int_equal(demo_files_load("/tmp/no such folder", &files, &failure), STATUS_IO);
    assert_non_null(strstr(failure.text, "/tmp/no such folder"));
    assert_null(files);
    assert_serves_not(NULL, SLICE("index.html"));
    assert_int_equal(demo_files_count(NULL), 0);
    demo_files_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_served_by_their_exact_names, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(what_is_no_plain_file_of_a_known_kind_is_left_out,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(too_much_is_refused, folder_make, folder_remove),
        cmocka_unit_test(a_folder_that_is_not_there_is_said_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
