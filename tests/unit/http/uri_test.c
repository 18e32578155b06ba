/* SPDX-License-Identifier: MIT
 *
 * uri_test.c - golden tables of targets, URLs and hosts. */
#include "http/uri.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_slice(struct slice slice, const char *expected)
{
    assert_int_equal(slice.length, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.length);
}

static void good_targets_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        enum target_form form;
        const char *authority;
        const char *path;
        const char *query;
        const char *origin;
    } cases[] = {
        {"/", TARGET_ORIGIN, "", "/", "", "/"},
        {"/api/chat", TARGET_ORIGIN, "", "/api/chat", "", "/api/chat"},
        {"/a/", TARGET_ORIGIN, "", "/a/", "", "/a/"},
        {"/a?", TARGET_ORIGIN, "", "/a", "", "/a?"},
        {"/a?b=c&d", TARGET_ORIGIN, "", "/a", "b=c&d", "/a?b=c&d"},
        {"/?a/../b//c?d", TARGET_ORIGIN, "", "/", "a/../b//c?d", "/?a/../b//c?d"},
        {"/a?%41%2f%00%7e", TARGET_ORIGIN, "", "/a", "%41%2f%00%7e", "/a?%41%2f%00%7e"},
        {"/a?[x]={y}|^`<>\"", TARGET_ORIGIN, "", "/a", "[x]={y}|^`<>\"", "/a?[x]={y}|^`<>\""},
        {"/.../.a/a./..a", TARGET_ORIGIN, "", "/.../.a/a./..a", "", "/.../.a/a./..a"},
        {"/-._~!$&'()*+,;=:@", TARGET_ORIGIN, "", "/-._~!$&'()*+,;=:@", "", "/-._~!$&'()*+,;=:@"},
        {"/%20%3A%C3%a9%25", TARGET_ORIGIN, "", "/%20%3A%C3%a9%25", "", "/%20%3A%C3%a9%25"},
        {"*", TARGET_ASTERISK, "", "*", "", "*"},
        {"http://a/b?c", TARGET_ABSOLUTE, "a", "/b", "c", "/b?c"},
        {"hTTps://[::1]:8080/", TARGET_ABSOLUTE, "[::1]:8080", "/", "", "/"},
        {"http://a.example:80", TARGET_ABSOLUTE, "a.example:80", "/", "", "/"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target target;
        assert_int_equal(target_parse(slice_from_string(cases[i].text), &target, NULL), STATUS_OK);
        assert_int_equal(target.form, cases[i].form);
        assert_slice(target.authority, cases[i].authority);
        assert_slice(target.path, cases[i].path);
        assert_slice(target.query, cases[i].query);
        assert_slice(target.origin, cases[i].origin);
    }
}

static void bad_targets_are_refused(void **state)
{
    static const struct slice cases[] = {
        SLICE(""),           SLICE("a"),           SLICE("?"),           SLICE("#"),
        SLICE("//"),         SLICE("//a"),         SLICE("/a//"),        SLICE("/a//b"),
        SLICE("/."),         SLICE("/.."),         SLICE("/./"),         SLICE("/../"),
        SLICE("/a/./b"),     SLICE("/a/../b"),     SLICE("/a/.."),       SLICE("/a/."),
        SLICE("/..;/a"),     SLICE("/a/..;x=y"),   SLICE("/.;/a"),       SLICE("/%2e%2e/"),
        SLICE("/%2E"),       SLICE("/.%2e/"),      SLICE("/%41"),        SLICE("/%7e"),
        SLICE("/%2F"),       SLICE("/%2f"),        SLICE("/a%5Cb"),      SLICE("/%5c"),
        SLICE("/%00"),       SLICE("/%0d%0a"),     SLICE("/%1F"),        SLICE("/%7F"),
        SLICE("/%"),         SLICE("/%2"),         SLICE("/%2/a"),       SLICE("/%g0"),
        SLICE("/%0g"),       SLICE("/%u0041"),     SLICE("/%%20"),       SLICE("/a\\b"),
        SLICE("/a#b"),       SLICE("/a?#"),        SLICE("/a?\\"),       SLICE("/a?%"),
        SLICE("/a?%zz"),     SLICE("/a b"),        SLICE("/a?b c"),      SLICE("/\t"),
        SLICE("/\0"),        SLICE("/a?\0"),       SLICE("/\x7f"),       SLICE("/\x80"),
        SLICE("/\xc3\xa9"),  SLICE("/a?\xff"),     SLICE("/{a}"),        SLICE("/a|b"),
        SLICE("/\"a\""),     SLICE("/<a>"),        SLICE("/[a]"),        SLICE("/a^b"),
        SLICE("/`"),         SLICE("**"),          SLICE("*?a"),         SLICE("a:443"),
        SLICE("a.b:443"),    SLICE("[::1]:443"),   SLICE("http:"),       SLICE("http:/a"),
        SLICE("http://"),    SLICE("http:///"),    SLICE("http://:80"),  SLICE("http://a:/"),
        SLICE("http://a?b"), SLICE("http://a#b"),  SLICE("http://u@a/"), SLICE("http://a/../b"),
        SLICE("http://a//"), SLICE("http://a b/"), SLICE("ftp://a/"),    SLICE("ws://a/"),
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target target;
        struct failure failure = {""};
        if (target_parse(cases[i], &target, &failure) != STATUS_INVALID) {
            fail_msg("accepted: %.*s", SLICE_ARGS(cases[i]));
        }
        assert_true(failure.text[0] != '\0');
    }
}

static void good_urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        bool is_https;
        const char *host;
        bool host_is_ipv6;
        uint16_t port;
        bool port_written;
        const char *authority;
        const char *path;
        const char *query;
    } cases[] = {
        {"http://a", false, "a", false, 80, false, "a", "", ""},
        {"https://a", true, "a", false, 443, false, "a", "", ""},
        {"HTTPS://A.Example/", true, "A.Example", false, 443, false, "A.Example", "/", ""},
        {"http://localhost:11434", false, "localhost", false, 11434, true, "localhost:11434", "",
         ""},
        {"http://127.0.0.1:80/v1", false, "127.0.0.1", false, 80, true, "127.0.0.1:80", "/v1", ""},
        {"http://[::1]", false, "::1", true, 80, false, "[::1]", "", ""},
        {"https://[2001:db8::1]:8443/a/b?c=d", true, "2001:db8::1", true, 8443, true,
         "[2001:db8::1]:8443", "/a/b", "c=d"},
        {"https://a?b", true, "a", false, 443, false, "a", "", "b"},
        {"https://a/b//../%41?x?y", true, "a", false, 443, false, "a", "/b//../%41", "x?y"},
        {"http://a:65535", false, "a", false, 65535, true, "a:65535", "", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct url url;
        assert_int_equal(url_parse(slice_from_string(cases[i].text), &url, NULL), STATUS_OK);
        assert_int_equal(url.is_https, cases[i].is_https);
        assert_slice(url.host, cases[i].host);
        assert_int_equal(url.host_is_ipv6, cases[i].host_is_ipv6);
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(url.port_written, cases[i].port_written);
        assert_slice(url.authority, cases[i].authority);
        assert_slice(url.path, cases[i].path);
        assert_slice(url.query, cases[i].query);
    }
}

static void bad_urls_are_refused(void **state)
{
    static const struct slice cases[] = {
        SLICE(""),
        SLICE("a"),
        SLICE("//a"),
        SLICE("/a"),
        SLICE("http"),
        SLICE("http:"),
        SLICE("http:a"),
        SLICE("http:/a"),
        SLICE("http://"),
        SLICE("http:///a"),
        SLICE("http://?a"),
        SLICE("ftp://a"),
        SLICE("file:///a"),
        SLICE(" http://a"),
        SLICE("http://a "),
        SLICE("http://a/ b"),
        SLICE("http://a:0"),
        SLICE("http://a:"),
        SLICE("http://a:x"),
        SLICE("http://a:65536"),
        SLICE("http://:80"),
        SLICE("http://u@a"),
        SLICE("http://u:p@a"),
        SLICE("http://a@b:c"),
        SLICE("http://a#b"),
        SLICE("http://a/#"),
        SLICE("http://a/?#"),
        SLICE("http://a/%"),
        SLICE("http://a/\\"),
        SLICE("http://a\\b"),
        SLICE("http://a/\x01"),
        SLICE("http://a/\xc3"),
        SLICE("http://[::1"),
        SLICE("http://::1"),
        SLICE("http://[a]"),
        SLICE("http://a/\0"),
        SLICE("http://a\0"),
        SLICE("http://*"),
        SLICE("http://a,b"),
        SLICE("http://%61"),
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct url url;
        struct failure failure = {""};
        if (url_parse(cases[i], &url, &failure) != STATUS_INVALID) {
            fail_msg("accepted: %.*s", SLICE_ARGS(cases[i]));
        }
        assert_true(failure.text[0] != '\0');
    }
}

static void hosts_are_split(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } cases[] = {
        {"a", "a", 0},
        {"a.b-c_d.example.", "a.b-c_d.example.", 0},
        {"A:1", "A", 1},
        {"a:65535", "a", 65535},
        {"a:00080", "a", 80},
        {"127.0.0.1:8080", "127.0.0.1", 8080},
        {"[::1]", "::1", 0},
        {"[::ffff:127.0.0.1]:8080", "::ffff:127.0.0.1", 8080},
        {"[0000:0000:0000:0000:0000:ffff:255.255.255.255]",
         "0000:0000:0000:0000:0000:ffff:255.255.255.255", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice host;
        uint16_t port = 7;
        assert_true(host_parse(slice_from_string(cases[i].text), &host, &port));
        assert_slice(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void bad_hosts_are_refused(void **state)
{
    static const struct slice cases[] = {
        SLICE(""),        SLICE(":"),
        SLICE(":80"),     SLICE("a:"),
        SLICE("a:b"),     SLICE("a:65536"),
        SLICE("a:+80"),   SLICE("a:-1"),
        SLICE("a: 80"),   SLICE("a:000080"),
        SLICE("a:80:80"), SLICE("a b"),
        SLICE("a/"),      SLICE("a@b"),
        SLICE("a,b"),     SLICE("a~b"),
        SLICE("a%41"),    SLICE("a*"),
        SLICE("a;b"),     SLICE("."),
        SLICE(".a"),      SLICE("a..b"),
        SLICE("a.."),     SLICE("a\0"),
        SLICE("a\xc3"),   SLICE("["),
        SLICE("]"),       SLICE("[]"),
        SLICE("[::1"),    SLICE("::1"),
        SLICE("[::1]a"),  SLICE("[::1]:"),
        SLICE("[::1]80"), SLICE("[127.0.0.1]"),
        SLICE("[a]"),     SLICE("[::1%lo]"),
        SLICE("[v1.a]"),  SLICE("[::1]]"),
        SLICE("[[::1]]"), SLICE("[:::1]"),
        SLICE("[::1\0]"), SLICE("[0000:0000:0000:0000:0000:ffff:255.255.255.2555]"),
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice host;
        uint16_t port;
        if (host_parse(cases[i], &host, &port)) {
            fail_msg("accepted: %.*s", SLICE_ARGS(cases[i]));
        }
    }
}

static void host_names_are_capped(void **state)
{
    char name[256];
    struct slice host;
    uint16_t port;
    memset(name, 'a', sizeof(name));
    assert_true(host_parse(slice_make(name, 255), &host, &port));
    assert_false(host_parse(slice_make(name, 256), &host, &port));
}

static void loopback_hosts_are_known(void **state)
{
    static const char *const loopback[] = {
        "localhost", "LocalHost", "a.localhost",     "a.b.LOCALHOST",    "127.0.0.1",
        "127.1.2.3", "::1",       "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::FFFF:7f00:1",
    };
    static const char *const foreign[] = {
        "",           "localhost.example", "localhos",   "xlocalhost", ".localhost",
        "127.1",      "0127.0.0.1",        "2130706433", "0x7f.0.0.1", "128.0.0.1",
        "10.0.0.127", "127.0.0.1.example", "::",         "::2",        "::127.0.0.1",
        "0.0.0.0",    "::ffff:128.0.0.1",  "[::1]",      "fe80::1",    "127.0.0.256",
    };
    for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
        assert_true(host_is_loopback(slice_from_string(loopback[i])));
    }
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        assert_false(host_is_loopback(slice_from_string(foreign[i])));
    }
    assert_false(host_is_loopback(SLICE("::1\0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_targets_are_taken_apart),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(good_urls_are_taken_apart),
        cmocka_unit_test(bad_urls_are_refused),
        cmocka_unit_test(hosts_are_split),
        cmocka_unit_test(bad_hosts_are_refused),
        cmocka_unit_test(host_names_are_capped),
        cmocka_unit_test(loopback_hosts_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
