/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/record.h"

#include "util/text.h"

static char *names[] = { S("a.example"), S("b.example"), NULL };

static void test_copy(void)
{
    _cleanup_record_ Record *rec = record_new(RECORD_CERTIFICATE, "a.example"), *copy = NULL;
    _cleanup_chain_ Chain *c = chain_make(names, 1, 2);
    Problem problem = { PROBLEM_BUSY, S("busy") };

    record_set_slot(rec, SOURCE_ACME, 7, c, 3, PURPOSE_CLIENT_AUTH);
    rec->slots[SOURCE_ACME].withdrawn = true;
    memset(rec->slots[SOURCE_ACME].stored.digest, 7, 32);
    rec->served = SOURCE_ACME;
    rec->stored.former = 5;
    rec->stored.last_generation = 9;
    rec->abandoned = 11;
    rec->uploaded = 12;
    rec->uploaded_at = 14;
    g_assert_cmpint(record_register(rec, &(RegistrationRequest){ "m", names, KEY_TYPE_RSA_2048, -1, NULL }),
                    ==, 0);
    record_set_failure(rec, &problem, 13);
    copy = record_copy(rec);
    assert_record_equal(rec, copy);
    g_assert_cmpint(copy->uploaded_at, ==, 14);
    g_assert_true(rec->registrations != copy->registrations);
    g_assert_true(rec->registrations[0].names[0] != copy->registrations[0].names[0]);
    record_clear_slot(rec, SOURCE_ACME);
    g_assert_nonnull(copy->slots[SOURCE_ACME].chain);
}

static void test_registrations(void)
{
    _cleanup_record_ Record *rec = record_new(RECORD_CERTIFICATE, "a.example");
    char *fewer[] = { S("c.example"), NULL };

    g_assert_cmpint(record_register(rec, &(RegistrationRequest){ "m", names, KEY_TYPE_RSA_2048, -1, NULL }),
                    ==, 0);
    g_assert_cmpint(record_register(rec, &(RegistrationRequest){ "n", NULL, _KEY_TYPE_INVALID, -1, NULL }),
                    ==, 0);
    g_assert_cmpint(record_register(rec, &(RegistrationRequest){ "o", fewer, _KEY_TYPE_INVALID, -1, NULL }),
                    ==, 0);
    /* once more replaces what was registered */
    g_assert_cmpint(record_register(rec, &(RegistrationRequest){ "m", fewer, _KEY_TYPE_INVALID, -1, NULL }),
                    ==, 0);
    g_assert_cmpuint(rec->n_registrations, ==, 3);
    g_assert_true(strv_equal(record_find_registration(rec, "m")->names, fewer));
    g_assert_cmpint(record_find_registration(rec, "m")->key_type, ==, _KEY_TYPE_INVALID);
    g_assert_false(record_unregister(rec, "x"));
    g_assert_true(record_unregister(rec, "m"));
    g_assert_false(record_unregister(rec, "m"));
    g_assert_null(record_find_registration(rec, "m"));
    g_assert_nonnull(record_find_registration(rec, "n"));
    g_assert_true(record_unregister(rec, "o"));
    g_assert_true(record_unregister(rec, "n"));
    g_assert_cmpuint(rec->n_registrations, ==, 0);
}

static void test_serve(void)
{
    _cleanup_record_ Record *rec = record_new(RECORD_CERTIFICATE, "a.example"), *before = NULL;
    _cleanup_chain_ Chain *c = chain_make(names, 1, 2);
    Candidate candidates[_SOURCE_MAX];

    g_assert_cmpuint(record_current(rec), ==, 0);
    g_assert_null(record_served(rec));
    record_set_slot(rec, SOURCE_LOCAL, 4, c, 1, 0);
    g_assert_true(record_serve(rec, SOURCE_LOCAL, NULL));
    g_assert_cmpuint(record_current(rec), ==, 4);
    before = record_copy(rec);
    g_assert_false(record_serve(rec, SOURCE_LOCAL, before));
    record_set_slot(rec, SOURCE_UPLOADED, 5, c, 0, 0);
    g_assert_true(record_serve(rec, SOURCE_UPLOADED, before));
    g_assert_cmpuint(rec->stored.former, ==, 4);
    g_assert_true(record_keeps(rec, 4));
    g_assert_true(record_keeps(rec, 5));
    g_assert_false(record_keeps(rec, 3));
    rec->slots[SOURCE_LOCAL].broken = rec->slots[SOURCE_UPLOADED].withdrawn = true;
    record_candidates(rec, candidates);
    g_assert_true(candidates[SOURCE_LOCAL].broken);
    g_assert_true(candidates[SOURCE_UPLOADED].withdrawn);
    g_assert_null(candidates[SOURCE_ACME].chain);
}

static void test_failure(void)
{
    _cleanup_record_ Record *rec = record_new(RECORD_CERTIFICATE, "a.example");
    Problem problem = { PROBLEM_STORAGE_FAILED, S("full") };

    record_set_failure(rec, &problem, 1);
    record_set_failure(rec, &problem, 2);
    g_assert_cmpuint(rec->failure.attempts, ==, 2);
    g_assert_cmpint(rec->failure.when, ==, 2);
    rec->failure.attempts = UINT32_MAX;
    record_set_failure(rec, &problem, 3);
    g_assert_cmpuint(rec->failure.attempts, ==, UINT32_MAX);
    record_clear_failure(rec);
    g_assert_cmpint(rec->failure.problem.code, ==, PROBLEM_NONE);
    g_assert_cmpuint(rec->failure.attempts, ==, 0);
}

static void test_kinds(void)
{
    for (RecordKind k = 0; k < _RECORD_KIND_MAX; k++)
        g_assert_cmpint(record_kind_from_string(record_kind_to_string(k)), ==, k);
    g_assert_cmpint(record_kind_from_string("x"), <, 0);
}

/* The root that signed a chain is told from those before and after it. */
static void test_signed_by(void)
{
    _cleanup_record_ Record *root = record_new(RECORD_ROOT, "root"),
                            *rec = record_new(RECORD_CERTIFICATE, "a.example");
    _cleanup_chain_ Chain *c = chain_make(names, 1, 2);

    for (uint64_t i = 1; i <= 3; i++) {
        g_assert_cmpuint(record_next(root), ==, i);
        root->stored.last_generation = i;
        record_set_slot(root, SOURCE_LOCAL, i, c, 0, 0);
        root->served = SOURCE_LOCAL;
        record_set_slot(rec, SOURCE_LOCAL, 1, c, 2, 0);
        g_assert_cmpint(record_is_signed_by(rec, root), ==, i == 2);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/record/copy", test_copy);
    g_test_add_func("/record/registrations", test_registrations);
    g_test_add_func("/record/serve", test_serve);
    g_test_add_func("/record/failure", test_failure);
    g_test_add_func("/record/kinds", test_kinds);
    g_test_add_func("/record/signed-by", test_signed_by);
    return g_test_run();
}
