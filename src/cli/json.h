/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "cli/session.h"

/* JSON output: the keys are documented in certwright(1) and stable. All functions that create a value return
 * a reference owned by the caller. */

typedef struct json_object Json;

#define _cleanup_json_ _cleanup_(json_putp)
void json_putp(Json **j);

Json *json_text(const char *text);
Json *json_texts(char *const *texts);
Json *json_time(int64_t t);                                /* null for none */
void json_set(Json *object, const char *key, Json *value); /* takes ownership of value */

/* Print one value to stdout, over several lines or on one, and free it; control characters and the like are
 * \u-escaped. */
Exit json_print(Json *j);
Exit json_print_line(Json *j);
