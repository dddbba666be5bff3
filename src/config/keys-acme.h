/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/section.h"

/* [ACME] and [Authority NAME]. */

bool acme_section_is_known(const char *section);
int on_acme_entry(ParseContext *context, const IniEntry *e);
/* When all files are read: leaves out authorities that cannot be asked. */
void acme_settle(ParseContext *context);
