/* SPDX-License-Identifier: MIT
 *
 * fuzz_siwe.c - any bytes as a sign-in message: what is accepted can be put together again from its
 * parts, byte for byte, and no part has a line end. */
#include "auth/siwe.h"
#include "base/buffer.h"
#include "target.h"

#include <assert.h>

enum { input_bytes_max = siwe_bytes_max + 16 };

size_t inputs_accepted;

static void append_slice(struct buffer *buffer, const char *before, struct slice text)
{
    assert(text.length == 0 || memchr(text.data, '\n', text.length) == NULL);
    buffer_append_string(buffer, before);
    buffer_append(buffer, text);
}

/* All but the times and what stands behind them. */
static void check_parts(struct slice message, const struct siwe *siwe)
{
    struct buffer again;
    buffer_init(&again, 2 * siwe_bytes_max);
    if (siwe->scheme.length > 0) {
        append_slice(&again, "", siwe->scheme);
        buffer_append_string(&again, "://");
    }
    append_slice(&again, "", siwe->domain);
    append_slice(&again, " wants you to sign in with your Ethereum account:\n", siwe->address);
    append_slice(&again, "\n\n", siwe->statement);
    append_slice(&again, siwe->statement.length > 0 ? "\n\nURI: " : "\nURI: ", siwe->uri);
    append_slice(&again, "\nVersion: 1\nChain ID: ", siwe->chain_id);
    append_slice(&again, "\nNonce: ", siwe->nonce);
    buffer_append_string(&again, "\nIssued At: ");
    assert(!again.failed && slice_starts_with(message, buffer_slice(&again)));
    buffer_clear(&again);
}

static void check_times(const struct siwe *siwe)
{
    /* the years 0000 to 9999, and a day for the offset */
    const int64_t least = INT64_C(-62167219200) - 86400;
    const int64_t most = INT64_C(253402300800) + 86400;
    assert(siwe->issued_at_s >= least && siwe->issued_at_s <= most);
    assert(siwe->has_expiration || siwe->expires_at_s == 0);
    assert(siwe->has_begin || siwe->begins_at_s == 0);
    assert(siwe->expires_at_s >= least && siwe->expires_at_s <= most);
    assert(siwe->begins_at_s >= least && siwe->begins_at_s <= most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice message = {(const char *)data, size};
    struct siwe siwe = {0};
    int64_t time_s = 0;
    if (size > input_bytes_max) {
        return 0;
    }
    if (siwe_parse(message, &siwe)) {
        assert(size <= siwe_bytes_max && data[size - 1] != '\n');
        assert(siwe.nonce.length >= siwe_nonce_bytes_least && siwe.address.length == 42);
        check_parts(message, &siwe);
        check_times(&siwe);
        inputs_accepted++;
    } else {
        assert(siwe.domain.data == NULL && siwe.uri.data == NULL);
    }
    (void)!siwe_time_parse(message, &time_s);
    return 0;
}
