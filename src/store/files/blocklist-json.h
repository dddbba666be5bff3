/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/blocklist.h"
#include "util/strict-json.h"

/* The member "blocked" of a record.json; there is none if nothing is blocked. */

#define RECORD_FORMAT 1 /* of a record */
#define RECORD_DEPTH  8

int blocklist_to_json(const Blocklist *l, json_object *o);
/* -EBADMSG, -ENOMEM. On failure, *ret has what was read before. */
int blocklist_from_json(json_object *o, Blocklist *ret);
