/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/internal.h"

/* Estimates of reply sizes in bytes, rather too large than too small. */

#define OBJECT_SIZE 2400 /* of a certificate in GetManagedObjects */
#define JOB_SIZE    700
#define NODE_SIZE   128 /* of a path, and of a child in Introspect; the longest paths are rare */
#define UPLOAD_SIZE 1024
#define MODULE_SIZE 512
#define OTHER_SIZE  1024

/* The size, and what each certificate, job and upload adds to it. */
static const struct {
    const char *member;
    size_t size, certificate, job, upload;
} rows[] = {
    { "GetManagedObjects", 4096, OBJECT_SIZE, JOB_SIZE, 0 },
    { "Introspect", 8 * 1024, NODE_SIZE, 0, 0 },
    { "GetAll", 6 * 1024, 0, 0, 0 },
    { "Explain", 6 * 1024, 0, 0, 0 },
    { "Export", 32 * 1024, 0, 0, 0 },
    { "ExportRoot", 16 * 1024, 0, 0, 0 },
    { "CheckUpload", 16 * 1024, 0, 0, 0 },
    { "CheckUploadData", 16 * 1024, 0, 0, 0 },
    { "ListModules", 1024, MODULE_SIZE, 0, 0 }, /* hardly any module has no certificate */
    { "ListUploads", 1024, 0, 0, UPLOAD_SIZE },
    { "ListAuthorities", 128 * 1024, 0, 0, 0 },
    { "TestOrder", 64 * 1024, 0, 0, 0 },
    { "ReissueAll", 1024, NODE_SIZE, 0, 0 },
};

static bool has_few_children(sd_bus_message *m)
{
    const char *path = strempty(sd_bus_message_get_path(m));

    return !streq(path, BUS_PATH_CERTIFICATES) && !streq(path, BUS_PATH_JOBS);
}

size_t bus_reply_size(sd_bus_message *m, void *userdata)
{
    const char *member = strempty(sd_bus_message_get_member(m));
    const Bus *b = userdata;

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        if (!streq(rows[i].member, member))
            continue;
        if (streq(member, "Introspect") && has_few_children(m))
            return rows[i].size;
        return rows[i].size + b->model->n_published * rows[i].certificate +
               HASH_COUNT(b->model->jobs) * rows[i].job + HASH_COUNT(b->model->uploads) * rows[i].upload;
    }
    return OTHER_SIZE;
}
