/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"

/* Outages of authorities: recording them, probing whether one is over, and notifying the observer then. */

/* Notifies the observer when the event loop is idle. */
static void signal_back(Orders *s)
{
    (void)sd_event_source_set_enabled(s->back_source, SD_EVENT_ONESHOT);
}

/* A machine without a default route may still reach internal authorities, so the kind of the failure counts as well. */
bool problem_is_offline(const Orders *s, const Problem *problem)
{
    return problem->code == PROBLEM_NETWORK_FAILED && problem->silent && s->network &&
           !network_has_default_route(s->network);
}

bool ordering_is_offline(const Ordering *o)
{
    return problem_is_offline(o->orders, &o->outcome.problem);
}

void ledger_file_note_works(LedgerFile *f)
{
    bool was_open = ledger_state(f->ledger, clock_now()) != LEDGER_CLOSED;

    ledger_file_changed(f, ledger_note_works(f->ledger));
    if (!was_open)
        return;
    log_info("The authority %s works again.", f->authority);
    f->outage.over = true;
    signal_back(f->orders);
}

void ledger_file_note_outage(LedgerFile *f, int64_t retry_after)
{
    int64_t now = clock_now();
    LedgerState before = ledger_state(f->ledger, now);
    char when[MOMENT_SIZE];

    f->outage.last = loop_now(f->orders->event, CLOCK_MONOTONIC);
    ledger_file_changed(f, ledger_note_outage(f->ledger, retry_after, now));
    if (before != LEDGER_OPEN && ledger_state(f->ledger, now) == LEDGER_OPEN)
        log_fields(LOG_WARNING, MESSAGE_OUTAGE, FIELDS({ "AUTHORITY", f->authority }),
                   "The authority %s has an outage, not using it before %s.", f->authority,
                   moment_to_text(ledger_open_until(f->ledger), when));
}

int orders_on_back(sd_event_source *source _unused_, void *userdata)
{
    Orders *s = userdata;
    LedgerFile *f;

    if (s->network_is_back) {
        s->network_is_back = false;
        s->observer->back(NULL, s->userdata);
    }
    TAILQ_FOREACH (f, &s->ledgers, entry)
        if (f->outage.over) {
            f->outage.over = false;
            s->observer->back(f->authority, s->userdata);
        }
    return 0;
}

void orders_network_back(Orders *s)
{
    int64_t now = clock_now();
    LedgerFile *f;

    TAILQ_FOREACH (f, &s->ledgers, entry)
        if (ledger_state(f->ledger, now) == LEDGER_OPEN)
            ledger_file_changed(f, ledger_note_back(f->ledger, now));
    s->network_is_back = true;
    signal_back(s);
    queue_drive(s);
}

static void on_probed(const AcmeReply *reply, const AcmeFailure *failure _unused_, void *userdata)
{
    LedgerFile *f = userdata;

    f->outage.probe = NULL;
    connection_release(TAKE_PTR(f->outage.probed));
    if (ledger_file_changed(f, ledger_note_probe(f->ledger, reply != NULL, clock_now())) <= 0)
        return;
    log_info("The authority %s can be reached again.", f->authority);
    f->outage.over = true;
    signal_back(f->orders);
}

/* The ledger of an authority that may be probed; NULL: not now. */
static LedgerFile *get_to_probe(Orders *s, const AuthoritySettings *a)
{
    LedgerFile *f = a->enabled ? ledger_file_get(s, a) : NULL;

    return f && !f->outage.probe && !f->outage.trial ? f : NULL;
}

void orders_look(Orders *s)
{
    const AcmeRequest request = { .resource = ACME_DIRECTORY };
    int64_t now = clock_now();
    Connection *p;

    if (!acme_settings_are_on(s->settings))
        return;
    FOREACH_AUTHORITY (a, s->settings) {
        LedgerFile *f = get_to_probe(s, a);

        if (!f || ledger_probe_due(f->ledger) > now || connection_get(s, a, &p) < 0)
            continue;
        acme_client_doubt_directory(p->client);
        if (acme_client_send(p->client, &request, on_probed, f, &f->outage.probe) >= 0)
            f->outage.probed = p;
        else
            connection_release(p);
    }
}

int64_t orders_next_look(Orders *s)
{
    int64_t next = INT64_MAX;

    if (!acme_settings_are_on(s->settings) || !clock_is_trusted())
        return next;
    FOREACH_AUTHORITY (a, s->settings) {
        LedgerFile *f = get_to_probe(s, a);

        if (f)
            next = MIN(next, ledger_probe_due(f->ledger));
    }
    return next;
}
