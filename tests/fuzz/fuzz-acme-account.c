/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An account (RFC 8555 section 7.1.2). */
#include "acme.h"

static void require_account(const AcmeAccount *a)
{
    require(a->status == ACME_VALID || a->status == ACME_DEACTIVATED || a->status == ACME_REVOKED);
    require_optional_url(a->orders);
}

DEFINE_TARGET(AcmeAccount, account, require_account)
