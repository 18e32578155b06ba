/* SPDX-License-Identifier: MIT
 *
 * address_guard_test.c - addresses of every kind, at both ends of their ranges, and the spellings
 * of hosts. */
#include "net/address_guard.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *text;
    enum address_kind kind;
} addresses[] = {
    {"1.1.1.1", ADDRESS_KIND_PUBLIC},
    {"8.8.8.8", ADDRESS_KIND_PUBLIC},
    {"9.255.255.255", ADDRESS_KIND_PUBLIC},
    {"10.0.0.0", ADDRESS_KIND_PRIVATE},
    {"10.255.255.255", ADDRESS_KIND_PRIVATE},
    {"11.0.0.0", ADDRESS_KIND_PUBLIC},
    {"100.63.255.255", ADDRESS_KIND_PUBLIC},
    {"100.64.0.0", ADDRESS_KIND_PRIVATE},
    {"100.100.100.199", ADDRESS_KIND_PRIVATE},
    {"100.100.100.200", ADDRESS_KIND_METADATA},
    {"100.127.255.255", ADDRESS_KIND_PRIVATE},
    {"100.128.0.0", ADDRESS_KIND_PUBLIC},
    {"126.255.255.255", ADDRESS_KIND_PUBLIC},
    {"127.0.0.1", ADDRESS_KIND_LOOPBACK},
    {"127.255.255.255", ADDRESS_KIND_LOOPBACK},
    {"128.0.0.0", ADDRESS_KIND_PUBLIC},
    {"168.63.129.15", ADDRESS_KIND_PUBLIC},
    {"168.63.129.16", ADDRESS_KIND_METADATA},
    {"169.253.255.255", ADDRESS_KIND_PUBLIC},
    {"169.254.0.0", ADDRESS_KIND_LINK_LOCAL},
    {"169.254.169.254", ADDRESS_KIND_METADATA},
    {"169.254.170.2", ADDRESS_KIND_METADATA},
    {"169.254.170.23", ADDRESS_KIND_METADATA},
    {"169.254.255.255", ADDRESS_KIND_LINK_LOCAL},
    {"169.255.0.0", ADDRESS_KIND_PUBLIC},
    {"172.15.255.255", ADDRESS_KIND_PUBLIC},
    {"172.16.0.0", ADDRESS_KIND_PRIVATE},
    {"172.31.255.255", ADDRESS_KIND_PRIVATE},
    {"172.32.0.0", ADDRESS_KIND_PUBLIC},
    {"192.0.0.1", ADDRESS_KIND_RESERVED},
    {"192.0.0.192", ADDRESS_KIND_METADATA},
    {"192.0.2.1", ADDRESS_KIND_DOCUMENTATION},
    {"192.88.99.1", ADDRESS_KIND_RESERVED},
    {"192.167.255.255", ADDRESS_KIND_PUBLIC},
    {"192.168.0.0", ADDRESS_KIND_PRIVATE},
    {"192.168.255.255", ADDRESS_KIND_PRIVATE},
    {"192.169.0.0", ADDRESS_KIND_PUBLIC},
    {"198.17.255.255", ADDRESS_KIND_PUBLIC},
    {"198.18.0.0", ADDRESS_KIND_PRIVATE},
    {"198.19.255.255", ADDRESS_KIND_PRIVATE},
    {"198.51.100.7", ADDRESS_KIND_DOCUMENTATION},
    {"203.0.113.7", ADDRESS_KIND_DOCUMENTATION},
    {"223.255.255.255", ADDRESS_KIND_PUBLIC},
    {"224.0.0.1", ADDRESS_KIND_MULTICAST},
    {"239.255.255.255", ADDRESS_KIND_MULTICAST},
    {"240.0.0.0", ADDRESS_KIND_RESERVED},
    {"255.255.255.255", ADDRESS_KIND_RESERVED},
    {"0.0.0.0", ADDRESS_KIND_UNSPECIFIED},
    {"0.255.255.255", ADDRESS_KIND_UNSPECIFIED},
    {"1.0.0.0", ADDRESS_KIND_PUBLIC},
    {"::", ADDRESS_KIND_UNSPECIFIED},
    {"::1", ADDRESS_KIND_LOOPBACK},
    {"::2", ADDRESS_KIND_UNSPECIFIED}, /* compatible, 0.0.0.2 */
    {"::127.0.0.1", ADDRESS_KIND_LOOPBACK},
    {"::8.8.8.8", ADDRESS_KIND_PUBLIC},
    {"::ffff:127.0.0.1", ADDRESS_KIND_LOOPBACK},
    {"::ffff:10.1.2.3", ADDRESS_KIND_PRIVATE},
    {"::ffff:169.254.169.254", ADDRESS_KIND_METADATA},
    {"::ffff:0.0.0.0", ADDRESS_KIND_UNSPECIFIED},
    {"::ffff:8.8.8.8", ADDRESS_KIND_PUBLIC},
    {"::ffff:0:127.0.0.1", ADDRESS_KIND_LOOPBACK},
    {"64:ff9b::127.0.0.1", ADDRESS_KIND_LOOPBACK},
    {"64:ff9b::a9fe:a9fe", ADDRESS_KIND_METADATA},
    {"64:ff9b::8.8.8.8", ADDRESS_KIND_PUBLIC},
    {"64:ff9b:1::192.168.1.1", ADDRESS_KIND_PRIVATE},
    {"64:ff9b:1:2::8.8.8.8", ADDRESS_KIND_RESERVED},
    {"2002:7f00:1::", ADDRESS_KIND_LOOPBACK},
    {"2002:a9fe:a9fe::1", ADDRESS_KIND_METADATA},
    {"2002:808:808::1", ADDRESS_KIND_PUBLIC},
    {"2606:4700::5efe:10.0.0.1", ADDRESS_KIND_PRIVATE},
    {"2606:4700::200:5efe:127.0.0.1", ADDRESS_KIND_LOOPBACK},
    {"2001::1", ADDRESS_KIND_RESERVED}, /* Teredo */
    {"2001:1ff:ffff::", ADDRESS_KIND_RESERVED},
    {"2001:200::", ADDRESS_KIND_PUBLIC},
    {"2001:db7:ffff::", ADDRESS_KIND_PUBLIC},
    {"2001:db8::1", ADDRESS_KIND_DOCUMENTATION},
    {"2001:db9::1", ADDRESS_KIND_PUBLIC},
    {"2606:4700:4700::1111", ADDRESS_KIND_PUBLIC},
    {"3fff::1", ADDRESS_KIND_DOCUMENTATION},
    {"3fff:1000::1", ADDRESS_KIND_PUBLIC},
    {"4000::1", ADDRESS_KIND_RESERVED},
    {"100::1", ADDRESS_KIND_RESERVED},
    {"5f00::1", ADDRESS_KIND_RESERVED},
    {"fbff:ffff::1", ADDRESS_KIND_RESERVED},
    {"fc00::1", ADDRESS_KIND_PRIVATE},
    {"fdff:ffff::1", ADDRESS_KIND_PRIVATE},
    {"fd00:ec2::254", ADDRESS_KIND_METADATA},
    {"fd00:ec2::253", ADDRESS_KIND_PRIVATE},
    {"fd20:ce::254", ADDRESS_KIND_METADATA},
    {"fd00:42::42", ADDRESS_KIND_METADATA},
    {"fe00::1", ADDRESS_KIND_RESERVED},
    {"fe80::1", ADDRESS_KIND_LINK_LOCAL},
    {"febf:ffff::1", ADDRESS_KIND_LINK_LOCAL},
    {"fec0::1", ADDRESS_KIND_PRIVATE},
    {"ff02::1", ADDRESS_KIND_MULTICAST},
    {"ffff::", ADDRESS_KIND_MULTICAST},
};

static void every_address_has_its_kind(void **state)
{
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct sockaddr_storage address;
        assert_int_equal(address_guard_read(slice_from_string(addresses[i].text), &address),
                         ADDRESS_FORM_LITERAL);
        enum address_kind kind = address_guard_kind((struct sockaddr *)&address);
        if (kind != addresses[i].kind) {
            fail_msg("%s is %s", addresses[i].text, address_kind_name(kind));
        }
    }
}

static void policies_allow_what_they_say(void **state)
{
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct sockaddr_storage storage;
        const struct sockaddr *address = (struct sockaddr *)&storage;
        enum address_kind kind = addresses[i].kind;
        bool is_public = kind == ADDRESS_KIND_PUBLIC;
        bool is_near = kind == ADDRESS_KIND_PRIVATE || kind == ADDRESS_KIND_LOOPBACK;
        assert_int_equal(address_guard_read(slice_from_string(addresses[i].text), &storage),
                         ADDRESS_FORM_LITERAL);
        assert_true(address_guard_allows(ADDRESS_ANY, address));
        assert_int_equal(address_guard_allows(ADDRESS_PUBLIC_ONLY, address), is_public);
        assert_int_equal(address_guard_allows(ADDRESS_PRIVATE_ALLOWED, address),
                         is_public || is_near);
    }
}

static void what_is_no_ip_address_is_refused(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_int_equal(address_guard_kind((struct sockaddr *)&local), ADDRESS_KIND_RESERVED);
    assert_false(address_guard_allows(ADDRESS_PRIVATE_ALLOWED, (struct sockaddr *)&local));
    assert_false(address_guard_allows(ADDRESS_PUBLIC_ONLY, (struct sockaddr *)&local));
}

static const struct {
    const char *host;
    enum address_form form;
} hosts[] = {
    {"example.com", ADDRESS_FORM_NAME},
    {"localhost", ADDRESS_FORM_NAME},
    {"a1", ADDRESS_FORM_NAME},
    {"1a", ADDRESS_FORM_NAME},
    {"10.example", ADDRESS_FORM_NAME},
    {"0xg", ADDRESS_FORM_NAME},
    {"0xcafe.example", ADDRESS_FORM_NAME},
    {"cafe", ADDRESS_FORM_NAME},
    {"1.2.3.4.example.", ADDRESS_FORM_NAME},
    {"fe80::1%eth0", ADDRESS_FORM_NAME},
    {"", ADDRESS_FORM_NAME},
    {"127.0.0.1", ADDRESS_FORM_LITERAL},
    {"::1", ADDRESS_FORM_LITERAL},
    {"2130706433", ADDRESS_FORM_ODD},
    {"127.1", ADDRESS_FORM_ODD},
    {"127.0.1", ADDRESS_FORM_ODD},
    {"0x7f000001", ADDRESS_FORM_ODD},
    {"0X7F000001", ADDRESS_FORM_ODD},
    {"0x7f.1", ADDRESS_FORM_ODD},
    {"127.0.0.0x1", ADDRESS_FORM_ODD},
    {"0x", ADDRESS_FORM_ODD},
    {"017700000001", ADDRESS_FORM_ODD},
    {"0177.0.0.1", ADDRESS_FORM_ODD},
    {"127.0.0.01", ADDRESS_FORM_ODD},
    {"127.0.0.1.", ADDRESS_FORM_ODD},
    {"127.0.0.256", ADDRESS_FORM_ODD},
    {"1.2.3.4.5", ADDRESS_FORM_ODD},
    {"4294967296", ADDRESS_FORM_ODD},
    {"example.1", ADDRESS_FORM_ODD},
    {"example.0x1f.", ADDRESS_FORM_ODD},
    {"0", ADDRESS_FORM_ODD},
};

static void spellings_of_hosts_are_told_apart(void **state)
{
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct sockaddr_storage address;
        struct slice host = slice_from_string(hosts[i].host);
        if (address_guard_read(host, &address) != hosts[i].form) {
            fail_msg("%s", hosts[i].host);
        }
    }
    struct sockaddr_storage address;
    assert_int_equal(address_guard_read(slice_make("127.0.0.1\0x", 11), &address),
                     ADDRESS_FORM_NAME);
}

/* The resolver of this machine is the judge: whatever it takes for an address without asking
 * anybody must not be read as a name. */
static void no_address_passes_for_a_name(void **state)
{
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
        struct addrinfo *found = NULL;
        if (strchr(hosts[i].host, '%') == NULL &&
            getaddrinfo(hosts[i].host, NULL, &hints, &found) == 0) {
            assert_int_not_equal(hosts[i].form, ADDRESS_FORM_NAME);
            freeaddrinfo(found);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_has_its_kind),
        cmocka_unit_test(policies_allow_what_they_say),
        cmocka_unit_test(what_is_no_ip_address_is_refused),
        cmocka_unit_test(spellings_of_hosts_are_told_apart),
        cmocka_unit_test(no_address_passes_for_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
