/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifecycle/obtain.h"

static int obtain_local(const SourceRequest *request, Bundle **ret, Problem *problem)
{
    LeafTemplate t = {
        .names = request->names,
        .key_type = request->key_type,
        .purposes = request->purposes,
        .lifetime = request->lifetime,
        .now = request->now,
    };

    return authority_issue(request->authority, &t, ret, problem);
}

const SourceOps source_local_ops = { "making a key and signing with the local root", obtain_local };

const SourceOps *source_ops(Source source)
{
    static const SourceOps *const ops[_SOURCE_MAX] = {
        [SOURCE_UPLOADED] = &source_upload_ops,
        [SOURCE_LOCAL] = &source_local_ops,
    };

    return ops[source];
}
