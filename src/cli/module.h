/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/fields.h"

/* The modules that have a file, as the service lists them. */

typedef struct Module {
    const char *name, *description;
    char **units;
} Module;

typedef struct ModuleList {
    sd_bus_message *reply; /* owns the text */
    List modules;          /* of Module, by name */
} ModuleList;

void module_list_done(ModuleList *l);
#define _cleanup_modules_ _cleanup_(module_list_done)

Exit modules_load(Session *s, ModuleList *l);
/* The same for a reply to ListModules(), of which it keeps a reference; reports nothing. */
int modules_read(ModuleList *l, sd_bus_message *reply);
/* Returns NULL if it has no file. */
const Module *module_find(const ModuleList *l, const char *name);
