/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/json.h"

#include <errno.h>

void json_putp(Json **j)
{
    json_object_put(*j);
}

Json *json_text(const char *text)
{
    return json_object_new_string(text);
}

Json *json_texts(char *const *texts)
{
    Json *array = json_object_new_array();

    for (; texts && *texts; texts++)
        json_object_array_add(array, json_text(*texts));
    return array;
}

Json *json_time(int64_t t)
{
    return t == 0 ? NULL : json_object_new_int64(t);
}

void json_set(Json *object, const char *key, Json *value)
{
    json_object_object_add(object, key, value);
}

/* json-c escapes characters below U+0020, and writes plain ASCII outside of strings: so the rest can be
 * escaped in the finished text. */
static Exit json_write(Json *j, int flags)
{
    _cleanup_json_ Json *owned = j;
    const char *text = json_object_to_json_string_ext(owned, flags | JSON_C_TO_STRING_NOSLASHESCAPE);

    if (!text)
        return fail(EXIT_FAILED, "%s", strerror(ENOMEM));
    output_write_json(text);
    putchar('\n');
    fflush(stdout);
    return EXIT_DONE;
}

Exit json_print(Json *j)
{
    return json_write(j, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
}

Exit json_print_line(Json *j)
{
    return json_write(j, JSON_C_TO_STRING_PLAIN);
}
