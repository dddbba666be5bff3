/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/section.h"

/* Parsers of values, each a ParseKey. On failure the target is unchanged. */

/* An empty text is none: NULL. */
int parse_text(ParseContext *context, const IniEntry *e, void *target);
int parse_organization(ParseContext *context, const IniEntry *e, void *target);
int parse_label(ParseContext *context, const IniEntry *e,
                void *target); /* plain text that people use as a name */
int parse_word(ParseContext *context, const IniEntry *e, void *target); /* printable ASCII */
int parse_directory(ParseContext *context, const IniEntry *e, void *target);
int parse_path(ParseContext *context, const IniEntry *e, void *target); /* absolute, without "." and ".." */
int parse_file_name(ParseContext *context, const IniEntry *e, void *target);
int parse_leaf_key_type(ParseContext *context, const IniEntry *e, void *target);
int parse_root_key_type(ParseContext *context, const IniEntry *e, void *target);
int parse_account_key_type(ParseContext *context, const IniEntry *e, void *target);
int parse_flag(ParseContext *context, const IniEntry *e, void *target);
int parse_choice(ParseContext *context, const IniEntry *e, void *target); /* int: 1 yes, 0 no */
int parse_port(ParseContext *context, const IniEntry *e, void *target);
int parse_server(ParseContext *context, const IniEntry *e, void *target);
int parse_servers(ParseContext *context, const IniEntry *e, void *target);
int parse_listen(ParseContext *context, const IniEntry *e, void *target);
int parse_contact(ParseContext *context, const IniEntry *e, void *target);
/* An https URL; makes its host canonical and drops the default port. */
int parse_url(ParseContext *context, const IniEntry *e, void *target);
int parse_origins(ParseContext *context, const IniEntry *e, void *target);
