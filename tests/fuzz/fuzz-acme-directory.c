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
    require(strv_length(d->profiles) <= LIMIT_PROFILES);
    for (size_t i = 0; d->profiles && d->profiles[i]; i++) {
        require_plain(d->profiles[i], LIMIT_ACME_LABEL);
        require(*d->profiles[i]);
        for (size_t j = 0; j < i; j++)
            require(!streq(d->profiles[i], d->profiles[j]));
    }
}

DEFINE_TARGET(AcmeDirectory, directory, require_directory)
