/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "core/limits.h"
#include "store/files/record-json.h"
#include "store/store.h"
#include "util/text.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define NOW INT64_C(1800000000)

static Record *sample(void)
{
    static const BlockedLeaf leaves[] = { { A, BLOCK_REVOKED, NOW }, { B, BLOCK_WITHDRAWN, INT64_MAX } };
    Record *rec = record_new(RECORD_CERTIFICATE, "www.example.com");

    for (size_t i = 0; i < ELEMENTSOF(leaves); i++)
        g_assert_cmpint(blocklist_add(&rec->blocked, leaves + i, NOW), ==, 1);
    return rec;
}

static int read_text(const char *text, Blocklist *ret)
{
    return store_read_blocklist(text, strlen(text), ret);
}

static void test_round_trip(void)
{
    _cleanup_record_ Record *rec = sample(), *again = NULL;
    _cleanup_blocklist_ Blocklist l = {};
    _cleanup_free_ char *text = NULL;

    g_assert_cmpint(record_to_json(rec, NULL, NOW, &text), ==, 0);
    g_assert_cmpint(record_from_json(text, &again), ==, 0);
    assert_record_equal(rec, again);
    g_assert_cmpint(read_text(text, &l), ==, 0);
    g_assert_cmpuint(l.n, ==, 2);
    g_assert_cmpint(blocklist_find(&l, A)->reason, ==, BLOCK_REVOKED);
    g_assert_cmpint(blocklist_find(&l, B)->reason, ==, BLOCK_WITHDRAWN);
}

/* Records of versions that had no list. */
static void test_none(void)
{
    _cleanup_record_ Record *rec = record_new(RECORD_CERTIFICATE, "www.example.com"), *again = NULL;
    _cleanup_blocklist_ Blocklist l = {};
    _cleanup_free_ char *text = NULL;

    g_assert_cmpint(record_to_json(rec, NULL, NOW, &text), ==, 0);
    g_assert_null(strstr(text, "blocked"));
    g_assert_cmpint(record_from_json(text, &again), ==, 0);
    g_assert_cmpuint(again->blocked.n, ==, 0);
    g_assert_cmpint(read_text(text, &l), ==, 0);
    g_assert_cmpuint(l.n, ==, 0);
}

static void test_damaged(void)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"format\":2,\"blocked\":[]}",
        "{\"format\":1,\"blocked\":{}}",
        "{\"format\":1,\"blocked\":[7]}",
        "{\"format\":1,\"blocked\":[{}]}",
        "{\"format\":1,\"blocked\":[{\"fingerprint\":\"aa\",\"reason\":\"revoked\",\"not-after\":1}]}",
        "{\"format\":1,\"blocked\":[{\"fingerprint\":\"" A "\",\"reason\":\"lost\",\"not-after\":1}]}",
        "{\"format\":1,\"blocked\":[{\"fingerprint\":\"" A "\",\"reason\":7,\"not-after\":1}]}",
        "{\"format\":1,\"blocked\":[{\"fingerprint\":\"" A "\",\"reason\":\"revoked\"}]}",
        "{\"format\":1,\"blocked\":[[[[[[[[[[[[]]]]]]]]]]]]}",
        "{\"format\":1} x",
    };
    g_autoptr(GString) many = g_string_new("{\"format\":1,\"blocked\":[");

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        Blocklist l = {};

        if (read_text(texts[i], &l) != -EBADMSG || l.leaves)
            note_failure("%s", texts[i]);
    }
    for (unsigned i = 0; i <= LIMIT_BLOCKED; i++) {
        g_autofree char *whole = g_strdup_printf("%s]}", many->str);
        _cleanup_blocklist_ Blocklist l = {};

        g_assert_cmpint(read_text(whole, &l), ==, 0);
        g_assert_cmpuint(l.n, ==, i);
        g_string_append_printf(many, "%s{\"fingerprint\":\"%064x\",\"reason\":\"revoked\",\"not-after\":1}",
                               i > 0 ? "," : "", i);
    }
    g_string_append(many, "]}");
    {
        Blocklist l = {};

        g_assert_cmpint(read_text(many->str, &l), ==, -EBADMSG);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/blocklist-json/round-trip", test_round_trip);
    g_test_add_func("/blocklist-json/none", test_none);
    g_test_add_func("/blocklist-json/damaged", test_damaged);
    return g_test_run();
}
