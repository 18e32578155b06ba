/* SPDX-License-Identifier: MIT
 *
 * commands.h - the commands of commands.def, and what they share: reading arguments, exit codes.
 *
 * Main thread only. */
#ifndef AG_COMMANDS_COMMANDS_H
#define AG_COMMANDS_COMMANDS_H

#include "config/config.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_DENIED = 1, /* verify: the token; others: it could not be done */
    EXIT_USAGE = 2,  /* the arguments or the configuration are wrong */
};

#define COMMAND(name, arguments, text) int command_##name(int count, char **arguments_);
#include "commands/commands.def"
#undef COMMAND

/* The arguments of a command that are its own; what is left is for the options. */
struct argument {
    const char *flag;   /* "--user" */
    const char **ret;   /* gets its value; NULL: the flag takes none */
    bool *ret_is_there; /* may be NULL */
};

/* Moves what <own> names out of <arguments>, "--flag value" or "--flag=value". Returns how many of
 * <arguments> are left at its front, or -1 after telling what is wrong. */
int arguments_take(int count, char **arguments, const struct argument *own, size_t own_count);

/* Loads the configuration from <env_file>, the environment and the flags that are left. False
 * after telling what is wrong. config_clear is the caller's either way. */
bool arguments_load_config(struct config *config, const char *env_file, int flags_count,
                           char **flags);

/* "attach-gateway: <text>" on standard error. */
void command_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* <buffer> on standard output, then it is cleared. False when it could not be written. */
bool command_print(struct buffer *take_buffer);

/* --help, and what the man page shares with it. */
void commands_append_usage(struct buffer *buffer);

#endif
