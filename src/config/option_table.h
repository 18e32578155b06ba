/* SPDX-License-Identifier: MIT
 *
 * option_table.h - options.def as a table, for the files of this folder only. Any thread. */
#ifndef AG_CONFIG_OPTION_TABLE_H
#define AG_CONFIG_OPTION_TABLE_H

#include "config/config.h"

enum option_type {
    OPTION_TEXT,
    OPTION_SECRET,
    OPTION_LIST,
    OPTION_SWITCH,
    OPTION_NUMBER,
    OPTION_DURATION,
    OPTION_SIZE,
    OPTION_CHOICE,
};

enum { option_flag_bytes_max = 64 };

struct option {
    const char *heading; /* of its section */
    const char *variable;
    enum option_type type;
    const char *fallback;
    uint64_t minimum;
    uint64_t maximum;
    const char *text;
    size_t offset; /* of its field in struct config */
};

extern const struct option options[];
extern const size_t options_count;

/* The names of a CHOICE, NULL-terminated. */
const char *const *option_choices(const struct option *option);

/* "--max-connections"; false for a SECRET, which has no flag: a command line can be read by every
 * user of the machine. */
bool option_flag(const struct option *option, char ret_flag[option_flag_bytes_max]);

/* Reads <value> into <option>'s field of <config>. <origin> says where it came from, for <reterr>.
 * An empty value gives the default. */
enum status option_set(struct config *config, const struct option *option, struct slice value,
                       const char *origin, struct failure *reterr) MUST_CHECK;

/* Sets every variable of the .env file <path>. STATUS_NOT_FOUND when there is none. */
enum status env_file_load(struct config *config, const char *path,
                          struct failure *reterr) MUST_CHECK;

/* A variable that is no option: if without_effect.def has it, the configuration remembers whether
 * it asks for something. */
void option_note_without_effect(struct config *config, struct slice variable, struct slice value);

/* NULL when no option has that variable. */
const struct option *option_find(struct slice variable);

#endif
