/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Retry-After (RFC 9110 section 10.2.3): within its bounds whatever it says, whatever time it is. */
#include <errno.h>

#include "acme/header.h"
#include "core/limits.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t moments[] = { 0, 784111777, 1795514400, 4102444800, 253402300799 };
    _cleanup_free_ char *text = text_from_input(data, size);

    for (size_t i = 0; i < ELEMENTSOF(moments); i++) {
        int64_t delay = -1;
        int r = header_parse_retry_after(text, moments[i], &delay);

        require(r == 0 || r == -EINVAL);
        require(r == 0 ? delay >= LIMIT_RETRY_MIN && delay <= LIMIT_RETRY_MAX : delay == -1);
    }
    return 0;
}
