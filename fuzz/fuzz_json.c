/* SPDX-License-Identifier: MIT
 *
 * fuzz_json.c - any bytes as JSON.
 *
 * What json_parse accepts is walked to its last value: the walks skip nothing, each value read
 * alone is the same, names lead to their members, texts survive being written again, and numeric
 * dates agree with arithmetic on the digits. */
#include "base/buffer.h"
#include "base/json.h"
#include "target.h"

#include <assert.h>
#include <stdlib.h>

enum {
    input_bytes_max = 4096,
    date_digits_max = 16, /* of 2^53 */
    exponent_max = 100000,
};

size_t inputs_accepted;

/* ---- numeric dates ---- */

static uint64_t exponent_of(struct slice digits)
{
    uint64_t exponent = 0;
    for (size_t i = 0; i < digits.length && exponent < exponent_max; i++) {
        exponent = exponent * 10 + (uint64_t)(digits.data[i] - '0');
    }
    return exponent;
}

/* The digits of the number without its point, which comes to stand behind <ret_point> of them. */
static struct slice digits_of(struct slice text, char *digits, int64_t *ret_point)
{
    size_t count = 0;
    int64_t point = -1;
    size_t at = text.data[0] == '-' ? 1 : 0;
    for (; at < text.length && (text.data[at] | 0x20) != 'e'; at++) {
        if (text.data[at] == '.') {
            point = (int64_t)count;
        } else {
            digits[count++] = text.data[at];
        }
    }
    point = point < 0 ? (int64_t)count : point;
    if (at < text.length) {
        bool is_negative = text.data[at + 1] == '-';
        at += is_negative || text.data[at + 1] == '+' ? 2 : 1;
        int64_t exponent = (int64_t)exponent_of(slice_after(text, at));
        point += is_negative ? -exponent : exponent;
    }
    *ret_point = point;
    return slice_make(digits, count);
}

/* The floor of the number, or false when it lies outside +-2^53. */
static bool date_of(struct slice text, int64_t *ret)
{
    char digits_memory[input_bytes_max];
    int64_t point = 0;
    struct slice digits = digits_of(text, digits_memory, &point);
    int64_t whole = 0;
    bool has_rest = false;
    bool has_whole = false;
    while (digits.length > 0 && digits.data[0] == '0') {
        digits = slice_after(digits, 1);
        point--;
    }
    has_whole = digits.length > 0 && point > 0;
    if (has_whole && point > date_digits_max) {
        return false;
    }
    for (int64_t i = 0; has_whole && i < point; i++) {
        whole = whole * 10 + (i < (int64_t)digits.length ? digits.data[i] - '0' : 0);
    }
    for (size_t i = 0; i < digits.length; i++) {
        has_rest = has_rest || ((int64_t)i >= point && digits.data[i] != '0');
    }
    whole = text.data[0] == '-' ? -whole - (has_rest ? 1 : 0) : whole;
    *ret = whole;
    return whole >= -((int64_t)1 << 53) && whole <= (int64_t)1 << 53;
}

static void check_date(struct json_value value)
{
    int64_t expected = 0;
    int64_t date = INT64_MIN;
    bool is_date = json_numeric_date(value, &date);
    assert(value.kind == JSON_NUMBER || !is_date);
    if (value.kind == JSON_NUMBER) {
        assert(is_date == date_of(value.text, &expected));
        assert(date == (is_date ? expected : INT64_MIN));
    }
}

/* ---- texts ---- */

static void check_string(struct json_value value, struct arena *arena)
{
    struct slice text;
    struct slice again;
    struct json_value written;
    struct buffer buffer;
    enum status status = json_string(value, arena, &text);
    assert(status == STATUS_OK);
    buffer_init(&buffer, 8 * input_bytes_max);
    buffer_append_json_string(&buffer, text);
    assert(!buffer.failed);
    status = json_parse(buffer_slice(&buffer), JSON_DUPLICATES_REFUSED, &written, NULL);
    assert(status == STATUS_OK && written.kind == JSON_STRING);
    status = json_string(written, arena, &again);
    assert(status == STATUS_OK && slice_equals(again, text));
    buffer_clear(&buffer);
}

/* <name> as it stands between its quotes. */
static void check_name(struct json_value object, struct slice name, struct json_value value,
                       bool is_unique, struct arena *arena)
{
    struct json_value quoted = {JSON_STRING, {name.data - 1, name.length + 2}};
    struct slice text;
    struct slice terminated;
    enum status status = json_string(quoted, arena, &text);
    assert(status == STATUS_OK);
    if (slice_find(text, '\0') < text.length) {
        return; /* no C string can name it */
    }
    bool is_copied = arena_copy(arena, text, &terminated);
    assert(is_copied && json_string_is(quoted, terminated.data));
    struct json_value member = json_member(object, terminated.data);
    assert(member.kind != JSON_ABSENT);
    assert(!is_unique || (member.text.data == value.text.data &&
                          member.text.length == value.text.length && member.kind == value.kind));
}

/* ---- structure ---- */

/* Between two pieces the walk found there is white space and, if it is not 0, one <separator>. */
static void check_gap(const char *from, const char *to, char separator)
{
    size_t separators = 0;
    assert(from <= to);
    for (; from < to; from++) {
        bool is_space = memchr(" \t\r\n", *from, 4) != NULL;
        assert(is_space || (separator != 0 && *from == separator));
        separators += is_space ? 0 : 1;
    }
    assert(separators == (separator != 0 ? 1 : 0));
}

static void check_alone(struct json_value value, enum json_duplicates duplicates)
{
    struct json_value alone;
    enum status status = json_parse(value.text, duplicates, &alone, NULL);
    assert(status == STATUS_OK && alone.kind == value.kind);
    assert(alone.text.data == value.text.data && alone.text.length == value.text.length);
}

static void check_value(struct json_value value, enum json_duplicates duplicates, unsigned depth);

static void check_container(struct json_value container, enum json_duplicates duplicates,
                            unsigned depth)
{
    bool is_unique = duplicates == JSON_DUPLICATES_REFUSED;
    const char *last = container.text.data + container.text.length - 1;
    const char *at = container.text.data + 1;
    struct json_walk walk = json_walk_begin(container);
    struct json_value value;
    struct slice name;
    char separator = 0;
    assert(depth < json_depth_max);
    while (json_walk_next(&walk, &name, &value)) {
        assert((container.kind == JSON_OBJECT) == (name.data != NULL));
        if (container.kind == JSON_OBJECT) {
            struct arena arena;
            arena_init(&arena, 64 * input_bytes_max);
            check_gap(at, name.data - 1, separator);
            check_gap(name.data + name.length + 1, value.text.data, ':');
            check_name(container, name, value, is_unique, &arena);
            arena_clear(&arena);
        } else {
            check_gap(at, value.text.data, separator);
        }
        check_value(value, duplicates, depth + 1);
        at = value.text.data + value.text.length;
        separator = ',';
    }
    check_gap(at, last, 0);
    assert(*last == (container.kind == JSON_OBJECT ? '}' : ']'));
    assert(!json_walk_next(&walk, &name, &value)); /* the end stays the end */
}

/* Inner values are read alone too; the outermost one was. */
static void check_value(struct json_value value, enum json_duplicates duplicates, unsigned depth)
{
    struct arena arena;
    arena_init(&arena, 64 * input_bytes_max);
    assert(value.kind != JSON_ABSENT && value.text.length > 0);
    check_alone(value, duplicates);
    check_date(value);
    if (value.kind == JSON_OBJECT || value.kind == JSON_ARRAY) {
        check_container(value, duplicates, depth);
    } else if (value.kind == JSON_STRING) {
        check_string(value, &arena);
    }
    arena_clear(&arena);
}

/* A text refused for its size must have what it is said to have too many of. */
static void check_limits(struct slice text)
{
    size_t brackets = 0;
    size_t colons = 0;
    for (size_t i = 0; i < text.length; i++) {
        brackets += text.data[i] == '[' || text.data[i] == '{';
        colons += text.data[i] == ':';
    }
    assert(brackets > json_depth_max || colons > json_members_max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size);
    struct json_value loose = {0};
    struct json_value strict = {0};
    struct failure failure = {""};
    if (size > input_bytes_max) {
        return 0;
    }
    enum status loose_status = json_parse(text, JSON_DUPLICATES_UNCHECKED, &loose, NULL);
    enum status strict_status = json_parse(text, JSON_DUPLICATES_REFUSED, &strict, &failure);
    assert(loose_status == STATUS_OK || strict_status != STATUS_OK);
    assert((strict_status == STATUS_OK) == (failure.text[0] == '\0'));
    assert((loose_status == STATUS_OK) == (loose.kind != JSON_ABSENT));
    assert((strict_status == STATUS_OK) == (strict.kind != JSON_ABSENT));
    if (loose_status == STATUS_LIMIT || strict_status == STATUS_LIMIT) {
        check_limits(text);
    }
    if (loose_status == STATUS_OK) {
        check_value(loose, JSON_DUPLICATES_UNCHECKED, 0);
    }
    if (strict_status == STATUS_OK) {
        assert(strict.kind == loose.kind && slice_equals(strict.text, loose.text));
        check_value(strict, JSON_DUPLICATES_REFUSED, 0);
        inputs_accepted++;
    }
    return 0;
}
