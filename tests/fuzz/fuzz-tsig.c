/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file with a key: refused with the line, or a key that can stand in a command of nsupdate(1). */
#include <errno.h>

#include "dns/request.h"
#include "dns/tsig.h"
#include "target.h"
#include "util/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_tsig_ Tsig t = {};
    int r = tsig_parse((const char *)data, size, &t, &problem);

    if (r < 0) {
        require(r == -EINVAL && !t.name && !t.algorithm && !t.secret);
        require(problem.code == PROBLEM_CHALLENGE_FAILED && strncmp(problem.text, "line ", 5) == 0);
        require(text_is_plain(problem.text));
        return 0;
    }
    require(problem.code == PROBLEM_NONE);
    require(dns_name_is_canonical(t.name) && !strpbrk(t.name, " \n\":"));
    require(dns_algorithm_is_known(t.algorithm));
    require(dns_secret_is_base64(t.secret) && !strpbrk(t.secret, " \n\""));
    return 0;
}
