/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* The N_CERTIFICATES of the service. */

/* A module file that asks for them. */
char *certificates_module(void);
/* Until each has a chain. */
void certificates_wait(GDBusConnection *c);
