/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * polkit-yes: stands in for polkitd on the benchmark's private bus and answers every question with yes, so
 * that the figures do not depend on what the machine's polkit has installed. Runs until SIGTERM.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

static int method_check_authorization(sd_bus_message *message, void *userdata __attribute__((unused)),
                                      sd_bus_error *error __attribute__((unused)))
{
    return sd_bus_reply_method_return(message, "(bba{ss})", 1, 0, 0);
}

static const sd_bus_vtable authority_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", method_check_authorization,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

int main(void)
{
    sd_bus *bus = NULL;
    int r;

    r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/PolicyKit1/Authority",
                                     "org.freedesktop.PolicyKit1.Authority", authority_vtable, NULL);
    if (r >= 0)
        r = sd_bus_request_name(bus, "org.freedesktop.PolicyKit1", 0);
    while (r >= 0) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
    }
    fprintf(stderr, "polkit-yes: the connection to the system bus failed: %s.\n", strerror(-r));
    sd_bus_unref(bus);
    return EXIT_FAILURE;
}
