/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/section.h"

/* Tables of the known keys, one for each kind of section. Each [Certificate NAME] of a module and each
 * [Authority NAME] may appear once per file; drop-ins add to it. */

void context_begin_file(ParseContext *context);
void context_done(ParseContext *context);
/* IniVisit; userdata is a ParseContext. */
int on_settings_entry(const IniEntry *entry, void *userdata);
int on_module_entry(const IniEntry *entry, void *userdata);
