/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/authority.h"

#include <errno.h>
#include <strings.h>

#include "core/limits.h"
#include "util/text.h"

void acme_authority_done(AcmeAuthority *a)
{
    char *const texts[] = { a->name,       a->directory,   a->trust_file, a->preferred_chain,
                            a->eab_key_id, a->eab_key_file };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        free(texts[i]);
    strv_free(a->origins);
    strv_free(a->contact);
}

int acme_authority_copy(const AcmeAuthority *from, AcmeAuthority *to)
{
    char **texts[] = { &to->name,       &to->directory,   &to->trust_file, &to->preferred_chain,
                       &to->eab_key_id, &to->eab_key_file };
    bool good = true;

    *to = *from;
    to->origins = to->contact = NULL;
    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        if (*texts[i]) {
            *texts[i] = strdup(*texts[i]);
            good = good && *texts[i];
        }
    return good && strv_copy(from->origins, &to->origins) >= 0 && strv_copy(from->contact, &to->contact) >= 0
               ? 0
               : -ENOMEM;
}

/* ---- its URLs */

static size_t origin_length(const char *url)
{
    return strlen("https://") + strcspn(url + strlen("https://"), "/?#");
}

static bool has_origin(const char *url, const char *origin)
{
    static const char port[] = ":443";
    size_t n = origin_length(url), m = origin_length(origin);

    if (n > strlen(port) && strncmp(url + n - strlen(port), port, strlen(port)) == 0 &&
        m + strlen(port) == n)
        n -= strlen(port);
    return n == m && strncasecmp(url, origin, n) == 0;
}

bool url_is_https(const char *url)
{
    return strncasecmp(url, "https://", strlen("https://")) == 0 && strlen(url) <= LIMIT_URL &&
           text_is_graphic(url);
}

bool acme_authority_has_url(const AcmeAuthority *a, const char *url)
{
    if (!url_is_https(url))
        return false;
    if (has_origin(url, a->directory))
        return true;
    for (size_t i = 0; a->origins && a->origins[i]; i++)
        if (has_origin(url, a->origins[i]))
            return true;
    return false;
}
