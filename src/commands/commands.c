/* SPDX-License-Identifier: MIT
 *
 * commands.c - see commands.h. */
#include "commands/commands.h"

#include <stdarg.h>
#include <stdio.h>

extern char **environ;

void command_complain(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "attach-gateway: %s\n", text);
}

bool command_print(struct buffer *take_buffer)
{
    bool written =
        !take_buffer->failed &&
        fwrite(take_buffer->data, 1, take_buffer->length, stdout) == take_buffer->length &&
        fflush(stdout) == 0;
    buffer_clear(take_buffer);
    if (!written) {
        command_complain("cannot write to standard output");
    }
    return written;
}

static const struct argument *argument_find(struct slice name, const struct argument *own,
                                            size_t own_count)
{
    for (size_t i = 0; i < own_count; i++) {
        if (slice_equals(name, slice_from_string(own[i].flag))) {
            return &own[i];
        }
    }
    return NULL;
}

int arguments_take(int count, char **arguments, const struct argument *own, size_t own_count)
{
    int left = 0;
    for (int i = 0; i < count; i++) {
        struct slice text = slice_from_string(arguments[i]);
        size_t equals = slice_find(text, '=');
        const struct argument *argument =
            argument_find(slice_make(text.data, equals), own, own_count);
        if (argument == NULL) {
            arguments[left++] = arguments[i];
            continue;
        }
        if (argument->ret_is_there != NULL) {
            *argument->ret_is_there = true;
        }
        if (argument->ret == NULL) {
            if (equals < text.length) {
                command_complain("%s takes no value", argument->flag);
                return -1;
            }
        } else if (equals < text.length) {
            *argument->ret = arguments[i] + equals + 1;
        } else if (i + 1 < count) {
            *argument->ret = arguments[++i];
        } else {
            command_complain("%s needs a value", argument->flag);
            return -1;
        }
    }
    return left;
}

bool arguments_load_config(struct config *config, const char *env_file, int flags_count,
                           char **flags)
{
    struct failure failure;
    const struct config_sources sources = {.env_file = env_file,
                                           .environment = environ,
                                           .flags = flags,
                                           .flags_count = (size_t)flags_count};
    if (config_load(config, &sources, &failure) == STATUS_OK) {
        return true;
    }
    command_complain("%s", failure.text);
    return false;
}

void commands_append_usage(struct buffer *buffer)
{
    buffer_append_string(buffer, "usage: attach-gateway [COMMAND] [ARGUMENTS]\n\n");
#define COMMAND(name, arguments, text)                                                             \
    buffer_append_string(buffer, "  attach-gateway " #name " " arguments "\n      " text "\n");
#include "commands/commands.def"
#undef COMMAND
    buffer_append_string(buffer, "  attach-gateway --version\n  attach-gateway --help\n");
}
