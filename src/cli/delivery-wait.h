/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <time.h>

#include "cli/deployment.h"

/* The reason of a certificate that an order is about to be placed for. */
#define REASON_ORDER_AHEAD \
    "No uploaded chain fits and there is none from ACME yet, so the local root signed this one."

/* Waits until the order for a certificate, if there is one, and its delivery to a module have come to an end, one way or the
 * other. If the last end of the delivery, before a moment, was none to be content with, or one of the files is not there, it is
 * tried again. *ret is in the list, whose only item is the certificate. */
Exit delivery_wait(Session *s, const char *path, const char *module, char *const *files, time_t since,
                   CertificateList *list, const Deployment **ret);
