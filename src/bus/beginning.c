/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/internal.h"
#include "core/limits.h"
#include "util/timer.h"

/* The call that starts the service on a fresh machine arrives before the first chains are made, which takes a moment. Calls that
 * would be told of certificates without a chain wait for it in their queue (shares.c), so that no client shows "pending" for what
 * is there a moment later. A second after the first of them none waits any more, until all of these chains are made. Whatever is
 * not about such a certificate is answered meanwhile, and so is what could not be made. */

typedef enum Subject {
    ALL_CERTIFICATES,
    THE_ROOT,
    ITS_OBJECT,
    ITS_ARGUMENT, /* a name */
} Subject;

static const struct {
    const char *interface, *member;
    Subject subject;
} rows[] = {
    { "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ALL_CERTIFICATES },
    { "org.freedesktop.DBus.Properties", "Get", ITS_OBJECT },
    { "org.freedesktop.DBus.Properties", "GetAll", ITS_OBJECT },
    { INTERFACE_CERTIFICATE, "Export", ITS_OBJECT },
    { INTERFACE_CERTIFICATE, "ExportRoot", ITS_OBJECT },
    { INTERFACE_CERTIFICATE, "OpenKey", ITS_OBJECT },
    { INTERFACE_MANAGER, "ExportRoot", THE_ROOT },
    { INTERFACE_MANAGER, "Explain", ITS_ARGUMENT },
};

static const Certificate *find_named(const Bus *b, sd_bus_message *m)
{
    Certificate *c = NULL;
    const char *name;

    if (sd_bus_message_read_basic(m, 's', &name) > 0 && model_get(b->model, name, &c, NULL) < 0)
        c = NULL;
    (void)sd_bus_message_rewind(m, true);
    return c;
}

static bool concerns_beginning(const Bus *b, sd_bus_message *m, Subject subject)
{
    const Certificate *c = NULL;

    switch (subject) {
    case ALL_CERTIFICATES:
        return true;
    case THE_ROOT:
        c = b->model->root;
        break;
    case ITS_OBJECT:
        c = certificate_at(b, strempty(sd_bus_message_get_path(m)));
        break;
    case ITS_ARGUMENT:
        c = find_named(b, m);
        break;
    }
    return c && c->work.begins;
}

bool bus_awaits_chains(Bus *b, sd_bus_message *m)
{
    uint64_t now = loop_now(b->event, CLOCK_MONOTONIC);

    if (!manager_is_beginning(b->manager)) {
        b->beginning_since = 0;
        return false;
    }
    if (b->beginning_since > 0 && now >= b->beginning_since + LIMIT_BEGINNING * USEC_PER_MSEC)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        if (sd_bus_message_is_method_call(m, rows[i].interface, rows[i].member) > 0 &&
            concerns_beginning(b, m, rows[i].subject)) {
            b->beginning_since = b->beginning_since > 0 ? b->beginning_since : now;
            return true;
        }
    return false;
}
