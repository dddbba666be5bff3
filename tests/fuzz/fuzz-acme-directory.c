/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A directory (RFC 8555 section 7.1.1). */
#include "acme.h"

static void require_directory(const AcmeDirectory *d)
{
    require_url(d->new_nonce);
    require_url(d->new_account);
    require_url(d->new_order);
    require_optional_url(d->revoke_cert);
    require_optional_url(d->key_change);
    require_optional_url(d->renewal_info);
    require_optional_url(d->website);
    if (d->terms) {
        require_graphic(d->terms, LIMIT_URL);
        require(strchr(d->terms, ':'));
    }
    require(d->n_profiles <= LIMIT_PROFILES);
    for (size_t i = 0; i < d->n_profiles; i++) {
        require_plain(d->profiles[i].name, LIMIT_ACME_LABEL);
        require(*d->profiles[i].name);
        require_plain(d->profiles[i].text, LIMIT_PROBLEM_TEXT);
        for (size_t j = 0; j < i; j++)
            require(!streq(d->profiles[i].name, d->profiles[j].name));
    }
}

DEFINE_TARGET(AcmeDirectory, directory, require_directory)
