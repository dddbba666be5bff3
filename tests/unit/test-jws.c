/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "acme/jws.h"

#define URL "https://acme.example/new-order"

/* A member of the flattened serialization, which has exactly the three. */
typedef struct Jws {
    char *protected, *payload, *signature;
} Jws;

static void jws_done(Jws *j)
{
    g_free(j->protected);
    g_free(j->payload);
    g_free(j->signature);
}

static Jws take_apart(const char *text)
{
    g_autoptr(GRegex) form =
        g_regex_new("^\\{\"protected\":\"([A-Za-z0-9_-]+)\",\"payload\":\"([A-Za-z0-9_-]*)\","
                    "\"signature\":\"([A-Za-z0-9_-]+)\"\\}$",
                    G_REGEX_DOLLAR_ENDONLY, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    g_assert_true(g_regex_match(form, text, 0, &match));
    return (Jws){ g_match_info_fetch(match, 1), g_match_info_fetch(match, 2), g_match_info_fetch(match, 3) };
}

static char *decode(const char *text)
{
    void *data = NULL;
    size_t size;

    g_assert_cmpint(base64url_decode(text, &data, &size), ==, 0);
    return data;
}

static void assert_part(const char *text, const char *expected)
{
    _cleanup_free_ char *plain = decode(text);

    g_assert_cmpstr(plain, ==, expected);
}

static AccountKey *make_key(KeyType type)
{
    AccountKey *k = NULL;

    g_assert_cmpint(account_key_generate(type, &k), ==, 0);
    return k;
}

/* RSA has but one signature for each text, so it is known what has to be signed. */
static void assert_signed(const AccountKey *k, const Jws *j)
{
    g_autofree char *input = g_strdup_printf("%s.%s", j->protected, j->payload);
    _cleanup_free_ char *signature = NULL;

    g_assert_cmpint(account_key_sign(k, input, strlen(input), &signature), ==, 0);
    g_assert_cmpstr(j->signature, ==, signature);
}

static void test_account(void)
{
    _cleanup_account_key_ AccountKey *k = make_key(KEY_TYPE_RSA_2048);
    JwsHeader header = { .url = URL,
                         .nonce = "Zm9v-_",
                         .account = "https://acme.example/account/1?a=\"b\"\\" };
    _cleanup_(jws_done) Jws j = {};
    _cleanup_free_ char *text = NULL;

    g_assert_cmpint(jws_sign(k, &header, "{\"a\":\"\xc3\xa9\"}", &text), ==, 0);
    j = take_apart(text);
    assert_part(
        j.protected,
        "{\"alg\":\"RS256\",\"kid\":\"https://acme.example/account/1?a=\\\"b\\\"\\\\\",\"nonce\":\"Zm9v-_\","
        "\"url\":\"" URL "\"}");
    assert_part(j.payload, "{\"a\":\"\xc3\xa9\"}");
    assert_signed(k, &j);
}

static void test_public_key(gconstpointer data)
{
    _cleanup_account_key_ AccountKey *k = make_key((KeyType)GPOINTER_TO_INT(data));
    JwsHeader header = { .url = URL, .nonce = "n" };
    g_autofree char *expected =
        g_strdup_printf("{\"alg\":\"%s\",\"jwk\":%s,\"nonce\":\"n\",\"url\":\"" URL "\"}",
                        account_key_algorithm(k), account_key_jwk(k));
    _cleanup_(jws_done) Jws j = {};
    _cleanup_free_ char *text = NULL;

    g_assert_cmpint(jws_sign(k, &header, "{}", &text), ==, 0);
    j = take_apart(text);
    assert_part(j.protected, expected);
    assert_part(j.payload, "{}");
}

/* POST-as-GET has an empty payload, a key change no nonce. */
static void test_empty(void)
{
    _cleanup_account_key_ AccountKey *k = make_key(KEY_TYPE_RSA_2048);
    JwsHeader header = { .url = URL };
    _cleanup_(jws_done) Jws j = {};
    _cleanup_free_ char *text = NULL, *head = NULL;

    g_assert_cmpint(jws_sign(k, &header, NULL, &text), ==, 0);
    j = take_apart(text);
    g_assert_cmpstr(j.payload, ==, "");
    head = decode(j.protected);
    g_assert_null(strstr(head, "nonce"));
    assert_signed(k, &j);
}

static void test_binding(void)
{
    for (MacAlgorithm a = 0; a < _MAC_ALGORITHM_MAX; a++) {
        _cleanup_account_key_ AccountKey *k = make_key(KEY_TYPE_ECDSA_P256);
        g_autofree char *header = g_strdup_printf("{\"alg\":\"%s\",\"kid\":\"id 1\",\"url\":\"" URL "\"}",
                                                  mac_algorithm_to_string(a)),
                        *input = NULL;
        _cleanup_free_ char *text = NULL, *mac = NULL;
        _cleanup_(jws_done) Jws j = {};

        g_assert_cmpint(jws_bind(k, URL, "id 1", a, "secret", 6, &text), ==, 0);
        j = take_apart(text);
        assert_part(j.protected, header);
        assert_part(j.payload, account_key_jwk(k));
        input = g_strdup_printf("%s.%s", j.protected, j.payload);
        g_assert_cmpint(mac_sign(a, "secret", 6, input, strlen(input), &mac), ==, 0);
        g_assert_cmpstr(j.signature, ==, mac);
    }
}

/* What would be something else in JSON does not get in. */
static void test_refused(void)
{
    static const char *const bad[] = { "a\nb", "\x01", "a\x7f", "\xc3\xa9", "a\tb" };
    _cleanup_account_key_ AccountKey *k = make_key(KEY_TYPE_ECDSA_P256);
    char *text = NULL;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        g_assert_cmpint(jws_sign(k, &(JwsHeader){ .url = bad[i] }, "{}", &text), ==, -EINVAL);
        g_assert_cmpint(jws_sign(k, &(JwsHeader){ .url = URL, .nonce = bad[i] }, "{}", &text), ==, -EINVAL);
        g_assert_cmpint(jws_sign(k, &(JwsHeader){ .url = URL, .account = bad[i] }, "{}", &text), ==,
                        -EINVAL);
        g_assert_cmpint(jws_bind(k, URL, bad[i], MAC_HS256, "s", 1, &text), ==, -EINVAL);
    }
    g_assert_cmpint(jws_bind(k, URL, "id", _MAC_ALGORITHM_INVALID, "s", 1, &text), ==, -EINVAL);
    g_assert_cmpint(jws_bind(k, URL, "id", MAC_HS256, "", 0, &text), ==, -EINVAL);
    g_assert_null(text);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/jws/account", test_account);
    g_test_add_data_func("/jws/public-key/es256", GINT_TO_POINTER(KEY_TYPE_ECDSA_P256), test_public_key);
    g_test_add_data_func("/jws/public-key/es384", GINT_TO_POINTER(KEY_TYPE_ECDSA_P384), test_public_key);
    g_test_add_func("/jws/empty", test_empty);
    g_test_add_func("/jws/binding", test_binding);
    g_test_add_func("/jws/refused", test_refused);
    return g_test_run();
}
