/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "net/address.h"

static const char *const local[] = {
    "0.0.0.0",
    "0.1.2.3",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "febf::1",
    "ff00::",
    "ff02::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0.0.0.0",
    "::ffff:169.254.1.1",
    "::ffff:224.0.0.1",
    "::ffff:255.255.255.255",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1:7f00:0:100::",
    "64:ff9b:1:7f:0:1::",
    "64:ff9b:1:0:7f:0:100:0",
    "64:ff9b:1::127.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:101::1",
};

static const char *const elsewhere[] = {
    "1.0.0.0",          "10.0.0.1",
    "126.255.255.255",  "128.0.0.1",
    "169.253.255.255",  "169.255.0.0",
    "172.16.0.1",       "192.0.2.1",
    "192.168.1.1",      "223.255.255.255",
    "::ffff:192.0.2.1", "64:ff9b::192.0.2.1",
    "2001:db8::1",      "2001:db8::127.0.0.1",
    "2002:c000:201::1", "fd00::1",
    "fec0::1",
};

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address = {};
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
    struct sockaddr_in *in4 = (struct sockaddr_in *)&address;

    address.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (address.ss_family == AF_INET6)
        g_assert_cmpint(inet_pton(AF_INET6, text, &in6->sin6_addr), ==, 1);
    else
        g_assert_cmpint(inet_pton(AF_INET, text, &in4->sin_addr), ==, 1);
    return address;
}

static void check(const char *text, bool expected)
{
    struct sockaddr_storage address = address_of(text);
    size_t size = address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    char as_text[ADDRESS_TEXT_SIZE];

    if (address_is_local((struct sockaddr *)&address, size) != expected)
        note_failure("%s as an address: not %d", text, expected);
    if (address_text_is_local(text) != expected)
        note_failure("%s as text: not %d", text, expected);
    address_to_text((struct sockaddr *)&address, size, as_text);
    if (address_text_is_local(as_text) != expected)
        note_failure("%s written as %s: not %d", text, as_text, expected);
}

static void test_table(void)
{
    for (size_t i = 0; i < ELEMENTSOF(local); i++)
        check(local[i], true);
    for (size_t i = 0; i < ELEMENTSOF(elsewhere); i++)
        check(elsewhere[i], false);
}

static void test_no_address(void)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_storage address = address_of("192.0.2.1");
    char text[ADDRESS_TEXT_SIZE];

    g_assert_true(address_is_local((struct sockaddr *)&un, sizeof(un)));
    g_assert_true(address_is_local((struct sockaddr *)&address, 2));
    g_assert_true(address_text_is_local(""));
    g_assert_true(address_text_is_local("localhost"));
    g_assert_true(address_text_is_local("fe80::1%lo"));
    address_to_text((struct sockaddr *)&un, sizeof(un), text);
    g_assert_cmpstr(text, ==, "?");
}

static void test_text(void)
{
    static const char *const same[] = { "192.0.2.1", "2001:db8::1",
                                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };

    for (size_t i = 0; i < ELEMENTSOF(same); i++) {
        struct sockaddr_storage address = address_of(same[i]);
        char text[ADDRESS_TEXT_SIZE];

        address_to_text((struct sockaddr *)&address, sizeof(address), text);
        g_assert_cmpstr(text, ==, same[i]);
    }
}

static void test_port(void)
{
    static const char *const bad[] = {
        "", "192.0.2", "192.0.2.1:80", "[::1]", "localhost", "fe80::1%no-such-link", "192.0.2.1%lo"
    };
    SocketAddress address;

    g_assert_cmpuint(address_from_text("192.0.2.1", 80, &address), ==, sizeof(struct sockaddr_in));
    g_assert_cmpint(address.in4.sin_family, ==, AF_INET);
    g_assert_cmpuint(ntohs(address.in4.sin_port), ==, 80);
    g_assert_cmpuint(ntohl(address.in4.sin_addr.s_addr), ==, 0xc0000201);
    g_assert_cmpuint(address_from_text("::1", 443, &address), ==, sizeof(struct sockaddr_in6));
    g_assert_cmpint(address.in6.sin6_family, ==, AF_INET6);
    g_assert_cmpuint(ntohs(address.in6.sin6_port), ==, 443);
    g_assert_true(IN6_IS_ADDR_LOOPBACK(&address.in6.sin6_addr));
    g_assert_cmpuint(address_from_text("fe80::1%lo", 53, &address), ==, sizeof(struct sockaddr_in6));
    g_assert_cmpuint(address.in6.sin6_scope_id, ==, if_nametoindex("lo"));
    g_assert_cmpuint(ntohs(address.in6.sin6_port), ==, 53);
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        g_assert_cmpuint(address_from_text(bad[i], 80, &address), ==, 0);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/address/table", test_table);
    g_test_add_func("/address/no-address", test_no_address);
    g_test_add_func("/address/text", test_text);
    g_test_add_func("/address/port", test_port);
    return g_test_run();
}
