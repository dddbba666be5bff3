/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/doctor/sightings.h"

/* Chains that services present, compared with those that the service serves. */

typedef enum Fault {
    FAULT_NONE,
    FAULT_EXPIRED,    /* the certificate has expired */
    FAULT_OTHER_NAME, /* it is not for the name that was asked for */
    FAULT_OTHER,      /* it is for that name, but not the one that is served now */
    FAULT_INCOMPLETE, /* issuers are missing */
    FAULT_REFUSED,    /* nobody accepts connections */
    FAULT_SILENT,
    FAULT_FAILED,
    _FAULT_MAX,
} Fault;

typedef struct View {
    Fault fault;
    const Certificate *certificate; /* that it should present */
    CertificateList fresh;          /* owns it, if it was asked for once more */
    bool told;
} View;

typedef struct Presented {
    Sightings seen;
    View *views; /* of each */
} Presented;

void presented_done(Presented *p);
#define _cleanup_presented_ _cleanup_(presented_done)

/* Looks, and compares. Adds to the findings only what could not be looked at. */
void presented_look(Presented *p, const Machine *m, sd_bus *bus, Findings *f);
/* Returns the places of a module where nobody accepts connections, with the names there; allocated; NULL: none. */
char *presented_refused(const Presented *p, const char *module);
/* Adds them to the last finding, which explains them. */
void presented_add_refused(Presented *p, const Module *module, Findings *f);
/* Adds a finding for everything else that is wrong. */
void presented_check(Presented *p, const Machine *m, Findings *f);
