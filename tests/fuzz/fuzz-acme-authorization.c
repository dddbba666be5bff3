/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An authorization (RFC 8555 section 7.1.4). */
#include "acme.h"

static void require_authorization(const AcmeAuthorization *a)
{
    require_name(a->name);
    require(!strchr(a->name, '*'));
    require(a->status >= 0 && a->status < _ACME_STATUS_MAX && a->status != ACME_READY &&
            a->status != ACME_PROCESSING);
    require(a->n_challenges <= LIMIT_CHALLENGES);
    for (size_t i = 0; i < a->n_challenges; i++)
        require_challenge(a->challenges + i);
}

DEFINE_TARGET(AcmeAuthorization, authorization, require_authorization)
