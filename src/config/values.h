/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/section.h"

/* Parsers of values, each a ParseKey. On failure the target is unchanged. */

/* An empty text is none: NULL. */
ParseKey parse_text;
ParseKey parse_organization;
ParseKey parse_label; /* plain text that people use as a name */
ParseKey parse_word;  /* printable ASCII */
ParseKey parse_directory;
ParseKey parse_path; /* absolute, without "." and ".." */
ParseKey parse_file_name;
ParseKey parse_leaf_key_type;
ParseKey parse_root_key_type;
ParseKey parse_account_key_type;
ParseKey parse_flag;
ParseKey parse_check;  /* CheckMode; yes means advise */
ParseKey parse_choice; /* int: 1 yes, 0 no */
ParseKey parse_port;
ParseKey parse_server;
ParseKey parse_servers;
ParseKey parse_listen;
ParseKey parse_contact;
/* An https URL; makes its host canonical and drops the default port. */
ParseKey parse_url;
ParseKey parse_origins;

/* Parses a time span within these bounds, in seconds. */
int parse_span(ParseContext *context, const IniEntry *e, int64_t min, int64_t max, int64_t *ret);
/* Makes a name of a server canonical, in which %H is the host name and %% a percent sign. text is a part of the
 * entry. */
int parse_name(ParseContext *context, const IniEntry *e, const char *text, char **ret);
