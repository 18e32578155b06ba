/* SPDX-License-Identifier: MIT
 *
 * redact_scan_test.c - what the built-in patterns find, what they leave alone, and that no text
 * makes them slow. Secrets are put together here so that the file has none. */
#include "mem/redact_scan.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(const char *text, const char *expected)
{
    struct buffer buffer;
    buffer_init(&buffer, 1 << 16);
    bool is_found = redact_scan(slice_from_string(text), &buffer);
    assert_int_equal(is_found, expected != NULL);
    if (!slice_equals(buffer_slice(&buffer), slice_from_string(expected))) {
        fail_msg("%s: got %.*s", text, SLICE_ARGS(buffer_slice(&buffer)));
    }
    buffer_clear(&buffer);
}

static void tokens_are_found(void **state)
{
    expect("Authorization: Bearer abcdefghijklmnop0123._~+/=- x",
           "Authorization: Bearer [redacted:token] x");
    expect("BEARER  abcdefghijklmnop", "BEARER  [redacted:token]");
    expect("a bearer of bad news", NULL);
    expect("forbearer abcdefghijklmnopqrst", NULL);
    expect("jwt=eyJhbGciOiJF.eyJzdWIiOiJ4.c2lnbmF0dXJl, and", "jwt=[redacted:token], and");
    expect("unsigned eyJhbGciOiJF.eyJzdWIiOiJ4.", "unsigned [redacted:token]");
    expect("eyJhbGciOiJF.short.c2ln", NULL);
    expect("xeyJhbGciOiJF.eyJzdWIiOiJ4.c2ln", NULL);
}

static void keys_are_found(void **state)
{
    static const char *const keys[] = {
        "sk-"
        "abcdefghijklmnop",
        "sk-proj-"
        "abcDEF_0123-456",
        "sk-ant-"
        "abcdefghijklmnop",
        "ghp_"
        "abcdefghijklmnopqrst",
        "gho_"
        "abcdefghijklmnopqrst",
        "github_pat_"
        "abcdefghij_klmnopqrst",
        "AKIA"
        "ABCDEFGHIJKLMNOP",
        "ASIA"
        "ABCDEFGHIJKLMNOP",
        "xoxb-"
        "1234567890-abc",
        "AIza"
        "abcdefghijklmnopqrstuvwxyz01234",
        "glpat-"
        "abcdefghijklmnop",
        "hf_"
        "abcdefghijklmnopqrst",
        "npm_"
        "abcdefghijklmnopqrst",
        "sk_live_"
        "abcdefghijkl",
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        char text[128];
        struct buffer line;
        buffer_init(&line, sizeof(text));
        buffer_append_format(&line, "key=%s; rest", keys[i]);
        buffer_append_byte(&line, '\0');
        assert_false(line.failed);
        expect(line.data, "key=[redacted:key]; rest");
        buffer_clear(&line);
    }
    expect("task-list sk-short risk-abcdefghijklmnopqrst", NULL);
    expect("AKIA and ghp_ alone", NULL);
    expect("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----\nafter",
           "[redacted:key]\nafter");
    expect("a -----BEGIN PRIVATE KEY-----\nMIIabc", "a [redacted:key]");
    expect("-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----", NULL);
}

static void emails_are_found(void **state)
{
    expect("to a.b+c@mail.example.org.", "to [redacted:email].");
    expect("<x@y.de>", "<[redacted:email]>");
    expect("a@b, @user, x@localhost, 1@2.3, foo@.bar, a@b.c", NULL);
    expect("a@b.ex c@d.ex", "[redacted:email] [redacted:email]");
    expect("a@b.ex@c.ex", "[redacted:email]@c.ex");
    expect("m\xc3\xbcller@b.example", "m\xc3\xbc[redacted:email]");
}

static void cards_are_found(void **state)
{
    expect("pay 4111111111111111 now", "pay [redacted:card] now");
    expect("pay 4111 1111 1111 1111, ok", "pay [redacted:card], ok");
    expect("pay 3782-822463-10005", "pay [redacted:card]");
    expect("4111111111111112 and 411111111111111100001", NULL);
    expect("x4111111111111111 4111111111111111x _4111111111111111", NULL);
    expect("0000000000000000", NULL);
    expect("12 345 6789", NULL);
}

static void plain_text_is_left_alone(void **state)
{
    expect("", NULL);
    expect("The quick brown fox jumps over 13 lazy dogs; see e-mail, x-ray, skip-list.", NULL);
}

/* Each would take minutes if any position looked at all that follows. */
static void no_text_is_slow(void **state)
{
    static const char *const units[] = {"eyJ-", "a@",   "sk-", "4 ",      "-----BEGIN PRIVATE ",
                                        "1",    "AKIA", "eyJ", "bearer ", "eyJaaaaaaaa.",
                                        "a.",   "@",    "-",   "xoxb-"};
    enum { size = 4 * 1024 * 1024 };
    struct buffer text;
    struct buffer out;
    buffer_init(&text, size + 64);
    buffer_init(&out, 8 * size);
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        buffer_reset(&text);
        buffer_reset(&out);
        while (text.length < size) {
            buffer_append_string(&text, units[i]);
        }
        (void)redact_scan(buffer_slice(&text), &out);
        assert_false(out.failed);
    }
    buffer_clear(&text);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_found),         cmocka_unit_test(keys_are_found),
        cmocka_unit_test(emails_are_found),         cmocka_unit_test(cards_are_found),
        cmocka_unit_test(plain_text_is_left_alone), cmocka_unit_test(no_text_is_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
