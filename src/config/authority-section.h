/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/section.h"

/* The sections [Authority NAME]. */

bool is_authority_section(const char *section);
int on_authority_entry(ParseContext *context, const IniEntry *e);
/* Call this when all files are read: drops authorities that cannot be used. */
void authorities_settle(ParseContext *context);
