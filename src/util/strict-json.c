/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/strict-json.h"

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

int json_put_list(json_object *o, const char *key, char *const *list)
{
    json_object *array = json_object_new_array();
    int r = json_put(o, key, array);

    for (size_t i = 0; list && list[i] && r >= 0; i++)
        r = json_object_array_add(array, json_object_new_string(list[i])) < 0 ? -ENOMEM : 0;
    return r;
}

const char *json_to_text(json_object *o)
{
    return json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
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

static int get_string(json_object *value, const char **ret)
{
    if (!json_object_is_type(value, json_type_string) ||
        strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
        return -EBADMSG;
    *ret = json_object_get_string(value);
    return 0;
}

int json_get_text(json_object *o, const char *key, const char **ret)
{
    json_object *value;

    return json_object_object_get_ex(o, key, &value) ? get_string(value, ret) : -EBADMSG;
}

int json_get_int(json_object *o, const char *key, int64_t *ret)
{
    json_object *value;
    int r = json_get(o, key, json_type_int, &value);

    if (r >= 0)
        *ret = json_object_get_int64(value);
    return r;
}

int json_get_list(json_object *o, const char *key, size_t max, char ***ret)
{
    _cleanup_strv_ char **list = NULL;
    json_object *array;
    const char *text;
    int r;

    r = json_get(o, key, json_type_array, &array);
    if (r >= 0 && json_object_array_length(array) > max)
        r = -EBADMSG;
    for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++) {
        r = get_string(json_object_array_get_idx(array, i), &text);
        if (r >= 0)
            r = strv_extend(&list, text);
    }
    if (r >= 0)
        *ret = TAKE_PTR(list);
    return r;
}

bool json_has_format(json_object *o, int64_t format)
{
    int64_t found;

    return json_get_int(o, "format", &found) >= 0 && found == format;
}

/* ---- structs */

static int put_text(json_object *o, const JsonField *f, const char *text)
{
    return f->optional && !text ? 0 : json_put_text(o, f->key, strempty(text));
}

static int put_number(json_object *o, const JsonField *f, int64_t number)
{
    return f->optional && number == 0 ? 0 : json_put_int(o, f->key, number);
}

static int put_field(json_object *o, const JsonField *f, const void *member)
{
    switch (f->kind) {
    case JSON_TEXT:
    case JSON_BORROWED:
        return put_text(o, f, *(const char *const *)member);
    case JSON_INT:
        return put_number(o, f, *(const int64_t *)member);
    case JSON_COUNT:
        return put_number(o, f, (int64_t) * (const uint64_t *)member);
    case JSON_UNSIGNED:
        return put_number(o, f, *(const unsigned *)member);
    default:
        return f->optional && !*(const bool *)member
                   ? 0
                   : json_put(o, f->key, json_object_new_boolean(*(const bool *)member));
    }
}

int json_put_fields(json_object *o, const JsonField *fields, size_t n, const void *from)
{
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++)
        r = put_field(o, fields + i, (const char *)from + fields[i].offset);
    return r;
}

static int get_flag(json_object *o, const char *key, bool *ret)
{
    json_object *value;
    int r = json_get(o, key, json_type_boolean, &value);

    if (r >= 0)
        *ret = json_object_get_boolean(value);
    return r;
}

static int get_count(json_object *o, const JsonField *f, void *member)
{
    int64_t count;
    int r = json_get_int(o, f->key, &count);

    if (r < 0 || count < 0)
        return -EBADMSG;
    if (f->kind == JSON_COUNT)
        *(uint64_t *)member = (uint64_t)count;
    else
        *(unsigned *)member = (unsigned)MIN(count, (int64_t)UINT32_MAX);
    return 0;
}

static int get_field(json_object *o, const JsonField *f, void *member)
{
    const char *text;
    int r;

    switch (f->kind) {
    case JSON_TEXT:
        r = json_get_text(o, f->key, &text);
        return r < 0 ? r : text_set(member, text);
    case JSON_BORROWED:
        return json_get_text(o, f->key, member);
    case JSON_INT:
        return json_get_int(o, f->key, member);
    case JSON_FLAG:
        return get_flag(o, f->key, member);
    default:
        return get_count(o, f, member);
    }
}

int json_get_fields(json_object *o, const JsonField *fields, size_t n, void *to)
{
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++)
        if (!fields[i].optional || json_object_object_get_ex(o, fields[i].key, NULL))
            r = get_field(o, fields + i, (char *)to + fields[i].offset);
    return r;
}
