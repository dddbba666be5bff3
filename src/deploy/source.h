/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "core/problem.h"

/* The store as certwright-deploy sees it: a directory of another user, who may change it at any time. Nothing in it
 * is followed but "current", of which only the name of a directory beside it is taken; files have to be regular, with
 * one link, and of the owner of the store. The texts read are copies, and foreign (examine.h). */
typedef struct SourceStore {
    int fd;
    uid_t owner;
} SourceStore;

int source_open(const char *path, SourceStore *ret, Problem *problem);
void source_close(SourceStore *s);
#define _cleanup_source_ _cleanup_(source_close)

typedef struct SourceText {
    char *data; /* erased when freed */
    size_t size;
} SourceText;

void source_text_clear(SourceText *t);
#define _cleanup_source_text_ _cleanup_(source_text_clear)

/* Reads the served chain of a certificate and its key, of one generation. ret_key may be NULL. */
int source_read_certificate(const SourceStore *s, const char *name, SourceText *ret_chain,
                            SourceText *ret_key, Problem *problem);
/* Reads the record of a certificate, record.json. */
int source_read_record(const SourceStore *s, const char *name, SourceText *ret, Problem *problem);
/* Reads the certificate of the local root. */
int source_read_root(const SourceStore *s, SourceText *ret, Problem *problem);
