/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control.h"

#include <string.h>
#include <systemd/sd-bus.h>

static int method_answer(sd_bus_message *m, void *userdata G_GNUC_UNUSED, sd_bus_error *error G_GNUC_UNUSED)
{
    return sd_bus_reply_method_return(m, "s", "valid");
}

/* About as much as GetManagedObjects of the service. */
static int method_answer_much(sd_bus_message *m, void *userdata G_GNUC_UNUSED,
                              sd_bus_error *error G_GNUC_UNUSED)
{
    g_autofree char *text = g_strnfill(CONTROL_MUCH, 'x');

    return sd_bus_reply_method_return(m, "s", text);
}

static int on_authorized(sd_bus_message *reply, void *userdata, sd_bus_error *error G_GNUC_UNUSED)
{
    sd_bus_message *m = userdata;
    int r = sd_bus_message_is_method_error(reply, NULL)
                ? sd_bus_reply_method_error(m, sd_bus_message_get_error(reply))
                : sd_bus_reply_method_return(m, "s", "authorized");

    sd_bus_message_unref(m);
    return r;
}

/* As the service does for ExportRoot: the way over the bus to polkit and back is the same. */
static int method_answer_authorized(sd_bus_message *m, void *userdata G_GNUC_UNUSED,
                                    sd_bus_error *error G_GNUC_UNUSED)
{
    int r = sd_bus_call_method_async(
        sd_bus_message_get_bus(m), NULL, "org.freedesktop.PolicyKit1",
        "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
        "CheckAuthorization", on_authorized, sd_bus_message_ref(m), "(sa{sv})sa{ss}us", "system-bus-name", 1,
        "name", "s", sd_bus_message_get_sender(m), "org.certwright1.export-root", 0, 0, "");

    return r < 0 ? r : 1;
}

static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Answer", "", "s", method_answer, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("AnswerMuch", "", "s", method_answer_much, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("AnswerAuthorized", "", "s", method_answer_authorized, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static int connect_to(const char *socket_path, sd_bus **ret)
{
    g_autofree char *address = g_strdup_printf("unix:path=%s", socket_path);
    int r = sd_bus_new(ret);

    if (r >= 0)
        r = sd_bus_set_address(*ret, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(*ret, 1);
    if (r >= 0)
        r = sd_bus_start(*ret);
    if (r >= 0)
        r = sd_bus_add_object_vtable(*ret, NULL, CONTROL_PATH, CONTROL, vtable, NULL);
    if (r >= 0)
        r = sd_bus_request_name(*ret, CONTROL, 0);
    return r;
}

void control_run(const char *socket_path, Record *record)
{
    sd_bus *bus = NULL;
    int r = connect_to(socket_path, &bus);

    g_atomic_int_set(&record->ready, r >= 0);
    while (r >= 0) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
    }
    g_error("the control service: %s", strerror(-r));
}
