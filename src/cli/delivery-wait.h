/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <time.h>

#include "cli/deployment.h"

/* Waits until the delivery of a certificate to a module has come to an end, one way or the other. If its last end,
 * before a moment, was none to be content with, it is tried again. *ret is in the list, whose only item is the
 * certificate. */
Exit delivery_wait(Session *s, const char *path, const char *module, time_t since, CertificateList *list,
                   const Deployment **ret);
