/* SPDX-License-Identifier: MIT
 *
 * replay.c - gives every file of the named folders to a fuzz target, with any compiler.
 *
 * Linked in place of libFuzzer, so that the corpora are tests as well. Fails when a folder is empty
 * or cannot be read, and when no file at all is accepted by the target. */
#include "target.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { input_bytes_max = 1024 * 1024 };

/* The target gets memory of the input's exact size, so that a sanitizer sees a read behind it. */
static bool replay_file(const char *path)
{
    struct stat about;
    FILE *file = fopen(path, "rb");
    bool is_read = file != NULL && fstat(fileno(file), &about) == 0 && S_ISREG(about.st_mode) &&
                   about.st_size <= input_bytes_max;
    if (is_read) {
        size_t size = (size_t)about.st_size;
        uint8_t *data = malloc(size > 0 ? size : 1);
        is_read = data != NULL && fread(data, 1, size, file) == size;
        if (is_read) {
            LLVMFuzzerTestOneInput(data, size);
        }
        free(data);
    }
    if (file != NULL) {
        fclose(file);
    }
    if (!is_read) {
        fprintf(stderr, "%s: cannot be read, or is larger than %d bytes\n", path,
                (int)input_bytes_max);
    }
    return is_read;
}

/* How many files were replayed; -1 after a message. */
static int replay_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int entries_count = scandir(folder, &entries, NULL, alphasort);
    if (entries_count < 0) {
        perror(folder);
        return -1;
    }
    int files_count = 0;
    for (int i = 0; i < entries_count; i++) {
        char path[4096];
        if (entries[i]->d_name[0] != '.' && files_count >= 0) {
            int length = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
            bool is_done = length > 0 && (size_t)length < sizeof(path) && replay_file(path);
            files_count = is_done ? files_count + 1 : -1;
        }
        free(entries[i]);
    }
    free(entries);
    if (files_count == 0) {
        fprintf(stderr, "%s: the folder is empty, so nothing was tested\n", folder);
        return -1;
    }
    return files_count;
}

int main(int count, char **arguments)
{
    int total = 0;
    if (count < 2) {
        fprintf(stderr, "usage: %s FOLDER...\n", arguments[0]);
        return 2;
    }
    for (int i = 1; i < count; i++) {
        int files_count = replay_folder(arguments[i]);
        if (files_count < 0) {
            return 1;
        }
        total += files_count;
    }
    printf("%d inputs, %zu accepted\n", total, inputs_accepted);
    if (inputs_accepted == 0) {
        fprintf(stderr, "no input is accepted, so the way of success was not tested\n");
        return 1;
    }
    return 0;
}
