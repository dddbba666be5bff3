/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/record.h"

/* Where an object's files are, and what a generation consists of. */

#define RECORD_FILE          "record.json"
#define RECORD_FILE_NEW      "record.json.new"
#define CURRENT_LINK         "current"
#define TRASH_PREFIX         ".removed-"
#define GENERATION_FILES_MAX 6

typedef struct GenerationFile {
    const char *name;
    const char *parts; /* l leaf, i issuers, k key, a anchor, b bridges, in the order of the file */
    bool optional;     /* it is not there when it would be empty */
} GenerationFile;

/* The files of a generation of this kind; *ret_n of them. Static. */
const GenerationFile *generation_files(RecordKind kind, size_t *ret_n);
/* Whether the file is there. */
bool generation_file_exists(const GenerationFile *f, const Bundle *b);
/* Text of one file: a secret when it has a key. */
int generation_file_text(const GenerationFile *f, const Bundle *b, char **ret);
/* SHA-256 of the texts of all files that are there, each with its NUL, in their order. */
int generation_digest(RecordKind kind, const Bundle *b, uint8_t ret[static 32]);
void generation_name(uint64_t generation, char ret[static 24]);

/* Path below the store's folder; newly allocated. */
char *object_path(RecordKind kind, const char *name);
const char *object_parent(RecordKind kind); /* "." for the root */
