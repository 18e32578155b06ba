/* SPDX-License-Identifier: MIT
 *
 * env_file.c - the .env file: NAME=value lines, as the shell and python-dotenv read the plain ones.
 *
 * `export` before a name, blank lines and # comments are allowed. A value may stand in single
 * quotes, taken as it is, or in double quotes, where \n \t \" and \\ mean what they mean elsewhere.
 * Nothing is expanded. Main thread. */
#include "config/option_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { env_file_bytes_max = 256 * 1024 };

static enum status env_file_read(const char *path, struct buffer *buffer, struct failure *reterr)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = -1;
    if (descriptor < 0) {
        failure_set(reterr, "cannot read %.150s: %s", path, strerror(errno));
        return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    }
    for (;;) {
        char *room = buffer_reserve(buffer, 4096);
        if (room == NULL) {
            break;
        }
        count = read(descriptor, room, 4096);
        if (count <= 0) {
            break;
        }
        buffer->length += (size_t)count;
    }
    int error = errno;
    close(descriptor);
    if (buffer->failed) {
        failure_set(reterr, "%.150s is longer than %d bytes", path, env_file_bytes_max);
        return STATUS_LIMIT;
    }
    if (count < 0) {
        failure_set(reterr, "cannot read %.150s: %s", path, strerror(error));
        return STATUS_IO;
    }
    return STATUS_OK;
}

/* The text between double quotes, its escapes resolved; false when it does not end. */
static bool value_unescape(struct slice text, struct buffer *value, struct slice *ret_rest)
{
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (byte == '"') {
            *ret_rest = slice_after(text, i + 1);
            return true;
        }
        if (byte == '\\' && i + 1 < text.length) {
            byte = text.data[++i];
            byte = (char)(byte == 'n' ? '\n' : byte == 't' ? '\t' : byte);
        }
        buffer_append_byte(value, byte);
    }
    return false;
}

/* What stands right of '='; false when quotes do not end, or something follows them. */
static bool value_read(struct slice raw, struct buffer *value)
{
    struct slice rest = {0};
    struct slice text = slice_trim(raw);
    bool blank_before = text.data != raw.data;
    if (text.length > 0 && text.data[0] == '"') {
        if (!value_unescape(slice_after(text, 1), value, &rest)) {
            return false;
        }
    } else if (text.length > 0 && text.data[0] == '\'') {
        struct slice inner = slice_after(text, 1);
        size_t end = slice_find(inner, '\'');
        if (end == inner.length) {
            return false;
        }
        buffer_append(value, slice_make(inner.data, end));
        rest = slice_after(inner, end + 1);
    } else {
        size_t end = 0;
        while (end < text.length && !(text.data[end] == '#' && blank_before)) {
            blank_before = text.data[end] == ' ' || text.data[end] == '\t';
            end++;
        }
        buffer_append(value, slice_trim(slice_make(text.data, end)));
    }
    rest = slice_trim(rest);
    return rest.length == 0 || rest.data[0] == '#';
}

static enum status line_set(struct config *config, struct slice line, const char *origin,
                            struct buffer *value, struct failure *reterr)
{
    line = slice_trim(line);
    if (line.length == 0 || line.data[0] == '#') {
        return STATUS_OK;
    }
    if (slice_starts_with(line, SLICE("export ")) || slice_starts_with(line, SLICE("export\t"))) {
        line = slice_trim(slice_after(line, 7));
    }
    size_t equals = slice_find(line, '=');
    if (equals == line.length) {
        failure_set(reterr, "%s: expected NAME=value", origin);
        return STATUS_INVALID;
    }
    struct slice name = slice_trim(slice_make(line.data, equals));
    const struct option *option = option_find(name);
    buffer_reset(value);
    bool is_sound = value_read(slice_after(line, equals + 1), value) && !value->failed;
    if (option == NULL) { /* somebody else's: .env files are shared */
        option_note_without_effect(config, name, buffer_slice(value));
        return STATUS_OK;
    }
    if (!is_sound) {
        failure_set(reterr, "%s (%s): the quotes of the value do not end with the value",
                    option->variable, origin);
        return STATUS_INVALID;
    }
    return option_set(config, option, buffer_slice(value), origin, reterr);
}

enum status env_file_load(struct config *config, const char *path, struct failure *reterr)
{
    struct buffer text;
    struct buffer value;
    buffer_init(&text, env_file_bytes_max);
    buffer_init(&value, env_file_bytes_max);
    enum status status = env_file_read(path, &text, reterr);
    struct slice rest = buffer_slice(&text);
    if (slice_starts_with(rest, SLICE("\xef\xbb\xbf"))) {
        rest = slice_after(rest, 3); /* the mark some editors put first; it would hide a name */
    }
    for (unsigned number = 1; status == STATUS_OK && rest.length > 0; number++) {
        char origin[160];
        size_t end = slice_find(rest, '\n');
        struct slice line = slice_make(rest.data, end);
        rest = slice_after(rest, end < rest.length ? end + 1 : end);
        if (line.length > 0 && line.data[line.length - 1] == '\r') {
            line.length--;
        }
        snprintf(origin, sizeof(origin), "%.100s line %u", path, number);
        status = line_set(config, line, origin, &value, reterr);
    }
    buffer_clear(&text);
    buffer_clear(&value);
    return status;
}
