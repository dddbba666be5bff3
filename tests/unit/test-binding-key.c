/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "acme/binding-key.h"
#include "crypto/base64url.h"

/* 34 bytes: padding, and both digits in which the alphabets differ. */
static void make_key(uint8_t key[static 34])
{
    for (unsigned i = 0; i < 32; i++)
        key[i] = (uint8_t)(190 + i);
    key[32] = 0xfb;
    key[33] = 0xff;
}

static void assert_is_key(const char *text)
{
    _cleanup_blob_ Blob found = {};
    const char *why = "";
    uint8_t key[34];

    make_key(key);
    if (binding_key_parse(text, &found, &why) < 0 || found.size != sizeof(key) ||
        memcmp(found.data, key, sizeof(key)) != 0)
        note_failure("\"%s\": %s", text, why);
}

static void test_forms(void)
{
    static const char *const forms[] = { "%s",       "%s\n",     "%s\r\n",
                                         " %s \n\n", "\"%s\"\n", "'%s'",
                                         "%s==\n",   "%s=\r\n",  "\xc2\xa0%s\xe2\x80\x8b\n",
                                         "\n%s" };
    uint8_t key[34];
    g_autofree char *plain = NULL;
    _cleanup_free_ char *url = NULL;

    make_key(key);
    plain = g_base64_encode(key, sizeof(key));
    g_strdelimit(plain, "=", 0);
    url = base64url_encode(key, sizeof(key));
    for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
        g_auto(GStrv) parts = g_strsplit(forms[i], "%s", 2);
        g_autofree char *first = g_strconcat(parts[0], url, parts[1], NULL),
                        *second = g_strconcat(parts[0], plain, parts[1], NULL);

        assert_is_key(first);
        assert_is_key(second);
    }
}

/* As base64(1) folds a key of 64 bytes. */
static void test_folded(void)
{
    g_autofree char *letters = g_strnfill(76, 'A');
    g_autofree char *text = g_strconcat(letters, "\n", "QUJDREVGR0hJSg==\n", NULL);
    _cleanup_blob_ Blob key = {};
    const char *why;

    g_assert_cmpint(binding_key_parse(text, &key, &why), ==, 0);
    g_assert_cmpuint(key.size, ==, 57 + 10);
}

static void test_refused(void)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        { "", "is empty" },
        { " \n", "is empty" },
        { "\"\"", "is empty" },
        { "kid-1 zWNDZM6eQGHW\n", "several words" },
        { "kid-1\nzWNDZM6eQGHW\n", "several words" },
        { "zWNDZM6e+GHW-w", "mixes" },
        { "hmac=zWNDZM6eQGHW", "not base64" },
        { "zWND:ZM6e", "not base64" },
        { "=", "not base64" },
        { "zWNDZ", "cut off or damaged" },
        { "zWNDZM6eQGHWx_", "cut off or damaged" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_blob_ Blob key = {};
        const char *why = "";

        if (binding_key_parse(rows[i].text, &key, &why) != -EINVAL || !strstr(why, rows[i].words))
            note_failure("\"%s\": %s", rows[i].text, why);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/binding-key/forms", test_forms);
    g_test_add_func("/binding-key/folded", test_folded);
    g_test_add_func("/binding-key/refused", test_refused);
    return g_test_run();
}
