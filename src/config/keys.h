/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"

/* What the keys mean: one table for certwright.conf, one for module files. Each [Certificate NAME] of a module may be
 * written once per file; drop-ins add to it. */

typedef struct SectionIndex SectionIndex;

typedef struct ParseContext {
    Settings *settings;
    Module *module;
    Claim *claim;        /* of the section that is being read; NULL: it is passed over */
    SectionIndex *index; /* the module's claims by name */
    const Module *index_module;
    char *host;            /* %H, when it was asked for */
    unsigned n_complaints; /* about this file */
    ConfigComplain complain;
    void *userdata;
} ParseContext;

void settings_init(Settings *s);
void context_begin_file(ParseContext *context);
void context_done(ParseContext *context);
/* A ConfigComplain that stops after LIMIT_CONFIG_ERRORS of one file; userdata is a ParseContext. */
void context_complain(const char *file, unsigned line, const char *key, const char *text, void *userdata);
/* IniVisit; userdata is a ParseContext. */
int on_settings_entry(const IniEntry *entry, void *userdata);
int on_module_entry(const IniEntry *entry, void *userdata);
