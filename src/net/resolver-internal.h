/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "net/resolver.h"

/* Appends the values of an answer (RFC 1035 section 4.1) to *values: of records of the given type and, for
 * DNS_SOA, of the zone that contains name. record: NS type, A or AAAA for DNS_ADDRESS. Aliases in the answer
 * were followed by the server that sent it. -EBADMSG for an invalid answer, of which nothing is added; 0
 * also if there is no such record. */
int dns_answer_read(const uint8_t *data, size_t size, const char *name, int record, char ***values);

struct ares_channeldata;

/* Name servers with a zone (fe80::1%eth0), which c-ares knows as of 1.24; two implementations as below. */
/* Formats a server for ares_set_servers_ports_csv(). The caller frees the result. NULL on OOM. */
char *dns_server_format(const char *address, uint16_t port);
/* Appends a server to such a list, which begins as NULL. */
int dns_servers_append(char **list, const char *address, uint16_t port);
/* Sets *ret to the servers of resolv.conf(5) in this format if c-ares cannot read them by itself, else to NULL. */
int dns_system_servers(char **ret);
/* Call it before the first query. */
void dns_channel_enable_zones(struct ares_channeldata *channel);

/* A query for one record type on a channel of c-ares, which completes once, at the latest when the channel
 * is destroyed. There are two implementations of dns_part_ask(), each for the versions of c-ares that do not
 * deprecate the functions it calls. */
void dns_part_ask(struct ares_channeldata *channel, const char *name, int record, void *part);
void dns_part_answered(void *part, int status, const uint8_t *data, size_t size);
