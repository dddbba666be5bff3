/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/permission.h"

#include <openssl/err.h>

#include "core/name.h"
#include "crypto/inspect.h"
#include "util/text.h"

/* A domain with a leading dot excludes names below it alone, which a wildcard for the label in its place does not cover. */
static bool covers_excluded(char *const *names, const GENERAL_NAME *base)
{
    _cleanup_free_ char *text = NULL, *domain = NULL;
    bool covered = false;

    if (base->type != GEN_DNS)
        return false;
    text = strndup((const char *)base->d.dNSName->data, (size_t)base->d.dNSName->length);
    if (!text || name_canonicalize(text, &domain, NULL) < 0)
        return false;
    for (size_t i = 0; names && names[i] && !covered; i++)
        covered = name_is_wildcard(names[i]) && name_covers(names[i], domain);
    return covered;
}

static bool excludes_wildcard(const NAME_CONSTRAINTS *constraints, X509 *leaf)
{
    _cleanup_strv_ char **names = NULL;
    int n = sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees);

    if (n <= 0 || x509_names(leaf, &names) < 0)
        return false;
    for (int i = 0; i < n; i++)
        if (covers_excluded(names, sk_GENERAL_SUBTREE_value(constraints->excludedSubtrees, i)->base))
            return true;
    return false;
}

bool constraints_permit(NAME_CONSTRAINTS *constraints, X509 *leaf)
{
    bool permitted;

    (void)X509_check_purpose(leaf, -1, 0); /* fills in what the check below uses */
    permitted =
        NAME_CONSTRAINTS_check(leaf, constraints) == X509_V_OK && !excludes_wildcard(constraints, leaf);
    ERR_clear_error();
    return permitted;
}

bool x509_permits_names(X509 *authority, X509 *leaf)
{
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(authority, NID_name_constraints, NULL, NULL);
    bool permitted = !constraints || constraints_permit(constraints, leaf);

    NAME_CONSTRAINTS_free(constraints);
    ERR_clear_error();
    return permitted;
}

const char *x509_server_flaw(X509 *x)
{
    (void)X509_check_purpose(x, -1, 0); /* fills in what the checks below use */
    if (!(X509_get_extended_key_usage(x) & XKU_SSL_SERVER))
        return "its extended key usage (extendedKeyUsage) lacks serverAuth";
    if (!(X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE))
        return "its key usage (keyUsage) lacks digitalSignature";
    if (X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0) != 1)
        return "its type (nsCertType) is not that of a server";
    return NULL;
}
