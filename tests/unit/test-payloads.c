/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <json-c/json.h>

#include "acme/objects.h"
#include "core/limits.h"

static void assert_payload(char *payload, const char *text)
{
    g_assert_cmpstr(payload, ==, text);
    free(payload);
}

static void test_all(void)
{
    char *contact[] = { S("mailto:a@b.test"), S("mailto:\"x\"@b.test"), NULL }, *none[] = { NULL };
    char *names[] = { S("a.test"), S("*.a.test"), S("192.0.2.1"), S("2001:db8::1"), NULL };

    assert_payload(acme_account_payload(false, false, NULL, NULL), "{}");
    assert_payload(acme_account_payload(true, false, none, NULL), "{\"onlyReturnExisting\":true}");
    assert_payload(
        acme_account_payload(false, true, contact, "{\"payload\":\"x\",\"protected\":\"y\"}"),
        "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@b.test\",\"mailto:\\\"x\\\"@b.test\"],"
        "\"externalAccountBinding\":{\"payload\":\"x\",\"protected\":\"y\"}}");
    g_assert_null(acme_account_payload(false, true, NULL, "no JSON"));
    assert_payload(acme_contact_payload(none), "{\"contact\":[]}");
    assert_payload(acme_contact_payload(NULL), "{\"contact\":[]}");
    assert_payload(acme_deactivation_payload(), "{\"status\":\"deactivated\"}");
    assert_payload(
        acme_order_payload(names, NULL, NULL),
        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"},{\"type\":\"dns\",\"value\":\"*.a.test\"},"
        "{\"type\":\"ip\",\"value\":\"192.0.2.1\"},{\"type\":\"ip\",\"value\":\"2001:db8::1\"}]}");
    names[1] = NULL;
    assert_payload(
        acme_order_payload(names, "short", "a.b"),
        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"profile\":\"short\",\"replaces\":\"a.b\"}");
    assert_payload(acme_finalize_payload("MII_-"), "{\"csr\":\"MII_-\"}");
    assert_payload(acme_revocation_payload("MII", -1), "{\"certificate\":\"MII\"}");
    assert_payload(acme_revocation_payload("MII", 0), "{\"certificate\":\"MII\",\"reason\":0}");
    assert_payload(acme_key_change_payload("https://ca.test/a/1", "{\"kty\":\"EC\"}"),
                   "{\"account\":\"https://ca.test/a/1\",\"oldKey\":{\"kty\":\"EC\"}}");
    g_assert_null(acme_key_change_payload("https://ca.test/a/1", ""));
}

/* What a name or a contact has in it stays inside of its quotes. */
static void test_quoted(void)
{
    static const char hostile[] = "\",\"x\":\"\\\n\x01é";
    char *const contact[] = { S(hostile), NULL };
    g_autofree char *payload = acme_contact_payload(contact);
    json_object *o = json_tokener_parse(payload), *l = NULL;

    g_assert_cmpint(json_object_object_length(o), ==, 1);
    g_assert_true(json_object_object_get_ex(o, "contact", &l));
    g_assert_cmpuint(json_object_array_length(l), ==, 1);
    g_assert_cmpstr(json_object_get_string(json_object_array_get_idx(l, 0)), ==, hostile);
    json_object_put(o);
}

/* All names of the largest certificate, in their order. */
static void test_many_names(void)
{
    char *names[LIMIT_NAMES + 1] = {};
    g_autofree char *payload = NULL;
    json_object *o, *l = NULL, *value = NULL;

    for (unsigned i = 0; i < LIMIT_NAMES; i++)
        names[i] = g_strdup_printf("n%u.test", i);
    payload = acme_order_payload(names, NULL, NULL);
    o = json_tokener_parse(payload);
    g_assert_true(json_object_object_get_ex(o, "identifiers", &l));
    g_assert_cmpuint(json_object_array_length(l), ==, LIMIT_NAMES);
    for (unsigned i = 0; i < LIMIT_NAMES; i++) {
        g_assert_true(json_object_object_get_ex(json_object_array_get_idx(l, i), "value", &value));
        g_assert_cmpstr(json_object_get_string(value), ==, names[i]);
        g_free(names[i]);
    }
    json_object_put(o);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/payloads/all", test_all);
    g_test_add_func("/payloads/quoted", test_quoted);
    g_test_add_func("/payloads/many-names", test_many_names);
    return g_test_run();
}
