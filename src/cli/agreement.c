/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/agreement.h"

#include "cli/acme-file.h"
#include "cli/fields.h"
#include "cli/question.h"
#include "cli/xalloc.h"
#include "util/text.h"

static const Field properties[] = {
    { "AcmeEnabled", NULL, "b", offsetof(Agreement, enabled) },
    { "Authorities", NULL, "as", offsetof(Agreement, authorities) },
};

void agreement_done(Agreement *a)
{
    fields_done(properties, ELEMENTSOF(properties), a);
    sd_bus_message_unref(a->reply);
    free(a->contact);
    *a = (Agreement){ 0 };
}

Exit agreement_init(Agreement *a, Session *s, const Options *o)
{
    Exit e;
    int r;

    if (o->contact) {
        a->contact = acme_contact_to_url(o->contact);
        if (!a->contact)
            return EXIT_USAGE;
    }
    e = session_get_all(s, MANAGER_PATH, MANAGER_INTERFACE, &a->reply);
    if (e != EXIT_DONE)
        return e;
    fields_init(properties, ELEMENTSOF(properties), a);
    r = fields_read_properties(properties, ELEMENTSOF(properties), a->reply, a);
    a->agrees = !a->enabled && o->given & OPTION_AGREE_TOS;
    return r < 0 ? session_fail_reply(r) : EXIT_DONE;
}

void agreement_ask_contact(Agreement *a)
{
    while (!a->contact) {
        _cleanup_free_ char *answer =
            question_read(_("E-mail address for warnings of the authority (empty: none): "));

        if (!*answer)
            return;
        a->contact = acme_contact_to_url(answer);
    }
}

void agreement_ask(Agreement *a, const Session *s, const char *command)
{
    _cleanup_free_ char *list = strv_join(a->authorities, ", ");

    if (a->enabled || a->agrees || isempty(list))
        return;
    if (!question_can_ask(s)) {
        hint(_("No chain is ordered before somebody agrees to the terms of service of the authority (%s): "
               "\"%s --agree-tos\" does."),
             list, command);
        return;
    }
    hint(
        _("Chains that all clients trust are issued by an authority: %s. It requires that you agree to its terms of "
          "service; those of Let's Encrypt are at https://letsencrypt.org/repository/."),
        list);
    a->agrees = question_confirm(_("Do you agree? [y/N] "));
    if (a->agrees)
        agreement_ask_contact(a);
}

bool agreement_holds(const Agreement *a)
{
    return a->enabled || a->agrees;
}

Exit agreement_write(const Agreement *a, const char *command, FilesChange *c)
{
    _cleanup_acme_file_ AcmeFile f = {};
    Exit e = a->agrees || a->contact ? acme_file_load(&f, command) : EXIT_DONE;

    if (e != EXIT_DONE || !f.lines)
        return e;
    if (a->agrees)
        acme_file_set(&f, "ACME", "TermsOfServiceAgreed", "yes");
    for (char **authority = a->authorities; a->contact && authority && *authority; authority++) {
        _cleanup_free_ char *section = xasprintf("Authority %s", *authority);

        acme_file_set(&f, section, "Contact", a->contact);
    }
    return acme_file_save(&f, c);
}
