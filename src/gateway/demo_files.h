/* SPDX-License-Identifier: MIT
 *
 * demo_files.h - the files of ATTACH_DEMO_DIR, read once when the process starts and served from
 * memory by answer_demo.c. No file is opened because a client asks for it.
 *
 * demo_files_load and demo_files_free: main thread. The rest is read-only: any thread. */
#ifndef AG_GATEWAY_DEMO_FILES_H
#define AG_GATEWAY_DEMO_FILES_H

#include "base/slice.h"
#include "base/status.h"

enum {
    demo_files_max = 64,
    demo_file_bytes_max = 256 * 1024, /* a reply fits a connection's output */
};

struct demo_files;

/* Reads the regular files in <directory>, itself only: whatever is hidden, a link, a folder, or of
 * a kind that is not on the list (html, css, js, svg, png, txt) is left out. STATUS_LIMIT when
 * there are too many, or one is too large. */
enum status demo_files_load(const char *directory, struct demo_files **ret,
                            struct failure *reterr) MUST_CHECK;
void demo_files_free(struct demo_files *files); /* takes NULL */

/* The file called exactly <name>; the empty name is index.html. False: there is none, or <files> is
 * NULL. */
bool demo_files_find(const struct demo_files *files, struct slice name, struct slice *ret_type,
                     struct slice *ret_bytes) MUST_CHECK;

size_t demo_files_count(const struct demo_files *files);

#endif
