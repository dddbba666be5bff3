/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "store/files/accounts-json.h"

#include <errno.h>

#include "core/limits.h"
#include "util/text.h"

#define KEY_TEXT "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n"

static AccountRecord *account_read(const char *text, int expected)
{
    AccountRecord *a = calloc(1, sizeof(AccountRecord));

    g_assert_cmpint(account_from_json(text, strlen(text), a), ==, expected);
    return a;
}

static void test_account(void)
{
    char *contact[] = { S("mailto:a@b.example"), S("mailto:\"é\"@b.example"), NULL };
    const AccountRecord whole = { .directory = S("https://ca.example/dir"),
                                  .url = S("https://ca.example/acct/1"),
                                  .orders = S("https://ca.example/acct/1/orders"),
                                  .contact = contact,
                                  .key = S(KEY_TEXT),
                                  .next_key = S(KEY_TEXT) },
                        least = { .directory = S("https://ca.example/dir") };
    g_autofree char *text = account_to_json(&whole), *short_text = account_to_json(&least);
    _cleanup_(account_record_freep) AccountRecord *a = account_read(text, 0),
                                                  *b = account_read(short_text, 0);

    g_assert_null(strstr(text, "PRIVATE KEY")); /* keys have files of their own */
    g_assert_cmpstr(a->directory, ==, whole.directory);
    g_assert_cmpstr(a->url, ==, whole.url);
    g_assert_cmpstr(a->orders, ==, whole.orders);
    g_assert_true(strv_equal(a->contact, contact));
    g_assert_null(a->key);
    g_assert_cmpstr(b->directory, ==, least.directory);
    g_assert_null(b->url);
    g_assert_null(b->orders);
    g_assert_cmpuint(strv_length(b->contact), ==, 0);
}

static void test_account_refused(void)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "{\"format\":1,\"directory\":\"x\"}",
        "{\"format\":1,\"contact\":[]}",
        "{\"directory\":\"x\",\"contact\":[]}",
        "{\"format\":2,\"directory\":\"x\",\"contact\":[]}",
        "{\"format\":1,\"directory\":1,\"contact\":[]}",
        "{\"format\":1,\"directory\":\"x\\u0000y\",\"contact\":[]}",
        "{\"format\":1,\"directory\":\"x\",\"contact\":\"y\"}",
        "{\"format\":1,\"directory\":\"x\",\"contact\":[1]}",
        "{\"format\":1,\"directory\":\"x\",\"url\":[],\"contact\":[]}",
        "{\"format\":1,\"directory\":\"\xff\",\"contact\":[]}",
        "{\"format\":1,\"directory\":\"x\",\"contact\":[]",
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(account_record_freep) AccountRecord *a = calloc(1, sizeof(AccountRecord));
        int r = account_from_json(rows[i], strlen(rows[i]), a);

        if (r != -EBADMSG)
            note_failure("%s: %d", rows[i], r);
    }
}

static char *names[] = { S("a.example"), S("*.a.example"), S("2001:db8::1"), NULL };

static void assert_order(const OrderRecord *o)
{
    g_autofree char *text = order_to_json(o);
    _cleanup_(order_record_freep) OrderRecord *read = NULL;

    g_assert_cmpint(order_from_json(text, strlen(text), &read), ==, 0);
    g_assert_cmpstr(read->name, ==, o->name);
    g_assert_cmpstr(read->authority, ==, o->authority);
    g_assert_cmpstr(read->directory, ==, o->directory);
    g_assert_true(strv_equal(read->names, o->names));
    g_assert_true(streq(read->key, o->key));
    g_assert_cmpstr(read->url, ==, o->url);
    g_assert_cmpstr(read->profile, ==, o->profile);
    g_assert_cmpstr(read->replaces, ==, o->replaces);
    g_assert_cmpint(read->created, ==, o->created);
}

/* Before it was placed, and then. */
static void test_order(void)
{
    OrderRecord o = { .name = S("a.example"),
                      .authority = S("ca"),
                      .directory = S("https://ca.example/dir"),
                      .names = names,
                      .key = S(KEY_TEXT),
                      .created = INT64_C(253402300799) };

    assert_order(&o);
    o.url = S("https://ca.example/order/\"1\"");
    o.profile = S("short");
    o.replaces = S("a.b");
    assert_order(&o);
}

/* Each member that has to be there, and names that can be no certificate's. */
static void test_order_refused(void)
{
    static const char *const members[] = {
        "\"format\": 1",        "\"name\": \"a.example\"",    "\"authority\": \"ca\"",
        "\"directory\": \"x\"", "\"names\": [\"a.example\"]", "\"key\": \"k\""
    };
    static const char *const replaced[] = { "\"format\": 2",       "\"name\": \"../a\"", "\"authority\": 1",
                                            "\"directory\": null", "\"names\": []",      "\"key\": {}" };
    OrderRecord *none = NULL;

    for (size_t i = 0; i <= ELEMENTSOF(members); i++)
        for (int replace = 0; replace < 2; replace++) {
            g_autoptr(GString) text = g_string_new("{");
            _cleanup_(order_record_freep) OrderRecord *o = NULL;
            int r, wanted = i == ELEMENTSOF(members) ? 0 : -EBADMSG;

            for (size_t j = 0; j < ELEMENTSOF(members); j++)
                if (j != i || replace)
                    g_string_append_printf(text, "%s%s", text->len > 1 ? "," : "",
                                           j == i ? replaced[j] : members[j]);
            g_string_append(text, "}");
            r = order_from_json(text->str, text->len, &o);
            if (r != wanted || (r < 0) != (o == NULL))
                note_failure("%s: %d", text->str, r);
        }
    g_assert_cmpint(order_from_json("", 0, &none), ==, -EBADMSG);
    g_assert_null(none);
}

static void test_limit_names(void)
{
    char *many[LIMIT_NAMES + 2] = {};
    OrderRecord o = {
        .name = S("a.example"), .authority = S("ca"), .directory = S("x"), .names = many, .key = S("k")
    };

    for (int more = 0; more < 2; more++) {
        g_autofree char *text = NULL;
        _cleanup_(order_record_freep) OrderRecord *read = NULL;

        for (size_t i = 0; i < (size_t)(LIMIT_NAMES + more); i++)
            many[i] = S("a.example");
        text = order_to_json(&o);
        g_assert_cmpint(order_from_json(text, strlen(text), &read), ==, more ? -EBADMSG : 0);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/accounts-json/account", test_account);
    g_test_add_func("/accounts-json/account-refused", test_account_refused);
    g_test_add_func("/accounts-json/order", test_order);
    g_test_add_func("/accounts-json/order-refused", test_order_refused);
    g_test_add_func("/accounts-json/limit-names", test_limit_names);
    return g_test_run();
}
