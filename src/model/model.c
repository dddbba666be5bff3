/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/model.h"

#include <errno.h>

int model_watch(Model *m, const ModelWatcher *watcher, void *userdata)
{
    for (size_t i = 0; i < MODEL_WATCHERS; i++)
        if (!m->watches[i].watcher) {
            m->watches[i].watcher = watcher;
            m->watches[i].userdata = userdata;
            return 0;
        }
    return -ENOSPC;
}

void model_unwatch(Model *m, const void *userdata)
{
    for (size_t i = 0; i < MODEL_WATCHERS; i++)
        if (m->watches[i].userdata == userdata)
            m->watches[i].watcher = NULL;
}

int model_new(Model **ret)
{
    _cleanup_(model_freep) Model *m = calloc(1, sizeof(Model));

    if (!m || !(m->names = name_table_new()))
        return -ENOMEM;
    m->root = certificate_new(record_new(RECORD_ROOT, "root"));
    if (!m->root)
        return -ENOMEM;
    m->root->published = true;
    *ret = TAKE_PTR(m);
    return 0;
}

static void free_all(Certificate **table)
{
    Certificate *c, *next;

    HASH_ITER (hh, *table, c, next) {
        HASH_DEL(*table, c);
        certificate_free(c);
    }
}

Model *model_free(Model *m)
{
    Job *j, *next;

    if (!m)
        return NULL;
    HASH_ITER (hh, m->jobs, j, next) {
        HASH_DEL(m->jobs, j);
        job_free(j);
    }
    free_all(&m->certificates);
    free_all(&m->uploads);
    certificate_free(m->root);
    name_table_free(m->names);
    free(m);
    return NULL;
}
