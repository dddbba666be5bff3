/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "util/macro.h"

/* Reads back JSON as this project writes it: a member of the wrong type, or an embedded NUL, means a damaged file
 * (-EBADMSG). */

static inline void json_putp(json_object **o)
{
    json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_putp)

/* Takes ownership of the value. NULL (OOM) is -ENOMEM. Members are freed with the object. */
int json_put(json_object *o, const char *key, json_object *value);
int json_put_text(json_object *o, const char *key, const char *value);
int json_put_int(json_object *o, const char *key, int64_t value);
/* A string list (util/text.h). */
int json_put_list(json_object *o, const char *key, char *const *list);
/* Formats the object for people to read, without a newline at the end. Owned by the object; NULL on OOM. */
const char *json_to_text(json_object *o);

/* Returns NULL unless the text is one whole value of at most this depth, or on OOM. */
json_object *json_parse(const char *text, size_t size, int depth);
int json_get(json_object *o, const char *key, json_type type, json_object **ret);
int json_get_text(json_object *o, const char *key, const char **ret);
int json_get_int(json_object *o, const char *key, int64_t *ret);
/* At most max strings. */
int json_get_list(json_object *o, const char *key, size_t max, char ***ret);
/* Checks the member "format". */
bool json_has_format(json_object *o, int64_t format);

/* The members of a struct, in the order in which they are written. */
typedef enum JsonKind {
    JSON_TEXT,     /* char *; NULL is "" */
    JSON_BORROWED, /* const char *, owned by the object */
    JSON_INT,      /* int64_t */
    JSON_COUNT,    /* uint64_t, up to INT64_MAX */
    JSON_UNSIGNED, /* unsigned */
    JSON_FLAG,     /* bool */
} JsonKind;

typedef struct JsonField {
    const char *key;
    JsonKind kind;
    size_t offset;
    bool optional; /* omitted if NULL, 0 or false */
} JsonField;

int json_put_fields(json_object *o, const JsonField *fields, size_t n, const void *from);
/* Leaves omitted members unchanged. */
int json_get_fields(json_object *o, const JsonField *fields, size_t n, void *to);
