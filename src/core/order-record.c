/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/order-record.h"

#include "util/text.h"

OrderRecord *order_record_free(OrderRecord *o)
{
    if (!o)
        return NULL;
    free(o->name);
    free(o->authority);
    free(o->directory);
    strv_free(o->names);
    erase_and_free(o->key);
    free(o->url);
    free(o->profile);
    free(o->replaces);
    free(o);
    return NULL;
}
