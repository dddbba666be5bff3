/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When to renew (RFC 9773 section 4.2). */
#include "acme.h"

static void require_renewal_info(const AcmeRenewalInfo *i)
{
    require(i->start >= 0 && i->start < i->end);
    require_optional_url(i->explanation);
}

DEFINE_TARGET(AcmeRenewalInfo, renewal_info, require_renewal_info)
