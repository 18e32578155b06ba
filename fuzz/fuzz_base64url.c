/* SPDX-License-Identifier: MIT
 *
 * fuzz_base64url.c - any bytes as base64url text and as bytes to encode: each byte string has one
 * spelling, and nothing else is read. */
#include "base/base64url.h"
#include "target.h"

#include <assert.h>
#include <stdlib.h>

enum { input_bytes_max = 4096 };

size_t inputs_accepted;

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* What RFC 4648 says, character by character. */
static bool is_canonical(struct slice text)
{
    unsigned last = 0;
    for (size_t i = 0; i < text.length; i++) {
        const char *found = memchr(alphabet, text.data[i], 64);
        if (found == NULL) {
            return false;
        }
        last = (unsigned)(found - alphabet);
    }
    switch (text.length % 4) {
    case 1:
        return false;
    case 2:
        return last % 16 == 0; /* 12 bits for 8 */
    case 3:
        return last % 4 == 0; /* 18 bits for 16 */
    default:
        return true;
    }
}

/* The memory has the promised size and not a byte more. */
static void fuzz_decode(struct slice text)
{
    unsigned char *bytes = malloc(BASE64URL_DECODED_SIZE(text.length));
    char *again = malloc(BASE64URL_ENCODED_SIZE(text.length) + 1);
    size_t length = SIZE_MAX;
    assert(bytes != NULL && again != NULL);
    bool is_decoded = base64url_decode(text, bytes, &length);
    assert(is_decoded == is_canonical(text));
    assert(is_decoded || length == SIZE_MAX);
    if (is_decoded) {
        assert(length == text.length * 3 / 4);
        assert(base64url_encode(bytes, length, again) == text.length);
        assert(text.length == 0 || memcmp(again, text.data, text.length) == 0);
        inputs_accepted += length > 0;
    }
    free(bytes);
    free(again);
}

static void fuzz_encode(const uint8_t *data, size_t size)
{
    char *text = malloc(BASE64URL_ENCODED_SIZE(size) + 1);
    assert(text != NULL);
    size_t text_length = base64url_encode(data, size, text);
    assert(text_length == (size * 8 + 5) / 6);
    unsigned char *again = malloc(BASE64URL_DECODED_SIZE(text_length));
    size_t length = 0;
    assert(again != NULL);
    bool is_decoded = base64url_decode(slice_make(text, text_length), again, &length);
    assert(is_decoded && length == size);
    assert(size == 0 || memcmp(again, data, size) == 0);
    free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > input_bytes_max) {
        return 0;
    }
    fuzz_decode(slice_make((const char *)data, size));
    fuzz_encode(data, size);
    return 0;
}
