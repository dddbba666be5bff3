/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The orders of an account (RFC 8555 section 7.1.2.1). */
#include "acme.h"

static void require_order_list(const AcmeOrderList *l)
{
    require_urls(l->orders, LIMIT_ORDER_LIST);
}

DEFINE_TARGET(AcmeOrderList, order_list, require_order_list)
