/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/configuration-error.h"
#include "cli/doctor/machine.h"
#include "cli/xalloc.h"
#include "util/time.h"

/* Calls the service, which starts it, and reads what it reports about itself. */

#define START_TIMEOUT_USEC (30 * USEC_PER_SEC) /* a bus waits 25 seconds for a service to start */

#define LOOKS           5
#define LOOK_AGAIN_USEC (USEC_PER_SEC / 2)

static const Field properties[] = {
    { "Version", NULL, "s", offsetof(ServiceView, version) },
    { "AcmeEnabled", NULL, "b", offsetof(ServiceView, acme) },
    { "ClockTrusted", NULL, "b", offsetof(ServiceView, clock_trusted) },
    { "ConfigurationErrors", NULL, "a(suss)", offsetof(ServiceView, errors), &configuration_error_record },
};

void service_view_free(ServiceView *v)
{
    if (!v)
        return;
    fields_done(properties, ELEMENTSOF(properties), v);
    sd_bus_message_unref(v->reply);
    certificate_list_done(&v->list);
    module_list_done(&v->modules);
    free(v);
}

static int call(sd_bus *bus, const char *interface, const char *member, const char *argument,
                sd_bus_error *error, sd_bus_message **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
    int r = sd_bus_message_new_method_call(bus, &m, SERVICE, MANAGER_PATH, interface, member);

    if (r >= 0 && argument)
        r = sd_bus_message_append(m, "s", argument);
    return r < 0 ? r : sd_bus_call(bus, m, START_TIMEOUT_USEC, error, ret);
}

static int service_read(ServiceView *v, sd_bus *bus, sd_bus_error *error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *objects = NULL, *modules = NULL;
    int r = call(bus, PROPERTIES_INTERFACE, "GetAll", MANAGER_INTERFACE, error, &v->reply);

    v->clock_trusted = true; /* a service of before has no such property */
    fields_init(properties, ELEMENTSOF(properties), v);
    if (r >= 0)
        r = fields_read_properties(properties, ELEMENTSOF(properties), v->reply, v);
    if (r >= 0)
        r = call(bus, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, error, &objects);
    if (r >= 0)
        r = certificates_read(&v->list, objects);
    if (r >= 0 && call(bus, MANAGER_INTERFACE, "ListModules", NULL, NULL, &modules) >= 0)
        r = modules_read(&v->modules, modules);
    return r;
}

static bool delivery_is_under_way(const Certificate *c)
{
    for (size_t i = 0; i < c->deployments.n; i++) {
        const Deployment *d = (const Deployment *)c->deployments.items + i;

        if (streq(d->state, "pending") && isempty(d->detail))
            return true;
    }
    return false;
}

/* Returns true if the service may not be done yet with what follows from its start, or from a new chain. */
static bool service_is_busy(const ServiceView *v)
{
    for (size_t i = 0; i < v->list.n; i++)
        if (streq(v->list.items[i].state, "pending") || delivery_is_under_way(&v->list.items[i]))
            return true;
    return false;
}

static int service_load(sd_bus *bus, sd_bus_error *error, ServiceView **ret)
{
    ServiceView *v = NULL;
    int r = 0;

    for (unsigned i = 0; i < LOOKS && r >= 0; i++) {
        service_view_free(v);
        v = xcheck(calloc(1, sizeof *v));
        r = service_read(v, bus, error);
        if (r >= 0 && !service_is_busy(v))
            break;
        if (r >= 0 && i + 1 < LOOKS)
            (void)usleep(LOOK_AGAIN_USEC);
    }
    if (r < 0) {
        service_view_free(v);
        return r;
    }
    *ret = v;
    return 0;
}

static void add_silent(Findings *f, int r, const sd_bus_error *error)
{
    const char *message = error->message ? error->message : strerror(-r),
               *advice = session_error_advice(error);

    if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
        finding_add(
            f, SEVERITY_ERROR, "service-denied", SERVICE,
            xasprintf(_("The bus lets nobody call the service, or not this user: %s"), message),
            xstrdup(_(
                "See /usr/share/dbus-1/system.d/org.certwright1.conf and the files in /etc/dbus-1/system.d.")));
    else
        finding_add(f, SEVERITY_ERROR, "service-silent", SERVICE,
                    xasprintf(_("The service does not answer: %s"), message),
                    advice ? xstrdup(_(advice)) : NULL);
}

static void check_version(Findings *f, const ServiceView *v)
{
    if (!streq(v->version, CERTWRIGHT_VERSION))
        finding_add(f, SEVERITY_WARNING, "service-version", SERVICE,
                    xasprintf(_("The running service has version %s, this command %s."), v->version,
                              CERTWRIGHT_VERSION),
                    xstrdup(_("Start the new one: systemctl restart certwrightd.service")));
}

void check_service(const Machine *m _unused_, Findings *f, ServiceView **ret)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    ServiceView *v;
    int r;

    if (machine_open_bus(&bus) < 0)
        return;
    r = service_load(bus, &error, &v);
    if (r < 0) {
        add_silent(f, r, &error);
        return;
    }
    if (!v->clock_trusted)
        finding_add(
            f, SEVERITY_ERROR, "clock-wrong", NULL,
            xstrdup(
                _("The service does not trust the clock of this machine: until it is set or synchronized, "
                  "nothing is ordered, renewed or considered expired.")),
            xstrdup(_("Set it, or let a time service do so: timedatectl set-ntp yes")));
    check_version(f, v);
    *ret = v;
}
