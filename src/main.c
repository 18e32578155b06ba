/* SPDX-License-Identifier: MIT
 *
 * main.c - which command is meant. */
#include "commands/commands.h"

#include <signal.h>

static const struct command {
    const char *name;
    int (*run)(int count, char **arguments);
} commands[] = {
#define COMMAND(name_, arguments, text) {.name = #name_, .run = command_##name_},
#include "commands/commands.def"
#undef COMMAND
};

static int main_help(void)
{
    struct buffer text;
    buffer_init(&text, 64 * 1024);
    buffer_append_string(&text, "Attach Gateway proves who is calling, tells the LLM engine behind "
                                "it, and streams the answer back.\n\n");
    commands_append_usage(&text);
    buffer_append_string(&text, "\nOptions of serve: flag, variable for the environment or .env, "
                                "[default]\n");
    config_append_help(&text);
    return command_print(&text) ? EXIT_DONE : EXIT_DENIED;
}

static int main_version(void)
{
    struct buffer text;
    buffer_init(&text, 256);
    buffer_append_string(&text, "attach-gateway " AG_VERSION "\n");
    return command_print(&text) ? EXIT_DONE : EXIT_DENIED;
}

int main(int count, char **arguments)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that left is told by write(2) */
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            return main_help();
        }
    }
    if (count > 1 && strcmp(arguments[1], "--version") == 0) {
        return main_version();
    }
    if (count == 1 || arguments[1][0] == '-') {
        return command_serve(count - 1, arguments + 1);
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(arguments[1], commands[i].name) == 0) {
            return commands[i].run(count - 2, arguments + 2);
        }
    }
    command_complain("there is no command \"%s\": see attach-gateway --help", arguments[1]);
    return EXIT_USAGE;
}
