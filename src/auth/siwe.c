/* SPDX-License-Identifier: MIT
 *
 * siwe.c - the grammar of EIP-4361, line by line. Any thread. */
#include "auth/siwe.h"

#include "auth/ethereum.h"
#include "http/characters.h"

/* ---- characters of RFC 3986 ---- */

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One of <others>, unreserved or sub-delims. */
static bool is_plain(char c, const char *others)
{
    return character_is(c, CHARACTER_UNRESERVED) ||
           (c != '\0' && (strchr("!$&'()*+,;=", c) != NULL || strchr(others, c) != NULL));
}

/* All of <text> is that, or percent-encoded. */
static bool is_encoded(struct slice text, const char *others)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '%') {
            if (text.length - i < 3 || character_hex[(unsigned char)text.data[i + 1]] == 0 ||
                character_hex[(unsigned char)text.data[i + 2]] == 0) {
                return false;
            }
            i += 2;
        } else if (!is_plain(text.data[i], others)) {
            return false;
        }
    }
    return true;
}

static bool scheme_is_sound(struct slice scheme)
{
    for (size_t i = 0; i < scheme.length; i++) {
        char c = scheme.data[i];
        if (!is_alpha(c) && (i == 0 || (!is_digit(c) && c != '+' && c != '-' && c != '.'))) {
            return false;
        }
    }
    return scheme.length > 0;
}

/* scheme ":" and what may follow; brackets only where an IP literal can stand, which comparing
 * origins settles. */
static bool uri_is_sound(struct slice uri)
{
    size_t colon = slice_find(uri, ':');
    if (colon == uri.length || !scheme_is_sound(slice_make(uri.data, colon))) {
        return false;
    }
    struct slice rest = slice_after(uri, colon + 1);
    size_t hash = slice_find(rest, '#');
    return is_encoded(slice_make(rest.data, hash), ":/?[]@") &&
           (hash == rest.length || is_encoded(slice_after(rest, hash + 1), ":/?@"));
}

/* ---- times ---- */

static bool digits_read(struct slice text, size_t at, size_t count, int *ret)
{
    uint64_t number = 0;
    if (!slice_parse_uint(slice_make(text.data + at, count), 9999, &number)) {
        return false;
    }
    *ret = (int)number;
    return true;
}

/* Days from 1970-01-01 in the Gregorian calendar; years are counted from March. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* "Z", or a sign and hh:mm. */
static bool offset_read(struct slice text, int *ret_minutes)
{
    int hours = 0;
    int minutes = 0;
    if (slice_equals(text, SLICE("Z"))) {
        *ret_minutes = 0;
        return true;
    }
    if (text.length != 6 || (text.data[0] != '+' && text.data[0] != '-') || text.data[3] != ':' ||
        !digits_read(text, 1, 2, &hours) || !digits_read(text, 4, 2, &minutes) || hours > 23 ||
        minutes > 59) {
        return false;
    }
    *ret_minutes = (text.data[0] == '-' ? -1 : 1) * (60 * hours + minutes);
    return true;
}

bool siwe_time_parse(struct slice text, int64_t *ret_time_s)
{
    enum { year, month, day, hour, minute, second, parts };
    static const struct {
        size_t at;
        size_t count;
        char before;
        int least;
        int most;
    } fields[parts] = {
        {0, 4, '\0', 0, 9999}, {5, 2, '-', 1, 12},  {8, 2, '-', 1, 31},
        {11, 2, 'T', 0, 23},   {14, 2, ':', 0, 59}, {17, 2, ':', 0, 60}, /* 60: a leap second */
    };
    int values[parts] = {0};
    int offset_minutes = 0;
    if (text.length < 20) {
        return false;
    }
    for (size_t i = 0; i < parts; i++) {
        if ((fields[i].before != '\0' && text.data[fields[i].at - 1] != fields[i].before) ||
            !digits_read(text, fields[i].at, fields[i].count, &values[i]) ||
            values[i] < fields[i].least || values[i] > fields[i].most) {
            return false;
        }
    }
    size_t at = 19;
    if (text.data[at] == '.') {
        size_t start = ++at;
        while (at < text.length && is_digit(text.data[at])) {
            at++;
        }
        if (at == start) {
            return false;
        }
    }
    if (!offset_read(slice_after(text, at), &offset_minutes) ||
        values[day] > days_of_month(values[year], values[month])) {
        return false;
    }
    *ret_time_s = days_from_civil(values[year], values[month], values[day]) * 86400 +
                  values[hour] * 3600 + (values[minute] - offset_minutes) * 60 + values[second];
    return true;
}

/* ---- lines ---- */

struct lines {
    struct slice rest;
    bool is_over; /* the last line was taken, and no line end stood behind it */
};

static bool line_next(struct lines *lines, struct slice *ret_line)
{
    if (lines->is_over) {
        return false;
    }
    size_t end = slice_find(lines->rest, '\n');
    *ret_line = slice_make(lines->rest.data, end);
    lines->is_over = end == lines->rest.length;
    lines->rest = lines->is_over ? (struct slice){NULL, 0} : slice_after(lines->rest, end + 1);
    return true;
}

/* The next line when it begins with <name>, without it. Otherwise nothing is taken. */
static bool line_named(struct lines *lines, struct slice name, struct slice *ret_value)
{
    struct lines ahead = *lines;
    struct slice line;
    if (!line_next(&ahead, &line) || !slice_starts_with(line, name)) {
        return false;
    }
    *lines = ahead;
    *ret_value = slice_after(line, name.length);
    return true;
}

static bool line_empty(struct lines *lines)
{
    struct slice line;
    return line_next(lines, &line) && line.length == 0;
}

static bool first_line_read(struct lines *lines, struct siwe *siwe)
{
    struct slice line;
    struct slice ending = SLICE(" wants you to sign in with your Ethereum account:");
    if (!line_next(lines, &line) || !slice_ends_with(line, ending)) {
        return false;
    }
    struct slice domain = {line.data, line.length - ending.length};
    size_t colon = slice_find(domain, ':');
    if (slice_starts_with(slice_after(domain, colon), SLICE("://"))) {
        siwe->scheme = slice_make(domain.data, colon);
        domain = slice_after(domain, colon + 3);
        if (!scheme_is_sound(siwe->scheme)) {
            return false;
        }
    }
    siwe->domain = domain;
    return domain.length > 0 && is_encoded(domain, ":@[]");
}

/* address LF LF [ statement LF ] LF */
static bool account_read(struct lines *lines, struct siwe *siwe)
{
    unsigned char address[ethereum_address_bytes];
    char text[ethereum_address_length];
    if (!line_next(lines, &siwe->address) ||
        ethereum_address_parse(siwe->address, address, text) != ETHEREUM_CHECKSUM_RIGHT ||
        !line_empty(lines)) {
        return false;
    }
    struct slice line;
    if (!line_next(lines, &line)) {
        return false;
    }
    if (line.length == 0) {
        return true;
    }
    for (size_t i = 0; i < line.length; i++) {
        if (!is_plain(line.data[i], ":/?#[]@ ")) {
            return false;
        }
    }
    siwe->statement = line;
    return line_empty(lines);
}

static bool chain_is_sound(struct slice chain)
{
    size_t count = 0;
    while (count < chain.length && is_digit(chain.data[count])) {
        count++;
    }
    return count > 0 && count == chain.length;
}

static bool nonce_is_sound(struct slice nonce)
{
    for (size_t i = 0; i < nonce.length; i++) {
        if (!is_alpha(nonce.data[i]) && !is_digit(nonce.data[i])) {
            return false;
        }
    }
    return nonce.length >= siwe_nonce_bytes_least;
}

static bool required_read(struct lines *lines, struct siwe *siwe)
{
    struct slice version;
    struct slice issued_at;
    return line_named(lines, SLICE("URI: "), &siwe->uri) && uri_is_sound(siwe->uri) &&
           line_named(lines, SLICE("Version: "), &version) && slice_equals(version, SLICE("1")) &&
           line_named(lines, SLICE("Chain ID: "), &siwe->chain_id) &&
           chain_is_sound(siwe->chain_id) && line_named(lines, SLICE("Nonce: "), &siwe->nonce) &&
           nonce_is_sound(siwe->nonce) && line_named(lines, SLICE("Issued At: "), &issued_at) &&
           siwe_time_parse(issued_at, &siwe->issued_at_s);
}

static bool optional_read(struct lines *lines, struct siwe *siwe)
{
    struct slice value;
    siwe->has_expiration = line_named(lines, SLICE("Expiration Time: "), &value);
    if (siwe->has_expiration && !siwe_time_parse(value, &siwe->expires_at_s)) {
        return false;
    }
    siwe->has_begin = line_named(lines, SLICE("Not Before: "), &value);
    if (siwe->has_begin && !siwe_time_parse(value, &siwe->begins_at_s)) {
        return false;
    }
    if (line_named(lines, SLICE("Request ID: "), &siwe->request_id) &&
        !is_encoded(siwe->request_id, ":@")) {
        return false;
    }
    if (!line_named(lines, SLICE("Resources:"), &value)) {
        return true;
    }
    while (value.length == 0 && line_named(lines, SLICE("- "), &value)) {
        if (!uri_is_sound(value)) {
            return false;
        }
        siwe->resources_count++;
        value.length = 0;
    }
    return value.length == 0;
}

bool siwe_parse(struct slice message, struct siwe *ret)
{
    struct siwe siwe = {0};
    struct lines lines = {message, false};
    if (message.length > siwe_bytes_max || !first_line_read(&lines, &siwe) ||
        !account_read(&lines, &siwe) || !required_read(&lines, &siwe) ||
        !optional_read(&lines, &siwe) || !lines.is_over) {
        return false;
    }
    *ret = siwe;
    return true;
}
