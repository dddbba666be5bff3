/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "../driver/mirror.h"
#include "client.h"
#include "pki.h"
#include "signals.h"

/* Signals carry what changed and nothing else: who reads everything once and listens from then on knows what who reads it later
 * is told. */

#define MODULE \
    "[Module]\n[Certificate a.example.com]\n[Certificate b.example.com]\n[Certificate c.example.com]\n"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define SEED       19
#define STEPS      120
#define LATE       12 /* clients that come while all goes on */

static Fixture *start(void)
{
    static const char *const names[] = { "a.example.com", "b.example.com", "c.example.com" };
    Fixture *f = fixture_new(0, MODULE);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = client_find(f->root, names[i]);

        client_wait_state(f->root, path, "valid");
    }
    return f;
}

/* ---- one change */

/* Adds the names of properties in the n-th change of an object, with spaces around; returns the bytes of its values. */
static gsize add_names(SignalLog *log, const char *path, guint n, GString *names)
{
    GVariant *parameters = signals_get(log, path, "PropertiesChanged", NULL, n), *value;
    g_autoptr(GVariant) changed = NULL, invalidated = NULL;
    const char *name;
    GVariantIter i;

    g_variant_get(parameters, "(&s@a{sv}@as)", NULL, &changed, &invalidated);
    g_assert_cmpuint(g_variant_n_children(invalidated), ==, 0);
    g_variant_iter_init(&i, changed);
    while (g_variant_iter_next(&i, "{&sv}", &name, &value)) {
        g_string_append_printf(names, " %s ", name);
        g_variant_unref(value);
    }
    return g_variant_get_size(changed);
}

static char *names_of(SignalLog *log, const char *path, gsize *ret_size)
{
    GString *names = g_string_new(NULL);
    guint n = signals_count(log, path, "PropertiesChanged", NULL);

    *ret_size = 0;
    for (guint i = 0; i < n; i++)
        *ret_size += add_names(log, path, i, names);
    return g_string_free(names, FALSE);
}

static gsize size_of_all(Fixture *f, const char *path)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, path, PROPERTIES, "GetAll", g_variant_new("(s)", CERTIFICATE)),
                        all = g_variant_get_child_value(reply, 0);

    return g_variant_get_size(all);
}

static void run_job(Fixture *f, SignalLog *log, const char *path)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, path, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    const char *job;

    g_variant_get(reply, "(&o)", &job);
    signals_wait(log, PATH, "JobRemoved", job, 1);
    signals_settle(log);
}

/* The local root signs again: another key and other dates, and all else as it was. */
static void test_reissue(void)
{
    static const char *const others[] = { "Names",         "Role",      "Source",     "Reason",  "State",
                                          "Issuer",        "Subject",   "KeyType",    "Modules", "Authority",
                                          "RenewalWindow", "LastError", "Deployments" };
    static const char *const changed[] = { "Serial", "Fingerprint", "Chain" };
    g_autoptr(Fixture) f = start();
    g_autofree char *path = client_find(f->root, "a.example.com"), *names = NULL;
    gsize all = size_of_all(f, path), size;
    g_autoptr(SignalLog) log = signals_new(f->root);

    run_job(f, log, path);
    names = names_of(log, path, &size);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *name = g_strconcat(" ", others[i], " ", NULL);

        if (strstr(names, name))
            g_error("%s did not change, but is among%s", others[i], names);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(changed); i++) {
        g_autofree char *name = g_strconcat(" ", changed[i], " ", NULL);

        g_assert_nonnull(strstr(names, name));
        g_assert_null(strstr(strstr(names, name) + strlen(name) - 1, name)); /* once */
    }
    g_assert_cmpuint(3 * size, <=, 2 * all); /* of a signal with everything a third is saved */
    g_assert_cmpuint(signals_count(log, NULL, "PropertiesChanged", "Fingerprint"), ==, 1);
}

/* The manager's properties come in one signal, and only when they change. */
static void test_manager(void)
{
#define AUTHORITY "[Authority one]\nDirectory=https://127.0.0.1:9/one\nPublic=no\n"
    static const struct {
        const char *settings, *names;
    } rows[] = {
        { "[Renewal]\nIdleExit=2min\n", "" },
        { "[ACME]\nHTTPListen=\nTLSListen=127.0.0.1:40443\nChallenges=http-01\n" AUTHORITY,
          " Authorities " },
        { "[ACME]\nHTTPListen=\nTLSListen=127.0.0.1:40444\nChallenges=http-01\n" AUTHORITY, "" },
        { "[ACME]\nTermsOfServiceAgreed=yes\nHTTPListen=\nChallenges=dns-01\nNot=there\n" AUTHORITY,
          " AcmeEnabled  ConfigurationErrors " },
        { "", " AcmeEnabled  Authorities  ConfigurationErrors " },
    };
    g_autoptr(Fixture) f = fixture_new(0, "[Module]\nDescription=Nothing\n");
    g_autoptr(SignalLog) log = NULL;
    gsize size;

    client_wait_state(f->root, PATH_ROOT, "valid");
    log = signals_new(f->root);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GVariant) reply G_GNUC_UNUSED = NULL;
        g_autofree char *names = NULL;

        fixture_write_settings(f, rows[i].settings);
        reply = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
        signals_settle(log);
        names = names_of(log, PATH, &size);
        g_assert_cmpstr(names, ==, rows[i].names);
        g_assert_cmpuint(signals_count(log, PATH, "PropertiesChanged", NULL), ==, *rows[i].names ? 1 : 0);
        signals_clear(log);
    }
}

/* ---- anything */

typedef struct Actor {
    Fixture *fixture;
    GDBusConnection *connection;
    PkiLeaf *leaves[2];
    GRand *rand;
    unsigned n_asked, n_answered;
} Actor;

static void on_answer(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GVariant) reply G_GNUC_UNUSED =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    ((Actor *)userdata)->n_answered++; /* Busy as well, or that there is no such certificate */
}

static void ask(Actor *a, const char *path, const char *interface, const char *member, GVariant *arguments)
{
    a->n_asked++;
    g_dbus_connection_call(a->connection, SERVICE, path, interface, member, arguments, NULL,
                           G_DBUS_CALL_FLAGS_NONE, 120000, NULL, on_answer, a);
}

static void ask_manager(Actor *a, const char *member, GVariant *arguments)
{
    ask(a, PATH, MANAGER, member, arguments);
}

static char *path_of_registered(unsigned n)
{
    return g_strdup_printf(PATH "/certificate/r%u_2eexample_2ecom", n);
}

static void write_module(Actor *a, unsigned n)
{
    g_autofree char *text =
        g_strdup_printf("[Module]\n[Certificate b.example.com]\nAlternativeNames=b%u.example.com\n"
                        "[Certificate m%u.example.com]\n",
                        n, n);

    fixture_write_module(a->fixture, "other", text);
    ask_manager(a, "Reload", NULL);
}

static void step(Actor *a)
{
    unsigned n = g_rand_int_range(a->rand, 0, 3);
    const PkiLeaf *leaf = a->leaves[n % G_N_ELEMENTS(a->leaves)];
    g_autofree char *name = g_strdup_printf("r%u.example.com", n), *path = path_of_registered(n),
                    *bundle = pki_bundle(leaf);
    const char *more[] = { n ? "more.example.com" : "r9.example.com", NULL };

    switch (g_rand_int_range(a->rand, 0, 9)) {
    case 0:
        ask_manager(a, "Register", g_variant_new("(ss@a{sv})", "m", name, NO_OPTIONS));
        break;
    case 1:
        ask_manager(
            a, "Register",
            g_variant_new("(ss@a{sv})", "n", name, client_option("names", g_variant_new_strv(more, -1))));
        break;
    case 2:
        ask_manager(a, "Unregister", g_variant_new("(ss)", n ? "m" : "n", name));
        break;
    case 3:
        ask(a, n ? path : PATH "/certificate/a_2eexample_2ecom", CERTIFICATE, "Reissue",
            g_variant_new("(@a{sv})", NO_OPTIONS));
        break;
    case 4:
        ask_manager(a, "Upload", g_variant_new("(s@a{sv})", bundle, NO_OPTIONS));
        break;
    case 5:
        ask_manager(a, "RemoveUpload", g_variant_new("(s)", leaf->fingerprint));
        break;
    case 6:
        ask_manager(a, "ReissueAll", g_variant_new("(@a{sv})", NO_OPTIONS));
        break;
    case 7:
        write_module(a, n);
        break;
    default:
        if (g_rand_int_range(a->rand, 0, 4) == 0)
            ask(a, PATH_ROOT, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    }
}

static void actor_init(Actor *a, Fixture *f, Pki *pki)
{
    *a = (Actor){ .fixture = f, .connection = client_connect(f, 0), .rand = g_rand_new_with_seed(SEED) };
    a->leaves[0] = pki_issue(pki, "one", "DNS:a.example.com,DNS:r0.example.com", "EC", 30);
    a->leaves[1] = pki_issue(pki, "two", "DNS:a.example.com,DNS:c.example.com,DNS:r1.example.com", "EC", 40);
}

static void actor_done(Actor *a)
{
    g_rand_free(a->rand);
    g_object_unref(a->connection);
    pki_leaf_free(a->leaves[0]);
    pki_leaf_free(a->leaves[1]);
}

static gboolean is_quiet(gpointer userdata)
{
    const Actor *a = userdata;
    g_autoptr(GVariant) n = NULL;

    if (a->n_answered < a->n_asked)
        return FALSE;
    n = client_get(a->connection, PATH, MANAGER, "JobsRunning");
    return g_variant_get_uint32(n) == 0;
}

/* Outlooks are compared in slices with pauses, so the last signals come a moment later. */
static void check_mirror(Fixture *f, Mirror *m)
{
    g_autofree char *fault = NULL;

    for (int i = 0; i < 50; i++) {
        g_autoptr(GHashTable) now = mirror_read(f);

        g_free(fault);
        wait_milliseconds(100);
        g_assert_nonnull(now);
        fault = mirror_compare(m, now);
        if (!fault)
            return;
    }
    g_error("%s", fault);
}

static void test_random(void)
{
    g_autoptr(Fixture) f = start();
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(Mirror) m = mirror_new(f);
    Actor a;

    actor_init(&a, f, pki);
    g_assert_true(mirror_begin(m));
    for (unsigned i = 0; i < STEPS; i++) {
        step(&a);
        wait_milliseconds((unsigned)g_rand_int_range(a.rand, 0, 12));
    }
    wait_until(is_quiet, &a, "the end of all jobs");
    wait_milliseconds(300);
    if (mirror_find_known(m))
        g_error("told again: %s", mirror_find_known(m));
    g_assert_cmpstr(mirror_find_lasting_fault(m), ==, NULL);
    check_mirror(f, m);
    actor_done(&a);
}

/* What they read may be newer than the last signal. */
static void test_late(void)
{
    g_autoptr(Fixture) f = start();
    g_autoptr(Pki) pki = pki_new(f->directory);
    Mirror *late[LATE];
    Actor a;

    actor_init(&a, f, pki);
    for (unsigned i = 0; i < LATE; i++)
        late[i] = mirror_new(f);
    for (unsigned i = 0; i < STEPS; i++) {
        step(&a);
        if (i % (STEPS / LATE) == 0)
            mirror_join(late[i / (STEPS / LATE)]);
        wait_milliseconds((unsigned)g_rand_int_range(a.rand, 0, 12));
    }
    wait_until(is_quiet, &a, "the end of all jobs");
    for (unsigned i = 0; i < LATE; i++) {
        g_assert_true(mirror_has_begun(late[i]));
        check_mirror(f, late[i]);
        mirror_free(late[i]);
    }
    actor_done(&a);
}

static void add(void)
{
    g_test_add_func("/bus/signals/reissue", test_reissue);
    g_test_add_func("/bus/signals/manager", test_manager);
    g_test_add_func("/bus/signals/random", test_random);
    g_test_add_func("/bus/signals/late", test_late);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
