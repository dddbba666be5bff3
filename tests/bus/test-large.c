/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "process.h"

/* As many certificates as there may be: what is asked stays cheap, what is answered stays below what the bus lets through, and
 * memory is given back. */

#define ANSWER_MAX (24 * 1024 * 1024) /* the bus ends a connection that sends more than 32 MiB */
#define ALL        0                  /* as many as there may be */
#define FOLDER     PATH "/certificate"
#define ONE        FOLDER "/host_2d00042_2eexample_2ecom"
#define OBJECTS    "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define INTROSPECT "org.freedesktop.DBus.Introspectable"

/* A service on a store of so many certificates (large-store.c). Nothing of this has files, which it finds out after some
 * seconds. */
static Fixture *start(unsigned n, unsigned every)
{
    Fixture *f = fixture_new(FIXTURE_NO_DAEMON | FIXTURE_NO_POLKIT, NULL);
    g_autofree char *number = g_strdup_printf("%u", n), *longest = g_strdup_printf("%u", every);
    const char *const fill[] = { g_getenv("CERTWRIGHT_LARGE_STORE"), f->state, number, longest, NULL },
                      *const own[] = { "/bin/chown", "-R", "--reference", f->state, f->state, NULL };
    g_autofree char *filled = process_run(fill, NULL, NULL), *owned = process_run(own, NULL, NULL);

    g_assert_nonnull(filled);
    g_assert_nonnull(owned);
    fixture_start_daemon(f, 0);
    return f;
}

/* Computing that the service has done, microseconds. */
static double computing(const Fixture *f)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/schedstat", (int)f->daemon), *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? g_ascii_strtod(text, NULL) / 1000 : 0;
}

typedef struct Question {
    const char *what, *path, *interface, *member, *arguments;
    gsize answer_max; /* bytes */
    unsigned times;
} Question;

static gsize ask(GDBusConnection *c, const Question *q)
{
    g_autoptr(GVariant) reply = client_call(c, q->path, q->interface, q->member,
                                            q->arguments ? g_variant_new_parsed(q->arguments) : NULL, NULL);

    return reply ? g_variant_get_size(reply) : 0;
}

/* What each costs is reported; that no answer is larger than it has to be is sure. */
static void test_costs(gconstpointer userdata)
{
    static const Question questions[] = {
        { "GetCertificate", PATH, MANAGER, "GetCertificate", "('host-00042.example.com',)", 100, 100 },
        { "GetCertificate, another name", PATH, MANAGER, "GetCertificate", "('a1.host-00042.example.com',)",
          100, 100 },
        { "GetCertificate, of none", PATH, MANAGER, "GetCertificate", "('none.example.org',)", 0, 100 },
        { "Explain", PATH, MANAGER, "Explain", "('host-00042.example.com',)", 2000, 100 },
        { "GetAll of the manager", PATH, PROPERTIES, "GetAll", "('" MANAGER "',)", 1000, 100 },
        { "GetAll of a certificate", ONE, PROPERTIES, "GetAll", "('" CERTIFICATE "',)", 4000, 100 },
        { "Introspect of a certificate", ONE, INTROSPECT, "Introspect", NULL, 16000, 20 },
        { "Introspect of the manager", PATH, INTROSPECT, "Introspect", NULL, 16000, 20 },
        { "Introspect of the folder", FOLDER, INTROSPECT, "Introspect", NULL, ANSWER_MAX, 5 },
        { "GetManagedObjects", PATH, OBJECTS, "GetManagedObjects", NULL, ANSWER_MAX, 2 },
    };
    g_autoptr(Fixture) f = start(GPOINTER_TO_UINT(userdata), 0);

    for (gsize i = 0; i < G_N_ELEMENTS(questions); i++) {
        const Question *q = questions + i;
        double before = computing(f);
        gint64 begin = g_get_monotonic_time();
        gsize size = 0;

        for (unsigned k = 0; k < q->times; k++)
            size = ask(f->root, q);
        g_test_message("%s: %.0f us of computing, %.0f us until the answer, %zu bytes", q->what,
                       (computing(f) - before) / q->times,
                       (double)(g_get_monotonic_time() - begin) / q->times, size);
        g_assert_cmpuint(size, <=, q->answer_max);
        g_assert_true(size > 0 || q->answer_max == 0);
    }
}

/* Who asks for one object is not told of all others, and who asks for the folder is. */
static void test_introspection(void)
{
    g_autoptr(Fixture) f = start(100, 0);
    g_autoptr(GVariant) one = client_expect(f->root, ONE, INTROSPECT, "Introspect", NULL),
                        folder = client_expect(f->root, FOLDER, INTROSPECT, "Introspect", NULL);
    g_autoptr(GDBusNodeInfo) one_node = NULL, folder_node = NULL;
    const char *text;

    g_variant_get(one, "(&s)", &text);
    one_node = g_dbus_node_info_new_for_xml(text, NULL);
    g_assert_nonnull(g_dbus_node_info_lookup_interface(one_node, CERTIFICATE));
    g_assert_null(one_node->nodes[0]);
    g_variant_get(folder, "(&s)", &text);
    folder_node = g_dbus_node_info_new_for_xml(text, NULL);
    g_assert_cmpuint(g_strv_length((char **)folder_node->nodes), ==, 100);
}

/* All objects, and how large the message is. */
static GVariant *get_objects(const Fixture *f, gsize *ret_size)
{
    g_autoptr(GDBusMessage) call =
        g_dbus_message_new_method_call(SERVICE, PATH, OBJECTS, "GetManagedObjects"),
                            reply = NULL;
    g_autofree guchar *blob = NULL;

    reply = g_dbus_connection_send_message_with_reply_sync(f->root, call, 0, 120000, NULL, NULL, NULL);
    g_assert_nonnull(reply);
    g_assert_cmpint(g_dbus_message_get_message_type(reply), ==, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
    blob = g_dbus_message_to_blob(reply, ret_size, 0, NULL);
    return g_variant_get_child_value(g_dbus_message_get_body(reply), 0);
}

typedef struct Told {
    guint n_objects, n_pending,
        n_brief; /* certificates; those without a chain; those of which it is not told */
    gsize n_names;
} Told;

static void check_certificate(GVariant *properties, Told *told)
{
    g_autoptr(GVariant) chain = g_variant_lookup_value(properties, "Chain", NULL),
                        names = g_variant_lookup_value(properties, "Names", NULL);
    const char *subject, *fingerprint;

    g_assert_true(g_variant_lookup(properties, "Subject", "&s", &subject));
    g_assert_true(g_variant_lookup(properties, "Fingerprint", "&s", &fingerprint));
    told->n_objects++;
    told->n_names += g_variant_n_children(names);
    told->n_pending += !*fingerprint;
    if (!*fingerprint || g_variant_n_children(chain) > 0)
        return;
    told->n_brief++;
    g_assert_cmpuint(g_variant_n_children(names), ==, 1);
    g_assert_cmpuint(strlen(subject), <=, 80);
    g_assert_true(g_utf8_validate(subject, -1, NULL));
}

static Told check_objects(GVariant *objects)
{
    const char *path;
    GVariant *interfaces;
    GVariantIter iter;
    Told told = { 0 };

    g_variant_iter_init(&iter, objects);
    while (g_variant_iter_loop(&iter, "{&o@a{sa{sv}}}", &path, &interfaces)) {
        g_autoptr(GVariant) properties = g_variant_lookup_value(interfaces, CERTIFICATE, NULL);

        if (properties)
            check_certificate(properties, &told);
    }
    return told;
}

static Told ask_for_all(const Fixture *f, gsize *ret_size)
{
    g_autoptr(GVariant) objects = get_objects(f, ret_size), number = NULL;
    Told told = check_objects(objects);

    number = client_get(f->root, PATH, MANAGER, "Certificates");
    g_test_message("%u objects in %.1f MiB, %u of them in brief", told.n_objects,
                   (double)*ret_size / (1024 * 1024), told.n_brief);
    g_assert_cmpuint(told.n_objects, ==, 1 + g_variant_get_uint32(number));
    g_assert_cmpuint(*ret_size, <, ANSWER_MAX);
    return told;
}

/* All of them are told of whole. */
static void test_all(void)
{
    g_autoptr(Fixture) f = start(ALL, 0);
    gsize size;
    Told told = ask_for_all(f, &size);

    g_assert_cmpuint(told.n_brief, ==, 0);
    g_assert_cmpuint(told.n_names, ==, 1 + 3 * (told.n_objects - 1));
}

/* Who has very much is told of in brief, for which the others do not suffer; and is told whole to who asks for it. */
static void test_longest(gconstpointer userdata)
{
    unsigned n = GPOINTER_TO_UINT(userdata), every = n == ALL ? 50 : 1;
    g_autoptr(Fixture) f = start(n, every);
    g_autofree char *path = g_strdup_printf(FOLDER "/host_2d%05u_2eexample_2ecom", every * 2 - 1);
    g_autoptr(GVariant) names = client_get(f->root, path, CERTIFICATE, "Names"),
                        chain = client_get(f->root, path, CERTIFICATE, "Chain");
    gsize size;
    Told told = ask_for_all(f, &size);

    g_assert_cmpuint(g_variant_n_children(names), ==, 100);
    g_assert_cmpuint(g_variant_n_children(chain), ==, 16);
    g_assert_cmpuint(told.n_brief, >, 0);
    if (n == ALL)
        g_assert_cmpuint(told.n_brief, <=, told.n_objects / every);
}

/* ---- memory, with certificates that are made */

#define MADE        2000
#define CONNECTIONS 4
#define CALLS       4 /* of each */
#define GROWTH_KIB  (16 * 1024)

static gboolean all_are_made(gpointer f)
{
    gsize size;
    g_autoptr(GVariant) objects = get_objects(f, &size);
    Told told = check_objects(objects);

    g_usleep(G_USEC_PER_SEC / 2);
    return told.n_objects == 1 + MADE && told.n_pending == 0;
}

static gboolean has_no_jobs(gpointer f)
{
    g_autoptr(GVariant) n = client_get(((Fixture *)f)->root, PATH, MANAGER, "JobsRunning");

    g_usleep(G_USEC_PER_SEC / 10);
    return g_variant_get_uint32(n) == 0;
}

static Fixture *start_made(void)
{
    g_autoptr(GString) module = g_string_new("[Module]\n");
    Fixture *f;

    for (unsigned i = 0; i < MADE; i++)
        g_string_append_printf(module, "[Certificate host-%05u.example.com]\n", i);
    f = fixture_new(FIXTURE_MANY_REPLIES, module->str);
    wait_until(all_are_made, f, "all certificates");
    return f;
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GVariant) reply G_GNUC_UNUSED =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    --*(unsigned *)userdata;
}

static gboolean all_are_answered(gpointer n)
{
    return *(const unsigned *)n == 0;
}

/* Many small answers between the large ones. */
static void ask_much(GDBusConnection *c, unsigned *n)
{
    static const Question questions[] = {
        { NULL, PATH, OBJECTS, "GetManagedObjects", NULL, 0, 1 },
        { NULL, FOLDER, INTROSPECT, "Introspect", NULL, 0, 1 },
        { NULL, PATH, MANAGER, "Explain", "('host-00042.example.com',)", 0, 100 },
        { NULL, PATH, MANAGER, "GetCertificate", "('none.example.org',)", 0, 100 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(questions); i++)
        for (unsigned k = 0; k < questions[i].times; k++, ++*n)
            g_dbus_connection_call(
                c, SERVICE, questions[i].path, questions[i].interface, questions[i].member,
                questions[i].arguments ? g_variant_new_parsed(questions[i].arguments) : NULL, NULL, 0,
                120000, NULL, on_answer, n);
}

static void ask_many(Fixture *f)
{
    GDBusConnection *connections[CONNECTIONS];
    unsigned n = 0;

    for (unsigned i = 0; i < CONNECTIONS; i++)
        connections[i] = client_connect(f, 0);
    for (unsigned i = 0; i < CONNECTIONS * CALLS; i++)
        ask_much(connections[i % CONNECTIONS], &n);
    wait_until(all_are_answered, &n, "the answers");
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        g_dbus_connection_close_sync(connections[i], NULL, NULL);
        g_object_unref(connections[i]);
    }
}

static void reissue_all(Fixture *f)
{
    g_autoptr(GVariant) jobs G_GNUC_UNUSED =
        client_expect(f->root, PATH, MANAGER, "ReissueAll", g_variant_new("(@a{sv})", NO_OPTIONS));

    wait_until(has_no_jobs, f, "the end of the jobs");
}

typedef struct Growth {
    const Fixture *fixture;
    long before, now;
} Growth;

static gboolean is_given_back(gpointer userdata)
{
    Growth *g = userdata;

    g_usleep(G_USEC_PER_SEC / 10);
    g->now = process_memory(g->fixture->daemon);
    return g->now - g->before < GROWTH_KIB ||
           !ADDRESS_SPACE_IS_LIMITED; /* else a sanitizer keeps what is freed */
}

static void check_given_back(Growth *g, const char *what)
{
    gint64 begin = g_get_monotonic_time();

    g_test_message("memory %ld KiB, after %s %ld", g->before, what, process_memory(g->fixture->daemon));
    wait_until(is_given_back, g, "memory to be given back");
    g_test_message("%ld KiB after %.1f s", g->now,
                   (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
    fixture_check_daemon(g->fixture);
}

/* After a burst the service becomes as small as it was. */
static void test_memory(void)
{
    g_autoptr(Fixture) f = start_made();
    Growth g = { .fixture = f };

    wait_milliseconds(4000); /* its index is written */
    g.before = process_memory(f->daemon);
    ask_many(f);
    check_given_back(&g, "many answers");
    reissue_all(f);
    check_given_back(&g, "as many reissues");
}

static void add(void)
{
    g_test_add_data_func("/bus/large/costs/2000", GUINT_TO_POINTER(2000), test_costs);
    g_test_add_data_func("/bus/large/costs/all", GUINT_TO_POINTER(ALL), test_costs);
    g_test_add_func("/bus/large/introspection", test_introspection);
    g_test_add_func("/bus/large/all", test_all);
    g_test_add_data_func("/bus/large/longest/some", GUINT_TO_POINTER(ALL), test_longest);
    g_test_add_func("/bus/large/memory", test_memory);
    g_test_add_data_func("/bus/large/longest/all", GUINT_TO_POINTER(400), test_longest);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
