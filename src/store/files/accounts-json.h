/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/account-record.h"
#include "core/order-record.h"

/* The text of account.json and of an order's file. The former contains no keys, which have files of their
 * own. */
char *account_to_json(const AccountRecord *a);
char *order_to_json(const OrderRecord *o);
/* -EBADMSG for anything that the functions above do not write. */
int account_from_json(const char *text, size_t size, AccountRecord *ret);
int order_from_json(const char *text, size_t size, OrderRecord **ret);
