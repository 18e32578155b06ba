/* SPDX-License-Identifier: MIT
 *
 * config.h - what the operator asked for: options.def filled from defaults, the .env file, the
 * environment and flags (later ones win).
 *
 * Made once before any thread starts and read-only from then on: it is passed as const, there is no
 * global. Main thread. */
#ifndef AG_CONFIG_CONFIG_H
#define AG_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/log.h"

struct slice_list {
    struct slice *items;
    size_t count;
};

enum did_replay { DID_REPLAY_ALLOW, DID_REPLAY_DENY };
enum engine_api { ENGINE_API_OLLAMA, ENGINE_API_OPENAI };
enum mem_backend {
    MEM_BACKEND_NONE,
    MEM_BACKEND_SQLITE,
    MEM_BACKEND_WEAVIATE,
    MEM_BACKEND_SAKANA,
    MEM_BACKEND_POSTGRES
};
enum mem_when_full { MEM_WHEN_FULL_SLOW, MEM_WHEN_FULL_DROP };
enum mem_ack { MEM_ACK_NONE, MEM_ACK_STORED };

/* The C type of each option type; a CHOICE is an index into its names, in the order of its enum.
 * Texts have a NUL behind them that their length does not count. */
#define CONFIG_TYPE_TEXT struct slice
#define CONFIG_TYPE_SECRET struct slice
#define CONFIG_TYPE_LIST struct slice_list
#define CONFIG_TYPE_SWITCH bool
#define CONFIG_TYPE_NUMBER uint64_t
#define CONFIG_TYPE_DURATION uint64_t
#define CONFIG_TYPE_SIZE uint64_t
#define CONFIG_TYPE_CHOICE unsigned

/* See without_effect.def. */
enum without_effect {
#define WITHOUT_EFFECT(variable, harmless) WITHOUT_EFFECT_##variable,
#include "config/without_effect.def"
#undef WITHOUT_EFFECT
    WITHOUT_EFFECT_COUNT,
};

struct config {
#define SECTION(section, heading)
#define OPTION(section, field, variable, type, fallback, minimum, maximum, text)                   \
    CONFIG_TYPE_##type field;
#include "config/options.def"
#undef OPTION
#undef SECTION
    bool without_effect[WITHOUT_EFFECT_COUNT]; /* those that somebody set */
    struct slice state_home; /* where ATTACH_DATA_DIR lies by default; empty: nowhere */
    struct arena arena;      /* holds all text */
};

/* What a command line leaves for the options: "--name value", "--name=value"; a SWITCH may stand
 * alone. */
struct config_sources {
    const char *env_file;     /* NULL: ./.env when there is one; a named file must exist */
    char *const *environment; /* "NAME=value", NULL-terminated */
    char *const *flags;
    size_t flags_count;
};

/* Fills <config> from the defaults, then the .env file, then the environment, then the flags. A bad
 * value is STATUS_INVALID and <reterr> names where it came from, the option, the value (never a
 * SECRET's) and what was expected. An unknown flag is an error; an unknown variable is not. Ended
 * with config_clear, whether it succeeded or not. */
enum status config_load(struct config *config, const struct config_sources *sources,
                        struct failure *reterr) MUST_CHECK;
void config_clear(struct config *config);

/* Rules between options, checked before serving: a trust root is there, OIDC_AUD goes with
 * OIDC_ISSUER, TLS_CERT with TLS_KEY, what becomes a field value can be one. The text names the
 * variables to set. */
enum status config_check(const struct config *config, struct failure *reterr) MUST_CHECK;

/* Where local state lives: ATTACH_DATA_DIR, or the default spelled out, in <config>'s arena. */
enum status config_data_directory(struct config *config, struct slice *ret,
                                  struct failure *reterr) MUST_CHECK;

/* 500ms, 10s, 5m, 1h; a bare number is seconds. */
bool config_parse_duration(struct slice text, uint64_t *ret_ms) MUST_CHECK;
/* 64k, 32m, 1g; a bare number is bytes. */
bool config_parse_size(struct slice text, uint64_t *ret_bytes) MUST_CHECK;

/* The variable's name. */
const char *config_without_effect_name(enum without_effect index);

/* The generated texts. */
void config_append_help(struct buffer *buffer);        /* the options part of --help */
void config_append_env_example(struct buffer *buffer); /* .env.example */
void config_append_markdown(struct buffer *buffer);    /* docs/configuration.md */
/* <text> inside a Markdown table. */
void config_append_markdown_text(struct buffer *buffer, const char *text);
void config_append_man(struct buffer *buffer); /* the OPTIONS section of the man page */

#endif
