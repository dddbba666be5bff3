/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "core/limits.h"
#include "model/model.h"

/* The table of certificates. */

static void on_added(Certificate *c, void *userdata)
{
    g_string_append_printf(userdata, "+%s ", certificate_name(c));
}

static void on_removed(Certificate *c, void *userdata)
{
    g_string_append_printf(userdata, "-%s ", certificate_name(c));
}

static void on_counts(void *userdata)
{
    g_string_append(userdata, "counts ");
}

static const ModelWatcher watcher = { .certificate_added = on_added,
                                      .certificate_removed = on_removed,
                                      .counts_changed = on_counts };

static Model *model(void)
{
    Model *m = NULL;

    g_assert_cmpint(model_new(&m), ==, 0);
    return m;
}

static Certificate *add(Model *m, const char *name, const char *module)
{
    const Claim claim = { .name = S(name), .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    Certificate *c;

    g_assert_cmpint(model_add(m, RECORD_CERTIFICATE, name, &c), ==, 0);
    if (module)
        g_assert_cmpint(wish_add(&c->wish, module, &claim), ==, 0);
    model_review(m, c);
    return module ? c : NULL;
}

static void expect(GString *news, const char *expected)
{
    g_assert_cmpstr(news->str, ==, expected);
    g_string_truncate(news, 0);
}

/* A leaf is published while a module wants it, and watchers hear of that once. */
static void test_review(void)
{
    g_autoptr(GString) news = g_string_new(NULL);
    _cleanup_(model_freep) Model *m = model();
    Certificate *c;

    g_assert_cmpint(model_watch(m, &watcher, news), ==, 0);
    c = add(m, "www.example.com", "proxy");
    expect(news, "+www.example.com counts ");
    model_review(m, c);
    expect(news, "");
    g_assert_true(model_find(m, "www.example.com") == c);
    g_assert_cmpuint(m->n_published, ==, 1);
    wish_clear(&c->wish);
    c->stored = true; /* so that it stays in the table */
    model_review(m, c);
    expect(news, "-www.example.com counts ");
    g_assert_null(model_find(m, "www.example.com"));
    g_assert_true(model_find_any(m, "www.example.com") == c);
    c->stored = false;
    model_review(m, c);
    g_assert_null(model_find_any(m, "www.example.com"));
    add(m, "nobody.example.com", NULL);
    g_assert_null(model_find_any(m, "nobody.example.com"));
    expect(news, "");
}

/* While something is being done with it, it stays: nobody may be left with what was freed. */
static void test_busy(void)
{
    _cleanup_(model_freep) Model *m = model();
    Certificate *c = add(m, "www.example.com", "proxy");

    wish_clear(&c->wish);
    c->work.busy = true;
    model_review(m, c);
    g_assert_true(model_find_any(m, "www.example.com") == c);
    c->work.busy = false;
    model_review(m, c);
    g_assert_null(model_find_any(m, "www.example.com"));
    g_assert_cmpuint(m->n_published, ==, 0);
}

static void test_lookup(void)
{
    _cleanup_(model_freep) Model *m = model();
    _cleanup_problem_ Problem problem = {};
    Certificate *wild = add(m, "*.example.com", "proxy"), *www = add(m, "www.example.com", "proxy"), *found;

    g_assert_cmpint(model_get(m, "WWW.Example.COM.", &found, NULL), ==, 0);
    g_assert_true(found == www);
    g_assert_cmpint(model_get(m, "mail.example.com", &found, NULL), ==, 0);
    g_assert_true(found == wild);
    g_assert_null(model_find(m, "WWW.Example.COM.")); /* that one takes names as they are */
    g_assert_cmpint(model_get(m, "example.org", &found, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_NO_SUCH_CERTIFICATE);
    problem_clear(&problem);
    g_assert_cmpint(model_get(m, "b..example", &found, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_INVALID_NAME);
}

/* What the store had goes to the table of its kind, and is seen when it is wanted. */
static void test_adopt(void)
{
    _cleanup_(model_freep) Model *m = model();
    Record *upload = record_new(RECORD_UPLOAD, "ab"), *root = record_new(RECORD_ROOT, "root");

    upload->uploaded = 7;
    g_assert_cmpint(model_adopt(m, record_new(RECORD_CERTIFICATE, "www.example.com")), ==, 0);
    g_assert_cmpint(model_adopt(m, upload), ==, 0);
    g_assert_cmpint(model_adopt(m, root), ==, 0);
    g_assert_true(m->root->record == root);
    g_assert_true(m->root->stored && m->root->published);
    g_assert_nonnull(model_find_upload(m, "ab"));
    g_assert_cmpuint(model_number_upload(m), ==, 8);
    g_assert_null(model_find(m, "www.example.com"));
    g_assert_true(model_find_any(m, "www.example.com")->stored);
    g_assert_cmpuint(m->n_published, ==, 0);
}

static int visit(Certificate *c, void *userdata)
{
    g_string_append_printf(userdata, "%s ", certificate_name(c));
    return strcmp(certificate_name(c), "b.example") == 0 ? -EALREADY : 0;
}

static void test_foreach(void)
{
    g_autoptr(GString) seen = g_string_new(NULL);
    _cleanup_(model_freep) Model *m = model();

    add(m, "a.example", "proxy");
    g_assert_cmpint(model_adopt(m, record_new(RECORD_CERTIFICATE, "hidden.example")), ==, 0);
    g_assert_cmpint(model_foreach(m, visit, seen), ==, 0);
    expect(seen, "a.example ");
    add(m, "b.example", "proxy");
    add(m, "c.example", "proxy");
    g_assert_cmpint(model_foreach(m, visit, seen), ==, -EALREADY);
    expect(seen, "a.example b.example ");
}

/* Their number is limited, and the size of their names. */
static void test_full(void)
{
    _cleanup_(model_freep) Model *m = model();
    g_autofree char *name = g_strnfill(LIMIT_NAMES_SIZE - 9, 'x');

    add(m, "a.example", "proxy");
    g_assert_false(model_is_full(m, "b.example"));
    g_assert_false(model_is_full(m, name));
    add(m, "b", "proxy");
    g_assert_true(model_is_full(m, name));
    model_remove(m, model_find(m, "a.example"));
    g_assert_false(model_is_full(m, name));
    for (int i = 0; i < LIMIT_CERTIFICATES - 1; i++) {
        g_autofree char *other = g_strdup_printf("n%d", i);
        Certificate *c;

        g_assert_false(model_is_full(m, other));
        g_assert_cmpint(model_add(m, RECORD_CERTIFICATE, other, &c), ==, 0);
    }
    g_assert_true(model_is_full(m, "c"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/certificates/review", test_review);
    g_test_add_func("/certificates/busy", test_busy);
    g_test_add_func("/certificates/lookup", test_lookup);
    g_test_add_func("/certificates/adopt", test_adopt);
    g_test_add_func("/certificates/foreach", test_foreach);
    g_test_add_func("/certificates/full", test_full);
    return g_test_run();
}
