/* SPDX-License-Identifier: MIT
 *
 * redact_scan.c - finds secrets by what they begin with.
 *
 * Each byte is looked up in a table; only a byte that may begin a pattern costs more. A look ahead
 * or back is capped, or its bytes are skipped afterwards, so no text makes it slow. */
#include "mem/redact_scan.h"

enum {
    email_local_max = 64, /* RFC 5321 4.5.3.1 */
    email_domain_max = 255,
    card_digits_least = 13,
    card_digits_max = 19,
    bearer_least = 16,
    jwt_part_least = 8,
};

enum character {
    IS_LOWER = 1,
    IS_UPPER = 2,
    IS_DIGIT = 4,
    IS_DASH = 8,        /* - */
    IS_UNDERSCORE = 16, /* _ */
    IS_TOKEN = 32,      /* . ~ + / = : the rest of token68 (RFC 9110 11.2) */
    IS_LOCAL = 64,      /* . % + ' : the rest of what emails have before the @ */
    MAY_BEGIN = 128,    /* a pattern */
};
#define IS_ALPHANUMERIC (IS_LOWER | IS_UPPER | IS_DIGIT)
#define IS_KEY (IS_ALPHANUMERIC | IS_DASH | IS_UNDERSCORE)

/* What keys begin with; what follows is of <of>, at least <least> of it. Longer ones first. */
static const struct key_form {
    const char *prefix;
    const char *kind;
    unsigned of;
    size_t least;
} key_forms[] = {
    {"AKIA", "key", IS_UPPER | IS_DIGIT, 16},
    {"ASIA", "key", IS_UPPER | IS_DIGIT, 16},
    {"AIza", "key", IS_KEY, 30},
    {"github_pat_", "key", IS_KEY, 20},
    {"glpat-", "key", IS_KEY, 16},
    {"ghp_", "key", IS_ALPHANUMERIC, 20},
    {"gho_", "key", IS_ALPHANUMERIC, 20},
    {"ghu_", "key", IS_ALPHANUMERIC, 20},
    {"ghs_", "key", IS_ALPHANUMERIC, 20},
    {"ghr_", "key", IS_ALPHANUMERIC, 20},
    {"hf_", "key", IS_ALPHANUMERIC, 20},
    {"npm_", "key", IS_ALPHANUMERIC, 20},
    {"pk_live_", "key", IS_ALPHANUMERIC, 10},
    {"rk_live_", "key", IS_ALPHANUMERIC, 10},
    {"sk_live_", "key", IS_ALPHANUMERIC, 10},
    {"sk_test_", "key", IS_ALPHANUMERIC, 10},
    {"sk-", "key", IS_KEY, 16},
    {"xoxa-", "key", IS_KEY, 10},
    {"xoxb-", "key", IS_KEY, 10},
    {"xoxe-", "key", IS_KEY, 10},
    {"xoxp-", "key", IS_KEY, 10},
    {"xoxr-", "key", IS_KEY, 10},
    {"xoxs-", "key", IS_KEY, 10},
};

/* A find: [begin, end) of the text. */
struct find {
    const char *kind;
    size_t begin;
    size_t end;
};

#define LOWER IS_LOWER
#define BEGIN_LOWER (IS_LOWER | MAY_BEGIN)
#define BEGIN_UPPER (IS_UPPER | MAY_BEGIN)
#define BEGIN_DIGIT (IS_DIGIT | MAY_BEGIN)

static const unsigned char characters[256] = {
    ['0' ... '9'] = BEGIN_DIGIT,
    ['A'] = BEGIN_UPPER,
    ['B'] = BEGIN_UPPER,
    ['C' ... 'Z'] = IS_UPPER,
    ['a'] = LOWER,
    ['b'] = BEGIN_LOWER,
    ['c' ... 'd'] = LOWER,
    ['e'] = BEGIN_LOWER,
    ['f'] = LOWER,
    ['g'] = BEGIN_LOWER,
    ['h'] = BEGIN_LOWER,
    ['i' ... 'm'] = LOWER,
    ['n'] = BEGIN_LOWER,
    ['o'] = LOWER,
    ['p'] = BEGIN_LOWER,
    ['q'] = LOWER,
    ['r'] = BEGIN_LOWER,
    ['s'] = BEGIN_LOWER,
    ['t' ... 'w'] = LOWER,
    ['x'] = BEGIN_LOWER,
    ['y' ... 'z'] = LOWER,
    ['-'] = IS_DASH | MAY_BEGIN,
    ['_'] = IS_UNDERSCORE,
    ['.'] = IS_TOKEN | IS_LOCAL,
    ['~'] = IS_TOKEN,
    ['+'] = IS_TOKEN | IS_LOCAL,
    ['/'] = IS_TOKEN,
    ['='] = IS_TOKEN,
    ['%'] = IS_LOCAL,
    ['\''] = IS_LOCAL,
    ['@'] = MAY_BEGIN,
};

static bool is_of(struct slice text, size_t at, unsigned classes)
{
    return at < text.length && (characters[(unsigned char)text.data[at]] & classes) != 0;
}

static size_t run_end(struct slice text, size_t at, unsigned classes)
{
    while (is_of(text, at, classes)) {
        at++;
    }
    return at;
}

static bool find_key(struct slice text, size_t at, struct find *ret)
{
    struct slice rest = slice_after(text, at);
    for (size_t i = 0; i < sizeof(key_forms) / sizeof(*key_forms); i++) {
        const struct key_form *form = &key_forms[i];
        if (form->prefix[0] != rest.data[0]) {
            continue;
        }
        struct slice prefix = slice_from_string(form->prefix);
        if (!slice_starts_with(rest, prefix)) {
            continue;
        }
        size_t end = run_end(text, at + prefix.length, form->of);
        if (end - at - prefix.length >= form->least) {
            *ret = (struct find){form->kind, at, end};
            return true;
        }
    }
    return false;
}

/* Three parts of base64url, the first of which begins an object: {" (RFC 7519 3). */
static bool find_jwt(struct slice text, size_t at, struct find *ret, size_t *ret_skip)
{
    if (!slice_starts_with(slice_after(text, at), SLICE("eyJ"))) {
        return false;
    }
    size_t end = at;
    for (unsigned part = 0; part < 3; part++) {
        size_t begin = end;
        end = run_end(text, begin, IS_KEY);
        *ret_skip = part == 0 ? end : *ret_skip; /* nothing inside the first part does better */
        if (part < 2 &&
            (end - begin < jwt_part_least || end >= text.length || text.data[end] != '.')) {
            return false;
        }
        end += part < 2 ? 1 : 0;
    }
    *ret = (struct find){"token", at, end};
    return true;
}

static bool find_bearer(struct slice text, size_t at, struct find *ret)
{
    if (!slice_starts_with_ignoring_case(slice_after(text, at), SLICE("bearer "))) {
        return false;
    }
    size_t begin = at + 7;
    while (begin < text.length && begin < at + 16 && text.data[begin] == ' ') {
        begin++;
    }
    size_t end = run_end(text, begin, IS_KEY | IS_TOKEN);
    *ret = (struct find){"token", begin, end};
    return end - begin >= bearer_least;
}

static bool find_private_key(struct slice text, size_t at, struct find *ret)
{
    static const char end_mark[] = "-----END ";
    struct slice rest = slice_after(text, at);
    if (!slice_starts_with(rest, SLICE("-----BEGIN "))) {
        return false;
    }
    struct slice label = slice_after(rest, 11);
    label.length = label.length > 64 ? 64 : label.length;
    const char *mark = memmem(label.data, label.length, "PRIVATE KEY-----", 16);
    if (mark == NULL) {
        return false;
    }
    size_t body = (size_t)(mark - text.data) + 16;
    const char *end = memmem(text.data + body, text.length - body, end_mark, sizeof(end_mark) - 1);
    *ret = (struct find){"key", at, text.length};
    if (end != NULL) {
        size_t last = (size_t)(end - text.data) + sizeof(end_mark) - 1;
        last = run_end(text, last, IS_UPPER | IS_DIGIT);
        while (last < text.length && text.data[last] == ' ') {
            last = run_end(text, last + 1, IS_UPPER | IS_DIGIT);
        }
        ret->end = run_end(text, last, IS_DASH);
    }
    return true;
}

/* The check digit of ISO/IEC 7812-1, annex B. */
static bool luhn_is_right(const unsigned char *digits, size_t count)
{
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned digit = digits[count - 1 - i];
        digit = i % 2 == 1 ? digit * 2 : digit;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}

/* 13 to 19 digits, single spaces or dashes between them. */
static bool find_card(struct slice text, size_t at, struct find *ret, size_t *ret_skip)
{
    unsigned char digits[card_digits_max];
    size_t ends[card_digits_max];
    size_t count = 0;
    size_t i = at;
    while (i < text.length && count < card_digits_max) {
        if (is_of(text, i, IS_DIGIT)) {
            digits[count] = (unsigned char)(text.data[i] - '0');
            ends[count++] = ++i;
        } else if ((text.data[i] == ' ' || text.data[i] == '-') && is_of(text, i + 1, IS_DIGIT)) {
            i++;
        } else {
            break;
        }
    }
    *ret_skip = run_end(text, at, IS_DIGIT);
    for (; count >= card_digits_least; count--) {
        size_t end = ends[count - 1];
        if (!is_of(text, end, IS_ALPHANUMERIC | IS_UNDERSCORE) && digits[0] != 0 &&
            luhn_is_right(digits, count)) {
            *ret = (struct find){"card", at, end};
            return true;
        }
    }
    return false;
}

/* <at> is the @; nothing before <least> belongs to it. */
static bool find_email(struct slice text, size_t at, size_t least, struct find *ret)
{
    size_t begin = at;
    while (begin > least && at - begin < email_local_max &&
           is_of(text, begin - 1, IS_KEY | IS_LOCAL)) {
        begin--;
    }
    size_t end = at + 1;
    size_t dot = 0;
    while (end < text.length && end - at <= email_domain_max &&
           (is_of(text, end, IS_ALPHANUMERIC | IS_DASH) ||
            (text.data[end] == '.' && is_of(text, end + 1, IS_ALPHANUMERIC)))) {
        dot = text.data[end] == '.' ? end : dot;
        end++;
    }
    *ret = (struct find){"email", begin, end};
    return begin < at && dot > at + 1 && end - dot > 2 && !is_of(text, dot + 1, IS_DIGIT | IS_DASH);
}

/* True when a pattern is found at <at>; else *ret_skip is where to go on. */
static bool find_at(struct slice text, size_t at, size_t least, struct find *ret, size_t *ret_skip)
{
    char character = text.data[at];
    *ret_skip = at + 1;
    if (character == '@') {
        return find_email(text, at, least, ret);
    }
    if (character == '-') {
        return find_private_key(text, at, ret);
    }
    if (at > 0 && is_of(text, at - 1, IS_ALPHANUMERIC | IS_UNDERSCORE)) {
        return false; /* in the middle of a word */
    }
    if (is_of(text, at, IS_DIGIT)) {
        return find_card(text, at, ret, ret_skip);
    }
    if (character == 'b' || character == 'B') {
        return find_bearer(text, at, ret);
    }
    return character == 'e' ? find_jwt(text, at, ret, ret_skip) : find_key(text, at, ret);
}

bool redact_scan(struct slice text, struct buffer *buffer)
{
    bool is_found = false;
    size_t copied = 0;
    for (size_t at = 0; at < text.length;) {
        if ((characters[(unsigned char)text.data[at]] & MAY_BEGIN) == 0) {
            at++;
            continue;
        }
        struct find find = {0};
        size_t skip = at + 1;
        if (!find_at(text, at, copied, &find, &skip)) {
            at = skip;
            continue;
        }
        buffer_append(buffer, slice_make(text.data + copied, find.begin - copied));
        buffer_append_string(buffer, "[redacted:");
        buffer_append_string(buffer, find.kind);
        buffer_append_byte(buffer, ']');
        is_found = true;
        copied = find.end;
        at = find.end;
    }
    if (is_found) {
        buffer_append(buffer, slice_make(text.data + copied, text.length - copied));
    }
    return is_found;
}
