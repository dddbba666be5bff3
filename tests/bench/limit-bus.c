/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit-bus BUSNAME N: the least that a service with N certificates on the bus can be, as a measure for the
 * service. The same objects and properties (dbus/org.certwright1.Certificate.xml), by the same means
 * (sd-bus, fallback vtable, enumerator, ObjectManager), with constant values of the length that a
 * certificate of the local authority has, and nothing behind them. Runs until SIGTERM.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#define MANAGER_PATH       "/org/certwright1"
#define CERTIFICATE_PREFIX "/org/certwright1/certificate"
#define INTERFACE          "org.certwright1.Certificate"
#define N_MAX              100000L
#define NAME_FORMAT        "host-%05ld.example.com"

#define SERIAL      "53B51CF93F8ACF71B8DC13E436A00B2B"
#define ISSUER      "O=Benchmark limit,CN=host-00000 local root 2026"
#define SUBJECT     "CN=host-01234.example.com"
#define FINGERPRINT "f5a2b6e1c9d04c1e9f7a3b5d7e8091a2b3c4d5e6f708192a3b4c5d6e7f801234"
#define NOT_BEFORE  INT64_C(1790000000)
#define NOT_AFTER   INT64_C(1797776000)

#define _unused_ __attribute__((unused))
#define PROPERTY_GETTER(function) \
    static int function(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, \
                        const char *property _unused_, sd_bus_message *reply, void *userdata _unused_, \
                        sd_bus_error *error _unused_)

typedef struct Service {
    long n;
    char **names; /* names[i] is certificate i's, as the userdata of its object */
} Service;

PROPERTY_GETTER(property_get_text)
{
    static const char *const texts[][2] = {
        { "Role", "leaf" },     { "Source", "local" },
        { "State", "valid" },   { "Reason", "Signed by the local root because no other chain fits." },
        { "Serial", SERIAL },   { "Issuer", ISSUER },
        { "Subject", SUBJECT }, { "Fingerprint", FINGERPRINT },
        { "Authority", "" },    { "KeyType", "ecdsa-p256" },
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(property, texts[i][0]) == 0)
            return sd_bus_message_append(reply, "s", texts[i][1]);
    return -EINVAL;
}

PROPERTY_GETTER(property_get_name)
{
    return sd_bus_message_append(reply, "s", (const char *)userdata);
}

PROPERTY_GETTER(property_get_names)
{
    return sd_bus_message_append(reply, "as", 1, (const char *)userdata);
}

PROPERTY_GETTER(property_get_modules)
{
    return sd_bus_message_append(reply, "as", 1, "benchmark");
}

PROPERTY_GETTER(property_get_time)
{
    return sd_bus_message_append(reply, "x", strcmp(property, "NotBefore") == 0 ? NOT_BEFORE : NOT_AFTER);
}

PROPERTY_GETTER(property_get_chain)
{
    return sd_bus_message_append(reply, "a(sssxxs)", 1, SUBJECT, ISSUER, SERIAL, NOT_BEFORE, NOT_AFTER,
                                 FINGERPRINT);
}

PROPERTY_GETTER(property_get_candidates)
{
    return sd_bus_message_append(reply, "a(sbsx)", 3, "uploaded", 0, "there is none", INT64_C(0), "acme", 0,
                                 "there is none", INT64_C(0), "local", 1, "", NOT_AFTER);
}

PROPERTY_GETTER(property_get_last_error)
{
    return sd_bus_message_append(reply, "(ssxu)", "", "", INT64_C(0), UINT32_C(0));
}

PROPERTY_GETTER(property_get_deployments)
{
    return sd_bus_message_append(reply, "a(sssx)", 0);
}

PROPERTY_GETTER(property_get_job)
{
    return sd_bus_message_append(reply, "o", "/");
}

static const sd_bus_vtable certificate_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Name", "s", property_get_name, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Names", "as", property_get_names, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Role", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Source", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Reason", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("State", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Serial", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("NotBefore", "x", property_get_time, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("NotAfter", "x", property_get_time, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Issuer", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Subject", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Fingerprint", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("KeyType", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Chain", "a(sssxxs)", property_get_chain, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Candidates", "a(sbsx)", property_get_candidates, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Modules", "as", property_get_modules, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Authority", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("NextRenewal", "x", property_get_time, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("LastError", "(ssxu)", property_get_last_error, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Deployments", "a(sssx)", property_get_deployments, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Job", "o", property_get_job, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

static int service_find(sd_bus *bus _unused_, const char *path, const char *interface _unused_,
                        void *userdata, void **ret_found, sd_bus_error *error _unused_)
{
    Service *s = (Service *)userdata;
    char *name = NULL;
    long i = -1;
    int r;

    r = sd_bus_path_decode(path, CERTIFICATE_PREFIX, &name);
    if (r <= 0)
        return r;
    if (strlen(name) > 5)
        i = strtol(name + 5, NULL, 10);
    r = i >= 0 && i < s->n && strcmp(s->names[i], name) == 0;
    if (r > 0)
        *ret_found = s->names[i];
    free(name);
    return r;
}

static int service_enumerate(sd_bus *bus _unused_, const char *prefix _unused_, void *userdata,
                             char ***ret_nodes, sd_bus_error *error _unused_)
{
    Service *s = (Service *)userdata;
    char **nodes;

    nodes = (char **)calloc((size_t)s->n + 1, sizeof(char *));
    if (!nodes)
        return -ENOMEM;
    for (long i = 0; i < s->n; i++)
        if (sd_bus_path_encode(CERTIFICATE_PREFIX, s->names[i], &nodes[i]) < 0)
            abort();
    *ret_nodes = nodes;
    return 0;
}

static void service_init(Service *s, long n)
{
    s->n = n;
    s->names = (char **)calloc((size_t)n, sizeof(char *));
    if (!s->names)
        abort();
    for (long i = 0; i < n; i++)
        if (asprintf(&s->names[i], NAME_FORMAT, i) < 0)
            abort();
}

static int service_run(Service *s, const char *bus_name)
{
    sd_bus *bus = NULL;
    int r;

    r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_add_object_manager(bus, NULL, MANAGER_PATH);
    if (r >= 0)
        r = sd_bus_add_fallback_vtable(bus, NULL, CERTIFICATE_PREFIX, INTERFACE, certificate_vtable,
                                       service_find, s);
    if (r >= 0)
        r = sd_bus_add_node_enumerator(bus, NULL, CERTIFICATE_PREFIX, service_enumerate, s);
    if (r >= 0)
        r = sd_bus_request_name(bus, bus_name, 0);
    while (r >= 0) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
    }
    sd_bus_flush_close_unref(bus);
    return r;
}

int main(int argc, char *argv[])
{
    Service service = { 0 };
    long n = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    int r;

    if (n < 1 || n > N_MAX) {
        fprintf(stderr, "Usage: limit-bus BUSNAME N; N is a number of objects between 1 and %ld.\n", N_MAX);
        return EXIT_FAILURE;
    }
    service_init(&service, n);
    r = service_run(&service, argv[1]);
    fprintf(stderr, "limit-bus: the connection to the system bus failed: %s.\n", strerror(-r));
    return EXIT_FAILURE;
}
