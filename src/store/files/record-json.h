/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/record.h"

/* Encodes record.json. former: the text of the record.json to replace, whose history is continued; NULL for
 * none. */
int record_to_json(const Record *rec, const char *former, int64_t now, char **ret);
/* Strict parser: -EBADMSG for any deviation. */
int record_from_json(const char *text, Record **ret);
/* Returns a journal line including its newline. */
int journal_line_from_change(const Record *rec, const char *event, Source source, int64_t now, char **ret);
/* Returns the object that the line is about. */
int journal_line_parse(const char *line, size_t size, RecordKind *ret_kind, char **ret_name);
