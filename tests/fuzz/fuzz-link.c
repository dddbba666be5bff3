/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Link (RFC 8288): targets are parts of the value, and it is all or nothing. */
#include <errno.h>

#include "acme/header.h"
#include "core/limits.h"
#include "target.h"
#include "util/text.h"

static void check(const char *value, const char *relation)
{
    _cleanup_strv_ char **targets = NULL;
    int r = header_parse_link(value, relation, &targets);

    require(r == 0 || (r == -EINVAL && !targets));
    for (char **l = targets; l && *l; l++) {
        require(strlen(*l) <= LIMIT_URL && strstr(value, *l));
        for (const char *p = *l; *p; p++)
            require(*p > ' ' && *p <= '~' && *p != '<' && *p != '>');
    }
    (void)header_is_type(value, relation);
    if (header_is_nonce(value)) {
        require(*value && strlen(value) <= LIMIT_NONCE);
        require(!strpbrk(value, " \t\r\n\"\\,.=+/{}"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = text_from_input(data, size);

    check(text, "alternate");
    check(text, "up");
    return 0;
}
