/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "manager/recipient.h"
#include "util/text.h"

/* Modules with something to deliver, as they are configured. */

#define CONTENT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CONTENT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

typedef struct Table {
    Folder folder;
    Config *config;
    Recipient *recipients;
} Table;

static void table_write(const Table *t, const char *module, const char *text)
{
    g_autofree char *path = g_strdup_printf("modules.d/%s.conf", module);

    folder_write(&t->folder, path, text);
}

static void table_load(Table *t)
{
    char *directories[] = { t->folder.path, NULL };

    g_assert_cmpint(config_load(directories, NULL, NULL, NULL, &t->config), ==, 0);
    for (size_t i = 0; i < t->config->n_modules; i++) {
        int r;
        Recipient *c = recipient_new(t->config->modules + i, &r);

        g_assert_cmpint(r, >=, 0);
        if (c)
            HASH_ADD_KEYPTR(hh, t->recipients, c->module, strlen(c->module), c);
    }
    g_assert_cmpint(recipients_group(t->recipients), ==, 0);
}

static void table_done(Table *t)
{
    Recipient *c, *next;

    FOREACH_RECIPIENT(c, t->recipients, next)
    {
        HASH_DEL(t->recipients, c);
        recipient_free(c);
    }
    config_free(t->config);
    folder_done(&t->folder);
}
#define _cleanup_table_ _cleanup_(table_done)

static Recipient *table_find(const Table *t, const char *module)
{
    Recipient *c;

    HASH_FIND_STR(t->recipients, module, c);
    return c;
}

static void write_with(const Table *t, const char *module, const char *units)
{
    g_autofree char *text =
        g_strdup_printf("[Module]\n[Certificate %s.example]\n[Deploy]\nFullChainFile=/etc/%s/%%n\n%s",
                        module, module, units);

    table_write(t, module, text);
}

/* Only those with a certificate that has files. */
static void test_new(void)
{
    _cleanup_table_ Table t = { .folder = folder_new() };
    const Recipient *c;

    table_write(&t, "plain", "[Module]\n[Certificate a.example]\n");
    table_write(&t, "empty", "[Module]\n[Deploy]\nFullChainFile=/etc/empty/%n\n");
    table_write(&t, "some",
                "[Module]\n[Certificate c.example]\n[Certificate b.example]\n[Certificate a.example]\n"
                "[Deploy a.example]\nKeyFile=/etc/some/a\n[Deploy c.example]\nKeyFile=/etc/some/c\n");
    table_load(&t);
    g_assert_cmpuint(HASH_COUNT(t.recipients), ==, 1);
    c = table_find(&t, "some");
    g_assert_cmpuint(c->n_items, ==, 2);
    g_assert_cmpstr(c->items[0].name, ==, "a.example");
    g_assert_true(recipient_find(c, "c.example") == c->items + 1);
    g_assert_null(recipient_find(c, "b.example"));
    g_assert_cmpstr(c->items[0].settings, !=, c->items[1].settings);
}

/* Any two modules with a common unit, and what is connected by a third. */
static void test_groups(void)
{
    static const struct {
        const char *module, *units;
        int group;
    } rows[] = {
        { "a", "Reload=one.service\n", 1 },
        { "b", "Restart=two.service\n", 1 },
        { "c", "Reload=three.service\n", 1 },
        { "d", "Reload=other.service\n", 2 },
        { "e", "", 3 },
        { "f", "Reload=three.service\nReload=two.service\n", 1 },
        { "g", "Start=one.service\nReload=three.service\n", 1 },
        { "h", "", 4 },
    };
    _cleanup_table_ Table t = { .folder = folder_new() };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        write_with(&t, rows[i].module, rows[i].units);
    table_load(&t);
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        for (size_t k = 0; k < ELEMENTSOF(rows); k++)
            if ((table_find(&t, rows[i].module)->group == table_find(&t, rows[k].module)->group) !=
                (rows[i].group == rows[k].group))
                note_failure("%s and %s", rows[i].module, rows[k].module);
}

static Placement look_at(Recipient *c, const RecipientItem *i, const char *content, int64_t now)
{
    recipient_note_due(c, i, content, now);
    return recipient_describe(c, i, content);
}

/* A failure of the service's own counts like those of reports, and is forgotten with another chain. */
static void test_failure(void)
{
    _cleanup_table_ Table t = { .folder = folder_new() };
    int64_t now = now_seconds();
    RecipientItem *i;
    Recipient *c;
    Placement p;

    write_with(&t, "a", "Reload=one.service\n");
    table_load(&t);
    c = table_find(&t, "a");
    i = c->items;
    c->due = c->look_due = INT64_MAX;
    p = look_at(c, i, CONTENT_A, now);
    g_assert_cmpint(p.state, ==, DEPLOYMENT_PENDING);
    g_assert_cmpint(c->due, <=, now);
    g_assert_cmpint(recipient_note_failure(c, i, CONTENT_A, "It was killed.", now), ==, 0);
    g_assert_cmpint(recipient_note_failure(c, i, CONTENT_A, "It was killed again.", now), ==, 0);
    c->due = INT64_MAX;
    p = look_at(c, i, CONTENT_A, now);
    g_assert_cmpint(p.state, ==, DEPLOYMENT_FAILED);
    g_assert_cmpstr(p.detail, ==, "It was killed again.");
    g_assert_cmpint(c->due, ==, now + 600);
    c->due = INT64_MAX;
    p = look_at(c, i, CONTENT_B, now);
    g_assert_cmpint(p.state, ==, DEPLOYMENT_PENDING);
    g_assert_cmpint(c->due, <=, now);
    recipient_forget_failure(i);
    g_assert_null(recipient_deployment(c, i));
    /* without a chain there is nothing to be done */
    c->due = INT64_MAX;
    p = look_at(c, i, "", now);
    g_assert_cmpint(c->due, ==, INT64_MAX);
    g_assert_false(recipient_is_pending(c, i, ""));
}

/* Other settings of a certificate do not inherit what was asked for with the former ones. */
static void test_inherit(void)
{
    _cleanup_table_ Table before = { .folder = folder_new() }, after = { .folder = folder_new() };
    Recipient *former, *fresh;

    table_write(&before, "a",
                "[Module]\n[Certificate x.example]\n[Certificate y.example]\n[Deploy]\nKeyFile=/etc/a/%n\n");
    table_write(&after, "a",
                "[Module]\n[Certificate x.example]\n[Certificate y.example]\n[Deploy]\nKeyFile=/etc/a/%n\n"
                "[Deploy y.example]\nMode=0640\n");
    table_load(&before);
    table_load(&after);
    former = table_find(&before, "a");
    fresh = table_find(&after, "a");
    former->is_stale = false;
    former->job = 7;
    for (size_t i = 0; i < 2; i++) {
        recipient_ask(former, former->items + i, CONTENT_A);
        g_assert_cmpstr(former->items[i].asked, ==, CONTENT_A);
        g_assert_cmpint(recipient_note_failure(former, former->items + i, CONTENT_A, "So.", 1), ==, 0);
    }
    recipient_inherit(fresh, former);
    g_assert_cmpstr(fresh->items[0].asked, ==, CONTENT_A);
    g_assert_cmpstr(fresh->items[1].asked, ==, "");
    g_assert_nonnull(fresh->items[1].own);
    g_assert_null(former->items[1].own);
    g_assert_cmpuint(fresh->job, ==, 7);
    g_assert_false(fresh->is_stale);
}

/* The report tells whether a run did what it was asked for. */
static void test_tried(void)
{
    _cleanup_table_ Table t = { .folder = folder_new() };
    RecipientItem *i;
    Deployment *d;
    Recipient *c;

    write_with(&t, "a", "Reload=one.service\n");
    table_load(&t);
    c = table_find(&t, "a");
    i = c->items;
    recipient_ask(c, i, CONTENT_A);
    g_assert_false(recipient_was_tried(c, i, CONTENT_A, 100));
    d = report_get(&c->report, "a.example");
    d->state = DEPLOYMENT_ROLLED_BACK;
    d->failures = 1;
    d->when = 99;
    g_strlcpy(d->content, CONTENT_A, sizeof(d->content));
    g_strlcpy(d->settings, i->settings, sizeof(d->settings));
    g_assert_false(recipient_was_tried(c, i, CONTENT_A, 100)); /* a try of before */
    d->when = 100;
    g_assert_true(recipient_was_tried(c, i, CONTENT_A, 100));
    g_strlcpy(d->content, CONTENT_B, sizeof(d->content));
    g_assert_true(recipient_was_tried(c, i, CONTENT_A, 100)); /* once something else is no failure */
    g_assert_false(recipient_was_tried(c, i, CONTENT_A, 100));
    g_assert_true(recipient_was_tried(c, i, CONTENT_B, 100)); /* the chain changed meanwhile */
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/recipient/new", test_new);
    g_test_add_func("/recipient/groups", test_groups);
    g_test_add_func("/recipient/failure", test_failure);
    g_test_add_func("/recipient/inherit", test_inherit);
    g_test_add_func("/recipient/tried", test_tried);
    return g_test_run();
}
