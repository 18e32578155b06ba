/* SPDX-License-Identifier: MIT
 *
 * uri.c - takes request targets and URLs apart and refuses every spelling but one. Any thread. */
#include "http/uri.h"

#include "http/characters.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum {
    host_name_bytes_max = 255,
    port_digits_max = 5,
};

/* The byte that <text>, beginning with '%', stands for; -1 when no two hex digits follow. */
static int escape_value(struct slice text)
{
    if (text.length < 3) {
        return -1;
    }
    int high = character_hex[(unsigned char)text.data[1]];
    int low = character_hex[(unsigned char)text.data[2]];
    return high == 0 || low == 0 ? -1 : (high - 1) * 16 + (low - 1);
}

/* An escape may stand only for a byte that could not stand there itself, and never for one that
 * changes how the path is cut into segments. */
static const char *path_escape_fault(struct slice text)
{
    int value = escape_value(text);
    if (value < 0) {
        return "malformed percent-encoding";
    }
    if (value < 0x20 || value == 0x7f) {
        return "control byte in the path, percent-encoded";
    }
    if (value == '/' || value == '\\' || character_is((char)value, CHARACTER_UNRESERVED)) {
        return "percent-encoding of a character that must stand for itself";
    }
    return NULL;
}

/* "." and "..", also with parameters behind: some servers cut those off before they resolve the
 * dots. */
static bool segment_is_dots(struct slice segment)
{
    size_t dots = 0;
    while (dots < segment.length && segment.data[dots] == '.') {
        dots++;
    }
    return (dots == 1 || dots == 2) && (dots == segment.length || segment.data[dots] == ';');
}

/* NULL when <path>, beginning with '/', is canonical. */
static const char *path_fault(struct slice path)
{
    size_t at = 0;
    while (at < path.length) {
        size_t start = ++at; /* behind the '/' */
        while (at < path.length && path.data[at] != '/') {
            if (character_is(path.data[at], CHARACTER_PATH)) {
                at++;
                continue;
            }
            const char *fault = path.data[at] == '%' ? path_escape_fault(slice_after(path, at))
                                                     : "byte that may not stand in a path";
            if (fault != NULL) {
                return fault;
            }
            at += 3;
        }
        if (start == at && at < path.length) {
            return "empty path segment";
        }
        if (segment_is_dots(slice_make(path.data + start, at - start))) {
            return "dot segment in the path";
        }
    }
    return NULL;
}

/* NULL when every byte may stand there and every percent-encoding is whole: enough where nothing is
 * decided by it. */
static const char *escapes_fault(struct slice text)
{
    size_t at = 0;
    while (at < text.length) {
        if (character_is(text.data[at], CHARACTER_QUERY)) {
            at++;
        } else if (text.data[at] == '%' && escape_value(slice_after(text, at)) >= 0) {
            at += 3;
        } else {
            return text.data[at] == '%' ? "malformed percent-encoding"
                                        : "byte that may not stand in a URI";
        }
    }
    return NULL;
}

static enum status refuse(struct failure *reterr, const char *why)
{
    failure_set(reterr, "%s", why);
    return STATUS_INVALID;
}

static enum status origin_parse(struct slice text, struct target *ret, struct failure *reterr)
{
    size_t mark = slice_find(text, '?');
    struct slice path = slice_make(text.data, mark);
    struct slice query = slice_after(text, mark == text.length ? mark : mark + 1);
    const char *fault = path_fault(path);
    if (fault == NULL) {
        fault = escapes_fault(query);
    }
    if (fault != NULL) {
        return refuse(reterr, fault);
    }
    ret->path = path;
    ret->query = query;
    ret->origin = text;
    return STATUS_OK;
}

/* Takes "http://" or "https://" off. */
static bool scheme_parse(struct slice *text, bool *ret_is_https)
{
    static const struct slice http = SLICE("http://");
    static const struct slice https = SLICE("https://");
    bool is_https = slice_starts_with_ignoring_case(*text, https);
    if (!is_https && !slice_starts_with_ignoring_case(*text, http)) {
        return false;
    }
    *text = slice_after(*text, is_https ? https.length : http.length);
    *ret_is_https = is_https;
    return true;
}

/* Takes off what stands before the first '/', '?' or '#'. */
static struct slice authority_take(struct slice *text)
{
    size_t length = 0;
    while (length < text->length && memchr("/?#", text->data[length], 3) == NULL) {
        length++;
    }
    struct slice authority = slice_make(text->data, length);
    *text = slice_after(*text, length);
    return authority;
}

enum status target_parse(struct slice text, struct target *ret, struct failure *reterr)
{
    struct target target = {.form = TARGET_ORIGIN};
    if (slice_equals(text, SLICE("*"))) {
        *ret = (struct target){.form = TARGET_ASTERISK, .path = text, .origin = text};
        return STATUS_OK;
    }
    if (text.length == 0 || text.data[0] != '/') {
        bool is_https;
        struct slice host;
        uint16_t port;
        if (!scheme_parse(&text, &is_https)) {
            return refuse(reterr, "target is neither a path nor an http URL");
        }
        target.form = TARGET_ABSOLUTE;
        target.authority = authority_take(&text);
        if (!host_parse(target.authority, &host, &port)) {
            return refuse(reterr, "malformed host in the target");
        }
        if (text.length == 0) {
            text = SLICE("/"); /* RFC 9112 3.2.1 */
        } else if (text.data[0] != '/') {
            return refuse(reterr, "target without a path");
        }
    }
    enum status status = origin_parse(text, &target, reterr);
    if (status == STATUS_OK) {
        *ret = target;
    }
    return status;
}

enum status url_parse(struct slice text, struct url *ret, struct failure *reterr)
{
    struct url url;
    uint16_t port;
    if (!scheme_parse(&text, &url.is_https)) {
        return refuse(reterr, "URL does not begin with http:// or https://");
    }
    url.authority = authority_take(&text);
    if (!host_parse(url.authority, &url.host, &port)) {
        return refuse(reterr, "malformed host in the URL");
    }
    url.host_is_ipv6 = url.authority.data[0] == '[';
    url.port_written = url.authority.length > url.host.length + (url.host_is_ipv6 ? 2U : 0U);
    if (url.port_written && port == 0) {
        return refuse(reterr, "port 0 in the URL");
    }
    url.port = url.port_written ? port : url.is_https ? 443 : 80;

    size_t mark = slice_find(text, '?');
    url.path = slice_make(text.data, mark);
    url.query = slice_after(text, mark == text.length ? mark : mark + 1);
    if (slice_find(text, '#') != text.length) {
        return refuse(reterr, "fragment in the URL");
    }
    const char *fault = escapes_fault(text);
    if (fault != NULL) {
        return refuse(reterr, fault);
    }
    *ret = url;
    return STATUS_OK;
}

/* inet_pton on a slice; it knows no zone, no octal and no short forms. */
static bool address_parse(int family, struct slice text, void *ret_address)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.length >= sizeof(copy) || memchr(text.data, '\0', text.length) != NULL) {
        return false;
    }
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return inet_pton(family, copy, ret_address) == 1;
}

/* Letters, digits, '-', '_' in labels that are not empty; one dot may end the name. */
static bool host_name_is_sound(struct slice name)
{
    if (name.length == 0 || name.length > host_name_bytes_max || name.data[0] == '.') {
        return false;
    }
    return memmem(name.data, name.length, "..", 2) == NULL;
}

bool host_parse(struct slice text, struct slice *ret_host, uint16_t *ret_port)
{
    struct slice host;
    struct slice rest;
    if (text.length > 0 && text.data[0] == '[') {
        struct in6_addr address;
        size_t end = slice_find(text, ']');
        if (end == text.length) {
            return false;
        }
        host = slice_make(text.data + 1, end - 1);
        rest = slice_after(text, end + 1);
        if (host.length == 0 || !address_parse(AF_INET6, host, &address)) {
            return false;
        }
    } else {
        size_t length = character_span(text, CHARACTER_HOST);
        host = slice_make(text.data, length);
        rest = slice_after(text, length);
        if (!host_name_is_sound(host)) {
            return false;
        }
    }
    uint64_t port = 0;
    if (rest.length > 0) {
        if (rest.data[0] != ':' || rest.length > 1 + port_digits_max ||
            !slice_parse_uint(slice_after(rest, 1), UINT16_MAX, &port)) {
            return false;
        }
    }
    *ret_host = host;
    *ret_port = (uint16_t)port;
    return true;
}

bool host_is_loopback(struct slice host)
{
    static const struct slice suffix = SLICE(".localhost");
    struct in_addr ipv4;
    struct in6_addr ipv6;
    if (host.length == 0) {
        return false;
    }
    if (slice_equals_ignoring_case(host, SLICE("localhost"))) {
        return true;
    }
    if (host.length > suffix.length) {
        struct slice end = slice_after(host, host.length - suffix.length);
        if (slice_equals_ignoring_case(end, suffix)) {
            return true;
        }
    }
    if (address_parse(AF_INET, host, &ipv4)) {
        return ntohl(ipv4.s_addr) >> 24 == 127;
    }
    if (address_parse(AF_INET6, host, &ipv6)) {
        return IN6_IS_ADDR_LOOPBACK(&ipv6) ||
               (IN6_IS_ADDR_V4MAPPED(&ipv6) && ipv6.s6_addr[12] == 127);
    }
    return false;
}
