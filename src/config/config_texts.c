/* SPDX-License-Identifier: MIT
 *
 * config_texts.c - what people read about the options, made from the table: --help, .env.example,
 * docs/configuration.md and the man page. */
#include "config/config.h"

#include "config/option_table.h"

enum {
    help_text_column = 6,
    help_columns = 100,
};

static const char *option_type_name(enum option_type type)
{
    switch (type) {
    case OPTION_TEXT:
        return "text";
    case OPTION_SECRET:
        return "secret";
    case OPTION_LIST:
        return "list";
    case OPTION_SWITCH:
        return "true or false";
    case OPTION_NUMBER:
        return "number";
    case OPTION_DURATION:
        return "duration";
    case OPTION_SIZE:
        return "size";
    case OPTION_CHOICE:
        return "choice";
    }
    return "";
}

/* "--port", or for a SECRET "(no flag)". */
static const char *option_flag_text(const struct option *option, char flag[option_flag_bytes_max])
{
    return option_flag(option, flag) ? flag : "(no flag)";
}

/* ---- --help ---- */

/* Breaks <text> between words so that it fits between the column of texts and the margin. */
static void help_append_wrapped(struct buffer *buffer, struct slice text)
{
    size_t column = help_columns;
    bool is_first = true;
    while (text.length > 0) {
        size_t length = slice_find(text, ' ');
        if (column + 1 + length > help_columns) {
            buffer_append_format(buffer, "%s%*s", is_first ? "" : "\n", help_text_column, "");
            column = help_text_column;
            is_first = false;
        } else {
            buffer_append_byte(buffer, ' ');
            column++;
        }
        buffer_append(buffer, slice_make(text.data, length));
        column += length;
        text = slice_after(text, length < text.length ? length + 1 : length);
    }
    buffer_append_byte(buffer, '\n');
}

void config_append_help(struct buffer *buffer)
{
    char flag[option_flag_bytes_max];
    for (size_t i = 0; i < options_count; i++) {
        const struct option *option = &options[i];
        if (option->variable == NULL) {
            buffer_append_format(buffer, "\n%s\n", option->heading);
            continue;
        }
        buffer_append_format(buffer, "  %s  %s", option_flag_text(option, flag), option->variable);
        if (option->fallback[0] != '\0') {
            buffer_append_format(buffer, "  [%s]", option->fallback);
        }
        buffer_append_byte(buffer, '\n');
        help_append_wrapped(buffer, slice_from_string(option->text));
    }
}

/* ---- .env.example ---- */

void config_append_env_example(struct buffer *buffer)
{
    buffer_append_string(buffer, "# Copy to .env and set what you need; the values shown are the "
                                 "defaults. The environment and flags win over this file.\n");
    for (size_t i = 0; i < options_count; i++) {
        const struct option *option = &options[i];
        if (option->variable == NULL) {
            buffer_append_format(buffer, "\n# ---- %s ----\n", option->heading);
            continue;
        }
        buffer_append_format(buffer, "\n# %s\n#%s=%s\n", option->text, option->variable,
                             option->fallback);
    }
}

/* ---- docs/configuration.md ---- */

void config_append_markdown_text(struct buffer *buffer, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|' || *text == '*' || *text == '<') {
            buffer_append_byte(buffer, '\\');
        }
        buffer_append_byte(buffer, *text);
    }
}

void config_append_markdown(struct buffer *buffer)
{
    char flag[option_flag_bytes_max];
    buffer_append_string(
        buffer,
        "<!-- Generated from src/config/options.def by `attach-gateway generate configuration`. "
        "-->\n# Configuration\n\n"
        "Every option has a default, a variable and a flag. They are read in this order, later "
        "ones win: the default, the `.env` file\n(`./.env` when there is one, or `--env-file "
        "FILE`), the environment, the command line. An empty value means *not set*. A value\nthat "
        "cannot be read stops the start with a message that names the option and what was "
        "expected. `attach-gateway --check`\nreads everything, prints what would be exposed, and "
        "ends.\n\n"
        "Durations are `500ms`, `10s`, `5m`, `1h`, or a bare number of seconds. Sizes are `64k`, "
        "`32m`, `1g`, or a bare number of bytes.\nLists are joined by commas. Secrets have no "
        "flag, since a command line can be read by every user of the machine.\n");
    for (size_t i = 0; i < options_count; i++) {
        const struct option *option = &options[i];
        if (option->variable == NULL) {
            buffer_append_format(buffer,
                                 "\n## %s\n\n| variable | flag | type | default | what it does "
                                 "|\n|---|---|---|---|---|\n",
                                 option->heading);
            continue;
        }
        buffer_append_format(buffer, "| `%s` | ", option->variable);
        if (option_flag(option, flag)) {
            buffer_append_format(buffer, "`%s`", flag);
        }
        buffer_append_format(buffer, " | %s | ", option_type_name(option->type));
        if (option->fallback[0] != '\0') {
            buffer_append_format(buffer, "`%s`", option->fallback);
        }
        buffer_append_string(buffer, " | ");
        config_append_markdown_text(buffer, option->text);
        buffer_append_string(buffer, " |\n");
    }
}

/* ---- the man page ---- */

/* A '-' is typed as one, and no line begins with a request. */
static void man_append_text(struct buffer *buffer, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '-' || *text == '\\') {
            buffer_append_byte(buffer, '\\');
        }
        buffer_append_byte(buffer, *text);
    }
}

void config_append_man(struct buffer *buffer)
{
    char flag[option_flag_bytes_max];
    for (size_t i = 0; i < options_count; i++) {
        const struct option *option = &options[i];
        if (option->variable == NULL) {
            buffer_append_format(buffer, ".SS %s\n", option->heading);
            continue;
        }
        buffer_append_string(buffer, ".TP\n.B ");
        man_append_text(buffer, option_flag_text(option, flag));
        buffer_append_format(buffer, "\n(%s", option->variable);
        if (option->fallback[0] != '\0') {
            buffer_append_string(buffer, ", default ");
            man_append_text(buffer, option->fallback);
        }
        buffer_append_string(buffer, ")\n");
        man_append_text(buffer, option->text);
        buffer_append_byte(buffer, '\n');
    }
}
