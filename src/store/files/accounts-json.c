/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/accounts-json.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/record.h"
#include "util/strict-json.h"

#define FORMAT 1
#define DEPTH  4

static const JsonField account_fields[] = {
    { "directory", JSON_TEXT, offsetof(AccountRecord, directory), false },
    { "url", JSON_TEXT, offsetof(AccountRecord, url), true },
    { "orders", JSON_TEXT, offsetof(AccountRecord, orders), true },
};

/* The first precede the list of names, the others follow it. */
static const JsonField order_fields[] = {
    { "name", JSON_TEXT, offsetof(OrderRecord, name), false },
    { "authority", JSON_TEXT, offsetof(OrderRecord, authority), false },
    { "directory", JSON_TEXT, offsetof(OrderRecord, directory), false },
};
static const JsonField more_order_fields[] = {
    { "url", JSON_TEXT, offsetof(OrderRecord, url), true },
    { "profile", JSON_TEXT, offsetof(OrderRecord, profile), true },
    { "replaces", JSON_TEXT, offsetof(OrderRecord, replaces), true },
    { "created", JSON_INT, offsetof(OrderRecord, created), true },
    { "key", JSON_TEXT, offsetof(OrderRecord, key), false },
};

static char *to_line(json_object *o)
{
    const char *text = json_to_text(o);
    char *line;

    return text && asprintf(&line, "%s\n", text) >= 0 ? line : NULL;
}

char *account_to_json(const AccountRecord *a)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!o || json_put_int(o, "format", FORMAT) < 0 ||
        json_put_fields(o, account_fields, ELEMENTSOF(account_fields), a) < 0 ||
        json_put_list(o, "contact", a->contact) < 0)
        return NULL;
    return to_line(o);
}

char *order_to_json(const OrderRecord *r)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!o || json_put_int(o, "format", FORMAT) < 0 ||
        json_put_fields(o, order_fields, ELEMENTSOF(order_fields), r) < 0 ||
        json_put_list(o, "names", r->names) < 0 ||
        json_put_fields(o, more_order_fields, ELEMENTSOF(more_order_fields), r) < 0)
        return NULL;
    return to_line(o);
}

int account_from_json(const char *text, size_t size, AccountRecord *ret)
{
    _cleanup_json_ json_object *o = json_parse(text, size, DEPTH);
    int r;

    if (!json_has_format(o, FORMAT))
        return -EBADMSG;
    r = json_get_fields(o, account_fields, ELEMENTSOF(account_fields), ret);
    return r < 0 ? r : json_get_list(o, "contact", LIMIT_NAMES, &ret->contact);
}

int order_from_json(const char *text, size_t size, OrderRecord **ret)
{
    _cleanup_(order_record_freep) OrderRecord *order = calloc(1, sizeof(OrderRecord));
    _cleanup_json_ json_object *o = json_parse(text, size, DEPTH);
    int r;

    if (!order)
        return -ENOMEM;
    if (!json_has_format(o, FORMAT))
        return -EBADMSG;
    if ((r = json_get_fields(o, order_fields, ELEMENTSOF(order_fields), order)) < 0 ||
        (r = json_get_list(o, "names", LIMIT_NAMES, &order->names)) < 0 ||
        (r = json_get_fields(o, more_order_fields, ELEMENTSOF(more_order_fields), order)) < 0)
        return r;
    if (!record_name_is_valid(RECORD_CERTIFICATE, order->name) || !order->names)
        return -EBADMSG;
    *ret = TAKE_PTR(order);
    return 0;
}
