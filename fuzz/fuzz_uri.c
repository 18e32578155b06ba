/* SPDX-License-Identifier: MIT
 *
 * fuzz_uri.c - any bytes as a request target, a URL and a host. An accepted path means the same to
 * whoever decodes it. */
#include "http/uri.h"
#include "target.h"

#include <assert.h>
#include <stdlib.h>

enum { input_bytes_max = 4096 };

size_t inputs_accepted;

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return (digit | 0x20) - 'a' + 10;
}

/* Decodes <path> as a careless server would and checks that nothing new appears. */
static void check_decoded(struct slice path)
{
    char *decoded = malloc(path.length + 2);
    size_t length = 0;
    size_t slashes = 0;
    size_t decoded_slashes = 0;
    assert(decoded != NULL);
    for (size_t i = 0; i < path.length; i++) {
        char byte = path.data[i];
        slashes += byte == '/';
        if (byte == '%') {
            byte = (char)(hex_value(path.data[i + 1]) * 16 + hex_value(path.data[i + 2]));
            i += 2;
        }
        decoded_slashes += byte == '/';
        assert((unsigned char)byte >= 0x20 && byte != 0x7f && byte != '\\');
        decoded[length++] = byte;
    }
    assert(slashes == decoded_slashes);
    decoded[length++] = '/';
    decoded[length] = '\0';
    assert(decoded[0] == '/');
    assert(strstr(decoded, "/./") == NULL && strstr(decoded, "/../") == NULL);
    const char *empty = strstr(decoded, "//");
    assert(empty == NULL || empty == decoded + length - 2);
    free(decoded);
}

static void fuzz_target(struct slice text)
{
    struct target target;
    struct target again;
    if (target_parse(text, &target, NULL) != STATUS_OK || target.form == TARGET_ASTERISK) {
        return;
    }
    check_decoded(target.path);
    inputs_accepted++;
    assert(target.form == TARGET_ABSOLUTE || slice_equals(target.origin, text));
    assert((target.form == TARGET_ABSOLUTE) == (target.authority.length > 0));
    assert(target_parse(target.origin, &again, NULL) == STATUS_OK);
    assert(again.form == TARGET_ORIGIN && slice_equals(again.path, target.path) &&
           slice_equals(again.query, target.query));
}

static void fuzz_url(struct slice text)
{
    struct url url;
    struct slice host;
    uint16_t port;
    if (url_parse(text, &url, NULL) == STATUS_OK) {
        assert(url.port > 0 && url.host.length > 0);
        assert(host_parse(url.authority, &host, &port));
        assert(slice_equals(host, url.host) && (port == url.port || !url.port_written));
        assert(url.path.length == 0 || url.path.data[0] == '/');
        (void)host_is_loopback(url.host);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size);
    struct slice host;
    uint16_t port;
    if (size > input_bytes_max) {
        return 0;
    }
    fuzz_target(text);
    fuzz_url(text);
    (void)host_is_loopback(text);
    if (host_parse(text, &host, &port)) {
        assert(host.length > 0 && host.length <= 255);
    }
    return 0;
}
