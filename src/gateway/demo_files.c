/* SPDX-License-Identifier: MIT
 *
 * demo_files.c - see demo_files.h. */
#include "gateway/demo_files.h"

#include "base/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct demo_file {
    struct slice name;
    struct slice type;
    struct slice bytes;
};

struct demo_files {
    struct arena arena;
    struct demo_file files[demo_files_max];
    size_t count;
};

static bool demo_files_type(struct slice name, struct slice *ret)
{
    static const struct {
        struct slice ending;
        struct slice type;
    } types[] = {
        {SLICE(".html"), SLICE("text/html; charset=utf-8")},
        {SLICE(".css"), SLICE("text/css; charset=utf-8")},
        {SLICE(".js"), SLICE("text/javascript; charset=utf-8")},
        {SLICE(".svg"), SLICE("image/svg+xml")},
        {SLICE(".png"), SLICE("image/png")},
        {SLICE(".txt"), SLICE("text/plain; charset=utf-8")},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (slice_ends_with(name, types[i].ending) && name.data[0] != '.') {
            *ret = types[i].type;
            return true;
        }
    }
    return false;
}

/* All of <size> bytes, or fewer when the file has become shorter. */
static enum status demo_files_read(struct demo_files *files, int descriptor, size_t size,
                                   struct slice *ret)
{
    char *bytes = arena_allocate(&files->arena, size + 1);
    size_t length = 0;
    if (bytes == NULL) {
        return STATUS_NO_MEMORY;
    }
    while (length < size) {
        ssize_t got = read(descriptor, bytes + length, size - length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return STATUS_IO;
        }
        if (got == 0) {
            break;
        }
        length += (size_t)got;
    }
    *ret = slice_make(bytes, length);
    return STATUS_OK;
}

static enum status demo_files_add(struct demo_files *files, int directory, const char *name,
                                  struct failure *reterr)
{
    struct demo_file file = {.name = slice_from_string(name)};
    struct stat facts;
    if (!demo_files_type(file.name, &file.type)) {
        return STATUS_OK;
    }
    /* A pipe must not stop us, a link must not lead out. */
    int descriptor = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 && errno == ELOOP) {
        return STATUS_OK;
    }
    if (descriptor < 0 || fstat(descriptor, &facts) != 0) {
        failure_set(reterr, "%.80s: %s", name, strerror(errno));
        if (descriptor >= 0) {
            close(descriptor);
        }
        return STATUS_IO;
    }
    enum status status = STATUS_OK;
    if (S_ISREG(facts.st_mode)) {
        if (files->count == demo_files_max || facts.st_size > demo_file_bytes_max) {
            status = STATUS_LIMIT;
            failure_set(reterr, "%.80s: at most %d files of %d bytes", name, demo_files_max,
                        demo_file_bytes_max);
        } else {
            status = demo_files_read(files, descriptor, (size_t)facts.st_size, &file.bytes);
        }
        if (status == STATUS_OK && !arena_copy(&files->arena, file.name, &file.name)) {
            status = STATUS_NO_MEMORY;
        }
        if (status == STATUS_OK) {
            files->files[files->count++] = file;
        } else if (status != STATUS_LIMIT) {
            failure_set(reterr, "%.80s: cannot be read", name);
        }
    }
    close(descriptor);
    return status;
}

enum status demo_files_load(const char *directory, struct demo_files **ret, struct failure *reterr)
{
    enum status status = STATUS_OK;
    struct demo_files *files = calloc(1, sizeof(*files));
    DIR *listing = opendir(directory);
    if (files == NULL || listing == NULL) {
        failure_set(reterr, "%.180s: %s", directory,
                    files == NULL ? "out of memory" : strerror(errno));
        status = files == NULL ? STATUS_NO_MEMORY : STATUS_IO;
        goto out;
    }
    arena_init(&files->arena, (size_t)demo_files_max * (demo_file_bytes_max + 1024));
    struct dirent *entry;
    while (status == STATUS_OK && (entry = readdir(listing)) != NULL) {
        status = demo_files_add(files, dirfd(listing), entry->d_name, reterr);
    }
    if (status == STATUS_OK) {
        *ret = files;
        files = NULL;
    }
out:
    if (listing != NULL) {
        closedir(listing);
    }
    demo_files_free(files);
    return status;
}

void demo_files_free(struct demo_files *files)
{
    if (files != NULL) {
        arena_clear(&files->arena);
        free(files);
    }
}

bool demo_files_find(const struct demo_files *files, struct slice name, struct slice *ret_type,
                     struct slice *ret_bytes)
{
    if (name.length == 0) {
        name = SLICE("index.html");
    }
    for (size_t i = 0; files != NULL && i < files->count; i++) {
        if (slice_equals(files->files[i].name, name)) {
            *ret_type = files->files[i].type;
            *ret_bytes = files->files[i].bytes;
            return true;
        }
    }
    return false;
}

size_t demo_files_count(const struct demo_files *files)
{
    return files == NULL ? 0 : files->count;
}
