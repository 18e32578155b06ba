/* SPDX-License-Identifier: MIT
 *
 * base58_test.c - published vectors, one spelling for each byte string, and the caps. */
#include "base/base58.h"

#include "base/random.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

/* draft-msporny-base58-03 section 5, and Bitcoin Core's base58_encode_decode.json. */
static const struct {
    const char *bytes;
    size_t count;
    const char *text;
} vectors[] = {
    {"Hello World!", 12, "2NEpo7TZRRrLZSi2U"},
    {"The quick brown fox jumps over the lazy dog.", 44,
     "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"},
    {"\0\0\x28\x7f\xb4\xcd", 6, "11233QC4"},
    {"\x61", 1, "2g"},
    {"\x62\x62\x62", 3, "a3gV"},
    {"\x51\x6b\x6f\xcd\x0f", 5, "ABnLTmg"},
    {"\xbf\x4f\x89\x00\x1e\x67\x02\x74\xdd", 9, "3SEo3LWLoPntC"},
    {"\0\0\0\0\0\0\0\0\0\0", 10, "1111111111"},
    {"\0", 1, "1"},
};

static void published_vectors_hold(void **state)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        unsigned char bytes[64];
        char text[BASE58_ENCODED_SIZE(64)];
        size_t length = 0;
        assert_true(
            base58_decode(slice_from_string(vectors[i].text), bytes, sizeof(bytes), &length));
        assert_int_equal(length, vectors[i].count);
        assert_memory_equal(bytes, vectors[i].bytes, length);
        length = base58_encode((const unsigned char *)vectors[i].bytes, vectors[i].count, text);
        assert_true(slice_equals(slice_make(text, length), slice_from_string(vectors[i].text)));
    }
}

static void what_was_encoded_is_decoded(void **state)
{
    for (size_t count = 1; count <= base58_bytes_max; count += count < 80 ? 1 : 89) {
        unsigned char bytes[base58_bytes_max];
        unsigned char again[base58_bytes_max];
        char *text = malloc(BASE58_ENCODED_SIZE(count));
        size_t again_length = 0;
        assert_non_null(text);
        for (int fill = 0; fill < 3; fill++) {
            if (fill == 0) {
                random_fill(bytes, count);
                memset(bytes, 0, count % 5); /* leading zeros are kept */
            } else {
                memset(bytes, fill == 1 ? 0 : 0xff, count);
            }
            size_t length = base58_encode(bytes, count, text);
            assert_true(length <= BASE58_ENCODED_SIZE(count));
            if (length > base58_text_max) {
                continue;
            }
            assert_true(
                base58_decode(slice_make(text, length), again, sizeof(again), &again_length));
            assert_int_equal(again_length, count);
            assert_memory_equal(again, bytes, count);
        }
        free(text);
    }
}

static void foreign_characters_are_refused(void **state)
{
    for (int c = 0; c < 256; c++) {
        char text[] = "ABnLTmg";
        unsigned char bytes[16];
        size_t length = 99;
        text[3] = (char)c;
        bool is_ours =
            c != 0 &&
            strchr("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", c) != NULL;
        assert_int_equal(base58_decode(slice_make(text, 7), bytes, sizeof(bytes), &length),
                         is_ours);
        assert_true(is_ours || length == 99);
    }
}

static void sizes_are_capped(void **state)
{
    static char text[base58_text_max + 1];
    unsigned char bytes[base58_text_max];
    size_t length = 0;
    memset(text, 'z', sizeof(text));
    assert_true(base58_decode(slice_make(text, base58_text_max), bytes, sizeof(bytes), &length));
    assert_true(length <= base58_bytes_max);
    assert_false(base58_decode(slice_make(text, sizeof(text)), bytes, sizeof(bytes), &length));
    assert_false(base58_decode(SLICE(""), bytes, sizeof(bytes), &length));
    assert_true(base58_decode(SLICE("USm3fpXnKG5"), bytes, 9, &length));
    assert_false(base58_decode(SLICE("USm3fpXnKG5"), bytes, length - 1, &length));
    memset(text, '1', sizeof(text)); /* a byte for each */
    assert_true(base58_decode(slice_make(text, base58_text_max), bytes, sizeof(bytes), &length));
    assert_int_equal(length, base58_text_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_hold),
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(foreign_characters_are_refused),
        cmocka_unit_test(sizes_are_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
