/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "model/model.h"

/* The table of uploads, and which of them a certificate takes. */

#define NOW  1800000000LL
#define NAME "www.example.com"

static char *names[] = { S(NAME), NULL };
static char *others[] = { S("mail.example.com"), NULL };

static Model *model(Certificate **ret)
{
    Model *m = NULL;

    g_assert_cmpint(model_new(&m), ==, 0);
    g_assert_cmpint(model_add(m, RECORD_CERTIFICATE, NAME, ret), ==, 0);
    return m;
}

static Chain *chain(const char *fingerprint, char *const *covers, int64_t from, int64_t to)
{
    const ChainEntry e = { "CN=subject", "CN=issuer", "0A", fingerprint, from, to };
    Chain *c = chain_new(&e, 1, (const char *const *)covers, 1, KEY_TYPE_ECDSA_P256, false);

    g_assert_nonnull(c);
    return c;
}

static Certificate *add(Model *m, const char *fingerprint, char *const *covers, int64_t from, int64_t to)
{
    _cleanup_chain_ Chain *c = chain(fingerprint, covers, from, to);
    Certificate *upload = NULL;

    g_assert_cmpint(model_add(m, RECORD_UPLOAD, fingerprint, &upload), ==, 0);
    record_set_slot(upload->record, SOURCE_UPLOADED, 1, c, 0, 0);
    record_serve(upload->record, SOURCE_UPLOADED, NULL);
    upload->record->uploaded = model_number_upload(m);
    return upload;
}

/* The one that came last of those that can be served. */
static void test_choose(void)
{
    Certificate *c, *first, *second, *third;
    _cleanup_(model_freep) Model *m = model(&c);

    g_assert_null(model_choose_upload(m, c, NOW));
    first = add(m, "a1", names, NOW - DAY, NOW + 200 * DAY);
    g_assert_true(model_choose_upload(m, c, NOW) == first);
    second = add(m, "b2", names, NOW - DAY, NOW + 100 * DAY);
    g_assert_true(model_choose_upload(m, c, NOW) == second);
    (void)add(m, "c3", others, NOW - DAY, NOW + 300 * DAY);
    third = add(m, "d4", names, NOW + DAY, NOW + 300 * DAY);
    g_assert_true(model_choose_upload(m, c, NOW) == second);
    g_assert_true(model_choose_upload(m, c, NOW + 2 * DAY) == third);
    second->record->slots[SOURCE_UPLOADED].broken = true;
    g_assert_true(model_choose_upload(m, c, NOW) == first);
    first->record->uploaded = model_number_upload(m); /* it was uploaded once more */
    g_assert_true(model_choose_upload(m, c, NOW + 2 * DAY) == first);
}

static void test_table(void)
{
    Certificate *c, *upload;
    _cleanup_(model_freep) Model *m = model(&c);

    g_assert_null(model_find_upload(m, "a1"));
    upload = add(m, "a1", names, NOW, NOW + DAY);
    g_assert_true(model_find_upload(m, "a1") == upload);
    g_assert_cmpuint(HASH_COUNT(m->uploads), ==, 1);
    g_assert_cmpuint(upload->record->uploaded, ==, 1);
    model_drop_upload(m, upload);
    g_assert_cmpuint(HASH_COUNT(m->uploads), ==, 0);
    g_assert_null(model_find_upload(m, "a1"));
    certificate_free(upload);
    g_assert_cmpuint(model_number_upload(m), ==, 2); /* no number comes twice */
}

static int visit(Certificate *upload _unused_, void *userdata)
{
    return ++*(int *)userdata == 2 ? -EALREADY : 0;
}

/* One that is not stored yet has no chain, and is not seen. */
static void test_foreach(void)
{
    Certificate *c, *fresh;
    _cleanup_(model_freep) Model *m = model(&c);
    int n = 0;

    g_assert_cmpint(model_add(m, RECORD_UPLOAD, "a1", &fresh), ==, 0);
    (void)add(m, "b2", names, NOW, NOW + DAY);
    g_assert_cmpint(model_foreach_upload(m, visit, &n), ==, 0);
    g_assert_cmpint(n, ==, 1);
    (void)add(m, "c3", names, NOW, NOW + DAY);
    (void)add(m, "d4", names, NOW, NOW + DAY);
    n = 0;
    g_assert_cmpint(model_foreach_upload(m, visit, &n), ==, -EALREADY);
    g_assert_cmpint(n, ==, 2);
}

/* As if it was uploaded now, whether or not the same is there already. */
static void test_judge(void)
{
    Chain *good = chain("a1", names, NOW - DAY, NOW + 200 * DAY),
          *early = chain("b2", names, NOW + DAY, NOW + 200 * DAY),
          *ended = chain("c3", names, NOW - 9 * DAY, NOW - DAY),
          *elsewhere = chain("d4", others, NOW - DAY, NOW + 200 * DAY);
    Certificate *c;
    _cleanup_(model_freep) Model *m = model(&c);

    for (int i = 0; i < 2; i++) {
        g_assert_cmpint(model_judge_upload(m, c, good, NOW), ==, VERDICT_USABLE);
        g_assert_cmpint(model_judge_upload(m, c, early, NOW), ==, VERDICT_NOT_YET_VALID);
        g_assert_cmpint(model_judge_upload(m, c, ended, NOW), ==, VERDICT_EXPIRED);
        g_assert_cmpint(model_judge_upload(m, c, elsewhere, NOW), ==, VERDICT_NAME_MISMATCH);
        if (i == 0)
            (void)add(m, "a1", names, NOW - DAY, NOW + 200 * DAY);
    }
    chain_unref(good);
    chain_unref(early);
    chain_unref(ended);
    chain_unref(elsewhere);
}

static void test_time(void)
{
    _cleanup_chain_ Chain *held = chain("a1", names, NOW + 9 * DAY, NOW + 200 * DAY);
    Certificate *c;
    _cleanup_(model_freep) Model *m = model(&c);

    g_assert_cmpint(model_next_upload_change(m, NOW), ==, INT64_MAX);
    g_assert_false(model_takes_other_upload(m, c, NOW));
    (void)add(m, "a1", names, NOW + 9 * DAY, NOW + 200 * DAY);
    (void)add(m, "b2", others, NOW + 5 * DAY, NOW + 200 * DAY);
    g_assert_cmpint(model_next_upload_change(m, NOW), ==, NOW + 5 * DAY);
    g_assert_cmpint(model_next_upload_change(m, NOW + 5 * DAY), ==, NOW + 9 * DAY);
    g_assert_true(model_takes_other_upload(m, c, NOW + 9 * DAY));
    record_set_slot(c->record, SOURCE_UPLOADED, 1, held, 0, 0);
    g_assert_false(model_takes_other_upload(m, c, NOW + 9 * DAY));
    (void)add(m, "c3", names, NOW - DAY, NOW + 100 * DAY);
    g_assert_true(model_takes_other_upload(m, c, NOW + 9 * DAY));
    model_find_upload(m, "c3")->record->slots[SOURCE_UPLOADED].broken = true;
    g_assert_false(model_takes_other_upload(m, c, NOW + 9 * DAY));
    model_find_upload(m, "a1")->record->slots[SOURCE_UPLOADED].broken = true;
    g_assert_true(model_takes_other_upload(m, c, NOW + 9 * DAY)); /* it has one, and takes none */
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/model-uploads/choose", test_choose);
    g_test_add_func("/model-uploads/table", test_table);
    g_test_add_func("/model-uploads/foreach", test_foreach);
    g_test_add_func("/model-uploads/judge", test_judge);
    g_test_add_func("/model-uploads/time", test_time);
    return g_test_run();
}
