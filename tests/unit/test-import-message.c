/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "import/message.h"

#include <errno.h>

#include "core/imported.h"
#include "util/text.h"

static Imported *imported_new(size_t n_certificates, const char *key)
{
    Imported *i = calloc(1, sizeof(Imported));

    i->format = strdup("PKCS#12");
    for (size_t n = 0; n < n_certificates; n++)
        g_assert_cmpint(blob_new("certificate", 11 - n % 11, i->certificates + i->n_certificates++), ==, 0);
    if (key)
        g_assert_cmpint(blob_new(key, strlen(key), &i->key), ==, 0);
    return i;
}

static void assert_same(const Imported *a, const Imported *b)
{
    g_assert_cmpstr(a->format, ==, b->format);
    g_assert_cmpuint(a->n_certificates, ==, b->n_certificates);
    for (size_t n = 0; n < a->n_certificates; n++)
        g_assert_true(blob_equal(a->certificates + n, b->certificates + n));
    g_assert_true(blob_equal(&a->key, &b->key));
    g_assert_cmpint(a->key_problem.code, ==, b->key_problem.code);
    g_assert_cmpstr(a->key_problem.text, ==, b->key_problem.text);
}

/* A message comes over whole, and no part of it is taken for all. */
static void test_round_trip(void)
{
    for (size_t n = 0; n <= LIMIT_CHAIN; n++) {
        _cleanup_imported_ Imported *i = imported_new(n, n % 2 ? "key" : NULL), *same = NULL, *none = NULL;
        _cleanup_problem_ Problem problem = {};
        _cleanup_blob_ Blob m = {};

        if (n % 3 == 0 && !i->key.data)
            (void)problem_set(&i->key_problem, PROBLEM_WEAK_KEY, "It is weak — “very”.");
        g_assert_cmpint(message_encode(i, &problem, &m), ==, 0);
        g_assert_cmpint(message_decode(m.data, m.size, &same, &problem), ==, 0);
        assert_same(i, same);
        for (size_t size = 0; size < m.size; size++)
            g_assert_cmpint(message_decode(m.data, size, &none, &problem), ==, -EBADMSG);
        g_assert_null(none);
        g_assert_cmpint(problem.code, ==, PROBLEM_NONE);
    }
}

static void test_problem(void)
{
    _cleanup_problem_ Problem sent = {}, problem = {};
    _cleanup_imported_ Imported *none = NULL;
    _cleanup_blob_ Blob m = {};

    (void)problem_set(&sent, PROBLEM_PASSPHRASE_REQUIRED, "It is encrypted.");
    g_assert_cmpint(message_encode(NULL, &sent, &m), ==, 0);
    g_assert_cmpint(message_decode(m.data, m.size, &none, &problem), ==, 0);
    g_assert_null(none);
    g_assert_cmpint(problem.code, ==, PROBLEM_PASSPHRASE_REQUIRED);
    g_assert_cmpstr(problem.text, ==, "It is encrypted.");
}

/* Well-formed, but not what the program sends. */
static void assert_refused(const char *what, Imported *i)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_imported_ Imported *none = NULL;
    _cleanup_blob_ Blob m = {};

    g_assert_cmpint(message_encode(i, &problem, &m), ==, 0);
    if (message_decode(m.data, m.size, &none, &problem) != -EBADMSG || none || problem.code != PROBLEM_NONE)
        note_failure("%s is accepted", what);
    imported_free(i);
}

static void test_refused(void)
{
    Imported *text = imported_new(1, NULL), *utf8 = imported_new(1, NULL), *both = imported_new(1, "key"),
             *empty = imported_new(1, NULL), *large = imported_new(1, NULL), *format = imported_new(1, NULL);

    text_set(&text->format, "P\nM");
    text_set(&utf8->format, "\xff");
    text_set(&format->format, "a name that no format has, since all of them are in a table and short");
    (void)problem_set(&both->key_problem, PROBLEM_WEAK_KEY, "It is weak.");
    empty->certificates[0].size = 0;
    large->key = (Blob){ g_malloc0(LIMIT_KEY + 1), LIMIT_KEY + 1 };
    assert_refused("a control character", text);
    assert_refused("what is not UTF-8", utf8);
    assert_refused("a long name of the format", format);
    assert_refused("a key with a problem", both);
    assert_refused("an empty certificate", empty);
    assert_refused("a large key", large);
}

/* Fields of one byte of type and four of length. */
static void test_fields(void)
{
    _cleanup_imported_ Imported *i = imported_new(1, "key"), *none = NULL;
    _cleanup_problem_ Problem problem = {};
    _cleanup_blob_ Blob m = {};
    uint8_t *longer;

    g_assert_cmpint(message_encode(i, &problem, &m), ==, 0);
    longer = g_malloc0(m.size + 1);
    memcpy(longer, m.data, m.size);
    g_assert_cmpint(message_decode(longer, m.size + 1, &none, &problem), ==, -EBADMSG);
    longer[0] ^= 1; /* of the magic number */
    g_assert_cmpint(message_decode(longer, m.size, &none, &problem), ==, -EBADMSG);
    longer[0] ^= 1;
    longer[8] = 99; /* the first type */
    g_assert_cmpint(message_decode(longer, m.size, &none, &problem), ==, -EBADMSG);
    longer[8] = m.data[8];
    memset(longer + 9, 0xff, 4); /* its length */
    g_assert_cmpint(message_decode(longer, m.size, &none, &problem), ==, -EBADMSG);
    g_assert_null(none);
    g_free(longer);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/import-message/round-trip", test_round_trip);
    g_test_add_func("/import-message/problem", test_problem);
    g_test_add_func("/import-message/refused", test_refused);
    g_test_add_func("/import-message/fields", test_fields);
    return g_test_run();
}
