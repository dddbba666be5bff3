/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

/* Ledgers: read when they are needed first; each change is on disk before what it is about is done. While one change is
 * being written others gather, and go together. */

typedef struct BookTask {
    Book *book;
    Store *store;
    char *text;
    bool whole, sync;
    uint64_t noted; /* on disk with it */
    int result;
} BookTask;

static void run_keep(void *data)
{
    BookTask *t = data;

    t->result = t->whole ? store_write_ledger(t->store, t->book->authority, t->text)
                         : store_append_ledger(t->store, t->book->authority, t->text, t->sync);
}

static void book_write(Book *b);

static void on_kept(void *data, void *userdata _unused_)
{
    BookTask *t = data;
    Book *b = t->book;
    uint64_t former;
    Ordering *o, *next;

    b->writing = false;
    if (b->source->closing) { /* which then writes what is left */
        b->kept = t->result < 0 ? b->kept : t->noted;
        b->rewrites |= t->result < 0;
        free(t->text);
        free(t);
        return;
    }
    former = b->kept;
    if (t->result < 0) {
        log_warning("What was asked of the authority %s cannot be noted: %s", b->authority,
                    strerror(-t->result));
        b->rewrites = true;
    } else
        b->written = (t->whole ? 0 : b->written) + strlen(t->text);
    b->kept = t->noted;
    for (o = TAILQ_FIRST(&b->source->orderings); o; o = next) {
        next = TAILQ_NEXT(o, entry);
        if (o->state != ORDERING_PREPARING || !o->peer || o->peer->book != b || o->waits_for > b->kept)
            continue;
        if (t->result < 0 && o->waits_for > former && o->done)
            ordering_fail(o, t->result, "Writing to the ledger of the authority");
        else
            ordering_maybe_run(o);
    }
    book_write(b);
    free(t->text);
    free(t);
}

/* What has come to an end is not worth waiting for the disk; what is about to be tried is. */
static bool is_waited_for(const Book *b)
{
    const Ordering *o;

    TAILQ_FOREACH(o, &b->source->orderings, entry)
    if (o->peer && o->peer->book == b && o->waits_for > b->kept)
        return true;
    return false;
}

/* NULL when there is nothing to write. */
static int book_task(Book *b, BookTask **ret)
{
    bool whole = b->rewrites || ledger_is_wasteful(b->ledger, b->written);
    char *text = whole ? ledger_text(b->ledger, clock_now()) : ledger_take(b->ledger);
    BookTask *t = text ? calloc(1, sizeof(BookTask)) : NULL;

    if (!t) {
        free(text);
        return whole || text ? -ENOMEM : 0;
    }
    *t = (BookTask){ .book = b,
                     .store = b->source->store,
                     .text = text,
                     .whole = whole,
                     .sync = is_waited_for(b),
                     .noted = b->noted,
                     .result = -ECANCELED };
    b->rewrites = false;
    *ret = t;
    return 0;
}

static void book_write(Book *b)
{
    BookTask *t = NULL;
    int r;

    if (b->writing || b->noted == b->kept)
        return;
    r = b->retired ? 0 : source_open(b->source);
    if (r >= 0 && !b->retired)
        r = book_task(b, &t);
    if (r >= 0 && t)
        r = workers_add(b->source->workers, run_keep, on_kept, t);
    if (r < 0) {
        (void)log_oom();
        b->rewrites = true;
        if (t)
            free(t->text);
        free(t);
    } else if (t)
        b->writing = true;
    else
        b->kept = b->noted; /* nothing was different after all */
}

void book_changed(Book *b)
{
    b->noted++;
    book_write(b);
}

/* What there was before is begun anew only when there is nothing that could be read: without it the limits of the authority
 * would be exceeded. */
static int book_read(Book *b)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = store_read_ledger(b->source->store, b->authority, &text, &size);

    b->rewrites = true;
    if (r == -ENOENT)
        return 0;
    if (r == -E2BIG)
        log_warning("The ledger of the authority %s is too large, and is begun anew.", b->authority);
    if (r < 0)
        return r == -E2BIG ? 0 : r;
    r = ledger_read(b->ledger, text, size, clock_now());
    b->written = size;
    b->rewrites = r < 0 || size == 0 || text[size - 1] != '\n';
    return r == -ESTALE ? 0 : r;
}

static Book *book_free(Book *b)
{
    ledger_free(b->ledger);
    free(b->authority);
    free(b->directory);
    free(b);
    return NULL;
}

static void retire_former(AcmeSource *s, const char *authority)
{
    Book *b;

    TAILQ_FOREACH(b, &s->books, entry)
    if (streq(b->authority, authority))
        b->retired = true; /* the file belongs to the one that comes */
}

static Book *book_new(AcmeSource *s, const AuthoritySettings *a)
{
    Book *b = calloc(1, sizeof(Book));

    if (!b)
        return NULL;
    b->source = s;
    b->authority = strdup(a->name);
    b->directory = strdup(a->directory);
    b->ledger = ledger_new(a->directory);
    return b->authority && b->directory && b->ledger ? b : book_free(b);
}

static Book *find_book(const AcmeSource *s, const AuthoritySettings *a)
{
    Book *b;

    TAILQ_FOREACH(b, &s->books, entry)
    if (!b->retired && streq(b->authority, a->name) && streq(b->directory, a->directory))
        return b;
    return NULL;
}

Book *book_get(AcmeSource *s, const AuthoritySettings *a)
{
    Book *b = find_book(s, a);
    int r;

    if (b && b->unreadable_until == 0)
        return b;
    if (b && b->unreadable_until > clock_boot())
        return NULL;
    if (!b) {
        b = book_new(s, a);
        if (!b)
            return NULL;
        retire_former(s, a->name);
        TAILQ_INSERT_TAIL(&s->books, b, entry);
    }
    r = book_read(b);
    b->unreadable_until = r < 0 ? clock_boot() + READ_AGAIN : 0;
    if (r < 0)
        log_error(
            "What was asked of the authority %s before cannot be read, so nothing is asked of it now: %s",
            a->name, strerror(-r));
    return r < 0 ? NULL : b;
}

Book *book_close(Book *b)
{
    bool write = !b->retired && (b->noted != b->kept || (b->rewrites && b->noted > 0));
    _cleanup_free_ char *text = write ? ledger_text(b->ledger, clock_now()) : NULL;
    int r = text ? store_write_ledger(b->source->store, b->authority, text) : 0;

    if (r < 0)
        log_warning("What was asked of the authority %s cannot be noted: %s", b->authority, strerror(-r));
    return book_free(b);
}

/* ---- orders */

int ordering_note(Ordering *o)
{
    int64_t now = clock_now(), after = 0;
    Book *b = o->peer->book;
    int r = 0;

    if (o->tried != b && !o->reissue) {
        after = ledger_note_attempt(b->ledger, o->name, now);
        r = o->early && after >= 0 ? ledger_note_early(b->ledger, o->name, now) : 0;
    }
    if (after >= 0 && r >= 0)
        r = ledger_note_order(b->ledger, o->name, o->names, o->kind, now);
    if (after < 0 || r < 0)
        return -ENOMEM;
    o->tried = b;
    if (ledger_state(b->ledger, now) != LEDGER_CLOSED && !b->probing)
        b->probing = o;
    o->waits_for = b->noted + 1;
    book_changed(b);
    return 0;
}

void ordering_note_counted(Ordering *o)
{
    Book *b = o->peer->book;

    if (o->kind != LEDGER_IN_WINDOW || o->record->replaces)
        return;
    o->kind = LEDGER_NEW;
    if (ledger_note_order(b->ledger, o->name, o->names, o->kind, clock_now()) < 0)
        (void)log_oom();
    book_changed(b);
}

void source_tell_back(AcmeSource *s, Book *b)
{
    if (b)
        b->is_back = true;
    if (s->back_source)
        (void)sd_event_source_set_enabled(s->back_source, SD_EVENT_ONESHOT);
}

int source_on_back(sd_event_source *source _unused_, void *userdata)
{
    AcmeSource *s = userdata;
    bool network = s->network_is_back;
    Book *b;

    s->network_is_back = false;
    if (network)
        s->back(NULL, s->back_userdata);
    TAILQ_FOREACH(b, &s->books, entry)
    if (b->is_back) {
        b->is_back = false;
        s->back(b->authority, s->back_userdata);
    }
    return 0;
}

int ordering_note_resumed(Ordering *o)
{
    Book *b = o->peer->book;
    int64_t now = clock_now();

    o->tried = b;
    if (o->reissue || ledger_after(b->ledger, o->name) > now)
        return 0;
    if (ledger_note_resumed(b->ledger, o->name, now) < 0)
        return -ENOMEM;
    book_changed(b);
    return 0;
}

bool ordering_must_stay(Ordering *o, const AuthoritySettings *a)
{
    const Book *b = book_get(o->source, a);
    int64_t now = clock_now();
    LedgerWait wait = { .until = b ? ledger_open_until(b->ledger) : now + READ_AGAIN,
                        .limit = b ? WAIT_TROUBLE : WAIT_READ };

    if (b && (o->reissue || o->manual || ledger_state(b->ledger, now) != LEDGER_OPEN))
        return false;
    o->until = wait.until;
    o->waited = o->keeps_record = true;
    ordering_explain_wait(o, a, &wait);
    return true;
}

void book_note_works(Book *b)
{
    bool was_open = ledger_state(b->ledger, clock_now()) != LEDGER_CLOSED;

    if (ledger_note_works(b->ledger) < 0)
        (void)log_oom();
    book_changed(b);
    if (!was_open)
        return;
    log_info("The authority %s works again.", b->authority);
    source_tell_back(b->source, b);
}

void source_release(AcmeSource *s)
{
    Ordering *o;

    TAILQ_FOREACH(o, &s->orderings, entry)
    o->held = false;
}

void book_note_trouble(Book *b, int64_t retry_after)
{
    int64_t now = clock_now();
    LedgerState before = ledger_state(b->ledger, now);
    char when[MOMENT_SIZE];

    b->troubled = loop_now(b->source->event, CLOCK_MONOTONIC);
    if (ledger_note_trouble(b->ledger, retry_after, now) < 0)
        (void)log_oom();
    book_changed(b);
    if (before != LEDGER_OPEN && ledger_state(b->ledger, now) == LEDGER_OPEN)
        log_warning("The authority %s is in trouble and is left alone until %s.", b->authority,
                    moment_to_text(ledger_open_until(b->ledger), when));
}

void ordering_note_end(Ordering *o)
{
    int64_t now = clock_now();
    Book *b = o->peer->book;
    Ledger *l = b->ledger;
    int r = 0;

    if (o->bundle)
        r = ledger_note_issued(l, o->name);
    else if (!o->done)
        r = ledger_note_withdrawn(l, o->name, now);
    else if (o->answered ||
             (o->tried == b && !o->finalized && !o->resumed)) /* else there may be a certificate */
        r = ledger_note_failed(l, o->name, o->names, o->refused != 0, now);
    if (r < 0)
        (void)log_oom();
    if (!o->bundle && (o->tried == b || o->resumed))
        o->until = o->until > 0 ? MIN(o->until, ledger_after(l, o->name)) : ledger_after(l, o->name);
    if (b->probing == o)
        b->probing = NULL;
    source_release(o->source);
    if (o->bundle || o->answered)
        book_note_works(b);
    else if (o->at_authority && !problem_is_rate_limited(&o->problem))
        book_note_trouble(b, o->retry_after);
    else
        book_changed(b);
}

static void explain_limit(Ordering *o, const AuthoritySettings *a, const LedgerWait *wait)
{
    static const char *const what[_LEDGER_LIMIT_MAX] = {
        [LEDGER_ORDERS] = "orders of one account",
        [LEDGER_DOMAIN] = "certificates for the domain ",
        [LEDGER_SET] = "certificates for exactly the same names",
        [LEDGER_FAILURES] = "failed validations of ",
    };
    const RateLimit *limit = a->limits + wait->limit;
    _cleanup_free_ char *text = NULL;
    char when[MOMENT_SIZE];

    if (asprintf(&text,
                 "The authority %s allows %u %s%s in %lld %s, which are used up; the order is placed at %s.",
                 a->name, limit->count, what[wait->limit], QUOTE(wait->subject, LIMIT_NAME),
                 (long long)(limit->span >= 7200 ? limit->span / 3600 : limit->span / 60),
                 limit->span >= 7200 ? "hours" : "minutes", moment_to_text(wait->until, when)) < 0)
        text = NULL;
    (void)problem_set_type(&o->problem, PROBLEM_LIMITS_EXCEEDED, "rateLimited", strempty(text));
}

void ordering_explain_wait(Ordering *o, const AuthoritySettings *a, const LedgerWait *wait)
{
    char when[MOMENT_SIZE];

    problem_clear(&o->problem);
    if (wait->limit < _LEDGER_LIMIT_MAX)
        explain_limit(o, a, wait);
    else if (wait->limit == WAIT_READ)
        problem_set(
            &o->problem, PROBLEM_STORAGE_FAILED,
            "What was asked of the authority %s before cannot be read, so nothing is asked of it now; see the journal, "
            "and acme/%s/ledger below the state directory.",
            a->name, a->name);
    else if (wait->limit == WAIT_AFTER)
        problem_set(
            &o->problem, PROBLEM_AUTHORITY_FAILED,
            "The last attempts at the authority %s came to nothing; the next one is made at %s, or at once by Reissue.",
            a->name, moment_to_text(wait->until, when));
    else if (wait->limit == WAIT_TRIED)
        problem_set(
            &o->problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s could not serve other orders just now, so this one was not placed; the next attempt "
            "can be made at %s.",
            a->name, moment_to_text(wait->until, when));
    else
        problem_set(
            &o->problem, PROBLEM_AUTHORITY_FAILED,
            "The authority %s was in trouble when it was asked last, and is left alone until %s; Reissue asks it "
            "at once.",
            a->name, moment_to_text(wait->until, when));
}

int64_t acme_source_after(AcmeSource *s, char *const *names, const char *authority, const char *name)
{
    int64_t after = INT64_MAX;

    for (size_t i = 0; i < s->settings->n_authorities; i++) {
        const AuthoritySettings *a = s->settings->authorities + i;
        Book *b = authority_suits(a, names, authority) ? book_get(s, a) : NULL;

        if (b)
            after = MIN(after, ledger_after(b->ledger, name));
    }
    return after == INT64_MAX ? 0 : after;
}

bool acme_source_release(AcmeSource *s, const char *authority, const char *name)
{
    bool released = false;
    Book *b;

    TAILQ_FOREACH(b, &s->books, entry)
    if (!b->retired && (!authority || streq(b->authority, authority)) &&
        ledger_note_released(b->ledger, name, clock_now()) > 0) {
        released = true;
        book_changed(b);
    }
    return released;
}

void acme_source_clock_set(AcmeSource *s)
{
    Book *b;

    TAILQ_FOREACH(b, &s->books, entry)
    if (b->noted > 0 || b->written > 0) {
        b->rewrites = true;
        book_changed(b);
    }
}

/* ---- authorities that are in trouble */

void acme_source_network_back(AcmeSource *s)
{
    Book *b;

    TAILQ_FOREACH(b, &s->books, entry)
    if (ledger_state(b->ledger, clock_now()) == LEDGER_OPEN) {
        (void)ledger_note_back(b->ledger, clock_now());
        book_changed(b);
    }
    s->network_is_back = true;
    source_tell_back(s, NULL);
    acme_source_drive(s);
}

static void on_looked(const AcmeReply *reply, const AcmeFailure *failure _unused_, void *userdata)
{
    Book *b = userdata;
    AcmeSource *s = b->source;
    int r;

    b->looking = NULL;
    r = ledger_note_probe(b->ledger, reply != NULL, clock_now());
    book_changed(b);
    if (r <= 0)
        return;
    log_info("The authority %s can be reached again.", b->authority);
    source_tell_back(s, b);
}

void acme_source_look(AcmeSource *s)
{
    const AcmeRequest request = { .resource = ACME_DIRECTORY };
    int64_t now = clock_now();
    Peer *p;

    if (!acme_settings_are_on(s->settings))
        return;
    for (size_t i = 0; i < s->settings->n_authorities; i++) {
        const AuthoritySettings *a = s->settings->authorities + i;
        Book *b = a->enabled ? book_get(s, a) : NULL;

        if (!b || b->looking || b->probing || ledger_probe_due(b->ledger) > now)
            continue;
        if (source_open(s) < 0 || peer_get(s, a, &p) < 0)
            continue;
        acme_client_doubt_directory(p->client);
        if (acme_client_send(p->client, &request, on_looked, b, &b->looking) >= 0)
            b->looked_with = p->client;
    }
}

int64_t acme_source_next_look(AcmeSource *s)
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
