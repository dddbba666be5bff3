/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "files.h"

/* The interface as it is written down in dbus/, against what the running service says of itself. */

#define MODULE "[Module]\nDescription=Test\n[Certificate one.example.com]\n[Certificate *.two.example.com]\n"

static const char *const standard[] = { "org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Introspectable",
                                        "org.freedesktop.DBus.Properties" };

static GDBusNodeInfo *introspect(GDBusConnection *c, const char *path)
{
    g_autoptr(GVariant) reply =
        client_expect(c, path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
    g_autoptr(GError) error = NULL;
    GDBusNodeInfo *node;
    const char *xml;

    g_variant_get(reply, "(&s)", &xml);
    node = g_dbus_node_info_new_for_xml(xml, &error);
    g_assert_no_error(error);
    return node;
}

static GDBusNodeInfo *read_documented(const char *interface)
{
    g_autofree char *path = g_strdup_printf("%s/dbus/%s.xml", g_getenv("CERTWRIGHT_SOURCE"), interface),
                    *xml = file_read(path);
    g_autoptr(GError) error = NULL;
    GDBusNodeInfo *node;

    g_assert_nonnull(xml);
    node = g_dbus_node_info_new_for_xml(xml, &error);
    g_assert_no_error(error);
    return node;
}

static void print_arguments(GString *text, const char *direction, GDBusArgInfo *const *arguments)
{
    for (; arguments && *arguments; arguments++)
        g_string_append_printf(text, " %s %s %s;", direction, (*arguments)->signature, (*arguments)->name);
}

static const char *emits(const GDBusPropertyInfo *p)
{
    const char *value =
        g_dbus_annotation_info_lookup(p->annotations, "org.freedesktop.DBus.Property.EmitsChangedSignal");

    return value ? value : "true";
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One sorted line for each member. */
static char *print_interface(const GDBusInterfaceInfo *i)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GString *text;

    for (GDBusMethodInfo *const *m = i->methods; m && *m; m++) {
        text = g_string_new(NULL);
        g_string_append_printf(text, "method %s:", (*m)->name);
        print_arguments(text, "in", (*m)->in_args);
        print_arguments(text, "out", (*m)->out_args);
        g_ptr_array_add(lines, g_string_free(text, FALSE));
    }
    for (GDBusSignalInfo *const *s = i->signals; s && *s; s++) {
        text = g_string_new(NULL);
        g_string_append_printf(text, "signal %s:", (*s)->name);
        print_arguments(text, "out", (*s)->args);
        g_ptr_array_add(lines, g_string_free(text, FALSE));
    }
    for (GDBusPropertyInfo *const *p = i->properties; p && *p; p++)
        g_ptr_array_add(
            lines, g_strdup_printf("property %s: %s, %s, %s", (*p)->name, (*p)->signature,
                                   (*p)->flags & G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE ? "readwrite" : "read",
                                   emits(*p)));
    qsort(lines->pdata, lines->len, sizeof(void *), compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

static void check_interface(GDBusConnection *c, const char *path, const char *interface)
{
    g_autoptr(GDBusNodeInfo) documented = read_documented(interface), node = introspect(c, path);
    GDBusInterfaceInfo *a = g_dbus_node_info_lookup_interface(documented, interface),
                       *b = g_dbus_node_info_lookup_interface(node, interface);
    g_autofree char *should = NULL, *is = NULL;

    g_assert_nonnull(a);
    g_assert_nonnull(b);
    should = print_interface(a);
    is = print_interface(b);
    g_assert_cmpstr(is, ==, should);
    for (size_t i = 0; i < G_N_ELEMENTS(standard); i++)
        g_assert_nonnull(g_dbus_node_info_lookup_interface(node, standard[i]));
}

/* No interface of ours beside the one that belongs there. */
static void check_alone(GDBusConnection *c, const char *path, const char *interface)
{
    g_autoptr(GDBusNodeInfo) node = introspect(c, path);

    for (GDBusInterfaceInfo *const *i = node->interfaces; i && *i; i++)
        if (g_str_has_prefix((*i)->name, SERVICE))
            g_assert_cmpstr((*i)->name, ==, interface);
}

static char *start_job(Fixture *f, const char *certificate)
{
    g_autoptr(GVariant) reply =
        client_expect(f->root, certificate, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    char *job;

    g_variant_get(reply, "(o)", &job);
    return job;
}

static void test_documented(void)
{
    g_autoptr(Fixture) f = fixture_new(FIXTURE_HOLD_DISK, MODULE);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));
    g_autofree char *one = client_find(f->root, "one.example.com"), *job = NULL;

    client_wait_state(f->root, one, "valid");
    fixture_hold_disk(f);
    job = start_job(f, one);
    check_interface(nobody, PATH, MANAGER);
    check_interface(nobody, PATH_ROOT, CERTIFICATE);
    check_interface(nobody, one, CERTIFICATE);
    check_interface(nobody, job, JOB);
    check_alone(nobody, PATH, MANAGER);
    check_alone(nobody, PATH_ROOT, CERTIFICATE);
    check_alone(nobody, one, CERTIFICATE);
    check_alone(nobody, job, JOB);
    fixture_release_disk(f);
}

static gboolean has_node(const GDBusNodeInfo *node, const char *name)
{
    for (GDBusNodeInfo *const *n = node->nodes; n && *n; n++)
        if (strcmp((*n)->path, name) == 0)
            return TRUE;
    return FALSE;
}

static void test_tree(void)
{
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(GDBusNodeInfo) top = introspect(f->root, PATH),
                             list = introspect(f->root, PATH "/certificate");

    g_assert_true(has_node(top, "root"));
    g_assert_true(has_node(top, "certificate"));
    g_assert_true(has_node(list, "one_2eexample_2ecom"));
    g_assert_nonnull(g_dbus_node_info_lookup_interface(top, "org.freedesktop.DBus.ObjectManager"));
}

static GVariant *interfaces_of(GVariant *objects, const char *path)
{
    return g_variant_lookup_value(objects, path, G_VARIANT_TYPE("a{sa{sv}}"));
}

/* The object has that interface with exactly the properties that are written down, each of its type. */
static void check_managed(GVariant *objects, const char *path, const char *interface)
{
    g_autoptr(GDBusNodeInfo) documented = read_documented(interface);
    GDBusInterfaceInfo *info = g_dbus_node_info_lookup_interface(documented, interface);
    g_autoptr(GVariant) interfaces = interfaces_of(objects, path), properties = NULL;
    guint n = 0;

    g_assert_nonnull(interfaces);
    properties = g_variant_lookup_value(interfaces, interface, G_VARIANT_TYPE_VARDICT);
    g_assert_nonnull(properties);
    for (GDBusPropertyInfo *const *p = info->properties; *p; p++, n++) {
        g_autoptr(GVariant) value = g_variant_lookup_value(properties, (*p)->name, NULL);

        g_assert_nonnull(value);
        g_assert_cmpstr(g_variant_get_type_string(value), ==, (*p)->signature);
    }
    g_assert_cmpuint(g_variant_n_children(properties), ==, n);
}

static void test_object_manager(void)
{
    g_autoptr(Fixture) f = fixture_new(FIXTURE_HOLD_DISK, MODULE);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));
    g_autofree char *one = client_find(f->root, "one.example.com"),
                    *two = client_find(f->root, "*.two.example.com"), *job = NULL;
    g_autoptr(GVariant) reply = NULL, objects = NULL;

    client_wait_state(f->root, one, "valid");
    client_wait_state(f->root, two, "valid");
    fixture_hold_disk(f);
    job = start_job(f, one);
    reply = client_expect(nobody, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);
    objects = g_variant_get_child_value(reply, 0);
    check_managed(objects, PATH_ROOT, CERTIFICATE);
    check_managed(objects, one, CERTIFICATE);
    check_managed(objects, two, CERTIFICATE);
    check_managed(objects, job, JOB);
    g_assert_cmpuint(g_variant_n_children(objects), ==, 4);
    fixture_release_disk(f);
}

/* Every object and property, by somebody without any right. */
static void test_readable(void)
{
    static const char *const interfaces[][2] = { { PATH, MANAGER },
                                                 { PATH_ROOT, CERTIFICATE },
                                                 { NULL, CERTIFICATE } };
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));
    g_autofree char *one = client_find(nobody, "one.example.com");

    client_wait_state(nobody, one, "valid");
    for (size_t i = 0; i < G_N_ELEMENTS(interfaces); i++) {
        g_autoptr(GDBusNodeInfo) documented = read_documented(interfaces[i][1]);
        const char *path = interfaces[i][0] ? interfaces[i][0] : one;

        for (GDBusPropertyInfo *const *p = documented->interfaces[0]->properties; *p; p++) {
            g_autoptr(GVariant) value = client_get(nobody, path, interfaces[i][1], (*p)->name);

            g_assert_cmpstr(g_variant_get_type_string(value), ==, (*p)->signature);
        }
    }
}

static void test_read_only(void)
{
    static const char *const interfaces[][2] = { { PATH, MANAGER },
                                                 { PATH_ROOT, CERTIFICATE },
                                                 { NULL, CERTIFICATE } };
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autofree char *one = client_find(f->root, "one.example.com");

    client_wait_state(f->root, one, "valid");
    for (size_t i = 0; i < G_N_ELEMENTS(interfaces); i++) {
        g_autoptr(GDBusNodeInfo) documented = read_documented(interfaces[i][1]);
        const char *path = interfaces[i][0] ? interfaces[i][0] : one;

        for (GDBusPropertyInfo *const *p = documented->interfaces[0]->properties; *p; p++) {
            g_autoptr(GVariant) value = client_get(f->root, path, interfaces[i][1], (*p)->name);

            client_expect_error(f->root, path, "org.freedesktop.DBus.Properties", "Set",
                                g_variant_new("(ssv)", interfaces[i][1], (*p)->name, value),
                                "org.freedesktop.DBus.Error.PropertyReadOnly", NULL);
        }
    }
}

static void add(void)
{
    g_test_add_func("/bus/interface/documented", test_documented);
    g_test_add_func("/bus/interface/tree", test_tree);
    g_test_add_func("/bus/interface/object-manager", test_object_manager);
    g_test_add_func("/bus/interface/readable", test_readable);
    g_test_add_func("/bus/interface/read-only", test_read_only);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
