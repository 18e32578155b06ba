/* SPDX-License-Identifier: MIT
 *
 * path_rules.h - ENGINE_PATHS: which methods and paths may reach the engine. Read-only once made:
 * any thread. */
#ifndef AG_GATEWAY_PATH_RULES_H
#define AG_GATEWAY_PATH_RULES_H

#include "base/buffer.h"
#include "config/config.h"

struct path_rules;

/* From ENGINE_PATHS, or the built-in list when <paths> is empty. <paths> must outlive it. */
enum status path_rules_create(struct slice_list paths, struct path_rules **ret,
                              struct failure *reterr) MUST_CHECK;
void path_rules_free(struct path_rules *rules); /* takes NULL */

bool path_rules_allow(const struct path_rules *rules, struct slice method, struct slice path);

/* The list as text, for --check. */
void path_rules_append(const struct path_rules *rules, struct buffer *buffer);

#endif
