/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/internal.h"

/* Estimates of reply sizes in bytes, rather too large than too small. */

#define OBJECT_SIZE 2400 /* of a certificate in GetManagedObjects */
#define JOB_SIZE    700
#define NODE_SIZE   128 /* of a child in Introspect; the longest paths are rare */
#define UPLOAD_SIZE 1024
#define OTHER_SIZE  1024

typedef enum Scale {
    SCALE_ONE,
    SCALE_OBJECTS,
    SCALE_CHILDREN,
    SCALE_UPLOADS,
    SCALE_JOBS,
} Scale;

static const struct {
    const char *member;
    size_t size;
    Scale scale;
} rows[] = {
    { "GetManagedObjects", 4096, SCALE_OBJECTS },
    { "Introspect", 8 * 1024, SCALE_CHILDREN },
    { "GetAll", 6 * 1024, SCALE_ONE },
    { "Explain", 6 * 1024, SCALE_ONE },
    { "Export", 32 * 1024, SCALE_ONE },
    { "ExportRoot", 16 * 1024, SCALE_ONE },
    { "CheckUpload", 16 * 1024, SCALE_ONE },
    { "CheckUploadData", 16 * 1024, SCALE_ONE },
    { "ListUploads", 1024, SCALE_UPLOADS },
    { "ReissueAll", 1024, SCALE_JOBS },
};

static bool has_many_children(const char *path)
{
    return streq(path, BUS_PATH_CERTIFICATES) || streq(path, BUS_PATH_JOBS);
}

size_t bus_reply_size(sd_bus_message *m, void *userdata)
{
    const char *member = strempty(sd_bus_message_get_member(m));
    const Bus *b = userdata;
    size_t n = model_n_certificates(b->model), i = 0;

    while (i < ELEMENTSOF(rows) && !streq(rows[i].member, member))
        i++;
    if (i == ELEMENTSOF(rows))
        return OTHER_SIZE;
    switch (rows[i].scale) {
    case SCALE_OBJECTS:
        return rows[i].size + n * OBJECT_SIZE + model_n_jobs(b->model) * JOB_SIZE;
    case SCALE_CHILDREN:
        return rows[i].size + (has_many_children(strempty(sd_bus_message_get_path(m))) ? n * NODE_SIZE : 0);
    case SCALE_UPLOADS:
        return rows[i].size + model_n_uploads(b->model) * UPLOAD_SIZE;
    case SCALE_JOBS:
        return rows[i].size + n * NODE_SIZE;
    case SCALE_ONE:
        return rows[i].size;
    }
    return OTHER_SIZE;
}
