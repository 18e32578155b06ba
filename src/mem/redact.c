/* SPDX-License-Identifier: MIT
 *
 * redact.c - the expressions of MEM_REDACT, and JSON; redact_scan.c has the built-in patterns. */
#include "mem/redact.h"

#include "base/json.h"
#include "mem/redact_scan.h"

#include <regex.h>
#include <stdlib.h>

enum { redacted_bytes_max = 1024 * 1024 * 1024 };

struct redactor {
    bool is_on;
    size_t count;
    regex_t expressions[redact_expressions_max];
};

/* regcomp does not say where: what follows the longest part that can be read. */
static size_t expression_column(const char *expression)
{
    char part[redact_expression_bytes_max + 1];
    for (size_t length = strlen(expression); length-- > 0;) {
        regex_t compiled;
        memcpy(part, expression, length);
        part[length] = '\0';
        if (regcomp(&compiled, part, REG_EXTENDED) == 0) {
            regfree(&compiled);
            return length + 1;
        }
    }
    return 1;
}

static enum status expression_add(struct redactor *redactor, struct slice line, size_t number,
                                  struct failure *reterr)
{
    char expression[redact_expression_bytes_max + 1];
    if (redactor->count == redact_expressions_max) {
        failure_set(reterr, "MEM_REDACT, line %zu: more than %d expressions", number,
                    (int)redact_expressions_max);
        return STATUS_INVALID;
    }
    if (line.length > redact_expression_bytes_max || memchr(line.data, '\0', line.length) != NULL) {
        failure_set(reterr, "MEM_REDACT, line %zu, column %d: too long", number,
                    (int)redact_expression_bytes_max + 1);
        return STATUS_INVALID;
    }
    memcpy(expression, line.data, line.length);
    expression[line.length] = '\0';
    int code = regcomp(&redactor->expressions[redactor->count], expression, REG_EXTENDED);
    if (code != 0) {
        char why[120];
        regerror(code, &redactor->expressions[redactor->count], why, sizeof(why));
        failure_set(reterr, "MEM_REDACT, line %zu, column %zu: %s", number,
                    expression_column(expression), why);
        return STATUS_INVALID;
    }
    redactor->count++;
    return STATUS_OK;
}

enum status redactor_create(struct slice setting, struct redactor **ret, struct failure *reterr)
{
    struct redactor *redactor = calloc(1, sizeof(*redactor));
    if (redactor == NULL) {
        failure_set(reterr, "no memory for the patterns of MEM_REDACT");
        return STATUS_NO_MEMORY;
    }
    redactor->is_on = !slice_equals_ignoring_case(slice_trim(setting), SLICE("off"));
    struct slice rest = redactor->is_on ? setting : slice_make(NULL, 0);
    enum status status = STATUS_OK;
    for (size_t number = 1; rest.length > 0 && status == STATUS_OK; number++) {
        size_t end = slice_find(rest, '\n');
        struct slice line = slice_make(rest.data, end);
        rest = slice_after(rest, end < rest.length ? end + 1 : end);
        if (line.length > 0 && line.data[line.length - 1] == '\r') {
            line.length--;
        }
        if (slice_trim(line).length > 0 &&
            !slice_equals_ignoring_case(slice_trim(line), SLICE("on"))) {
            status = expression_add(redactor, line, number, reterr);
        }
    }
    if (status != STATUS_OK) {
        redactor_free(redactor);
        return status;
    }
    *ret = redactor;
    return STATUS_OK;
}

void redactor_free(struct redactor *redactor)
{
    if (redactor == NULL) {
        return;
    }
    for (size_t i = 0; i < redactor->count; i++) {
        regfree(&redactor->expressions[i]);
    }
    free(redactor);
}

/* ---- expressions ---- */

/* Appends <line>, which has a NUL behind it, without the matches; true when there was one. */
static bool expression_apply(const regex_t *expression, struct slice line, struct buffer *buffer)
{
    bool is_found = false;
    size_t at = 0;
    size_t copied = 0;
    regmatch_t match;
    while (at <= line.length &&
           regexec(expression, line.data + at, 1, &match, at > 0 ? REG_NOTBOL : 0) == 0) {
        size_t begin = at + (size_t)match.rm_so;
        size_t end = at + (size_t)match.rm_eo;
        at = end;
        if (begin == end) { /* nothing is nothing to black out */
            at++;
            continue;
        }
        buffer_append(buffer, slice_make(line.data + copied, begin - copied));
        buffer_append_string(buffer, "[redacted:pattern]");
        is_found = true;
        copied = end;
    }
    buffer_append(buffer, slice_make(line.data + copied, line.length - copied));
    return is_found;
}

/* Lines end at a newline; also at a NUL, behind which regexec would see nothing. */
static bool expression_apply_lines(const regex_t *expression, struct slice text,
                                   struct buffer *buffer)
{
    bool is_found = false;
    struct buffer line;
    buffer_init(&line, redact_line_bytes_max + 1);
    while (text.length > 0) {
        size_t length = 0;
        while (length < text.length && length < redact_line_bytes_max &&
               text.data[length] != '\n' && text.data[length] != '\0') {
            length++;
        }
        buffer_reset(&line);
        buffer_append(&line, slice_make(text.data, length));
        buffer_append_byte(&line, '\0');
        buffer->failed = buffer->failed || line.failed;
        if (buffer->failed) {
            break;
        }
        is_found = expression_apply(expression, slice_make(line.data, length), buffer) || is_found;
        text = slice_after(text, length);
        if (text.length > 0 && (text.data[0] == '\n' || text.data[0] == '\0')) {
            buffer_append_byte(buffer, text.data[0]);
            text = slice_after(text, 1);
        }
    }
    buffer_clear(&line);
    return is_found;
}

bool redact_text(const struct redactor *redactor, struct slice text, struct buffer *buffer)
{
    if (!redactor->is_on || text.length == 0) {
        return false;
    }
    if (redactor->count == 0) {
        return redact_scan(text, buffer);
    }
    struct buffer halves[2];
    buffer_init(&halves[0], redacted_bytes_max);
    buffer_init(&halves[1], redacted_bytes_max);
    bool is_found = redact_scan(text, &halves[0]);
    struct slice now = is_found ? buffer_slice(&halves[0]) : text;
    size_t next = is_found ? 1 : 0;
    bool has_failed = halves[0].failed;
    for (size_t i = 0; i < redactor->count; i++) {
        buffer_reset(&halves[next]);
        if (expression_apply_lines(&redactor->expressions[i], now, &halves[next])) {
            is_found = true;
            has_failed = has_failed || halves[next].failed;
            now = buffer_slice(&halves[next]);
            next = 1 - next;
        }
        has_failed = has_failed || halves[next].failed;
    }
    if (is_found || has_failed) {
        buffer_append(buffer, now);
        buffer->failed = buffer->failed || has_failed;
    }
    buffer_clear(&halves[0]);
    buffer_clear(&halves[1]);
    return is_found || has_failed;
}

/* ---- JSON ---- */

/* Position behind the string that begins at <at>; the length of <text> when it does not end. */
static size_t string_end(struct slice text, size_t at)
{
    for (size_t i = at + 1; i < text.length; i++) {
        if (text.data[i] == '\\') {
            i++;
        } else if (text.data[i] == '"') {
            return i + 1;
        }
    }
    return text.length;
}

static size_t number_end(struct slice text, size_t at)
{
    while (at < text.length &&
           ((text.data[at] >= '0' && text.data[at] <= '9') || text.data[at] == '.' ||
            text.data[at] == '-' || text.data[at] == '+' || (text.data[at] | 0x20) == 'e')) {
        at++;
    }
    return at;
}

/* Appends <token>, a string or a number, looked at as its reader will see it. */
static bool token_redact(const struct redactor *redactor, struct slice token, struct buffer *buffer)
{
    struct buffer plain;
    struct arena arena;
    struct slice text = token;
    buffer_init(&plain, redacted_bytes_max);
    arena_init(&arena, redacted_bytes_max);
    bool is_sound = true;
    if (token.data[0] == '"') {
        struct json_value value = {.kind = JSON_STRING, .text = token};
        is_sound = json_string(value, &arena, &text) == STATUS_OK;
    }
    bool is_found = is_sound && redact_text(redactor, text, &plain);
    if (!is_sound || plain.failed) { /* rather nothing than what nobody looked at */
        buffer_append_string(buffer, "\"[redacted:unreadable]\"");
        is_found = true;
    } else if (is_found) {
        buffer_append_json_string(buffer, buffer_slice(&plain));
    } else {
        buffer_append(buffer, token);
    }
    buffer_clear(&plain);
    arena_clear(&arena);
    return is_found;
}

bool redact_json(const struct redactor *redactor, struct slice text, struct buffer *buffer)
{
    struct json_value whole;
    struct failure failure;
    if (!redactor->is_on || text.length == 0) {
        return false;
    }
    if (json_parse(text, JSON_DUPLICATES_UNCHECKED, &whole, &failure) != STATUS_OK) {
        return redact_text(redactor, text, buffer);
    }
    size_t begin = buffer->length;
    bool is_found = false;
    for (size_t at = 0; at < text.length;) {
        size_t end = at;
        if (text.data[at] == '"') {
            end = string_end(text, at);
        } else if (text.data[at] == '-' || (text.data[at] >= '0' && text.data[at] <= '9')) {
            end = number_end(text, at);
        }
        if (end > at) {
            is_found =
                token_redact(redactor, slice_make(text.data + at, end - at), buffer) || is_found;
            at = end;
        } else {
            buffer_append_byte(buffer, text.data[at++]);
        }
    }
    if (!is_found && !buffer->failed) {
        buffer->length = begin;
    }
    return is_found || buffer->failed;
}
