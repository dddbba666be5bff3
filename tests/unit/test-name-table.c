/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/name-table.h"
#include "core/name.h"
#include "util/text.h"

#define OWNERS    60
#define NAMES_MAX 6

typedef struct Owner {
    NameHolder holder;
    char *names[NAMES_MAX + 1]; /* static texts */
    bool listed;
} Owner;

static void owner_set(Owner *o, char *const *names)
{
    size_t n = strv_length(names);

    memcpy(o->names, names, (n + 1) * sizeof(char *));
    g_assert_cmpint(name_holder_set(&o->holder, o->names), ==, 0);
    o->listed = true;
}

#define SET(o, ...) owner_set(o, (char *[]){ __VA_ARGS__, NULL })

/* Whoever fits is asked in the order of joining: what the table has to come to. */
static Owner *find_slowly(Owner *const *owners, size_t n, const char *name)
{
    Owner *has = NULL, *covers = NULL;

    for (size_t i = 0; i < n; i++) {
        Owner *o = owners[i];

        for (size_t k = 0; o->listed && o->names[k]; k++) {
            if (k == 0 && streq(o->names[0], name))
                return o;
            if (!has && streq(o->names[k], name))
                has = o;
            if (!covers && name_covers(o->names[k], name))
                covers = o;
        }
    }
    return has ? has : covers;
}

static void test_preference(void)
{
    _cleanup_(name_table_freep) NameTable *t = name_table_new();
    Owner a = {}, b = {}, c = {}, d = {};

    name_holder_join(&a.holder, t, &a);
    name_holder_join(&b.holder, t, &b);
    name_holder_join(&c.holder, t, &c);
    name_holder_join(&d.holder, t, &d);
    g_assert_null(name_table_find(t, "www.example.com"));
    SET(&d, S("*.example.com"));
    g_assert_true(name_table_find(t, "www.example.com") == &d);
    SET(&a, S("a.example.org"), S("*.example.com"));
    g_assert_true(name_table_find(t, "www.example.com") == &a);
    g_assert_true(name_table_find(t, "*.example.com") == &d);
    SET(&c, S("c.example.org"), S("www.example.com"));
    g_assert_true(name_table_find(t, "www.example.com") == &c);
    SET(&b, S("b.example.org"), S("www.example.com"));
    g_assert_true(name_table_find(t, "www.example.com") == &b);
    SET(&d, S("www.example.com"));
    g_assert_true(name_table_find(t, "www.example.com") == &d);
    name_holder_leave(&d.holder);
    name_holder_leave(&b.holder);
    g_assert_true(name_table_find(t, "www.example.com") == &c);
    name_holder_leave(&c.holder);
    g_assert_true(name_table_find(t, "www.example.com") == &a);
    g_assert_cmpint(name_holder_set(&a.holder, NULL), ==, 0);
    g_assert_null(name_table_find(t, "www.example.com"));
    name_holder_leave(&a.holder);
}

static void test_wildcards(void)
{
    _cleanup_(name_table_freep) NameTable *t = name_table_new();
    Owner o = {};

    name_holder_join(&o.holder, t, &o);
    SET(&o, S("*.example.com"), S("192.0.2.1"), S("2001:db8::1"));
    g_assert_true(name_table_find(t, "*.example.com") == &o);
    g_assert_true(name_table_find(t, "192.0.2.1") == &o);
    g_assert_true(name_table_find(t, "2001:db8::1") == &o);
    g_assert_null(name_table_find(t, "example.com"));
    g_assert_null(name_table_find(t, "a.b.example.com"));
    g_assert_null(name_table_find(t, "*.b.example.com"));
    g_assert_null(name_table_find(t, "192.0.2.2"));
    g_assert_null(name_table_find(t, "com"));
    name_holder_leave(&o.holder);
}

/* One that is in no table has names of its own, and nothing comes of it. */
static void test_outside(void)
{
    Owner o = {};

    SET(&o, S("www.example.com"));
    g_assert_null(o.holder.listings);
    name_holder_leave(&o.holder);
}

/* A few names, so that several have the same. */
static char *random_name(void)
{
    static char *const names[] = {
        S("example.com"),     S("www.example.com"), S("*.example.com"),     S("mail.example.com"),
        S("a.b.example.com"), S("*.b.example.com"), S("x.a.b.example.com"), S("*.a.b.example.com"),
        S("localhost"),       S("192.0.2.1"),       S("192.0.2.2"),         S("2001:db8::1"),
        S("*.org"),           S("example.org"),     S("www.example.org"),   S("*.example.org"),
    };

    return names[g_test_rand_int_range(0, (gint32)ELEMENTSOF(names))];
}

static void check_all(const NameTable *t, Owner *const *owners, size_t n)
{
    static const char *const others[] = { "other.example.com", "other.b.example.com",
                                          "other.org",         "com",
                                          "other.example.org", "192.0.2.3" };

    for (int i = 0; i < 20; i++) {
        const char *name = random_name();

        g_assert_true(name_table_find(t, name) == find_slowly(owners, n, name));
    }
    for (size_t i = 0; i < ELEMENTSOF(others); i++)
        g_assert_true(name_table_find(t, others[i]) == find_slowly(owners, n, others[i]));
}

/* owners are in the order of joining. */
static size_t leave(Owner **owners, size_t n, size_t which)
{
    name_holder_leave(&owners[which]->holder);
    g_free(owners[which]);
    memmove(owners + which, owners + which + 1, (n - which - 1) * sizeof(Owner *));
    return n - 1;
}

static void change_names(Owner *o)
{
    char *names[NAMES_MAX + 1] = {};
    int n = g_test_rand_int_range(1, NAMES_MAX + 1);

    for (int i = 0; i < n; i++)
        names[i] = random_name();
    owner_set(o, names);
}

static void hide(Owner *o)
{
    g_assert_cmpint(name_holder_set(&o->holder, NULL), ==, 0);
    o->listed = false;
}

static void test_random(void)
{
    _cleanup_(name_table_freep) NameTable *t = name_table_new();
    Owner *owners[OWNERS];
    size_t n = 0;

    for (int i = 0; i < 20000; i++) {
        int what = g_test_rand_int_range(0, 8);
        size_t which = n > 0 ? (size_t)g_test_rand_int_range(0, (gint32)n) : 0;

        if (n == 0 || (what == 0 && n < OWNERS)) {
            owners[n] = g_new0(Owner, 1);
            name_holder_join(&owners[n]->holder, t, owners[n]);
            n++;
        } else if (what == 1)
            n = leave(owners, n, which);
        else if (what == 2)
            hide(owners[which]);
        else
            change_names(owners[which]);
        check_all(t, owners, n);
    }
    while (n > 0)
        n = leave(owners, n, n - 1);
    check_all(t, owners, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/name-table/preference", test_preference);
    g_test_add_func("/name-table/wildcards", test_wildcards);
    g_test_add_func("/name-table/outside", test_outside);
    g_test_add_func("/name-table/random", test_random);
    return g_test_run();
}
