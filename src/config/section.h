/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"
#include "core/limits.h"
#include "util/text.h"

/* Common to all sections: the state of the parser, complaints, tables of keys. */

/* Sections of one kind by their canonical names. */
typedef struct SectionIndex SectionIndex;
bool section_index_find(SectionIndex *index, const char *name, size_t *ret);
int section_index_add(SectionIndex **index, const char *name, size_t position);
void section_index_clear(SectionIndex **index);

/* The state of an authority while files are being read. */
typedef struct AuthorityDraft {
    char *file; /* of its first section */
    unsigned line;
    uint64_t wrong; /* keys of authority_keys whose latest value was refused, as bits */
} AuthorityDraft;

typedef struct ParseContext {
    Settings *settings;
    Module *module;
    Claim *claim;           /* of the current section; NULL: the section is ignored */
    DeploySettings *deploy; /* as claim */
    SectionIndex *claims;   /* the module's */
    SectionIndex *deploys;
    const Module *index_module;
    AuthorityDraft drafts[LIMIT_AUTHORITIES]; /* as settings->authorities */
    ssize_t authority;     /* index of the current section; negative: the section is ignored */
    unsigned n_complaints; /* about this file */
    char **unreadable;     /* files and folders that were complained about */
    bool incomplete;       /* a file or folder of the settings, or of the module, could not be read */
    ConfigComplain complain;
    void *userdata;
} ParseContext;

/* A ConfigComplain that stops after LIMIT_CONFIG_ERRORS of one file; userdata is a ParseContext. */
void context_complain(const char *file, unsigned line, const char *key, const char *text, void *userdata);
/* Complains about an entry. Returns -EINVAL. */
int entry_complain(ParseContext *context, const IniEntry *e, const char *format, ...) _printf_(3, 4);
/* Quotes a value in a complaint. */
#define QUOTED(s) QUOTE(s, 200)

/* Parses a value into its field. -EINVAL after a complaint, -ENOMEM. */
typedef int ParseKey(ParseContext *context, const IniEntry *e, void *target);

typedef struct KeyRow {
    const char *section;
    const char *key;
    ParseKey *parse;
    size_t offset; /* of the field in the struct of the section */
    bool vital;    /* with an invalid value, the section is ignored */
} KeyRow;

bool section_is_known(const KeyRow *rows, size_t n, const char *section);
/* Returns NULL after a complaint. */
const KeyRow *key_find(ParseContext *context, const IniEntry *e, const KeyRow *rows, size_t n,
                       const char *section);
/* Finds the key and parses the value; complaints are no failure. -ENOMEM. */
int key_apply(ParseContext *context, const IniEntry *e, const KeyRow *rows, size_t n, const char *section,
              void *object);
