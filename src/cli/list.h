/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/selection.h"

/* What list prints, in the form that the options ask for. */
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
