/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <systemd/sd-bus.h>

#include "client.h"
#include "pending.h"
#include "process.h"

/* What one caller can have of the service: by size, by number, and by what he reads. */

#define MODULE     "[Module]\n[Certificate a.example.com]\n"
#define PATH_A     PATH "/certificate/a_2eexample_2ecom"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define LARGE      (2 * 1024 * 1024)
#define GROWTH_KIB (64 * 1024)

static Fixture *start(unsigned flags)
{
    Fixture *f = fixture_new(flags, MODULE);

    client_wait_state(f->root, PATH_A, "valid");
    return f;
}

typedef struct Large {
    const char *name, *path, *interface, *member, *type;
} Large;

/* Some that methods take, and some that none does. */
static const Large large[] = {
    { "text", PATH, MANAGER, "RolloverAccountKey", "(s)" },
    { "open-text", PATH, MANAGER, "GetCertificate", "(s)" },
    { "upload", PATH, MANAGER, "Upload", "(sa{sv})" },
    { "data", PATH, MANAGER, "UploadData", "(aya{sv})" },
    { "options", PATH, MANAGER, "ExportRoot", "(a{sv})" },
    { "other-type", PATH, MANAGER, "GetCertificate", "(ay)" },
    { "property", PATH, PROPERTIES, "Set", "(ssv)" },
    { "ping", PATH, "org.freedesktop.DBus.Peer", "Ping", "(s)" },
    { "no-interface", PATH, "org.example.None", "Nothing", "(s)" },
    { "no-object", "/org/example", MANAGER, "GetCertificate", "(s)" },
};

static GVariant *make_arguments(const char *type, gsize size)
{
    g_autofree char *text = g_strnfill(size, 'x');
    GVariant *bytes = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, text, size, 1);

    if (g_str_equal(type, "(s)")) {
        g_variant_unref(g_variant_ref_sink(bytes));
        return g_variant_new("(s)", text);
    }
    if (g_str_equal(type, "(ay)"))
        return g_variant_new("(@ay)", bytes);
    if (g_str_equal(type, "(aya{sv})"))
        return g_variant_new("(@ay@a{sv})", bytes, NO_OPTIONS);
    if (g_str_equal(type, "(a{sv})"))
        return g_variant_new("(@a{sv})", client_option("format", bytes));
    g_variant_unref(g_variant_ref_sink(bytes));
    if (g_str_equal(type, "(sa{sv})"))
        return g_variant_new("(s@a{sv})", text, NO_OPTIONS);
    return g_variant_new("(ssv)", MANAGER, "Version", g_variant_new_string(text));
}

static void test_large(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));

    for (gsize i = 0; i < G_N_ELEMENTS(large); i++) {
        const Large *l = large + i;

        client_expect_error(nobody, l->path, l->interface, l->member, make_arguments(l->type, LARGE),
                            "LimitsExceeded", "bytes");
        client_expect_error(f->root, l->path, l->interface, l->member, make_arguments(l->type, LARGE),
                            "LimitsExceeded", "bytes");
    }
}

/* The largest that has a meaning is taken, and one byte decides. */
static void test_largest(void)
{
    g_autoptr(Fixture) f = start(0);
    gsize low = 64 * 1024, high = 1024 * 1024;

    while (high - low > 1) { /* the header counts, which is the bus's */
        gsize middle = (low + high) / 2;
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply =
            client_call(f->root, PATH, MANAGER, "GetCertificate", make_arguments("(s)", middle), &error);
        g_autofree char *name = client_error_name(error);

        g_assert_null(reply);
        if (g_str_equal(name, "LimitsExceeded"))
            high = middle;
        else
            low = middle;
    }
    g_test_message("the largest text that is looked at has %zu bytes", low);
    g_assert_cmpuint(low, >, 2 * 64 * 1024 + 1024);
    g_assert_cmpuint(low, <, 200 * 1024);
}

/* Memory and the order of answers are the same, whatever is between. */
static void test_large_between(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));
    long before = process_memory(f->daemon);
    GPtrArray *calls = g_ptr_array_new();

    for (int i = 0; i < 24; i++) {
        gboolean is_large = i % 2 == 0;

        g_ptr_array_add(calls, pending_new(nobody, PATH, MANAGER, "GetCertificate",
                                           is_large ? make_arguments("(s)", 8 * LARGE)
                                                    : g_variant_new("(s)", "a.example.com")));
    }
    for (guint i = 0; i < calls->len; i++)
        pending_expect(g_ptr_array_index(calls, i), i % 2 == 0 ? "LimitsExceeded" : "");
    g_ptr_array_unref(calls);
    if (ADDRESS_SPACE_IS_LIMITED) /* else a sanitizer keeps what is freed */
        g_assert_cmpint(process_memory(f->daemon) - before, <, GROWTH_KIB);
}

/* Every call has its answer, if only that there were too many. */
static void test_many(void)
{
    g_autoptr(Fixture) f = start(FIXTURE_MANY_REPLIES);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));
    GPtrArray *calls = g_ptr_array_new();
    guint answered = 0, refused = 0;

    for (int i = 0; i < 5000; i++)
        g_ptr_array_add(
            calls, pending_new(nobody, PATH_A, PROPERTIES, "GetAll", g_variant_new("(s)", CERTIFICATE)));
    for (guint i = 0; i < calls->len; i++) {
        g_autofree char *error = pending_finish(g_ptr_array_index(calls, i));

        g_assert_true(g_str_equal(error, "") || g_str_equal(error, "LimitsExceeded"));
        if (*error)
            refused++;
        else
            answered++;
    }
    g_test_message("%u answered, %u refused", answered, refused);
    g_assert_cmpuint(answered, >=, 1024);
    g_ptr_array_unref(calls);
}

/* A client that blocks, as scripts do: it answers nothing itself while it waits. */
static sd_bus *connect_blocking(const Fixture *f)
{
    sd_bus *bus = NULL;

    g_assert_cmpint(sd_bus_new(&bus), >=, 0);
    g_assert_cmpint(sd_bus_set_address(bus, f->address), >=, 0);
    g_assert_cmpint(sd_bus_set_bus_client(bus, TRUE), >=, 0);
    g_assert_cmpint(sd_bus_start(bus), >=, 0);
    return bus;
}

#define CALLS        20
#define CERTIFICATES 3000 /* so that a reply has more than what may be unread beside another */

static void test_three_times(void)
{
    g_autoptr(GString) module = g_string_new("[Module]\n");
    g_autoptr(Fixture) f = NULL;
    sd_bus *bus;

    for (int i = 0; i < CERTIFICATES; i++)
        g_string_append_printf(module, "[Certificate n%d.example.com]\n", i);
    f = fixture_new(0, module->str);
    client_wait_state(f->root, PATH "/certificate/n0_2eexample_2ecom", "valid");
    bus = connect_blocking(f);
    for (int i = 0; i < 3; i++) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int r = sd_bus_call_method(bus, SERVICE, PATH, "org.freedesktop.DBus.ObjectManager",
                                   "GetManagedObjects", &error, &reply, NULL);

        if (r < 0)
            g_error("time %d: %s", i, error.message);
        sd_bus_message_unref(reply);
    }
    sd_bus_flush_close_unref(bus);
}

/* Who reads nothing of large replies is answered no more, which delays nobody else; and again as soon as he reads. */
static void test_unread(void)
{
    g_autoptr(GString) module = g_string_new("[Module]\n");
    g_autoptr(Fixture) f = NULL;
    sd_bus *bus;
    int n = 0, unwanted = 0;

    for (int i = 0; i < CERTIFICATES; i++)
        g_string_append_printf(module, "[Certificate n%d.example.com]\n", i);
    f = fixture_new(0, module->str);
    client_wait_state(f->root, PATH "/certificate/n0_2eexample_2ecom", "valid");
    bus = connect_blocking(f);
    for (int i = 0; i < CALLS; i++) {
        sd_bus_message *m = NULL;

        g_assert_cmpint(sd_bus_message_new_method_call(bus, &m, SERVICE, PATH,
                                                       "org.freedesktop.DBus.ObjectManager",
                                                       "GetManagedObjects"),
                        >=, 0);
        g_assert_cmpint(sd_bus_send(bus, m, &(uint64_t){ 0 }), >=, 0);
        sd_bus_message_unref(m);
    }
    sd_bus_flush(bus);
    for (int i = 0; i < 50; i++) {
        g_autofree char *name = client_get_string(f->root, PATH "/certificate/n1_2eexample_2ecom", "Name");

        g_assert_cmpstr(name, ==, "n1.example.com");
        wait_milliseconds(20);
    }
    while (n < CALLS) {
        sd_bus_message *m = NULL;
        int r = sd_bus_process(bus, &m);

        g_assert_cmpint(r, >=, 0);
        if (m) {
            n += sd_bus_message_is_method_error(m, NULL) ||
                 sd_bus_message_get_reply_cookie(m, &(uint64_t){ 0 }) >= 0;
            unwanted += sd_bus_message_is_method_error(m, NULL);
            sd_bus_message_unref(m);
        } else if (r == 0)
            g_assert_cmpint(sd_bus_wait(bus, 60 * G_USEC_PER_SEC), >, 0);
    }
    g_assert_cmpint(unwanted, ==, 0);
    sd_bus_flush_close_unref(bus);
}

static void add(void)
{
    g_test_add_func("/bus/shares/large", test_large);
    g_test_add_func("/bus/shares/largest", test_largest);
    g_test_add_func("/bus/shares/large-between", test_large_between);
    g_test_add_func("/bus/shares/many", test_many);
    g_test_add_func("/bus/shares/three-times", test_three_times);
    g_test_add_func("/bus/shares/unread", test_unread);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
