/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An order (RFC 8555 section 7.1.3). */
#include "acme.h"

static void require_order(const AcmeOrder *o)
{
    require(o->status >= ACME_PENDING && o->status <= ACME_INVALID);
    require(o->names && strv_length(o->names) <= LIMIT_NAMES);
    for (char *const *l = o->names; *l; l++)
        require_name(*l);
    require_urls(o->authorizations, LIMIT_NAMES);
    require_optional_url(o->finalize);
    require(o->finalize || (o->status != ACME_PENDING && o->status != ACME_READY));
    require_optional_url(o->certificate);
    if (o->profile)
        require_plain(o->profile, LIMIT_ACME_LABEL);
    require_problem(o->problem);
}

DEFINE_TARGET(AcmeOrder, order, require_order)
