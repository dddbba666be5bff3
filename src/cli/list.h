/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/selection.h"

/* The certificates that the options select, in the requested format. */
typedef struct ListView {
    Session *session;
    Selection selection;
    bool csv, watch;
} ListView;

/* What is listed: kept, so that it can be printed again without asking the service. */
typedef struct Listing {
    CertificateList certificates;
    List errors; /* in the configuration */
    sd_bus_message *errors_reply;
} Listing;

void listing_done(Listing *l);
Exit listing_load(const ListView *v, Listing *l);
Exit listing_print(const ListView *v, const Listing *l);

/* Prints them once, and again whenever they change, until the command is interrupted. */
Exit list_watch(const ListView *v);
