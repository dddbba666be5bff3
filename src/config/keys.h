/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"
#include "core/limits.h"

/* Tables of the known keys, one for each kind of section. Each [Certificate NAME] of a module and each
 * [Authority NAME] may appear once per file; drop-ins add to it. */

typedef struct SectionIndex SectionIndex;

/* State of an authority until all files are read. */
typedef struct AuthorityDraft {
    char *file; /* of its first section */
    unsigned line;
    uint64_t wrong; /* keys of authority_keys whose latest value was invalid, as bit mask */
} AuthorityDraft;

typedef struct ParseContext {
    Settings *settings;
    Module *module;
    Claim *claim;        /* of the current section; NULL: ignored */
    SectionIndex *index; /* the module's claims by name */
    const Module *index_module;
    AuthorityDraft drafts[LIMIT_AUTHORITIES]; /* parallel to settings->authorities */
    ssize_t authority;                        /* of the current section; negative: ignored */
    unsigned n_complaints;                    /* about this file */
    ConfigComplain complain;
    void *userdata;
} ParseContext;

void context_begin_file(ParseContext *context);
void context_done(ParseContext *context);
/* A ConfigComplain that stops after LIMIT_CONFIG_ERRORS complaints about a file; userdata is a
 * ParseContext. */
void context_complain(const char *file, unsigned line, const char *key, const char *text, void *userdata);
/* IniVisit; userdata is a ParseContext. */
int on_settings_entry(const IniEntry *entry, void *userdata);
int on_module_entry(const IniEntry *entry, void *userdata);

/* ---- common to the tables */

/* Parses a value into its field: 0; -EINVAL after a complaint; -ENOMEM. */
typedef int (*ParseKey)(ParseContext *context, const IniEntry *e, void *target);

typedef struct KeyRow {
    const char *section;
    const char *key;
    ParseKey parse;
    size_t offset; /* of the field in the object of the section */
    bool vital;    /* without it, or with an invalid value, the section is ignored */
} KeyRow;

bool section_is_known(const KeyRow *rows, size_t n, const char *section);
/* Returns NULL after a complaint. */
const KeyRow *key_find(ParseContext *context, const IniEntry *e, const KeyRow *rows, size_t n,
                       const char *section);
/* Finds the key and parses its value: 0 or -ENOMEM. */
int key_apply(ParseContext *context, const IniEntry *e, const KeyRow *rows, size_t n, const char *section,
              void *object);

/* ---- [ACME] and [Authority NAME] */

bool acme_section_is_known(const char *section);
int on_acme_entry(ParseContext *context, const IniEntry *e);
/* Drops unusable authorities once all files are read. */
void acme_settle(ParseContext *context);
