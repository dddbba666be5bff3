/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/session.h"

/* Prints the authorities: their accounts, what is left of their limits, and outages. */
Exit acme_status(Session *s);

/* Prints what an order for a name needs, check by check. authority: the only one to ask; NULL: any. */
Exit acme_test(Session *s, const char *name, const char *authority);
