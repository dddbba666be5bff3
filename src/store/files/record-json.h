/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/record.h"

/* record.json. former is the text of the record.json that is replaced: its history is carried on; NULL for none. */
int record_to_json(const Record *rec, const char *former, int64_t now, char **ret);
/* Strict: what is not just so is -EBADMSG. */
int record_from_json(const char *text, Record **ret);
/* A line of the journal, with its newline. */
int journal_line_from_change(const Record *rec, const char *event, Source source, int64_t now, char **ret);
/* What the line is about. */
int journal_line_parse(const char *line, size_t size, RecordKind *ret_kind, char **ret_name);
