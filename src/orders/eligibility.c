/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/settings.h"
#include "core/limits.h"
#include "core/private-name.h"
#include "orders/orders-internal.h"
#include "util/text.h"

/* Decides whether an authority can be asked for names: a function of names and settings alone. */

bool acme_settings_are_on(const Settings *settings)
{
    if (!settings->acme.enabled || !settings->acme.terms_agreed)
        return false;
    FOREACH_AUTHORITY (a, settings)
        if (a->enabled)
            return true;
    return false;
}

static const char *private_name(char *const *names, const char **ret_reason)
{
    for (size_t i = 0; names[i]; i++) {
        *ret_reason = name_private_reason(names[i]);
        if (*ret_reason)
            return names[i];
    }
    return NULL;
}

bool authority_suits(const AuthoritySettings *a, char *const *names, const char *authority)
{
    const char *reason;

    return a->enabled && (!authority || streq(a->name, authority)) &&
           (!a->is_public || !private_name(names, &reason));
}

static bool has_authority(const Settings *settings, const char *name)
{
    FOREACH_AUTHORITY (a, settings)
        if (a->enabled && streq(a->name, name))
            return true;
    return false;
}

AcmeEligibility acme_settings_judge(const Settings *settings, char *const *names, const char *authority)
{
    if (!settings->acme.terms_agreed && settings->acme.enabled && settings->n_authorities > 0)
        return ACME_ELIGIBILITY_TERMS;
    if (!acme_settings_are_on(settings))
        return ACME_ELIGIBILITY_OFF;
    if (authority && !has_authority(settings, authority))
        return ACME_ELIGIBILITY_MISSING;
    FOREACH_AUTHORITY (a, settings)
        if (authority_suits(a, names, authority))
            return ACME_ELIGIBILITY_ASKED;
    return ACME_ELIGIBILITY_PRIVATE;
}

bool acme_settings_suit(const Settings *settings, char *const *names, const char *authority, Problem *why)
{
    AcmeEligibility eligibility = acme_settings_judge(settings, names, authority);
    const char *reason = NULL, *name;

    if (eligibility == ACME_ELIGIBILITY_ASKED)
        return true;
    if (!settings->acme.enabled)
        problem_set(why, PROBLEM_ACME_DISABLED,
                    "ACME is switched off; Enabled=yes in [ACME] switches it on.");
    else if (!settings->acme.terms_agreed)
        problem_set(why, PROBLEM_ACME_DISABLED,
                    "Nothing is ordered before you agree to the authority's terms of service: "
                    "TermsOfServiceAgreed=yes in [ACME].");
    else if (eligibility == ACME_ELIGIBILITY_OFF && settings->n_authorities > 0)
        problem_set(
            why, PROBLEM_ACME_DISABLED,
            "All ACME authorities are switched off; remove Enabled=no from the [Authority] section of one.");
    else if (eligibility == ACME_ELIGIBILITY_OFF)
        problem_set(why, PROBLEM_ACME_DISABLED,
                    "No ACME authority is configured; see [Authority] in certwright.conf(5).");
    else if (eligibility == ACME_ELIGIBILITY_PRIVATE) {
        name = private_name(names, &reason);
        problem_set(
            why, PROBLEM_ACME_DISABLED,
            "No public authority issues for %s: it is %s; an internal one can be set up with Public=no.",
            name, reason);
    } else
        problem_set(
            why, PROBLEM_ACME_DISABLED,
            "There is no [Authority %s] that is enabled; correct Authority= of this certificate, or add the section to "
            "certwright.conf, which may have up to %d.",
            strempty(authority), LIMIT_AUTHORITIES);
    return false;
}
