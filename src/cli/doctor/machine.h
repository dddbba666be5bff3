/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "cli/certificate.h"
#include "cli/doctor/finding.h"
#include "cli/module.h"

/* The machine that "certwright doctor" looks at, and its checks. Each has a file, is given a machine that it only reads, and
 * adds what it finds. A check runs in a thread of its own and has a connection of its own to the bus, so it may wait; its
 * caller stops waiting for it at the end of its time. It prints nothing. */

/* Properties that the service reports about itself. */
typedef struct ServiceView {
    sd_bus_message *reply; /* owns the text */
    const char *version;
    int acme, clock_trusted;
    List errors; /* in the configuration */
    CertificateList list;
    ModuleList modules; /* empty if the service is older than this command */
} ServiceView;

typedef struct Machine {
    char *const *names;   /* those to look at, canonical; NULL: all */
    ServiceView *service; /* NULL: it does not answer, or was not asked yet */
    bool has_bus;
} Machine;

/* Returns true if the names of the machine to look at include one of this certificate. */
bool machine_wants(const Machine *m, const Certificate *c);
/* Returns true if the files of the service are on this machine, rather than only those of a build. */
bool machine_is_installed(void);
/* Returns the advice to install its files again; allocated. */
char *advice_reinstall(void);
/* Connects to the system bus; calls end after some seconds. */
int machine_open_bus(sd_bus **ret);
/* Returns true if somebody owns the name, or the bus can start somebody. */
bool bus_has_name(sd_bus *bus, const char *name, bool *ret_owned);

void check_bus(const Machine *m, Findings *f);
void check_programs(const Machine *m, Findings *f);
void check_polkit(const Machine *m, Findings *f);
void check_units(const Machine *m, Findings *f);
void check_disk(const Machine *m, Findings *f);
void check_clock(const Machine *m, Findings *f);
void check_time_service(const Machine *m, Findings *f);
/* Asks the service; *ret stays NULL if it does not answer. */
void check_service(const Machine *m, Findings *f, ServiceView **ret);
void service_view_free(ServiceView *v);
/* These need it: m->service is not NULL. */
void check_configuration(const Machine *m, Findings *f);
void check_dns(const Machine *m, Findings *f);
void check_network(const Machine *m, Findings *f);
void check_ports(const Machine *m, Findings *f);
void check_authorities(const Machine *m, Findings *f);
void check_services(const Machine *m, Findings *f);
void check_deliveries(const Machine *m, Findings *f);
void check_chains(const Machine *m, Findings *f);
void check_uploads(const Machine *m, Findings *f);

/* Returns true if the last error of a certificate may come from how the authority reaches this machine. */
bool error_is_of_proof(const Certificate *c);
