/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/choose.h"
#include "core/problem.h"
#include "crypto/authority.h"
#include "store/store.h"

/* Where chains come from: one file per source, behind one table. */

/* What is asked of a source. Everything is borrowed from the asker, and stays as it is until the answer. */
typedef struct SourceRequest {
    char *const *names; /* canonical, the primary one first */
    KeyType key_type;
    unsigned purposes;
    int64_t lifetime; /* seconds */
    int64_t now;
    Authority *authority; /* for SOURCE_LOCAL */
    Store *store;         /* for SOURCE_UPLOADED: where */
    const Record *upload; /* and what */
} SourceRequest;

typedef struct SourceOps {
    const char *doing; /* what it does, readable */
    /* In a worker thread: takes its time, touches nothing but the request. */
    int (*obtain)(const SourceRequest *request, Bundle **ret, Problem *problem);
} SourceOps;

extern const SourceOps source_upload_ops;
extern const SourceOps source_local_ops;

const SourceOps *source_ops(Source source);
