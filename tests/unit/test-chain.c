/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/chain.h"

#include "core/limits.h"

static char *names[] = { S("www.example.com"), S("*.example.org"), S("192.0.2.1"), NULL };

static void test_copies(void)
{
    char subject[] = "CN=subject", name[] = "a.example";
    const char *const list[] = { name };
    ChainEntry e = { subject, subject, subject, subject, INT64_MIN, INT64_MAX };
    _cleanup_chain_ Chain *c = chain_new(&e, 1, list, 1, KEY_TYPE_ED25519, true);

    subject[0] = name[0] = 'X';
    g_assert_cmpstr(c->entries[0].subject, ==, "CN=subject");
    g_assert_cmpstr(c->entries[0].fingerprint, ==, "CN=subject");
    g_assert_cmpstr(c->names[0], ==, "a.example");
    g_assert_cmpint(c->entries[0].not_before, ==, INT64_MIN);
    g_assert_cmpint(c->entries[0].not_after, ==, INT64_MAX);
    g_assert_true(c->is_authority);
    g_assert_true(chain_leaf(c) == &c->entries[0]);
}

static void test_most(void)
{
    const char *many[LIMIT_NAMES];
    ChainEntry e[LIMIT_CHAIN];
    _cleanup_chain_ Chain *c = NULL;

    for (size_t i = 0; i < LIMIT_NAMES; i++)
        many[i] = "n.example";
    for (size_t i = 0; i < LIMIT_CHAIN; i++)
        e[i] = (ChainEntry){ "", "", "", "", 100 - (int64_t)i, 1000 - (int64_t)i };
    c = chain_new(e, LIMIT_CHAIN, many, LIMIT_NAMES, KEY_TYPE_RSA_2048, false);
    g_assert_cmpuint(c->n_entries, ==, LIMIT_CHAIN);
    g_assert_cmpuint(c->n_names, ==, LIMIT_NAMES);
    g_assert_cmpstr(c->names[LIMIT_NAMES - 1], ==, "n.example");
    g_assert_cmpint(chain_not_after(c), ==, 1000 - LIMIT_CHAIN + 1);
}

static void test_references(void)
{
    Chain *c = chain_make(names, 0, 1);

    g_assert_true(chain_ref(c) == c);
    g_assert_null(chain_unref(c));
    g_assert_cmpstr(c->names[0], ==, "www.example.com");
    g_assert_null(chain_unref(c));
    g_assert_null(chain_ref(NULL));
    g_assert_null(chain_unref(NULL));
}

static void test_covers(void)
{
    _cleanup_chain_ Chain *c = chain_make(names, 0, 1);
    const char *missing = NULL;
    char *some[] = { S("192.0.2.1"), S("a.example.org"), S("www.example.com"), S("*.example.org"), NULL };
    char *one_not[] = { S("www.example.com"), S("example.org"), S("neither"), NULL };

    g_assert_true(chain_covers(c, some, NULL));
    g_assert_true(chain_covers(c, NULL, &missing));
    g_assert_null(missing);
    g_assert_false(chain_covers(c, one_not, NULL));
    g_assert_false(chain_covers(c, one_not, &missing));
    g_assert_cmpstr(missing, ==, "example.org");
}

/* The latest beginning and the earliest end, wherever they stand. */
static void test_validity(void)
{
    for (unsigned at = 0; at < 3; at++) {
        ChainEntry e[3];
        Chain *c;

        for (unsigned i = 0; i < 3; i++)
            e[i] = (ChainEntry){ "", "", "", "", i == at ? 7 : 3, i == at ? 8 : 9 };
        c = chain_new(e, 3, NULL, 0, KEY_TYPE_ECDSA_P256, false);
        g_assert_cmpint(chain_not_before(c), ==, 7);
        g_assert_cmpint(chain_not_after(c), ==, 8);
        chain_unref(c);
    }
}

static void test_equal(void)
{
    ChainEntry e[] = { { "", "", "", "aa", 0, 0 }, { "", "", "", "bb", 0, 0 }, { "", "", "", "cc", 0, 0 } };
    _cleanup_chain_ Chain *two = chain_new(e, 2, NULL, 0, KEY_TYPE_ECDSA_P256, false),
                          *same = chain_new(e, 2, NULL, 0, KEY_TYPE_ECDSA_P256, false),
                          *three = chain_new(e, 3, NULL, 0, KEY_TYPE_ECDSA_P256, false),
                          *other = chain_new(e + 1, 2, NULL, 0, KEY_TYPE_ECDSA_P256, false), *renewed = NULL;

    e[1].fingerprint = "dd";
    renewed = chain_new(e, 2, NULL, 0, KEY_TYPE_ECDSA_P256, false);
    g_assert_true(chain_equal(two, same));
    g_assert_false(chain_equal(two, three));
    g_assert_false(chain_equal(three, two));
    g_assert_false(chain_equal(two, other));
    g_assert_false(chain_equal(two, renewed));
}

static void test_key_types(void)
{
    for (KeyType t = 0; t < _KEY_TYPE_MAX; t++)
        g_assert_cmpint(key_type_from_string(key_type_to_string(t)), ==, t);
    g_assert_cmpint(key_type_from_string(""), <, 0);
    g_assert_cmpint(key_type_from_string("RSA-2048"), <, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/chain/copies", test_copies);
    g_test_add_func("/chain/most", test_most);
    g_test_add_func("/chain/references", test_references);
    g_test_add_func("/chain/covers", test_covers);
    g_test_add_func("/chain/validity", test_validity);
    g_test_add_func("/chain/equal", test_equal);
    g_test_add_func("/chain/key-types", test_key_types);
    return g_test_run();
}
