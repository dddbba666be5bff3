/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/policy.h"

static const PolicyRow rows[] = {
    { "Certificate", "Reissue", "reissue" },
    { "Certificate", "Upload", "upload" },
    { "Certificate", "ExportRoot", "export-root" },
    { "Certificate", "Export", "export" },
    { "Manager", "Register", "register" },
    { "Manager", "Unregister", "register" },
    { "Manager", "GetCertificate", NULL },
    { "Manager", "Upload", "upload" },
    { "Manager", "ListUploads", "upload" },
    { "Manager", "RemoveUpload", "upload" },
    { "Manager", "ExportRoot", "export-root" },
    { "Manager", "ReissueAll", "reissue" },
    { "Manager", "RenewDue", "renew" },
    { "Manager", "Reload", "reload" },
    { "Job", "Cancel", "reissue" },
};

const PolicyRow *policy_find(const char *interface, const char *member)
{
    if (!interface || !member || strncmp(interface, POLICY_PREFIX, strlen(POLICY_PREFIX)) != 0)
        return NULL;
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        if (streq(rows[i].interface, interface + strlen(POLICY_PREFIX)) && streq(rows[i].member, member))
            return rows + i;
    return NULL;
}

const PolicyRow *policy_rows(size_t *ret_n)
{
    *ret_n = ELEMENTSOF(rows);
    return rows;
}
