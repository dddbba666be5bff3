/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/record.h"

/* The paths of an object, and the files of a generation. */

#define RECORD_FILE          "record.json"
#define RECORD_FILE_NEW      "record.json.new"
#define CURRENT_LINK         "current"
#define TRASH_PREFIX         ".removed-"
#define GENERATION_FILES_MAX 6

typedef struct GenerationFile {
    const char *name;
    const char *parts; /* l leaf, i issuers, k key, a anchor, b bridges, in file order */
    bool optional;     /* omitted if empty */
} GenerationFile;

/* Returns the member that a letter of GenerationFile.parts stands for. */
char **bundle_part(Bundle *b, char part);
/* Returns the *ret_n files of a generation of this kind. Static. */
const GenerationFile *generation_files(RecordKind kind, size_t *ret_n);
/* Returns true if the file exists for this bundle. */
bool generation_file_exists(const GenerationFile *f, const Bundle *b);
/* Returns the text of a file: a secret if it contains a key. */
int generation_file_text(const GenerationFile *f, const Bundle *b, char **ret);
/* Computes the SHA-256 of the texts of all existing files, each with its NUL, in order. */
int generation_digest(RecordKind kind, const Bundle *b, uint8_t ret[static 32]);
void generation_name(uint64_t generation, char ret[static 24]);

/* Returns the directory of a certificate: its name with a leading "*" replaced by "_". NULL on OOM. */
char *name_to_directory(const char *name);
/* The reverse; NULL with errno EINVAL if no canonical name maps to this directory. */
char *name_from_directory(const char *directory);
/* Returns the path relative to the folder of the store. */
char *object_path(RecordKind kind, const char *name);
const char *object_parent(RecordKind kind); /* "." for the root */
