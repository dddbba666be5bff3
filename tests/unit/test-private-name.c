/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/private-name.h"

#include "core/name.h"

/* Names that a public authority may issue for. */
static const char *const public_names[] = {
    "certwright.org",
    "www.certwright.org",
    "*.certwright.org",
    "*.mail.certwright.org",
    "xn--bcher-kva.de",
    "localhost.de",
    "local.de",
    "mylocal.net",
    "test.de",
    "thelan.net",
    "example.de",
    "my-example.com",
    "notexample.com",
    "home.de",
    "arpa.com",
    "mail.google.com",
    "internal.company.com",
    "a.co.uk",
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.0.9",
    "192.0.0.10",
    "192.0.1.0",
    "192.0.3.0",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "192.175.48.1",
    "198.17.255.255",
    "198.20.0.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2001:1::1",
    "2001:3::1",
    "2001:3:ffff::1",
    "2001:4:112::1",
    "2001:20::1",
    "2001:200::1",
    "2001:db7:ffff::1",
    "2001:db9::1",
    "2003::1",
    "2606:4700:4700::1111",
    "2620:4f:8000::1",
    "2a00:1450:4001::200e",
    "3ffe::1",
    "3fff:1000::1",
};

/* Names that it may not, and a word of the reason. */
static const struct {
    const char *name, *word;
} private_names[] = {
    { "server", "without a dot" },
    { "localhost", "without a dot" },
    { "local", "without a dot" },
    { "com", "without a dot" },
    { "*.com", "top-level" },
    { "*.local", "\"local\"" },
    { "printer.local", "\"local\"" },
    { "*.office.local", "\"local\"" },
    { "a.lan", "\"lan\"" },
    { "a.b.internal", "\"internal\"" },
    { "a.intranet", "\"intranet\"" },
    { "a.private", "\"private\"" },
    { "a.home", "\"home\"" },
    { "a.corp", "\"corp\"" },
    { "a.mail", "\"mail\"" },
    { "a.localdomain", "\"localdomain\"" },
    { "home.arpa", "\"home.arpa\"" },
    { "nas.home.arpa", "\"home.arpa\"" },
    { "a.test", "\"test\"" },
    { "a.invalid", "\"invalid\"" },
    { "a.localhost", "\"localhost\"" },
    { "a.example", "documentation" },
    { "example.com", "documentation" },
    { "*.example.com", "documentation" },
    { "www.example.net", "documentation" },
    { "www.example.org", "documentation" },
    { "abc.onion", "DNS" },
    { "a.alt", "DNS" },
    { "1.2.0.192.in-addr.arpa", "reverse" },
    { "8.b.d.0.1.0.0.2.ip6.arpa", "reverse" },
    { "resolver.arpa", "\"arpa\"" },
    { "0.0.0.0", "reserved" },
    { "0.1.2.3", "reserved" },
    { "10.0.0.0", "private" },
    { "10.255.255.255", "private" },
    { "100.64.0.0", "6598" },
    { "100.127.255.255", "6598" },
    { "127.0.0.1", "machine" },
    { "127.255.255.255", "machine" },
    { "169.254.0.1", "link-local" },
    { "172.16.0.0", "private" },
    { "172.31.255.255", "private" },
    { "192.0.0.1", "reserved" },
    { "192.0.0.170", "reserved" },
    { "192.0.2.255", "documentation" },
    { "192.88.99.1", "reserved" },
    { "192.168.0.1", "private" },
    { "192.168.255.255", "private" },
    { "198.18.0.0", "reserved" },
    { "198.19.255.255", "reserved" },
    { "198.51.100.1", "documentation" },
    { "203.0.113.1", "documentation" },
    { "224.0.0.1", "multicast" },
    { "239.255.255.255", "multicast" },
    { "240.0.0.1", "reserved" },
    { "255.255.255.255", "reserved" },
    { "::", "reserved" },
    { "::1", "machine" },
    { "::2", "reserved" },
    { "::192.0.2.1", "reserved" },
    { "::ffff:8.8.8.8", "stands for" },
    { "64:ff9b::808:808", "stands for" },
    { "64:ff9b:1::1", "stands for" },
    { "100::1", "reserved" },
    { "2001::1", "reserved" },
    { "2001:2::1", "reserved" },
    { "2001:10::1", "reserved" },
    { "2001:db8::1", "documentation" },
    { "2001:db8:ffff:ffff::1", "documentation" },
    { "2002:808:808::1", "stands for" },
    { "3fff::1", "documentation" },
    { "3fff:fff::1", "documentation" },
    { "4000::1", "reserved" },
    { "5f00::1", "reserved" },
    { "fc00::1", "private" },
    { "fdff::1", "private" },
    { "fe80::1", "link-local" },
    { "febf::1", "link-local" },
    { "fec0::1", "private" },
    { "ff02::1", "multicast" },
};

static void check_canonical(const char *name)
{
    g_autofree char *canonical = NULL;

    g_assert_cmpint(name_canonicalize(name, &canonical, NULL), ==, 0);
    g_assert_cmpstr(canonical, ==, name);
}

static void test_public(void)
{
    for (size_t i = 0; i < ELEMENTSOF(public_names); i++) {
        const char *reason = name_private_reason(public_names[i]);

        check_canonical(public_names[i]);
        if (reason)
            note_failure("%s is taken for %s", public_names[i], reason);
    }
}

static void test_private(void)
{
    for (size_t i = 0; i < ELEMENTSOF(private_names); i++) {
        const char *reason = name_private_reason(private_names[i].name);

        check_canonical(private_names[i].name);
        if (!reason || !strstr(reason, private_names[i].word))
            note_failure("%s: %s", private_names[i].name, reason ? reason : "it is taken for public");
        else
            g_assert_true(g_str_has_prefix(reason, "a ") || g_str_has_prefix(reason, "an "));
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/reach/public", test_public);
    g_test_add_func("/reach/private", test_private);
    return g_test_run();
}
