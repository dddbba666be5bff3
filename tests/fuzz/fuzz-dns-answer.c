/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers of name servers (RFC 1035 section 4.1): what is read of them is text of bounded size. */
#include <arpa/nameser.h>
#include <errno.h>

#include "core/limits.h"
#include "net/resolver-internal.h"
#include "target.h"
#include "util/text.h"

#define EXPANDED_MAX (4 * LIMIT_NAME) /* a name in which every byte is written as \ddd */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int records[] = { ns_t_a, ns_t_aaaa, ns_t_txt, ns_t_cname, ns_t_ns, ns_t_soa };

    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        _cleanup_strv_ char **values = NULL;
        int r = dns_answer_read(data, size, "_acme-challenge.www.example.com", records[i], &values);

        require(r == 0 || r == -EBADMSG || r == -ENOMEM);
        require(records[i] != ns_t_soa || strv_length(values) <= 2);
        for (char **v = values; v && *v; v++)
            require(strlen(*v) <= (records[i] == ns_t_txt ? (size_t)UINT16_MAX : EXPANDED_MAX));
    }
    return 0;
}
