/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "net/resolver.h"

/* What an answer (RFC 1035 section 4.1) says: the values of the records of type and, for DNS_SOA, of the zone that name
 * is in, appended to *values. record is NS type's, A or AAAA for DNS_ADDRESS. Aliases in the answer were followed by the
 * server that sent it. -EBADMSG for what is no answer, of which nothing is taken; 0 also when there is no such record. */
int dns_answer_read(const uint8_t *data, size_t size, const char *name, int record, char ***values);

/* One record type of a query: asked for on a channel of c-ares, which answers once, at the latest when it is destroyed. There
 * are two of dns_part_ask(), each for the versions of c-ares that do not deprecate what it calls. */
struct ares_channeldata;
void dns_part_ask(struct ares_channeldata *channel, const char *name, int record, void *part);
void dns_part_answered(void *part, int status, const uint8_t *data, size_t size);
