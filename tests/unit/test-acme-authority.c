/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "acme/authority.h"
#include "core/limits.h"
#include "util/text.h"

static void test_urls(void)
{
    const AcmeAuthority a = {
        .directory = S("https://ca.example/directory"),
        .origins = (char *[]){ S("https://files.example"), S("https://ca.example:8443"), NULL },
    };
    static const char *const own[] = {
        "https://ca.example/order/1",   "https://ca.example:443/order/1", "HTTPS://CA.example/x",
        "https://ca.example",           "https://ca.example?x",           "https://files.example/chain",
        "https://files.example:443/x#", "https://ca.example:8443/x",
    };
    static const char *const others[] = {
        "",
        "http://ca.example/order/1",
        "https://ca.example.net/",
        "https://ca.example:444/",
        "https://user@ca.example/",
        "https://files.example:8443/",
        "https://ca.example/a b",
        "https://ca.example/\xc3\xa9",
        "https://ca.example/\n",
        "//ca.example/",
        "/order/1",
    };
    g_autofree char *filling = g_strnfill(LIMIT_URL, 'x'),
                    *large = g_strdup_printf("https://ca.example/%s", filling);

    for (size_t i = 0; i < ELEMENTSOF(own); i++)
        if (!acme_authority_has_url(&a, own[i]))
            note_failure("%s is not its own", own[i]);
    for (size_t i = 0; i < ELEMENTSOF(others); i++)
        if (acme_authority_has_url(&a, others[i]))
            note_failure("%s is its own", others[i]);
    g_assert_false(url_is_https(large));
    large[LIMIT_URL] = 0;
    g_assert_true(acme_authority_has_url(&a, large));
}

static void test_copy(void)
{
    const AcmeAuthority a = { .name = S("ca"),
                              .directory = S("https://ca.example/directory"),
                              .contact = (char *[]){ S("mailto:a@example.com"), NULL },
                              .eab_algorithm = MAC_HS512,
                              .terms_agreed = true };
    AcmeAuthority b;

    g_assert_cmpint(acme_authority_copy(&a, &b), ==, 0);
    g_assert_cmpstr(b.name, ==, "ca");
    g_assert_true(b.name != a.name && b.contact != a.contact);
    g_assert_cmpstr(b.directory, ==, a.directory);
    g_assert_true(strv_equal(b.contact, a.contact));
    g_assert_null(b.origins);
    g_assert_null(b.trust_file);
    g_assert_cmpint(b.eab_algorithm, ==, MAC_HS512);
    g_assert_true(b.terms_agreed);
    acme_authority_done(&b);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/acme-authority/urls", test_urls);
    g_test_add_func("/acme-authority/copy", test_copy);
    return g_test_run();
}
