/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifecycle/obtain.h"

static int obtain_upload(const SourceRequest *request, Bundle **ret, Problem *problem)
{
    int r = store_read(request->store, request->upload, SOURCE_UPLOADED, ret);

    if (r < 0)
        problem_set(problem, PROBLEM_STORAGE_FAILED,
                    "The uploaded chain %s cannot be read from the store; remove it and upload it again.",
                    request->upload->name);
    return r;
}

const SourceOps source_upload_ops = { "taking over the uploaded chain", obtain_upload };
