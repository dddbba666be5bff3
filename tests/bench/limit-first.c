/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit-first BUSNAME DIR: the least that a service can do between its activation on an empty store and its first
 * answer, as a measure for the service. Makes a root and one certificate in DIR, which is empty, each file on
 * disk, then answers GetCertificate and the certificate's State. Runs until SIGTERM.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "issue.h"
#include "program.h"

#define MANAGER_PATH "/org/certwright1"
#define FIRST_PATH   "/org/certwright1/certificate/host_2d00000_2eexample_2ecom"

#define _unused_ __attribute__((unused))

static int method_get_certificate(sd_bus_message *message, void *userdata _unused_,
                                  sd_bus_error *error _unused_)
{
    return sd_bus_reply_method_return(message, "o", FIRST_PATH);
}

static int property_get_state(sd_bus *bus _unused_, const char *path _unused_,
                              const char *interface _unused_, const char *property _unused_,
                              sd_bus_message *reply, void *userdata _unused_, sd_bus_error *error _unused_)
{
    return sd_bus_message_append(reply, "s", "valid");
}

static const sd_bus_vtable manager_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("GetCertificate", "s", "o", method_get_certificate, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable certificate_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("State", "s", property_get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

static int serve(const char *bus_name)
{
    sd_bus *bus = NULL;
    int r;

    r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_add_object_vtable(bus, NULL, MANAGER_PATH, "org.certwright1.Manager", manager_vtable,
                                     NULL);
    if (r >= 0)
        r = sd_bus_add_object_vtable(bus, NULL, FIRST_PATH, "org.certwright1.Certificate",
                                     certificate_vtable, NULL);
    if (r >= 0)
        r = sd_bus_request_name(bus, bus_name, 0);
    while (r >= 0) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
    }
    sd_bus_unref(bus);
    return r;
}

int main(int argc, char *argv[])
{
    Issuance issuance = { .n = 1, .threads = 1, .flush = FLUSH_EACH };

    if (argc != 3)
        fatal("Usage: limit-first BUSNAME DIR; DIR is an empty directory.");
    issuance.path = argv[2];
    issue_all(&issuance);
    fatal("The connection to the system bus failed: %s.", strerror(-serve(argv[1])));
}
