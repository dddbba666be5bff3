/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "model/certificate.h"

#include <errno.h>

#include "core/limits.h"
#include "util/text.h"

#define NOW 1800000000LL

static char *names[] = { S("a.example"), NULL };

static Certificate *with_chain(Source source, int64_t not_before, int64_t not_after)
{
    Certificate *c = certificate_new(record_new(RECORD_CERTIFICATE, "a.example"));
    _cleanup_chain_ Chain *chain = chain_make(names, not_before, not_after);

    g_assert_nonnull(c);
    record_set_slot(c->record, source, 1, chain, 1, 0);
    c->record->served = source;
    return c;
}

static void test_states(void)
{
    Certificate *c = certificate_new(record_new(RECORD_CERTIFICATE, "a.example"));

    g_assert_cmpint(certificate_state(c, NOW), ==, CERTIFICATE_PENDING);
    g_assert_cmpint(certificate_next_renewal(c), ==, 0);
    g_assert_null(certificate_chain(c));
    certificate_free(c);
    for (Source s = 0; s < _SOURCE_MAX; s++) {
        int64_t due;

        c = with_chain(s, NOW, NOW + 90 * DAY);
        due = s == SOURCE_ACME ? schedule_leaf_renewal(certificate_chain(c), s) : NOW + 60 * DAY;
        g_assert_cmpint(certificate_state(c, chain_not_before(certificate_chain(c)) - 1), ==,
                        CERTIFICATE_PENDING);
        g_assert_cmpint(certificate_state(c, NOW), ==, CERTIFICATE_VALID);
        g_assert_cmpint(certificate_state(c, due - 1), ==, CERTIFICATE_VALID);
        g_assert_cmpint(certificate_state(c, due), ==, CERTIFICATE_EXPIRING);
        g_assert_cmpint(certificate_state(c, NOW + 90 * DAY), ==, CERTIFICATE_EXPIRING);
        g_assert_cmpint(certificate_state(c, NOW + 90 * DAY + 1), ==, CERTIFICATE_EXPIRED);
        g_assert_cmpint(certificate_next_renewal(c), ==, s == SOURCE_UPLOADED ? 0 : due);
        certificate_free(c);
    }
}

/* A chain ends with the first of its certificates; only bridges to former local roots do not count. */
static void test_end_of_chain(void)
{
    for (Source s = 0; s < _SOURCE_MAX; s++) {
        const ChainEntry entries[] = { { "CN=a", "CN=b", "01", "f0", NOW, NOW + 90 * DAY },
                                       { "CN=b", "CN=c", "02", "f1", NOW - YEAR, NOW + 30 * DAY } };
        _cleanup_chain_ Chain *chain =
            chain_new(entries, 2, (const char *const *)names, 1, KEY_TYPE_ECDSA_P256, false);
        Certificate *c = certificate_new(record_new(RECORD_CERTIFICATE, "a.example"));
        int64_t end = NOW + (s == SOURCE_LOCAL ? 90 : 30) * DAY, due;

        record_set_slot(c->record, s, 1, chain, 1, 0);
        c->record->served = s;
        due = certificate_next_renewal(c);
        g_assert_cmpint(source_chain_ends(s, chain), ==, end);
        g_assert_cmpint(certificate_state(c, end), ==, CERTIFICATE_EXPIRING);
        g_assert_cmpint(certificate_state(c, end + 1), ==, CERTIFICATE_EXPIRED);
        g_assert_true(due == 0 || (due > NOW + (end - NOW) / 2 && due <= NOW + (end - NOW) / 3 * 2));
        g_assert_cmpint(due == 0, ==, s == SOURCE_UPLOADED);
        certificate_free(c);
    }
}

/* Names are those of the record, of modules and of registrations, each once, the primary one first. */
static void test_names(void)
{
    Certificate *c = with_chain(SOURCE_LOCAL, NOW, NOW + DAY);
    Claim claim = { .name = S("a.example"),
                    .names = (char *[]){ S("b.example"), S("a.example"), NULL },
                    .key_type = _KEY_TYPE_INVALID };
    char *registered[] = { S("c.example"), S("b.example"), NULL };
    bool changed;

    g_assert_false(certificate_is_wanted(c));
    g_assert_cmpint(wish_add(&c->wish, "m", &claim), ==, 0);
    g_assert_cmpint(wish_add(&c->wish, "m", &claim), ==, 0);
    g_assert_true(certificate_is_wanted(c));
    g_assert_cmpint(
        record_register(c->record, &(RegistrationRequest){ "n", registered, KEY_TYPE_ED25519, -1, NULL }),
        ==, 0);
    g_assert_cmpint(certificate_update_names(c, c->record, &changed), ==, 0);
    g_assert_true(changed);
    g_assert_true(strv_equal(c->names, (char *[]){ S("a.example"), S("b.example"), S("c.example"), NULL }));
    g_assert_cmpint(certificate_update_names(c, c->record, &changed), ==, 0);
    g_assert_false(changed);
    g_assert_cmpint(certificate_key_type(c, c->record, KEY_TYPE_RSA_2048), ==, KEY_TYPE_ED25519);
    c->wish.key_type = KEY_TYPE_ECDSA_P384;
    g_assert_cmpint(certificate_key_type(c, c->record, KEY_TYPE_RSA_2048), ==, KEY_TYPE_ECDSA_P384);
    certificate_free(c);
}

/* LIMIT_NAMES: the first ones are taken. */
static void test_limit_names(void)
{
    for (int n = LIMIT_NAMES - 1; n <= LIMIT_NAMES; n++) {
        Certificate *c = with_chain(SOURCE_LOCAL, NOW, NOW + DAY);
        char *many[LIMIT_NAMES + 1] = {};
        Claim claim = { .name = S("a.example"), .names = many, .key_type = _KEY_TYPE_INVALID };
        bool changed;

        for (int i = 0; i < n; i++)
            many[i] = g_strdup_printf("n%d.example", i);
        g_assert_cmpint(wish_add(&c->wish, "m", &claim), ==, 0);
        g_assert_cmpint(certificate_update_names(c, c->record, &changed), ==, n == LIMIT_NAMES ? -E2BIG : 0);
        g_assert_cmpuint(strv_length(c->names), ==, LIMIT_NAMES);
        for (int i = 0; i < n; i++)
            g_free(many[i]);
        certificate_free(c);
    }
}

static void test_wishes(void)
{
    Claim one = { .name = S("a.example"),
                  .names = names,
                  .key_type = KEY_TYPE_RSA_2048,
                  .purposes = PURPOSE_CLIENT_AUTH };
    Claim two = { .name = S("a.example"), .key_type = KEY_TYPE_ED25519, .purposes = PURPOSE_IPSEC_IKE };
    Wish a = { .key_type = _KEY_TYPE_INVALID }, b = { .key_type = _KEY_TYPE_INVALID };

    g_assert_true(wish_equal(&a, &b));
    g_assert_cmpint(wish_add(&a, "m", &one), ==, 0);
    g_assert_false(wish_equal(&a, &b));
    g_assert_cmpint(wish_add(&b, "m", &one), ==, 0);
    g_assert_true(wish_equal(&a, &b));
    g_assert_cmpint(wish_add(&b, "n", &two), ==, 0);
    g_assert_false(wish_equal(&a, &b));
    g_assert_cmpint(b.key_type, ==, KEY_TYPE_RSA_2048); /* the first who says one */
    g_assert_cmpuint(b.purposes, ==, PURPOSE_CLIENT_AUTH | PURPOSE_IPSEC_IKE);
    wish_clear(&a);
    wish_clear(&b);
    g_assert_true(wish_equal(&a, &b));
}

static void test_texts(void)
{
    static const char *const expected[] = { "pending", "valid", "expiring", "expired" };

    g_assert_cmpint(_CERTIFICATE_STATE_MAX, ==, ELEMENTSOF(expected));
    for (CertificateState s = 0; s < _CERTIFICATE_STATE_MAX; s++)
        g_assert_cmpstr(certificate_state_to_string(s), ==, expected[s]);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/certificate/states", test_states);
    g_test_add_func("/certificate/end-of-chain", test_end_of_chain);
    g_test_add_func("/certificate/names", test_names);
    g_test_add_func("/certificate/limit-names", test_limit_names);
    g_test_add_func("/certificate/wishes", test_wishes);
    g_test_add_func("/certificate/texts", test_texts);
    return g_test_run();
}
