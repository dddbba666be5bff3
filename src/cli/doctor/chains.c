/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/machine.h"
#include "cli/words.h"
#include "cli/xalloc.h"
#include "util/text.h"

/* Certificates whose chain ends, is missing, or could not be got from an authority. A cause that many have in common is said
 * once, with their names. */

typedef struct Remedy {
    const char *code; /* of LastError: a type of RFC 8555 section 6.7 or of the service */
    const char *finding;
    const char *advice; /* NULL: the error says it */
} Remedy;

#define ADVICE_REACH \
    N_("The authority has to reach this machine: compare the DNS, the firewall and port 80 with what it says; " \
       "\"certwright acme test NAME\" tests what an order needs.")
#define ADVICE_WAIT N_("The service tries again by itself; \"certwright explain NAME\" says when.")
#define ADVICE_CONTACT \
    N_("Correct Contact=mailto:ADDRESS of this authority's section in certwright.conf(5).")
#define ADVICE_EXTERNAL \
    N_("Set EABKeyId= and EABKeyFile= of this authority's section to what it gave you; see certwright.conf(5).")

static const Remedy remedies[] = {
    { "rateLimited", "rate-limited", ADVICE_WAIT },
    { "externalAccountRequired", "external-account", ADVICE_EXTERNAL },
    { "invalidContact", "contact", ADVICE_CONTACT },
    { "unsupportedContact", "contact", ADVICE_CONTACT },
    { "userActionRequired", "user-action", N_("Do what the authority says, then: certwright reissue NAME") },
    { "accountDoesNotExist", "account",
      N_("Make a new account: certwright account deactivate AUTHORITY, then: certwright reissue NAME") },
    { "caa", "caa", N_("Permit this authority in the CAA records of the name, or remove them.") },
    { "dns", "dns-refused",
      N_("Correct the records of the name in the DNS, then: certwright reissue NAME") },
    { "connection", "not-reached", ADVICE_REACH },
    { "unauthorized", "not-proved", ADVICE_REACH },
    { "incorrectResponse", "not-proved", ADVICE_REACH },
    { "tls", "not-reached", ADVICE_REACH },
    { "ChallengeFailed", "not-proved", NULL },
    { "rejectedIdentifier", "name-refused",
      N_("Ask another authority (Authority=), or keep the local chain (ACME=no); see certwright.conf(5).") },
    { "NetworkFailed", "authority-away", ADVICE_WAIT },
    { "AuthorityFailed", "authority-fails", ADVICE_WAIT },
    { "serverInternal", "authority-fails", ADVICE_WAIT },
    { "AuthorityRefused", "authority-refuses", NULL },
    { "StorageFailed", "storage",
      N_("Look at the disk; the journal says more: journalctl -u certwrightd.service") },
};

static const Remedy *remedy_find(const char *code)
{
    static const Remedy other = { "", "not-renewed",
                                  N_("\"certwright explain NAME\" says more, and the journal: journalctl -u "
                                     "certwrightd.service") };

    for (size_t i = 0; i < ELEMENTSOF(remedies); i++)
        if (streq(remedies[i].code, code))
            return &remedies[i];
    return &other;
}

/* A chain that clients trust is served meanwhile. */
static bool is_covered(const Certificate *c)
{
    return streq(c->state, "valid") && !streq(c->source, "local");
}

/* Returns true if both failed for the same reason, which may name each. */
static bool errors_are_alike(const Certificate *a, const Certificate *b)
{
    size_t n = strlen(a->name), k = strlen(b->name);
    const char *p = a->error.text, *q = b->error.text;

    if (!streq(a->error.code, b->error.code))
        return false;
    while (*p && *q)
        if (strncmp(p, a->name, n) == 0 && strncmp(q, b->name, k) == 0) {
            p += n;
            q += k;
        } else if (*p++ != *q++)
            return false;
    return *p == *q;
}

/* The names of all with this error; NULL if an earlier one has it, which has said it. */
static char **names_with_error(const Machine *m, size_t i, bool *ret_covered)
{
    const Certificate *items = m->service->list.items;
    char **names = NULL;

    *ret_covered = true;
    for (size_t k = 0; k < m->service->list.n; k++) {
        if (!machine_wants(m, &items[k]) || !errors_are_alike(&items[k], &items[i]))
            continue;
        if (k < i)
            return NULL;
        xcheck(strv_extend(&names, items[k].name) < 0 ? NULL : names);
        *ret_covered = *ret_covered && is_covered(&items[k]);
    }
    return names;
}

static void check_error(const Machine *m, Findings *f, size_t i)
{
    const Certificate *c = &m->service->list.items[i];
    _cleanup_strv_ char **names = NULL;
    _cleanup_free_ char *list = NULL;
    const Remedy *r;
    bool covered;

    if (isempty(c->error.code))
        return;
    names = names_with_error(m, i, &covered);
    if (!names)
        return;
    list = names_quote(names);
    r = remedy_find(c->error.code);
    finding_add(f, covered ? SEVERITY_WARNING : SEVERITY_ERROR, r->finding, list,
                xasprintf("%s: %s (%s)", list, c->error.text, c->error.code),
                r->advice ? xstrdup(_(r->advice)) : NULL);
}

static void check_end(Findings *f, const Certificate *c)
{
    _cleanup_free_ char *end = time_format_expiry(c->not_after);

    if (streq(c->state, "expired"))
        finding_add(f, SEVERITY_ERROR, "expired", c->name,
                    xasprintf(_("%s: the chain has expired: %s."), c->name, end),
                    xasprintf(_("Get another one: certwright reissue %s"), c->name));
    else if (streq(c->state, "pending") && streq(c->job, "/"))
        finding_add(f, SEVERITY_ERROR, "no-chain", c->name, xasprintf(_("%s: there is no chain."), c->name),
                    xasprintf(_("Get one: certwright reissue %s"), c->name));
    else if (streq(c->state, "expiring") && streq(c->source, "uploaded"))
        finding_add(
            f, SEVERITY_WARNING, "upload-expiring", c->name,
            xasprintf(_("%s: the uploaded chain expires soon, and only another upload can replace it: %s."),
                      c->name, end),
            xasprintf(_("Upload another one: certwright upload %s FILE"), c->name));
}

/* An upload that an administrator expects to be served. */
static void check_upload(Findings *f, const Certificate *c)
{
    for (size_t i = 0; i < c->candidates.n; i++) {
        const Candidate *k = (const Candidate *)c->candidates.items + i;

        if (!streq(k->source, "uploaded") || k->usable || k->not_after == 0)
            continue;
        finding_add(
            f, SEVERITY_WARNING, streq(k->reason, "it has expired") ? "upload-expired" : "upload-unusable",
            c->name,
            xasprintf(_("%s: the uploaded chain is not served: %s."), c->name, word_to_text(k->reason)),
            xasprintf(_("Upload another one: certwright upload %s FILE; or remove it: certwright uploads"),
                      c->name));
    }
}

/* Why there is no chain of an authority, other than a failure: settings. */
static const struct {
    const char *reason, *code;
    Severity severity;
    const char *text, *advice;
} choices[] = {
    { "No uploaded chain fits and nothing is ordered before TermsOfServiceAgreed=yes, so the local root signed this one.",
      "terms-not-agreed", SEVERITY_NOTE, N_("Nothing is ordered before you agree to the authorities' terms"),
      N_("To have authorities issue: certwright acme setup; or set TermsOfServiceAgreed=yes below [ACME] in "
         "/etc/certwright/certwright.conf.") },
    { "No uploaded chain fits and ACME is not enabled, so the local root signed this one.", "acme-off",
      SEVERITY_NOTE, N_("No authority is asked, as ACME is switched off or no authority is configured"),
      N_("To have authorities issue, set Enabled=yes below [ACME], and see [Authority] in certwright.conf(5).") },
    { "No uploaded chain fits and the authority that Authority= names is not configured, so the local root signed this one.",
      "authority-unknown", SEVERITY_ERROR, N_("The authority that Authority= names is not configured"),
      N_("Correct Authority= of the certificate, or add [Authority NAME] to certwright.conf(5).") },
    { "No uploaded chain fits and no public authority issues for such names, so the local root signed this one.",
      "name-private", SEVERITY_NOTE,
      N_("No public authority issues for these names, so the local root signs them"),
      N_("Clients have to trust the local root: certwright export-root; or set up an authority with Public=no.") },
};

static void check_choices(const Machine *m, Findings *f)
{
    for (size_t k = 0; k < ELEMENTSOF(choices); k++) {
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < m->service->list.n; i++) {
            const Certificate *c = &m->service->list.items[i];

            if (machine_wants(m, c) && streq(c->reason, choices[k].reason))
                xcheck(strv_extend(&names, c->name) < 0 ? NULL : names);
        }
        list = names_quote(names);
        if (names)
            finding_add(f, choices[k].severity, choices[k].code, list,
                        xasprintf("%s: %s.", _(choices[k].text), list), xstrdup(_(choices[k].advice)));
    }
}

static void check_root(const Machine *m, Findings *f)
{
    const Certificate *c = m->service->list.root;
    _cleanup_free_ char *end = c ? time_format_expiry(c->not_after) : NULL;

    if (!c || m->names)
        return;
    if (streq(c->state, "expired"))
        finding_add(
            f, SEVERITY_ERROR, "root-expired", "root", xasprintf(_("The local root has expired: %s."), end),
            xstrdup(
                _("Make a new one: certwright reissue --root; clients then need: certwright export-root")));
    if (streq(c->reason, "The uploaded root cannot be used, so the machine's own root is."))
        finding_add(
            f, SEVERITY_WARNING, "root-unusable", "root", xstrdup(word_to_text(c->reason)),
            xstrdup(_(
                "Upload another one (certwright upload --root FILE), or make one: certwright reissue --root")));
    if (!isempty(c->error.code))
        finding_add(
            f, SEVERITY_ERROR, "root-not-renewed", "root",
            xasprintf(_("The local root could not be renewed: %s (%s)"), c->error.text, c->error.code),
            xstrdup(_("Try again: certwright reissue --root; the journal says more: journalctl -u "
                      "certwrightd.service")));
}

/* Names that the user asks about. */
static void check_wanted(const Machine *m, Findings *f)
{
    for (char *const *name = m->names; name && *name; name++) {
        Machine one = { .names = (char *[]){ *name, NULL } };
        bool found = false;

        for (size_t i = 0; i < m->service->list.n; i++)
            found = found || machine_wants(&one, &m->service->list.items[i]);
        if (!found)
            finding_add(f, SEVERITY_ERROR, "not-requested", *name,
                        xasprintf(_("%s: no module requests a certificate for this name."), *name),
                        xasprintf(_("Request one: certwright register MODULE %s; or in a file in "
                                    "/etc/certwright/modules.d, which can also deliver it."),
                                  *name));
    }
    if (!m->names && m->service->list.n == 0)
        finding_add(
            f, SEVERITY_WARNING, "no-certificates", NULL, xstrdup(_("No module requests a certificate.")),
            xstrdup(_(
                "Request one with a file in /etc/certwright/modules.d, or: certwright enable SERVICE NAME")));
}

void check_chains(const Machine *m, Findings *f)
{
    check_wanted(m, f);
    check_root(m, f);
    for (size_t i = 0; i < m->service->list.n; i++) {
        const Certificate *c = &m->service->list.items[i];

        if (!machine_wants(m, c))
            continue;
        check_error(m, f, i);
        check_end(f, c);
        check_upload(f, c);
    }
    check_choices(m, f);
}
