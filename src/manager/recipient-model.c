/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "manager/recipient.h"
#include "util/log.h"
#include "util/text.h"

/* A recipient and its certificates in the tables: which chains they have, and what is shown of their deployment. */

static const char *leaf_of(const Certificate *c)
{
    const Chain *chain = c ? certificate_chain(c) : NULL;

    return chain ? chain_leaf(chain)->fingerprint : "";
}

const char *recipient_content(const Model *m, const RecipientItem *i, char ret[static DIGEST_TEXT])
{
    const Certificate *c = model_find_any(m, i->name);
    const Chain *chain = c ? certificate_chain(c) : NULL;
    char fingerprints[LIMIT_CHAIN][DIGEST_TEXT] = {};
    size_t n = chain ? MIN((size_t)chain->n_entries, ELEMENTSOF(fingerprints)) : 0;

    for (size_t k = 0; k < n; k++)
        (void)memccpy(fingerprints[k], chain->entries[k].fingerprint, 0, DIGEST_TEXT - 1);
    if (deploy_content_digest(i->scope, fingerprints, n, leaf_of(m->root), ret) < 0)
        (void)log_oom();
    return ret;
}

static void log_state(const Recipient *c, const Placement *d, const char *name)
{
    static const struct {
        int priority;
        const char *message, *text;
    } rows[_DEPLOYMENT_STATE_MAX] = {
        [DEPLOYMENT_VERIFIED] = { LOG_INFO, MESSAGE_SERVICE_VERIFIED, "presents the new chain" },
        [DEPLOYMENT_ROLLED_BACK] = { LOG_WARNING, MESSAGE_SERVICE_ROLLED_BACK,
                                     "uses the former chain again" },
        [DEPLOYMENT_FAILED] = { LOG_ERR, MESSAGE_SERVICE_FAILED, "could not be given the new chain" },
    };
    _cleanup_free_ char *units = strv_join(c->units, " ");

    if (!rows[d->state].text)
        return;
    log_fields(
        rows[d->state].priority, rows[d->state].message,
        (const LogField[]){
            { "NAME", name }, { "MODULE", c->module }, { "UNIT", units }, { "REASON", d->detail }, {} },
        "%s: Module %s %s.%s%s", name, c->module, rows[d->state].text, d->detail ? " " : "",
        strempty(d->detail));
}

/* Until a successor was written, the files have the chain that was tried last. */
static void note_revoked(const Recipient *c, RecipientItem *i, const Certificate *certificate)
{
    const Deployment *d = report_find(&c->report, i->name);
    const BlockedLeaf *blocked;
    bool in_files = d && (d->state == DEPLOYMENT_VERIFIED || d->state == DEPLOYMENT_WRITTEN);

    if (!d || (in_files && streq(d->leaf, leaf_of(certificate))))
        i->is_of_revoked = false;
    blocked = in_files ? blocklist_find(&certificate->record->blocked, d->leaf) : NULL;
    if (blocked && blocked->reason == BLOCK_REVOKED)
        i->is_of_revoked = true;
    for (Source s = 0; in_files && s < _SOURCE_MAX; s++) {
        const Slot *slot = certificate->record->slots + s;

        if (slot->revoked && slot->chain && streq(chain_leaf(slot->chain)->fingerprint, d->leaf))
            i->is_of_revoked = true;
    }
}

/* Returns false if it has no certificate. */
static bool show(Recipient *c, RecipientItem *i, Model *m, const char *content)
{
    Certificate *certificate = model_find_any(m, i->name);
    DeploymentState before = _DEPLOYMENT_STATE_INVALID;
    const Placement *former;
    Placement placement;
    int r;

    if (!certificate)
        return false;
    note_revoked(c, i, certificate);
    placement = recipient_describe(c, i, content);
    former = placements_find(&certificate->placements, c->module);
    if (former)
        before = former->state;
    r = model_set_placement(m, certificate, &placement);
    if (r < 0)
        (void)log_oom();
    if (r == 1 && placement.state != before)
        log_state(c, &placement, i->name);
    return true;
}

void recipient_show(Recipient *c, RecipientItem *i, Model *m)
{
    (void)show(c, i, m, RECIPIENT_CONTENT(m, i));
}

void recipient_look_at(Recipient *c, Model *m, int64_t now)
{
    c->due = c->look_due = INT64_MAX;
    for (size_t i = 0; i < c->n_items; i++) {
        const char *content = RECIPIENT_CONTENT(m, c->items + i);

        if (show(c, c->items + i, m, content))
            recipient_note_due(c, c->items + i, content, now);
    }
    c->is_dirty = false;
}

char *recipient_find_failure(const Recipient *c, const Model *m)
{
    char *text;

    for (size_t i = 0; i < c->n_items; i++) {
        const Certificate *certificate = model_find_any(m, c->items[i].name);
        const Placement *seen = certificate ? placements_find(&certificate->placements, c->module) : NULL;

        if (!seen || (seen->state != DEPLOYMENT_FAILED && seen->state != DEPLOYMENT_ROLLED_BACK))
            continue;
        return asprintf(&text, "%s: %s", c->items[i].name,
                        seen->detail ? seen->detail : "It could not be delivered; the journal shows why.") <
                       0
                   ? NULL
                   : text;
    }
    return NULL;
}

bool recipient_has_pending(const Recipient *c, const Model *m)
{
    for (size_t i = 0; i < c->n_items; i++)
        if (recipient_is_pending(c, c->items + i, RECIPIENT_CONTENT(m, c->items + i)))
            return true;
    return false;
}

bool recipient_lacks_chain(const Recipient *c, const Model *m)
{
    for (size_t i = 0; i < c->n_items; i++) {
        const Certificate *certificate = model_find_any(m, c->items[i].name);

        if (certificate && !certificate_chain(certificate))
            return true;
    }
    return false;
}
