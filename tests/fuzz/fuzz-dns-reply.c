/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the program that changes the DNS says: no reply, or one that is the same when it is sent once more. */
#include <errno.h>

#include "core/limits.h"
#include "dns/request.h"
#include "target.h"
#include "util/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_problem_ Problem outcome = {}, same = {};
    _cleanup_free_ char *text = NULL;
    int r = dns_reply_decode((const char *)data, size, &outcome);

    if (r < 0) {
        require(r == -EBADMSG && outcome.code == PROBLEM_NONE && !outcome.text);
        return 0;
    }
    require(outcome.code >= PROBLEM_NONE && outcome.code < _PROBLEM_MAX);
    require(!outcome.text == (outcome.code == PROBLEM_NONE));
    require(!outcome.text || (text_is_plain(outcome.text) && strlen(outcome.text) <= LIMIT_PROBLEM_TEXT));
    text = dns_reply_encode(&outcome);
    require(text && strlen(text) < LIMIT_DNS_REPLY);
    require(dns_reply_decode(text, strlen(text), &same) == 0);
    require(same.code == outcome.code && streq(strempty(same.text), strempty(outcome.text)));
    return 0;
}
