/* SPDX-License-Identifier: MIT
 *
 * config.h - what the operator asked for: options.def filled from defaults, the .env file, the
 * environment and flags (later ones win).
 *
 * Made once before any thread starts and read-only from then on: it is passed as const, there is no
 * global. */
#ifndef AG_CONFIG_CONFIG_H
#define AG_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/log.h"

struct slice_list {
    struct slice *items;
    size_t count;
};

enum engine_api { ENGINE_API_OLLAMA, ENGINE_API_OPENAI };

/* The C type of each option type; a CHOICE is an index into its names, in the order of its enum. */
#define CONFIG_TYPE_TEXT struct slice
#define CONFIG_TYPE_SECRET struct slice
#define CONFIG_TYPE_LIST struct slice_list
#define CONFIG_TYPE_SWITCH bool
#define CONFIG_TYPE_NUMBER uint64_t
#define CONFIG_TYPE_DURATION uint64_t
#define CONFIG_TYPE_SIZE uint64_t
#define CONFIG_TYPE_CHOICE unsigned

struct config {
#define SECTION(section, heading)
#define OPTION(section, field, variable, type, fallback, minimum, maximum, text)                   \
    CONFIG_TYPE_##type field;
#include "config/options.def"
#undef OPTION
#undef SECTION
    struct arena arena; /* holds all text */
};

/* Fills <config> from the defaults, then <env_file> (NULL: ./.env when there is one; a named file
 * must exist), then <environment> ("NAME=value", NULL-terminated), then <flags> ("--name value" or
 * "--name=value" pairs, as left by the command line; a SWITCH may stand alone). A bad value is
 * STATUS_INVALID and <reterr> names where it came from, the option, the value (never a SECRET's)
 * and what was expected. An unknown flag is an error; an unknown variable is not. On success the
 * caller ends it with config_clear. */
enum status config_load(struct config *config, const char *env_file, char *const *environment,
                        int flags_count, char *const *flags, struct failure *reterr) MUST_CHECK;
void config_clear(struct config *config);

/* Rules between options, checked after config_load: a trust root is there, OIDC_AUD goes with
 * OIDC_ISSUER, TLS_CERT with TLS_KEY, URLs parse, ... The text names the variables to set. */
enum status config_check(const struct config *config, struct failure *reterr) MUST_CHECK;

/* Where local state lives: ATTACH_DATA_DIR, or the default spelled out, in <config>'s arena. */
enum status config_data_directory(struct config *config, struct slice *ret,
                                  struct failure *reterr) MUST_CHECK;

/* Shared with the command line's own arguments. */
enum status config_parse_duration(struct slice text, uint64_t *ret_ms,
                                  struct failure *reterr) MUST_CHECK;
enum status config_parse_size(struct slice text, uint64_t *ret_bytes,
                              struct failure *reterr) MUST_CHECK;

/* The generated texts. */
void config_append_help(struct buffer *buffer);        /* the options part of --help */
void config_append_env_example(struct buffer *buffer); /* .env.example */
void config_append_markdown(struct buffer *buffer);    /* docs/configuration.md */
void config_append_man(struct buffer *buffer); /* the OPTIONS section of the man page, roff */

#endif
