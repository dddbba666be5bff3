/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/accounts-json.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/record.h"
#include "store/files/strict-json.h"
#include "util/text.h"

#define FORMAT 1
#define DEPTH  4

/* Writing. */

/* What is NULL is left out. */
static int put_text(json_object *o, const char *key, const char *value)
{
    return value ? json_put_text(o, key, value) : 0;
}

static int put_list(json_object *o, const char *key, char *const *l)
{
    json_object *array = json_object_new_array();
    int r = json_put(o, key, array);

    for (size_t i = 0; l && l[i] && r >= 0; i++)
        r = json_object_array_add(array, json_object_new_string(l[i])) < 0 ? -ENOMEM : 0;
    return r;
}

static char *to_text(json_object *o)
{
    const char *text =
        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    char *copy;

    return text && asprintf(&copy, "%s\n", text) >= 0 ? copy : NULL;
}

char *account_to_json(const AccountRecord *a)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!o || json_put_int(o, "format", FORMAT) < 0 || put_text(o, "directory", a->directory) < 0 ||
        put_text(o, "url", a->url) < 0 || put_text(o, "orders", a->orders) < 0 ||
        put_list(o, "contact", a->contact) < 0)
        return NULL;
    return to_text(o);
}

char *order_to_json(const OrderRecord *r)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!o || json_put_int(o, "format", FORMAT) < 0 || put_text(o, "name", r->name) < 0 ||
        put_text(o, "authority", r->authority) < 0 || put_text(o, "directory", r->directory) < 0 ||
        put_list(o, "names", r->names) < 0 || put_text(o, "url", r->url) < 0 ||
        put_text(o, "profile", r->profile) < 0 || put_text(o, "replaces", r->replaces) < 0 ||
        json_put_int(o, "created", r->created) < 0 || put_text(o, "key", r->key) < 0)
        return NULL;
    return to_text(o);
}

/* Reading. */

static int get_text(json_object *o, const char *key, bool required, char **ret)
{
    const char *text;
    int r;

    if (!required && !json_object_object_get_ex(o, key, NULL))
        return 0;
    r = json_get_text(o, key, &text);
    if (r < 0)
        return r;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

static int get_list(json_object *o, const char *key, char ***ret)
{
    json_object *value, *item;
    int r = 0;

    if (!json_object_object_get_ex(o, key, &value) || !json_object_is_type(value, json_type_array))
        return -EBADMSG;
    for (size_t i = 0; i < json_object_array_length(value) && r >= 0; i++) {
        item = json_object_array_get_idx(value, i);
        r = json_object_is_type(item, json_type_string) ? strv_extend(ret, json_object_get_string(item))
                                                        : -EBADMSG;
    }
    return r;
}

static bool is_of_format(json_object *o)
{
    json_object *value;

    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, "format", &value) &&
           json_object_get_int(value) == FORMAT;
}

int account_from_json(const char *text, size_t size, AccountRecord *ret)
{
    _cleanup_json_ json_object *o = json_parse(text, size, DEPTH);
    int r;

    if (!is_of_format(o))
        return -EBADMSG;
    r = get_text(o, "directory", true, &ret->directory);
    if (r >= 0)
        r = get_text(o, "url", false, &ret->url);
    if (r >= 0)
        r = get_text(o, "orders", false, &ret->orders);
    return r < 0 ? r : get_list(o, "contact", &ret->contact);
}

static int order_read(json_object *o, OrderRecord *r)
{
    static const struct {
        const char *key;
        size_t offset;
        bool required;
    } members[] = {
        { "name", offsetof(OrderRecord, name), true },
        { "authority", offsetof(OrderRecord, authority), true },
        { "directory", offsetof(OrderRecord, directory), true },
        { "key", offsetof(OrderRecord, key), true },
        { "url", offsetof(OrderRecord, url), false },
        { "profile", offsetof(OrderRecord, profile), false },
        { "replaces", offsetof(OrderRecord, replaces), false },
    };
    json_object *created;
    int result = 0;

    for (size_t i = 0; i < ELEMENTSOF(members) && result >= 0; i++)
        result = get_text(o, members[i].key, members[i].required, (char **)((char *)r + members[i].offset));
    if (result >= 0)
        result = get_list(o, "names", &r->names);
    if (result >= 0 && json_object_object_get_ex(o, "created", &created))
        r->created = json_object_get_int64(created);
    return result;
}

int order_from_json(const char *text, size_t size, OrderRecord **ret)
{
    _cleanup_(order_record_freep) OrderRecord *r = calloc(1, sizeof(OrderRecord));
    _cleanup_json_ json_object *o = json_parse(text, size, DEPTH);
    int result;

    if (!r)
        return -ENOMEM;
    if (!is_of_format(o))
        return -EBADMSG;
    result = order_read(o, r);
    if (result < 0)
        return result;
    if (!record_name_is_valid(RECORD_CERTIFICATE, r->name) || !r->names ||
        strv_length(r->names) > LIMIT_NAMES)
        return -EBADMSG;
    *ret = TAKE_PTR(r);
    return 0;
}
