/* SPDX-License-Identifier: MIT
 *
 * base64url_test.c - one byte string, one spelling: every other one is refused. */
#include "base/base64url.h"

#include "base/random.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Decodes from and into blocks of the exact size, so that a step too far is caught. */
static bool decode(struct slice text, struct slice *ret)
{
    static unsigned char kept[256];
    char *exact = malloc(text.length + 1);
    unsigned char *bytes = malloc(BASE64URL_DECODED_SIZE(text.length));
    size_t length = 12345;
    assert_non_null(exact);
    assert_non_null(bytes);
    memcpy(exact + 1, text.data, text.length);
    bool is_sound = base64url_decode(slice_make(exact + 1, text.length), bytes, &length);
    if (is_sound) {
        assert_true(length <= sizeof(kept));
        memcpy(kept, bytes, length);
        *ret = slice_make((const char *)kept, length);
    } else {
        assert_int_equal(length, 12345);
    }
    free(exact);
    free(bytes);
    return is_sound;
}

static void texts_of_the_rfc_are_read_and_written(void **state)
{
    static const struct {
        struct slice bytes;
        const char *text;
    } cases[] = {
        /* RFC 4648 10, without the padding */
        {SLICE(""), ""},
        {SLICE("f"), "Zg"},
        {SLICE("fo"), "Zm8"},
        {SLICE("foo"), "Zm9v"},
        {SLICE("foob"), "Zm9vYg"},
        {SLICE("fooba"), "Zm9vYmE"},
        {SLICE("foobar"), "Zm9vYmFy"},
        /* RFC 7515 C */
        {SLICE("\x03\xec\xff\xe0\xc1"), "A-z_4ME"},
        {SLICE("\0"), "AA"},
        {SLICE("\xff"), "_w"},
        {SLICE("\xff\xff"), "__8"},
        {SLICE("\xfb\xff\xfe"), "-__-"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[16];
        struct slice bytes;
        size_t length = base64url_encode((const unsigned char *)cases[i].bytes.data,
                                         cases[i].bytes.length, text);
        assert_true(slice_equals(slice_make(text, length), slice_from_string(cases[i].text)));
        assert_true(decode(slice_from_string(cases[i].text), &bytes));
        assert_true(slice_equals(bytes, cases[i].bytes));
    }
}

static void what_is_written_can_be_read(void **state)
{
    for (size_t count = 0; count < 200; count++) {
        unsigned char bytes[200];
        char *text = malloc(BASE64URL_ENCODED_SIZE(count) + 1);
        struct slice back;
        assert_non_null(text);
        random_fill(bytes, count);
        size_t length = base64url_encode(bytes, count, text);
        assert_int_equal(length, (count * 4 + 2) / 3);
        assert_true(decode(slice_make(text, length), &back));
        assert_true(slice_equals(back, slice_make((const char *)bytes, count)));
        free(text);
    }
}

static void only_the_alphabet_is_read_in_any_place(void **state)
{
    for (size_t length = 2; length < 9; length++) {
        if (length % 4 == 1) {
            continue;
        }
        for (size_t at = 0; at < length; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[9] = "AAAAAAAA";
                struct slice bytes;
                text[at] = (char)byte;
                const char *place = byte == 0 ? NULL : strchr(alphabet, (int)byte);
                /* the last character of a short group has bits that no byte needs */
                size_t spare = at + 1 < length || length % 4 == 0 ? 1 : length % 4 == 2 ? 16 : 4;
                bool is_sound = place != NULL && (size_t)(place - alphabet) % spare == 0;
                if (decode(slice_make(text, length), &bytes) != is_sound) {
                    fail_msg("byte %u at %zu of %zu", byte, at, length);
                }
            }
        }
    }
}

static void other_spellings_are_refused(void **state)
{
    static const struct slice texts[] = {
        SLICE("A"),      SLICE("AAAAA"),  SLICE("AAAAAAAAA"), SLICE("="),        SLICE("Zg="),
        SLICE("Zg=="),   SLICE("Zm8="),   SLICE("Zm9v="),     SLICE("Zm9v===="), SLICE("===="),
        SLICE("Zm 9v"),  SLICE("Zm9v "),  SLICE(" Zm9v"),     SLICE("Zm9v\n"),   SLICE("Zm\r\n9v"),
        SLICE("Zm9v\0"), SLICE("Zm+v"),   SLICE("Zm/v"),      SLICE("Zm9,"),     SLICE("Zm.v"),
        SLICE("Zh"),     SLICE("Zv"),     SLICE("Zm9"),       SLICE("Zm_"),      SLICE("AB"),
        SLICE("AAB"),    SLICE("Zm9vYh"), SLICE("Zm9vYmF"),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct slice bytes;
        if (decode(texts[i], &bytes)) {
            fail_msg("read: %.*s", SLICE_ARGS(texts[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_the_rfc_are_read_and_written),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(only_the_alphabet_is_read_in_any_place),
        cmocka_unit_test(other_spellings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
