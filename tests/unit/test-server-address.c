/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "core/server-address.h"

static void test_texts(void)
{
    static const struct {
        const char *text, *address;
        uint16_t port;
        const char *again;
    } good[] = {
        { "192.0.2.1", "192.0.2.1", 0, "192.0.2.1" },
        { "192.0.2.1:5353", "192.0.2.1", 5353, "192.0.2.1:5353" },
        { "2001:db8::1", "2001:db8::1", 0, "2001:db8::1" },
        { "[2001:db8::1]", "2001:db8::1", 0, "2001:db8::1" },
        { "[2001:db8::1]:53", "2001:db8::1", 53, "[2001:db8::1]:53" },
        { "fe80::1%eth0", "fe80::1%eth0", 0, "fe80::1%eth0" },
        { "[fe80::1%br-lan.7]", "fe80::1%br-lan.7", 0, "fe80::1%br-lan.7" },
        { "[fe80::1%2]:53", "fe80::1%2", 53, "[fe80::1%2]:53" },
        { "[fe80:1111:2222:3333:4444:5555:6666:7777%enp0s31f6np1ab]:53",
          "fe80:1111:2222:3333:4444:5555:6666:7777%enp0s31f6np1ab", 53,
          "[fe80:1111:2222:3333:4444:5555:6666:7777%enp0s31f6np1ab]:53" },
    };
    static const char *const bad[] = { "",
                                       "ns.example",
                                       "192.0.2.1:",
                                       "192.0.2.1:0",
                                       "192.0.2.1:65536",
                                       "192.0.2",
                                       "[192.0.2.1]:53",
                                       "[2001:db8::1",
                                       "2001:db8::g",
                                       "[::1]x",
                                       "192.0.2.1 ",
                                       "[]",
                                       "192.0.2.1:-1",
                                       "fe80::1%",
                                       "fe80::1%eth0%1",
                                       "fe80::1%eth0,::1",
                                       "fe80::1%a b",
                                       "fe80::1%a;b",
                                       "fe80::1%a\nb",
                                       "fe80::1%sixteen-letters-",
                                       "2001:db8::1%eth0",
                                       "192.0.2.1%eth0",
                                       "%eth0",
                                       "[fe80::1]%eth0" };
    char address[ADDRESS_TEXT_SIZE];
    uint16_t port;

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        g_autofree char *again = NULL;

        g_assert_cmpint(server_address_parse(good[i].text, address, &port), ==, 0);
        g_assert_cmpstr(address, ==, good[i].address);
        g_assert_cmpuint(port, ==, good[i].port);
        again = server_address_format(address, port);
        g_assert_cmpstr(again, ==, good[i].again);
    }
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (server_address_parse(bad[i], address, &port) != -EINVAL)
            note_failure("\"%s\" is taken", bad[i]);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/server-address/texts", test_texts);
    return g_test_run();
}
