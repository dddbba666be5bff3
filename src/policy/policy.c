/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/policy.h"

static const PolicyRow rows[] = {
    { "Certificate", "Reissue", "reissue", false },
    { "Certificate", "Upload", "upload", false },
    { "Certificate", "UploadFd", "upload", false },
    { "Certificate", "ExportRoot", "export-root", true },
    { "Certificate", "Export", "export", true },
    { "Certificate", "OpenKey", "read-key", true },
    { "Certificate", "Revoke", "revoke", false },
    { "Manager", "Register", "register", false },
    { "Manager", "Unregister", "register", false },
    { "Manager", "GetCertificate", NULL, true },
    { "Manager", "Explain", NULL, true },
    { "Manager", "ListModules", NULL, true },
    { "Manager", "Upload", "upload", false },
    { "Manager", "UploadFd", "upload", false },
    { "Manager", "UploadData", "upload", false },
    { "Manager", "CheckUpload", "upload", true },
    { "Manager", "CheckUploadData", "upload", true },
    { "Manager", "ListUploads", NULL, true },
    { "Manager", "RemoveUpload", "upload", false },
    { "Manager", "ExportRoot", "export-root", true },
    { "Manager", "ReissueAll", "reissue", false },
    { "Manager", "Deploy", "deploy", false },
    { "Manager", "RenewDue", "renew", false },
    { "Manager", "ListAuthorities", NULL, true },
    { "Manager", "TestOrder", "reissue", true },
    { "Manager", "RolloverAccountKey", "manage-accounts", false },
    { "Manager", "DeactivateAccount", "manage-accounts", false },
    { "Manager", "Reload", "reload", false },
    { "Job", "Cancel", "reissue", false },
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
