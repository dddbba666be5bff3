/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/account-record.h"

#include "util/text.h"

AccountRecord *account_record_free(AccountRecord *a)
{
    if (!a)
        return NULL;
    free(a->directory);
    free(a->url);
    free(a->orders);
    strv_free(a->contact);
    erase_and_free(a->key);
    erase_and_free(a->next_key);
    free(a);
    return NULL;
}
