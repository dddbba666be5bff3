/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/settings.h"

#include <pthread.h>

#include "crypto/account-key.h"
#include "util/text.h"

static Settings *settings_make(void)
{
    Settings *s = NULL;

    g_assert_cmpint(settings_new(&s), ==, 0);
    return s;
}

/* certwright.conf(5). */
static void test_defaults(void)
{
    _cleanup_(settings_unrefp) Settings *s = settings_make();

    g_assert_cmpint(s->key_type, ==, KEY_TYPE_ECDSA_P256);
    g_assert_cmpint(s->root_key_type, ==, KEY_TYPE_ECDSA_P256);
    g_assert_cmpint(s->leaf_lifetime, ==, 90 * DAY);
    g_assert_cmpint(s->root_lifetime, ==, 10 * YEAR);
    g_assert_cmpint(s->idle_exit, ==, 60);
    g_assert_cmpuint(s->orders_per_minute, ==, 10);
    g_assert_cmpstr(s->authority_directory, ==, "/etc/ssl/certs");
    g_assert_null(s->organization);
    g_assert_null(s->constraints);
    g_assert_null(s->on_warning);
    g_assert_cmpuint(s->n_authorities, ==, 0);
    g_assert_true(s->acme.enabled);
    g_assert_true(s->acme.self_check);
    g_assert_false(s->acme.terms_agreed);
    g_assert_false(s->acme.reuse_key);
    g_assert_cmpuint(s->acme.n_challenges, ==, _CHALLENGE_TYPE_MAX);
    g_assert_cmpuint(strv_length(s->acme.http_listen), ==, 1);
    g_assert_cmpstr(s->acme.http_listen[0], ==, ":80");
    g_assert_null(s->acme.tls_listen);
}

static void test_authority(void)
{
    _cleanup_(settings_unrefp) Settings *s = settings_make();

    for (unsigned i = 0; i < 20; i++) {
        g_autofree char *name = g_strdup_printf("ca%u", i);

        g_assert_cmpint(settings_add_authority(s, name), ==, 0);
        g_assert_cmpuint(s->n_authorities, ==, i + 1);
        g_assert_cmpstr(s->authorities[i].name, ==, name);
        g_assert_true(s->authorities[i].enabled);
        g_assert_true(s->authorities[i].is_public);
        g_assert_null(s->authorities[i].directory);
        g_assert_cmpint(s->authorities[i].key_type, ==, KEY_TYPE_ECDSA_P256);
        g_assert_cmpint(s->authorities[i].eab_algorithm, ==, MAC_HS256);
    }
    g_assert_cmpstr(s->authorities[0].name, ==, "ca0");
}

/* All texts of an authority, to be set one after the other. */
static const size_t texts[] = {
    offsetof(AuthoritySettings, directory),  offsetof(AuthoritySettings, trust_file),
    offsetof(AuthoritySettings, profile),    offsetof(AuthoritySettings, preferred_chain),
    offsetof(AuthoritySettings, eab_key_id), offsetof(AuthoritySettings, eab_key_file)
};
static const size_t lists[] = { offsetof(AuthoritySettings, origins), offsetof(AuthoritySettings, contact) };
static const size_t flags[] = { offsetof(AuthoritySettings, enabled), offsetof(AuthoritySettings, is_public),
                                offsetof(AuthoritySettings, needs_profile) };

static char **text_at(AuthoritySettings *a, size_t i)
{
    return (char **)((char *)a + texts[i]);
}

static char ***list_at(AuthoritySettings *a, size_t i)
{
    return (char ***)((char *)a + lists[i]);
}

static void fill(AuthoritySettings *a)
{
    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        *text_at(a, i) = strdup("text");
    for (size_t i = 0; i < ELEMENTSOF(lists); i++)
        g_assert_cmpint(strv_extend(list_at(a, i), "word"), ==, 0);
}

static void assert_differs(const AuthoritySettings *a, const AuthoritySettings *b, const char *what,
                           size_t i)
{
    if (authority_settings_equal(a, b) || authority_settings_equal(b, a))
        note_failure("%s %zu does not count", what, i);
}

/* Each member counts, also one that is only there on one side. */
static void test_equal(void)
{
    _cleanup_(settings_unrefp) Settings *s = settings_make(), *t = settings_make();
    AuthoritySettings *a, *other;

    g_assert_cmpint(settings_add_authority(s, "ca"), ==, 0);
    g_assert_cmpint(settings_add_authority(t, "ca"), ==, 0);
    a = s->authorities;
    other = t->authorities;
    g_assert_true(authority_settings_equal(a, other));
    fill(a);
    g_assert_false(authority_settings_equal(a, other));
    fill(other);
    g_assert_true(authority_settings_equal(a, other));
    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        char *text = *text_at(other, i);

        *text_at(other, i) = NULL;
        assert_differs(a, other, "text", i);
        *text_at(other, i) = S("TEXT");
        assert_differs(a, other, "text", i);
        *text_at(other, i) = text;
    }
    for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
        char **list = *list_at(other, i);

        *list_at(other, i) = NULL;
        assert_differs(a, other, "list", i);
        *list_at(other, i) = list;
    }
    for (size_t i = 0; i < ELEMENTSOF(flags); i++) {
        bool *flag = (bool *)((char *)other + flags[i]);

        *flag = !*flag;
        assert_differs(a, other, "flag", i);
        *flag = !*flag;
    }
    for (size_t i = 0; i < _LEDGER_LIMIT_MAX; i++) {
        other->limits[i] = (RateLimit){ 1, 0 };
        assert_differs(a, other, "count", i);
        other->limits[i] = (RateLimit){ 0, 1 };
        assert_differs(a, other, "span", i);
        other->limits[i] = (RateLimit){};
    }
    other->key_type = KEY_TYPE_RSA_2048;
    assert_differs(a, other, "key type", 0);
    other->key_type = a->key_type;
    other->eab_algorithm = MAC_HS512;
    assert_differs(a, other, "algorithm", 0);
    other->eab_algorithm = a->eab_algorithm;
    g_assert_true(authority_settings_equal(a, other));
    authority_settings_done(other);
    g_assert_null(other->name);
    t->n_authorities = 0;
}

/* Orders do not depend on what is said of the local root, nor on how long the service stays. */
static void test_order_alike(void)
{
    _cleanup_(settings_unrefp) Settings *a = settings_make(), *b = settings_make();

    b->leaf_lifetime = DAY;
    b->idle_exit = 0;
    b->orders_per_minute = 1;
    b->key_type = KEY_TYPE_RSA_2048;
    g_assert_true(settings_order_alike(a, b));
    b->acme.challenges[0] = CHALLENGE_DNS_01;
    g_assert_false(settings_order_alike(a, b));
    b->acme.challenges[0] = a->acme.challenges[0];
    b->acme.n_challenges--;
    g_assert_false(settings_order_alike(a, b));
    b->acme.n_challenges++;
    g_assert_cmpint(settings_add_authority(b, "ca"), ==, 0);
    g_assert_false(settings_order_alike(a, b));
    g_assert_cmpint(settings_add_authority(a, "ca"), ==, 0);
    g_assert_true(settings_order_alike(a, b));
    b->authorities->enabled = false;
    g_assert_false(settings_order_alike(a, b));
}

static void *take_and_drop(void *userdata)
{
    for (int i = 0; i < 10000; i++)
        settings_unref(settings_ref(userdata));
    return NULL;
}

static void test_references(void)
{
    _cleanup_(settings_unrefp) Settings *s = settings_make();
    pthread_t threads[4];

    g_assert_null(settings_ref(NULL));
    g_assert_null(settings_unref(NULL));
    g_assert_true(settings_ref(s) == s);
    g_assert_null(settings_unref(s));
    for (size_t i = 0; i < ELEMENTSOF(threads); i++)
        g_assert_cmpint(pthread_create(threads + i, NULL, take_and_drop, s), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(threads); i++)
        g_assert_cmpint(pthread_join(threads[i], NULL), ==, 0);
    g_assert_cmpuint(s->n_refs, ==, 1);
}

static void test_challenge_types(void)
{
    for (ChallengeType t = 0; t < _CHALLENGE_TYPE_MAX; t++)
        g_assert_cmpint(challenge_type_from_string(challenge_type_to_string(t)), ==, t);
    g_assert_null(challenge_type_to_string(_CHALLENGE_TYPE_MAX));
    g_assert_null(challenge_type_to_string(_CHALLENGE_TYPE_INVALID));
    g_assert_cmpint(challenge_type_from_string(""), <, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/settings/defaults", test_defaults);
    g_test_add_func("/settings/authority", test_authority);
    g_test_add_func("/settings/equal", test_equal);
    g_test_add_func("/settings/order-alike", test_order_alike);
    g_test_add_func("/settings/references", test_references);
    g_test_add_func("/settings/challenge-types", test_challenge_types);
    return g_test_run();
}
