/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/machine.h"
#include "cli/upload-list.h"
#include "cli/xalloc.h"
#include "core/name.h"
#include "util/text.h"

/* Uploads that no certificate can serve. */

static bool is_of_use(const CertificateList *l, char *const *patterns)
{
    for (size_t i = 0; i < l->n; i++)
        for (char **name = l->items[i].names; name && *name; name++)
            for (char *const *pattern = patterns; pattern && *pattern; pattern++)
                if (name_covers(*pattern, *name))
                    return true;
    return false;
}

static void check_upload(Findings *f, const CertificateList *l, const Upload *u)
{
    _cleanup_strv_ char **names = NULL;
    _cleanup_free_ char *list = NULL;

    xcheck(strv_split(u->names, &names) < 0 ? NULL : f);
    if (is_of_use(l, names))
        return;
    list = names_quote(names);
    finding_add(
        f, SEVERITY_WARNING, "upload-unused", u->fingerprint,
        xasprintf(_("An uploaded chain fits no certificate, as none has a name of it: %s."), list),
        xasprintf(_("Request the name (certwright register MODULE NAME), or remove the chain: certwright "
                    "remove-upload %s"),
                  u->fingerprint));
}

void check_uploads(const Machine *m, Findings *f)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_list_ List l = {};

    if (m->names || machine_open_bus(&bus) < 0)
        return;
    if (sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER_INTERFACE, "ListUploads", NULL, &reply,
                           NULL) < 0 ||
        list_read(&l, &upload_record, "a(ssssx)", reply) < 0) {
        finding_add_unseen(
            f, xstrdup(_("uploads: the service does not list them to this user; root sees more.")));
        return;
    }
    for (const Upload *u = l.items; u < (const Upload *)l.items + l.n; u++)
        check_upload(f, &m->service->list, u);
}
