/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "certificates.h"

#include "call.h"

char *certificates_module(void)
{
    GString *text = g_string_new("[Module]\n");

    for (guint i = 0; i < N_CERTIFICATES; i++)
        g_string_append_printf(text, "[Certificate n%u.example.com]\n", i);
    return g_string_free(text, FALSE);
}

static guint count_valid(GDBusConnection *c)
{
    g_autoptr(GVariant) reply = client_expect(c, PATH, OBJECTS, "GetManagedObjects", NULL), objects = NULL,
                        interfaces = NULL;
    GVariantIter i;
    guint n = 0;

    g_variant_get(reply, "(@a{oa{sa{sv}}})", &objects);
    for (g_variant_iter_init(&i, objects); g_variant_iter_next(&i, "{&o@*}", NULL, &interfaces);) {
        g_autoptr(GVariant) properties =
            g_variant_lookup_value(interfaces, CERTIFICATE, G_VARIANT_TYPE_VARDICT);
        const char *state, *role;

        if (properties && g_variant_lookup(properties, "State", "&s", &state) &&
            g_variant_lookup(properties, "Role", "&s", &role) && g_str_equal(role, "leaf"))
            n += g_str_equal(state, "valid");
        g_clear_pointer(&interfaces, g_variant_unref);
    }
    return n;
}

static gboolean are_valid(gpointer userdata)
{
    wait_milliseconds(500);
    return count_valid(userdata) >= N_CERTIFICATES;
}

void certificates_wait(GDBusConnection *c)
{
    wait_until(are_valid, c, "all certificates");
}
