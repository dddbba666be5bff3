/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"

/* Outages of authorities, and their end: when one is noticed, who asks whether it is over, and who hears of that. */

void book_note_works(Book *b)
{
    bool was_open = ledger_state(b->ledger, clock_now()) != LEDGER_CLOSED;

    if (ledger_note_works(b->ledger) < 0)
        (void)log_oom();
    book_changed(b);
    if (!was_open)
        return;
    log_info("The authority %s works again.", b->authority);
    orders_signal_back(b->orders, b);
}

void book_note_outage(Book *b, int64_t retry_after)
{
    int64_t now = clock_now();
    LedgerState before = ledger_state(b->ledger, now);
    char when[MOMENT_SIZE];

    b->outage_at = loop_now(b->orders->event, CLOCK_MONOTONIC);
    if (ledger_note_outage(b->ledger, retry_after, now) < 0)
        (void)log_oom();
    book_changed(b);
    if (before != LEDGER_OPEN && ledger_state(b->ledger, now) == LEDGER_OPEN)
        log_warning("The authority %s is in trouble and is left alone until %s.", b->authority,
                    moment_to_text(ledger_open_until(b->ledger), when));
}

void orders_signal_back(Orders *s, Book *b)
{
    if (b)
        b->is_back = true;
    if (s->back_source)
        (void)sd_event_source_set_enabled(s->back_source, SD_EVENT_ONESHOT);
}

int orders_on_back(sd_event_source *source _unused_, void *userdata)
{
    Orders *s = userdata;
    bool network = s->network_is_back;
    Book *b;

    s->network_is_back = false;
    if (network)
        s->observer->back(NULL, s->userdata);
    TAILQ_FOREACH (b, &s->books, entry)
        if (b->is_back) {
            b->is_back = false;
            s->observer->back(b->authority, s->userdata);
        }
    return 0;
}

void orders_network_back(Orders *s)
{
    Book *b;

    TAILQ_FOREACH (b, &s->books, entry)
        if (ledger_state(b->ledger, clock_now()) == LEDGER_OPEN) {
            (void)ledger_note_back(b->ledger, clock_now());
            book_changed(b);
        }
    s->network_is_back = true;
    orders_signal_back(s, NULL);
    queue_drive(s);
}

static void on_looked(const AcmeReply *reply, const AcmeFailure *failure _unused_, void *userdata)
{
    Book *b = userdata;
    Orders *s = b->orders;
    int r;

    b->looking = NULL;
    r = ledger_note_probe(b->ledger, reply != NULL, clock_now());
    book_changed(b);
    if (r <= 0)
        return;
    log_info("The authority %s can be reached again.", b->authority);
    orders_signal_back(s, b);
}

void orders_look(Orders *s)
{
    const AcmeRequest request = { .resource = ACME_DIRECTORY };
    int64_t now = clock_now();
    Connection *p;

    if (!acme_settings_are_on(s->settings))
        return;
    for (size_t i = 0; i < s->settings->n_authorities; i++) {
        const AuthoritySettings *a = s->settings->authorities + i;
        Book *b = a->enabled ? book_get(s, a) : NULL;

        if (!b || b->looking || b->probing || ledger_probe_due(b->ledger) > now)
            continue;
        if (orders_open(s) < 0 || connection_get(s, a, &p) < 0)
            continue;
        acme_client_doubt_directory(p->client);
        if (acme_client_send(p->client, &request, on_looked, b, &b->looking) >= 0)
            b->looked_with = p->client;
    }
}

int64_t orders_next_look(Orders *s)
{
    int64_t next = INT64_MAX;

    if (!acme_settings_are_on(s->settings) || !clock_is_trusted())
        return next;
    for (size_t i = 0; i < s->settings->n_authorities; i++) {
        Book *b = s->settings->authorities[i].enabled ? book_get(s, s->settings->authorities + i) : NULL;

        if (b && !b->looking && !b->probing)
            next = MIN(next, ledger_probe_due(b->ledger));
    }
    return next;
}
