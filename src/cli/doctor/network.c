/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/machine.h"
#include "cli/xalloc.h"

/* The way to the authorities. */

/* A line of /proc/net/route, and of ipv6_route: destination and interface. */
static bool line_is_default_ipv4(const char *line)
{
    char interface[64], destination[64];

    return sscanf(line, "%63s %63s", interface, destination) == 2 && streq(destination, "00000000");
}

static bool line_is_default_ipv6(const char *line)
{
    char destination[64], length[8], interface[64];

    return sscanf(line, "%63s %7s %*s %*s %*s %*s %*s %*s %*s %63s", destination, length, interface) == 3 &&
           streq(length, "00") && strspn(destination, "0") == strlen(destination) && !streq(interface, "lo");
}

static bool table_has_default(const char *table, bool (*is_default)(const char *line))
{
    FILE *file = fopen(table, "re");
    char line[512];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file))
        found = is_default(line);
    if (file)
        fclose(file);
    return found;
}

void check_network(const Machine *m, Findings *f)
{
    if (!m->service->acme || table_has_default("/proc/net/route", line_is_default_ipv4) ||
        table_has_default("/proc/net/ipv6_route", line_is_default_ipv6))
        return;
    finding_add(
        f, SEVERITY_WARNING, "no-route", NULL,
        xstrdup(_("This machine has no default route, so it reaches authorities in its own network alone.")),
        xstrdup(_("Look at its network: ip route; failed orders are retried as soon as there is a route.")));
}
