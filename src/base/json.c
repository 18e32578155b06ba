/* SPDX-License-Identifier: MIT
 *
 * json.c - one checking pass with a small stack of its own, then walks over text known to be sound.
 */
#include "base/json.h"

/* ---- the checking pass ---- */

struct json_level {
    bool is_object;
    size_t names_start; /* where this object's names begin in json_scan.names */
};

struct json_scan {
    const char *at;
    const char *end;
    enum json_duplicates duplicates;
    unsigned depth;
    struct json_level levels[json_depth_max];
    size_t names_count; /* of all open objects together */
    bool names_escaped; /* at least one of them, so that bytes alone do not tell them apart */
    struct slice names[json_members_max];
    struct failure *reterr;
};

static bool json_refuse(struct json_scan *scan, const char *what)
{
    failure_set(scan->reterr, "%s", what);
    return false;
}

static void json_skip_space(struct json_scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r')) {
        scan->at++;
    }
}

static int json_hex_digit(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    char lower = (char)(character | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits of a \u escape, or -1. */
static int json_hex4(const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = json_hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static bool json_is_high_surrogate(int unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool json_is_low_surrogate(int unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Behind a backslash. Surrogates must come as a pair, or the text would not be Unicode. */
static bool json_scan_escape(struct json_scan *scan)
{
    if (scan->at == scan->end) {
        return json_refuse(scan, "a string does not end");
    }
    char kind = *scan->at++;
    if (kind != 'u') {
        return memchr("\"\\/bfnrt", kind, 8) != NULL || json_refuse(scan, "an unknown escape");
    }
    int unit = json_hex4(scan->at, scan->end);
    if (unit < 0 || json_is_low_surrogate(unit)) {
        return json_refuse(scan, "a malformed \\u escape");
    }
    scan->at += 4;
    if (json_is_high_surrogate(unit)) {
        bool pair = scan->end - scan->at >= 6 && scan->at[0] == '\\' && scan->at[1] == 'u' &&
                    json_is_low_surrogate(json_hex4(scan->at + 2, scan->end));
        if (!pair) {
            return json_refuse(scan, "half a surrogate pair");
        }
        scan->at += 6;
    }
    return true;
}

/* One character beyond ASCII (RFC 3629 4): no long forms, no surrogates, nothing over U+10FFFF. */
static bool json_scan_utf8(struct json_scan *scan)
{
    const unsigned char *text = (const unsigned char *)scan->at;
    size_t left = (size_t)(scan->end - scan->at);
    unsigned char first = text[0];
    size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length == 0 || length > left) {
        return json_refuse(scan, "text that is not UTF-8");
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return json_refuse(scan, "text that is not UTF-8");
        }
    }
    if ((first == 0xE0 && text[1] < 0xA0) || (first == 0xED && text[1] > 0x9F) ||
        (first == 0xF0 && text[1] < 0x90) || (first == 0xF4 && text[1] > 0x8F)) {
        return json_refuse(scan, "text that is not UTF-8");
    }
    scan->at += length;
    return true;
}

/* Eight plain characters at once: none is a quote, a backslash, a control or beyond ASCII. */
static bool json_eight_are_plain(const char *at)
{
    const uint64_t ones = 0x0101010101010101;
    const uint64_t tops = 0x8080808080808080;
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    uint64_t quotes = word ^ (ones * '"');
    uint64_t backslashes = word ^ (ones * '\\');
    uint64_t found = ((quotes - ones) & ~quotes) | ((backslashes - ones) & ~backslashes) |
                     ((word - ones * 0x20) & ~word) | word;
    return (found & tops) == 0;
}

/* At the opening quote; afterwards behind the closing one. */
static bool json_scan_string(struct json_scan *scan, struct slice *ret_inside)
{
    const char *start = ++scan->at;
    for (;;) {
        while (scan->end - scan->at >= 8 && json_eight_are_plain(scan->at)) {
            scan->at += 8;
        }
        if (scan->at == scan->end) {
            return json_refuse(scan, "a string does not end");
        }
        unsigned char byte = (unsigned char)*scan->at;
        if (byte == '"') {
            *ret_inside = slice_make(start, (size_t)(scan->at - start));
            scan->at++;
            return true;
        }
        if (byte == '\\') {
            scan->at++;
            if (!json_scan_escape(scan)) {
                return false;
            }
        } else if (byte < 0x20) {
            return json_refuse(scan, "a control character in a string");
        } else if (byte < 0x80) {
            scan->at++;
        } else if (!json_scan_utf8(scan)) {
            return false;
        }
    }
}

static size_t json_scan_digits(struct json_scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        scan->at++;
    }
    return (size_t)(scan->at - start);
}

static bool json_scan_number(struct json_scan *scan)
{
    if (*scan->at == '-') {
        scan->at++;
    }
    const char *start = scan->at;
    size_t digits = json_scan_digits(scan);
    if (digits == 0 || (digits > 1 && *start == '0')) {
        return json_refuse(scan, "a malformed number");
    }
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (json_scan_digits(scan) == 0) {
            return json_refuse(scan, "a malformed number");
        }
    }
    if (scan->at < scan->end && (*scan->at | 0x20) == 'e') {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-')) {
            scan->at++;
        }
        if (json_scan_digits(scan) == 0) {
            return json_refuse(scan, "a malformed number");
        }
    }
    return true;
}

static bool json_scan_word(struct json_scan *scan, struct slice word)
{
    struct slice rest = slice_make(scan->at, (size_t)(scan->end - scan->at));
    if (!slice_starts_with(rest, word)) {
        return json_refuse(scan, "something that is no value");
    }
    scan->at += word.length;
    return true;
}

/* ---- names ---- */

/* The next bytes of a string's text, its escape resolved, in UTF-8; <at> moves behind it. */
static size_t json_decode_next(const char **at, const char *end, char ret_bytes[4])
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *text = *at;
    if (*text != '\\') {
        ret_bytes[0] = *text;
        *at = text + 1;
        return 1;
    }
    if (text[1] != 'u') {
        ret_bytes[0] = to[(const char *)memchr(from, text[1], 8) - from];
        *at = text + 2;
        return 1;
    }
    unsigned code = (unsigned)json_hex4(text + 2, end);
    *at = text + 6;
    if (json_is_high_surrogate((int)code)) {
        unsigned low = (unsigned)json_hex4(text + 8, end);
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        *at = text + 12;
    }
    if (code < 0x80) {
        ret_bytes[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        ret_bytes[0] = (char)(0xC0 | code >> 6);
        ret_bytes[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        ret_bytes[0] = (char)(0xE0 | code >> 12);
        ret_bytes[1] = (char)(0x80 | (code >> 6 & 63));
        ret_bytes[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    ret_bytes[0] = (char)(0xF0 | code >> 18);
    ret_bytes[1] = (char)(0x80 | (code >> 12 & 63));
    ret_bytes[2] = (char)(0x80 | (code >> 6 & 63));
    ret_bytes[3] = (char)(0x80 | (code & 63));
    return 4;
}

static bool json_has_escape(struct slice inside)
{
    return slice_find(inside, '\\') < inside.length;
}

/* Compares the text of <inside>, escapes resolved, with plain <text>. */
static bool json_inside_is(struct slice inside, struct slice text)
{
    if (!json_has_escape(inside)) {
        return slice_equals(inside, text);
    }
    const char *at = inside.data;
    const char *end = inside.data + inside.length;
    size_t matched = 0;
    while (at < end) {
        char bytes[4];
        size_t count = json_decode_next(&at, end, bytes);
        if (text.length - matched < count || memcmp(text.data + matched, bytes, count) != 0) {
            return false;
        }
        matched += count;
    }
    return matched == text.length;
}

static bool json_same_name(struct slice a, struct slice b)
{
    bool a_escaped = json_has_escape(a);
    if (!a_escaped || !json_has_escape(b)) {
        return a_escaped ? json_inside_is(a, b) : json_inside_is(b, a);
    }
    const char *a_at = a.data;
    const char *b_at = b.data;
    const char *a_end = a.data + a.length;
    const char *b_end = b.data + b.length;
    /* Character by character: raw multi-byte text on one side may face an escape on the other, so
     * compare bytes. */
    char a_bytes[4], b_bytes[4];
    size_t a_count = 0, b_count = 0, a_used = 0, b_used = 0;
    for (;;) {
        if (a_used == a_count) {
            a_used = 0;
            a_count = a_at < a_end ? json_decode_next(&a_at, a_end, a_bytes) : 0;
        }
        if (b_used == b_count) {
            b_used = 0;
            b_count = b_at < b_end ? json_decode_next(&b_at, b_end, b_bytes) : 0;
        }
        if (a_count == 0 || b_count == 0) {
            return a_count == b_count;
        }
        if (a_bytes[a_used++] != b_bytes[b_used++]) {
            return false;
        }
    }
}

static enum status json_note_name(struct json_scan *scan, struct slice name)
{
    const struct json_level *level = &scan->levels[scan->depth - 1];
    if (scan->duplicates == JSON_DUPLICATES_UNCHECKED) {
        return STATUS_OK;
    }
    scan->names_escaped = scan->names_escaped || json_has_escape(name);
    for (size_t i = level->names_start; i < scan->names_count; i++) {
        if (scan->names_escaped ? json_same_name(scan->names[i], name)
                                : slice_equals(scan->names[i], name)) {
            json_refuse(scan, "a name twice in one object");
            return STATUS_INVALID;
        }
    }
    if (scan->names_count == json_members_max) {
        json_refuse(scan, "too many members");
        return STATUS_LIMIT;
    }
    scan->names[scan->names_count++] = name;
    return STATUS_OK;
}

/* ---- structure ---- */

static enum status json_open(struct json_scan *scan, bool is_object)
{
    if (scan->depth == json_depth_max) {
        json_refuse(scan, "nested too deeply");
        return STATUS_LIMIT;
    }
    scan->levels[scan->depth++] =
        (struct json_level){.is_object = is_object, .names_start = scan->names_count};
    scan->at++;
    return STATUS_OK;
}

/* A member's name and colon. */
static enum status json_scan_name(struct json_scan *scan)
{
    struct slice name;
    json_skip_space(scan);
    if (scan->at == scan->end || *scan->at != '"') {
        json_refuse(scan, "a member without a name");
        return STATUS_INVALID;
    }
    if (!json_scan_string(scan, &name)) {
        return STATUS_INVALID;
    }
    json_skip_space(scan);
    if (scan->at == scan->end || *scan->at != ':') {
        json_refuse(scan, "a name without a value");
        return STATUS_INVALID;
    }
    scan->at++;
    return json_note_name(scan, name);
}

/* A string, a number or a word; or the opening of a container, told by <ret_opened>. */
static enum status json_scan_value(struct json_scan *scan, bool *ret_opened)
{
    struct slice inside;
    bool sound;
    *ret_opened = false;
    json_skip_space(scan);
    if (scan->at == scan->end) {
        json_refuse(scan, "the text ends where a value is expected");
        return STATUS_INVALID;
    }
    switch (*scan->at) {
    case '{':
    case '[':
        *ret_opened = true;
        return json_open(scan, *scan->at == '{');
    case '"':
        sound = json_scan_string(scan, &inside);
        break;
    case 't':
        sound = json_scan_word(scan, SLICE("true"));
        break;
    case 'f':
        sound = json_scan_word(scan, SLICE("false"));
        break;
    case 'n':
        sound = json_scan_word(scan, SLICE("null"));
        break;
    default:
        sound = (*scan->at == '-' || (*scan->at >= '0' && *scan->at <= '9'))
                    ? json_scan_number(scan)
                    : json_refuse(scan, "something that is no value");
        break;
    }
    return sound ? STATUS_OK : STATUS_INVALID;
}

/* Closes what the next characters close. True when a value must follow, or all is closed. */
static bool json_scan_after_value(struct json_scan *scan)
{
    while (scan->depth > 0) {
        struct json_level *level = &scan->levels[scan->depth - 1];
        json_skip_space(scan);
        char next = scan->at < scan->end ? *scan->at : '\0';
        if (next == ',') {
            scan->at++;
            return true;
        }
        if (next != (level->is_object ? '}' : ']')) {
            return json_refuse(scan, "a missing comma or closing bracket");
        }
        scan->at++;
        scan->names_count = level->names_start;
        scan->depth--;
    }
    return true;
}

/* An opening bracket was read: an empty container closes at once. */
static bool json_closes_at_once(struct json_scan *scan)
{
    const struct json_level *level = &scan->levels[scan->depth - 1];
    json_skip_space(scan);
    if (scan->at < scan->end && *scan->at == (level->is_object ? '}' : ']')) {
        scan->at++;
        scan->depth--;
        return true;
    }
    return false;
}

static enum status json_scan_all(struct json_scan *scan)
{
    do {
        enum status status = STATUS_OK;
        bool opened = false;
        if (scan->depth > 0 && scan->levels[scan->depth - 1].is_object) {
            status = json_scan_name(scan);
        }
        if (status == STATUS_OK) {
            status = json_scan_value(scan, &opened);
        }
        if (status != STATUS_OK) {
            return status;
        }
        if (opened && !json_closes_at_once(scan)) {
            continue;
        }
        if (!json_scan_after_value(scan)) {
            return STATUS_INVALID;
        }
    } while (scan->depth > 0);
    json_skip_space(scan);
    if (scan->at != scan->end) {
        json_refuse(scan, "something behind the value");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum json_kind json_kind_of(char first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

enum status json_parse(struct slice text, enum json_duplicates duplicates, struct json_value *ret,
                       struct failure *reterr)
{
    struct json_scan scan;
    struct failure failure = {""};
    if (text.length == 0) {
        failure_set(reterr, "not JSON: the text is empty");
        return STATUS_INVALID;
    }
    /* Not zeroed as a whole: the names are many and written before they are read. */
    scan.at = text.data;
    scan.end = text.data + text.length;
    scan.duplicates = duplicates;
    scan.depth = 0;
    scan.names_count = 0;
    scan.names_escaped = false;
    scan.reterr = &failure;
    enum status status = json_scan_all(&scan);
    if (status != STATUS_OK) {
        failure_set(reterr, "not JSON: %.200s", failure.text);
        return status;
    }
    const char *start = text.data;
    const char *end = scan.end;
    while (*start == ' ' || *start == '\t' || *start == '\n' || *start == '\r') {
        start++;
    }
    while (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n' || end[-1] == '\r') {
        end--;
    }
    *ret = (struct json_value){json_kind_of(*start), slice_make(start, (size_t)(end - start))};
    return STATUS_OK;
}

/* ---- walks: the text is sound, so nothing can run over its end ---- */

static const char *json_after_space(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') {
        at++;
    }
    return at;
}

/* Behind the string whose opening quote is at <at>; <end> is that of the text.
 */
static const char *json_after_string(const char *at, const char *end)
{
    at++;
    for (;;) {
        while (end - at >= 8 && json_eight_are_plain(at)) {
            at += 8;
        }
        if (*at == '"') {
            return at + 1;
        }
        at += *at == '\\' ? 2 : 1;
    }
}

/* A byte of a number, true, false or null. */
static bool json_is_of_scalar(char byte)
{
    return byte > ' ' && byte != ',' && byte != '}' && byte != ']';
}

static const char *json_after_value(const char *at, const char *end)
{
    size_t depth = 0;
    do {
        if (*at == '"') {
            at = json_after_string(at, end);
            continue;
        }
        if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == '}' || *at == ']') {
            depth--;
        } else if (depth == 0) {
            while (at < end && json_is_of_scalar(*at)) {
                at++;
            }
            return at;
        }
        at++;
    } while (depth > 0);
    return at;
}

struct json_walk json_walk_begin(struct json_value container)
{
    struct json_walk walk = {0};
    if (container.kind == JSON_OBJECT || container.kind == JSON_ARRAY) {
        walk.is_object = container.kind == JSON_OBJECT;
        walk.rest = slice_after(container.text, 1);
    }
    return walk;
}

bool json_walk_next(struct json_walk *walk, struct slice *ret_name, struct json_value *ret_value)
{
    if (walk->rest.length == 0) {
        return false;
    }
    const char *end = walk->rest.data + walk->rest.length;
    const char *at = json_after_space(walk->rest.data);
    struct slice name = {0};
    if (*at == ',') {
        at = json_after_space(at + 1);
    }
    if (*at == '}' || *at == ']') {
        walk->rest.length = 0;
        return false;
    }
    if (walk->is_object) {
        const char *name_end = json_after_string(at, end);
        name = slice_make(at + 1, (size_t)(name_end - at) - 2);
        at = json_after_space(json_after_space(name_end) + 1);
    }
    const char *value_end = json_after_value(at, end);
    *ret_value = (struct json_value){json_kind_of(*at), slice_make(at, (size_t)(value_end - at))};
    if (ret_name != NULL) {
        *ret_name = name;
    }
    walk->rest = slice_make(value_end, (size_t)(end - value_end));
    return true;
}

struct json_value json_member(struct json_value object, const char *name)
{
    struct slice wanted = slice_from_string(name);
    struct json_value value;
    struct slice found;
    if (object.kind != JSON_OBJECT) {
        return (struct json_value){0};
    }
    struct json_walk walk = json_walk_begin(object);
    while (json_walk_next(&walk, &found, &value)) {
        if (json_inside_is(found, wanted)) {
            return value;
        }
    }
    return (struct json_value){0};
}

/* ---- values ---- */

static struct slice json_inside(struct json_value value)
{
    return slice_make(value.text.data + 1, value.text.length - 2);
}

enum status json_string(struct json_value value, struct arena *arena, struct slice *ret)
{
    if (value.kind != JSON_STRING) {
        return STATUS_INVALID;
    }
    struct slice inside = json_inside(value);
    if (!json_has_escape(inside)) {
        *ret = inside;
        return STATUS_OK;
    }
    /* No escape is shorter than what it stands for. */
    char *text = arena_allocate(arena, inside.length);
    if (text == NULL) {
        return STATUS_NO_MEMORY;
    }
    const char *at = inside.data;
    const char *end = inside.data + inside.length;
    size_t length = 0;
    while (at < end) {
        char bytes[4];
        size_t count = json_decode_next(&at, end, bytes);
        memcpy(text + length, bytes, count);
        length += count;
    }
    *ret = slice_make(text, length);
    return STATUS_OK;
}

bool json_string_is(struct json_value value, const char *text)
{
    return value.kind == JSON_STRING && json_inside_is(json_inside(value), slice_from_string(text));
}

/* The number's digits and decimal exponent. */
struct json_decimal {
    bool negative;
    bool exact; /* no digit was lost */
    uint64_t digits;
    int64_t exponent;
};

static struct json_decimal json_decimal_of(struct slice text)
{
    struct json_decimal number = {.exact = true};
    size_t i = 0;
    bool fraction = false;
    if (text.data[0] == '-') {
        number.negative = true;
        i++;
    }
    for (; i < text.length && (text.data[i] | 0x20) != 'e'; i++) {
        if (text.data[i] == '.') {
            fraction = true;
            continue;
        }
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (number.digits > (UINT64_MAX - digit) / 10) {
            number.exponent += fraction ? 0 : 1; /* too long to keep; its size still counts */
            number.exact = number.exact && digit == 0;
            continue;
        }
        number.digits = number.digits * 10 + digit;
        number.exponent -= fraction ? 1 : 0;
    }
    if (i < text.length) {
        bool negative = text.data[i + 1] == '-';
        uint64_t exponent = 0;
        for (i += text.data[i + 1] == '-' || text.data[i + 1] == '+' ? 2 : 1; i < text.length;
             i++) {
            exponent =
                exponent > 100000 ? exponent : exponent * 10 + (uint64_t)(text.data[i] - '0');
        }
        number.exponent += negative ? -(int64_t)exponent : (int64_t)exponent;
    }
    return number;
}

bool json_numeric_date(struct json_value value, int64_t *ret)
{
    const uint64_t limit = (uint64_t)1 << 53;
    if (value.kind != JSON_NUMBER) {
        return false;
    }
    struct json_decimal number = json_decimal_of(value.text);
    uint64_t whole = number.digits;
    bool rest = !number.exact;
    for (; number.exponent > 0 && whole != 0; number.exponent--) {
        if (whole > limit / 10) {
            return false;
        }
        whole *= 10;
    }
    for (; number.exponent < 0 && whole != 0; number.exponent++) {
        rest = rest || whole % 10 != 0;
        whole /= 10;
    }
    whole += number.negative && rest ? 1 : 0; /* the floor lies away from zero */
    if (whole > limit) {
        return false;
    }
    *ret = number.negative ? -(int64_t)whole : (int64_t)whole;
    return true;
}
