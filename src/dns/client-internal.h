/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dns/client.h"

/* Other places than the installed ones, for tests; strings are copied. program NULL: beside this program. */
int dns_helper_set_places(DnsHelper *h, const char *socket, const char *program);
/* Seconds for a job, instead of what the program's own limits add up to. */
void dns_helper_set_patience(DnsHelper *h, unsigned seconds);
