/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/strict-json.h"

#include <errno.h>

#include "util/text.h"

int json_put(json_object *o, const char *key, json_object *value)
{
    return value && json_object_object_add(o, key, value) == 0 ? 0 : -ENOMEM;
}

int json_put_text(json_object *o, const char *key, const char *value)
{
    return json_put(o, key, json_object_new_string(value));
}

int json_put_int(json_object *o, const char *key, int64_t value)
{
    return json_put(o, key, json_object_new_int64(value));
}

json_object *json_parse(const char *text, size_t size, int depth)
{
    json_tokener *tokener = json_tokener_new_ex(depth);
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

int json_get(json_object *o, const char *key, json_type type, json_object **ret)
{
    return json_object_object_get_ex(o, key, ret) && json_object_is_type(*ret, type) ? 0 : -EBADMSG;
}

int json_get_text(json_object *o, const char *key, const char **ret)
{
    json_object *value;
    int r = json_get(o, key, json_type_string, &value);

    if (r < 0)
        return r;
    *ret = json_object_get_string(value);
    return strlen(*ret) == (size_t)json_object_get_string_len(value) ? 0 : -EBADMSG;
}

int json_get_int(json_object *o, const char *key, int64_t *ret)
{
    json_object *value;
    int r = json_get(o, key, json_type_int, &value);

    if (r >= 0)
        *ret = json_object_get_int64(value);
    return r;
}
