/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdbool.h>
#include <string.h>

#include "client.h"
#include "pending.h"

/* The call that starts the service where nothing was made yet. */

#define MODULE \
    "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n[Certificate c.example.com]\n"
#define CERTIFICATE_A  PATH "/certificate/a_2eexample_2ecom"
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES     "org.freedesktop.DBus.Properties"
#define ACTIVATED      (FIXTURE_NO_DAEMON | FIXTURE_ACTIVATABLE)
#define WAIT_USEC      G_USEC_PER_SEC /* that calls wait for first chains, at most */

typedef struct Listed {
    guint valid, pending;
    char *errors; /* codes of LastError */
} Listed;

static void listed_add(Listed *l, GVariant *interfaces)
{
    g_autoptr(GVariant) properties = g_variant_lookup_value(interfaces, CERTIFICATE, NULL), error = NULL;
    const char *state, *code;
    char *errors;

    if (!properties)
        return;
    g_assert_true(g_variant_lookup(properties, "State", "&s", &state));
    error = g_variant_lookup_value(properties, "LastError", NULL);
    g_variant_get(error, "(&s&sxu)", &code, NULL, NULL, NULL);
    l->valid += strcmp(state, "valid") == 0;
    l->pending += strcmp(state, "pending") == 0;
    errors = g_strconcat(l->errors ? l->errors : "", code, NULL);
    g_free(l->errors);
    l->errors = errors;
}

/* A machine that takes longer than calls wait for says nothing. */
static bool is_too_slow(gint64 begun)
{
    if (g_get_monotonic_time() - begun < WAIT_USEC)
        return false;
    g_test_skip("first chains take longer than calls wait for them");
    return true;
}

static Listed list(Fixture *f)
{
    g_autoptr(GVariant) reply = client_expect(f->root, PATH, OBJECT_MANAGER, "GetManagedObjects", NULL),
                        objects = g_variant_get_child_value(reply, 0);
    Listed l = {};
    GVariant *interfaces;
    GVariantIter i;

    g_variant_iter_init(&i, objects);
    while (g_variant_iter_next(&i, "{&o@a{sa{sv}}}", NULL, &interfaces)) {
        listed_add(&l, interfaces);
        g_variant_unref(interfaces);
    }
    return l;
}

/* The three, and the root. */
static void test_list(void)
{
    g_autoptr(Fixture) f = fixture_new(ACTIVATED, MODULE);
    gint64 begun = g_get_monotonic_time();
    Listed l = list(f);

    if (is_too_slow(begun)) {
        g_free(l.errors);
        return;
    }
    g_assert_cmpuint(l.valid, ==, 4);
    g_assert_cmpuint(l.pending, ==, 0);
    g_assert_cmpstr(l.errors, ==, "");
    g_free(l.errors);
}

/* Whatever the first call asks for is there. */
static void test_first_call(void)
{
    static const struct {
        const char *path, *interface, *member, *arguments, *says;
    } rows[] = {
        { CERTIFICATE_A, PROPERTIES, "Get", "('" CERTIFICATE "', 'State')", "valid" },
        { CERTIFICATE_A, PROPERTIES, "GetAll", "('" CERTIFICATE "',)", "'valid'" },
        { CERTIFICATE_A, CERTIFICATE, "Export", "(@a{sv} {},)", NULL },
        { CERTIFICATE_A, CERTIFICATE, "ExportRoot", "(@a{sv} {},)", NULL },
        { PATH, MANAGER, "ExportRoot", "(@a{sv} {},)", NULL },
        { PATH_ROOT, PROPERTIES, "Get", "('" CERTIFICATE "', 'State')", "valid" },
        { PATH, MANAGER, "Explain", "('A.Example.com',)", "local root" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Fixture) f = fixture_new(ACTIVATED, MODULE);
        gint64 begun = g_get_monotonic_time();
        g_autoptr(GVariant) reply = client_expect(f->root, rows[i].path, rows[i].interface, rows[i].member,
                                                  g_variant_new_parsed(rows[i].arguments));
        g_autofree char *text = g_variant_print(reply, FALSE);

        if (is_too_slow(begun))
            return;
        if (rows[i].says && !strstr(text, rows[i].says))
            g_error("%s says %s", rows[i].member, text);
    }
}

/* What the root may not sign is not waited for, and its failure is in the answer. */
static void test_failure(void)
{
    g_autoptr(Fixture) f = fixture_new(ACTIVATED, MODULE "[Certificate a.example.org]\n");
    gint64 begun;
    Listed l;

    fixture_write_settings(f, "[Local]\nNameConstraints=example.com\n");
    begun = g_get_monotonic_time();
    l = list(f);
    if (is_too_slow(begun)) {
        g_free(l.errors);
        return;
    }
    g_assert_cmpuint(l.valid, ==, 4);
    g_assert_cmpuint(l.pending, ==, 1);
    g_assert_cmpstr(l.errors, ==, "NameMismatch");
    g_free(l.errors);
}

/* Nobody waits longer than a moment, nor for what others wait for. */
static void test_stuck(void)
{
    g_autoptr(Fixture) f = fixture_new(FIXTURE_HOLD_DISK, "[Module]\n");
    g_autoptr(GDBusConnection) other = client_connect(f, fixture_uid("nobody"));
    g_autoptr(GVariant) version = NULL, path = NULL, reloaded = NULL;
    Pending *waits;
    Listed l;

    client_wait_state(f->root, PATH_ROOT, "valid");
    fixture_hold_disk(f);
    fixture_write_module(f, "test", MODULE);
    reloaded = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
    waits = pending_new(f->root, PATH, OBJECT_MANAGER, "GetManagedObjects", NULL);
    version = client_get(other, PATH, MANAGER, "Version");
    path = client_expect(other, PATH, MANAGER, "GetCertificate", g_variant_new("(s)", "a.example.com"));
    g_assert_false(pending_is_answered(waits));
    pending_expect(waits, "");
    l = list(f); /* nor again */
    g_assert_cmpuint(l.valid, ==, 1);
    g_assert_cmpuint(l.pending, ==, 3);
    g_free(l.errors);
    fixture_release_disk(f);
    client_wait_state(f->root, CERTIFICATE_A, "valid");
}

/* What is added later is waited for, too. */
static void test_later(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(GVariant) reloaded = NULL;
    gint64 begun;
    Listed l;

    client_wait_state(f->root, CERTIFICATE_A, "valid");
    fixture_write_module(f, "more", "[Module]\n[Certificate d.example.com]\n");
    begun = g_get_monotonic_time();
    reloaded = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
    l = list(f);
    g_assert_cmpuint(l.valid + l.pending, ==, 5);
    if (!is_too_slow(begun))
        g_assert_cmpuint(l.pending, ==, 0);
    g_free(l.errors);
}

static void add(void)
{
    g_test_add_func("/bus/beginning/list", test_list);
    g_test_add_func("/bus/beginning/first-call", test_first_call);
    g_test_add_func("/bus/beginning/failure", test_failure);
    g_test_add_func("/bus/beginning/stuck", test_stuck);
    g_test_add_func("/bus/beginning/later", test_later);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
