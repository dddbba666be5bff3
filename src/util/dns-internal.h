/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/dns.h"

/* What an answer (RFC 1035 section 4.1) says: the values of the records of type and, for DNS_SOA, of the zone that name
 * is in, appended to *values. record is NS type's, A or AAAA for DNS_ADDRESS. Aliases in the answer were followed by the
 * server that sent it. -EBADMSG for what is no answer, of which nothing is taken; 0 also when there is no such record. */
int dns_answer_read(const uint8_t *data, size_t size, const char *name, int record, char ***values);
