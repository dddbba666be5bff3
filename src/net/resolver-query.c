/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ares.h>

#include "net/resolver-internal.h"

/* c-ares 1.28 and later, which parses answers: turns them back into messages for resolver-answer.c. */

static void on_answer(void *part, ares_status_t status, size_t timeouts _unused_,
                      const ares_dns_record_t *answer)
{
    ares_status_t written = ARES_SUCCESS;
    unsigned char *data = NULL;
    size_t size = 0;

    if (answer)
        written = ares_dns_write(answer, &data, &size);
    dns_part_answered(part, written == ARES_SUCCESS ? (int)status : (int)written, data, size);
    ares_free_string(data);
}

void dns_part_ask(struct ares_channeldata *channel, const char *name, int record, void *part)
{
    (void)ares_query_dnsrec(channel, name, ARES_CLASS_IN, (ares_dns_rec_type_t)record, on_answer, part,
                            NULL);
}
