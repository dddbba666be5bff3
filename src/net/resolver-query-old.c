/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ares.h>
#include <arpa/nameser.h>

#include "net/resolver-internal.h"

/* c-ares before 1.28 */

static void on_answer(void *part, int status, int timeouts _unused_, unsigned char *data, int size)
{
    dns_part_answered(part, status, data, (size_t)size);
}

void dns_part_ask(struct ares_channeldata *channel, const char *name, int record, void *part)
{
    ares_query(channel, name, ns_c_in, record, on_answer, part);
}
