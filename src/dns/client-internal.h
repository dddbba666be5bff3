/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dns/client.h"

/* Other places than the installed ones, for tests; strings are copied. program NULL: beside this program. */
int dns_helper_set_places(DnsHelper *h, const char *socket, const char *program);
/* Timeout of a job in seconds, instead of the sum of the program's own timeouts. */
void dns_helper_set_patience(DnsHelper *h, unsigned seconds);
