/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/accounts-json.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/record.h"
#include "util/text.h"

#define FORMAT 1
#define DEPTH  4

static inline void json_putp(json_object **o)
{
    json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_putp)

/* Writing. */

static bool put(json_object *o, const char *key, json_object *value)
{
    return value && json_object_object_add(o, key, value) == 0;
}

/* NULL members are omitted. */
static bool put_text(json_object *o, const char *key, const char *value)
{
    return !value || put(o, key, json_object_new_string(value));
}

static bool put_list(json_object *o, const char *key, char *const *l)
{
    json_object *array = json_object_new_array();

    if (!put(o, key, array))
        return false;
    for (size_t i = 0; l && l[i]; i++)
        if (json_object_array_add(array, json_object_new_string(l[i])) < 0)
            return false;
    return true;
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

    if (!o || !put(o, "format", json_object_new_int(FORMAT)) || !put_text(o, "directory", a->directory) ||
        !put_text(o, "url", a->url) || !put_text(o, "orders", a->orders) ||
        !put_list(o, "contact", a->contact))
        return NULL;
    return to_text(o);
}

char *order_to_json(const OrderRecord *r)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!o || !put(o, "format", json_object_new_int(FORMAT)) || !put_text(o, "name", r->name) ||
        !put_text(o, "authority", r->authority) || !put_text(o, "directory", r->directory) ||
        !put_list(o, "names", r->names) || !put_text(o, "url", r->url) ||
        !put_text(o, "profile", r->profile) || !put_text(o, "replaces", r->replaces) ||
        !put(o, "created", json_object_new_int64(r->created)) || !put_text(o, "key", r->key))
        return NULL;
    return to_text(o);
}

/* Reading. */

static json_object *parse(const char *text, size_t size)
{
    json_tokener *tokener = json_tokener_new_ex(DEPTH);
    _cleanup_erase_ char *ascii = NULL;
    json_object *o = NULL;

    if (tokener && text_json_to_ascii(text, size, &ascii) >= 0) {
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        o = json_tokener_parse_ex(tokener, ascii, (int)strlen(ascii));
        if (json_tokener_get_error(tokener) == json_tokener_continue)
            o = json_tokener_parse_ex(tokener, "", 1);
    }
    if (tokener)
        json_tokener_free(tokener);
    return o;
}

static int get_text(json_object *o, const char *key, bool required, char **ret)
{
    json_object *value;

    if (!json_object_object_get_ex(o, key, &value))
        return required ? -EBADMSG : 0;
    if (!json_object_is_type(value, json_type_string) ||
        strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
        return -EBADMSG;
    *ret = strdup(json_object_get_string(value));
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
    _cleanup_json_ json_object *o = parse(text, size);
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
    _cleanup_json_ json_object *o = parse(text, size);
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
