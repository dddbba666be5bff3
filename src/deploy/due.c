/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/due.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/schedule.h"
#include "crypto/digest.h"
#include "util/text.h"
#include "util/time.h"

/* Texts are written with their length, so that no two settings have the same description. */
static void put(FILE *f, const char *text)
{
    if (text)
        fprintf(f, "%zu:%s ", strlen(text), text);
    else
        fputs("- ", f);
}

static void describe(FILE *f, const DeploySettings *s)
{
    put(f, s->name);
    for (size_t i = 0; i < _DEPLOY_FILE_MAX; i++)
        put(f, s->files[i]);
    put(f, s->owner);
    put(f, s->group);
    put(f, combined_order_to_string(s->combined_order));
    fprintf(f, "%lo %" PRId64 " ", (unsigned long)s->mode, s->probe_timeout);
    for (size_t i = 0; i < s->n_steps; i++) {
        put(f, unit_action_to_string(s->steps[i].action));
        put(f, s->steps[i].unit);
    }
    for (size_t i = 0; i < s->n_probes; i++) {
        put(f, probe_scheme_to_string(s->probes[i].scheme));
        put(f, s->probes[i].host);
        fprintf(f, "%u %d ", s->probes[i].port, s->probes[i].proxy_v1);
    }
}

int deploy_settings_digest(const DeploySettings *s, char ret[static DIGEST_TEXT])
{
    _cleanup_free_ char *text = NULL;
    uint8_t digest[DIGEST_SIZE];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    int r;

    if (!f)
        return -ENOMEM;
    describe(f, s);
    if (fclose(f) != 0)
        return -ENOMEM;
    r = digest_sha256(text, size, digest);
    if (r >= 0)
        hex_encode(digest, sizeof(digest), false, ret);
    return r;
}

DeployScope deploy_scope(const DeploySettings *s)
{
    return (DeployScope){ .issuers = s->files[DEPLOY_FULL_CHAIN] || s->files[DEPLOY_COMBINED] ||
                                     s->files[DEPLOY_CHAIN],
                          .root = s->files[DEPLOY_ROOT] };
}

int deploy_content_digest(DeployScope scope, const char fingerprints[][DIGEST_TEXT], size_t n,
                          const char *root, char ret[static DIGEST_TEXT])
{
    char text[(LIMIT_CHAIN + 1) * DIGEST_TEXT + 1], *at = text;
    uint8_t digest[DIGEST_SIZE];
    int r;

    *ret = 0;
    if (n == 0 || n > LIMIT_CHAIN || (scope.root && isempty(root)))
        return 0;
    for (size_t i = 0; i < (scope.issuers ? n : 1); i++)
        at = stpcpy(stpcpy(at, fingerprints[i]), "\n");
    if (scope.root)
        at = stpcpy(stpcpy(at, "/"), root);
    r = digest_sha256(text, (size_t)(at - text), digest);
    if (r >= 0)
        hex_encode(digest, sizeof(digest), false, ret);
    return r;
}

static bool is_about(const Deployment *d, const char *content, const char *settings)
{
    return d && streq(d->content, content) && streq(d->settings, settings);
}

/* Where a unit did not run, the detail says so. */
static bool is_done(const Deployment *d)
{
    return d->state == DEPLOYMENT_VERIFIED || (d->state == DEPLOYMENT_WRITTEN && isempty(d->detail));
}

bool deployment_is_pending(const Deployment *d, const char *content, const char *settings)
{
    return !is_about(d, content, settings) || !is_done(d);
}

/* If the chain could not be read, whether it has changed since is unknown. */
static bool is_unreadable(const Deployment *d, const char *settings)
{
    return d && isempty(d->content) && streq(d->settings, settings);
}

int64_t deployment_due(const Deployment *d, const char *content, const char *settings)
{
    if (!is_about(d, content, settings) && !is_unreadable(d, settings))
        return 0;
    if (is_done(d) && !is_unreadable(d, settings))
        return INT64_MAX;
    if (d->failures > 0)
        return d->when + schedule_delay(d->failures);
    return d->state == DEPLOYMENT_WRITTEN ? d->when + SEC_PER_HOUR : 0;
}
