/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "util/macro.h"

/* JSON as this service writes it, read back: a member of the wrong type, or an embedded NUL, is a broken file (-EBADMSG). */

static inline void json_putp(json_object **o)
{
    json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_putp)

/* Takes the value; NULL, for want of memory, is -ENOMEM. json-c frees what was added when the whole is freed. */
int json_put(json_object *o, const char *key, json_object *value);
int json_put_text(json_object *o, const char *key, const char *value);
int json_put_int(json_object *o, const char *key, int64_t value);

/* NULL when it is not one whole value of at most so many levels, or memory is short. */
json_object *json_parse(const char *text, size_t size, int depth);
int json_get(json_object *o, const char *key, json_type type, json_object **ret);
int json_get_text(json_object *o, const char *key, const char **ret);
int json_get_int(json_object *o, const char *key, int64_t *ret);
