/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "acme/objects.h"
#include "core/now.h"
#include "crypto/request.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"
#include "util/time.h"

/* Renewal information (RFC 9773): a worker computes the identifier of the certificate from its file, then the authority is
 * queried, and its answer is recorded in the ledger. LIMIT_RENEWAL_CHECKS run at a time. */

#define NONE_AGAIN SEC_PER_DAY  /* until an authority that offers no renewal information is queried again */
#define FAIL_AGAIN SEC_PER_HOUR /* and one that did not answer as it should */

struct WindowCheck {
    TAILQ_ENTRY(WindowCheck) entry;
    Orders *orders;
    Record *record;
    char *identifier;
    Connection *connection;
    WindowDone done;
    void *userdata;
    bool running;
    int result;
};

static const char *fingerprint_of(const Record *rec)
{
    return chain_leaf(rec->slots[SOURCE_ACME].chain)->fingerprint;
}

static LedgerFile *ledger_file_of(Orders *s, const Record *rec)
{
    const AuthoritySettings *a = rec->authority ? orders_find_authority(s, rec->authority) : NULL;

    return a && a->enabled && rec->slots[SOURCE_ACME].chain ? ledger_file_get(s, a) : NULL;
}

LedgerWindow orders_window(Orders *s, const Record *rec)
{
    LedgerFile *f = ledger_file_of(s, rec);

    return f ? ledger_window(f->ledger, rec->name, fingerprint_of(rec))
             : (LedgerWindow){ .check = INT64_MAX };
}

int64_t orders_early(Orders *s, const Record *rec)
{
    LedgerFile *f = ledger_file_of(s, rec);

    return f ? ledger_early(f->ledger, rec->name) : 0;
}

static void check_free(WindowCheck *w)
{
    TAILQ_REMOVE(&w->orders->checks, w, entry);
    connection_release(w->connection);
    record_free(w->record);
    free(w->identifier);
    free(w);
}

static void start_checks(Orders *s);

static void check_end(WindowCheck *w, const LedgerWindow *window)
{
    Orders *s = w->orders;
    LedgerFile *f = ledger_file_of(s, w->record);

    if (f)
        ledger_file_changed(
            f, ledger_note_window(f->ledger, w->record->name, fingerprint_of(w->record), window));
    w->done(w->record->name, w->userdata);
    check_free(w);
    orders_clean_connections(s);
    start_checks(s);
}

/* Keeps what is known, which is queried again later. */
static void check_fail(WindowCheck *w, int64_t again)
{
    LedgerWindow known = orders_window(w->orders, w->record);

    known.check = clock_now() + again;
    check_end(w, &known);
}

static void on_window(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    _cleanup_(acme_renewal_info_freep) AcmeRenewalInfo *info = NULL;
    _cleanup_problem_ Problem problem = {};
    LedgerWindow window = {};
    WindowCheck *w = userdata;

    if (reply &&
        acme_renewal_info_parse(w->record->authority, reply->body, reply->size, &info, &problem) >= 0) {
        window.window = (RenewalWindow){ info->start, info->end };
        window.explanation_url = info->explanation;
        window.check = clock_now() + schedule_window_check(reply->retry_after);
        check_end(w, &window);
        return;
    }
    log_fields(LOG_NOTICE, MESSAGE_FAILURE,
               FIELDS({ "NAME", w->record->name }, { "AUTHORITY", w->record->authority }),
               "%s: Failed to get renewal information from %s, retrying later. %s", w->record->name,
               w->record->authority, strempty(failure ? failure->problem->text : problem.text));
    check_fail(w, failure && failure->retry_after > 0 ? schedule_window_check(failure->retry_after)
                                                      : FAIL_AGAIN);
}

static void on_directory(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    WindowCheck *w = userdata;
    int r = -ENETUNREACH;
    AcmeCall *call;

    if (failure && failure->at_authority && !problem_is_offline(w->orders, failure->problem))
        ledger_file_note_outage(w->connection->file, failure->retry_after);
    if (reply) {
        ledger_file_note_works(w->connection->file);
        r = acme_client_get_renewal_info(w->connection->client, w->identifier, on_window, w, &call);
    }
    if (r < 0)
        check_fail(w, r == -EOPNOTSUPP ? NONE_AGAIN : FAIL_AGAIN);
}

static void run_identify(void *data)
{
    _cleanup_bundle_ Bundle *bundle = NULL;
    WindowCheck *w = data;

    w->result = store_read(w->orders->store, w->record, SOURCE_ACME, &bundle);
    if (w->result >= 0)
        w->result = certificate_identifier(bundle->leaf, &w->identifier);
}

static void on_identified(void *data, void *userdata _unused_)
{
    const AcmeRequest request = { .resource = ACME_DIRECTORY };
    WindowCheck *w = data;
    const AuthoritySettings *a = orders_find_authority(w->orders, w->record->authority);
    int r = w->result;
    AcmeCall *call;

    if (w->orders->closing) {
        check_free(w);
        return;
    }
    if (r >= 0)
        r = a ? connection_get(w->orders, a, &w->connection) : -ENOENT;
    if (r >= 0 && ledger_state(w->connection->file->ledger, clock_now()) == LEDGER_OPEN) {
        check_fail(w, FAIL_AGAIN);
        return;
    }
    if (r >= 0)
        r = acme_client_send(w->connection->client, &request, on_directory, w, &call);
    if (r < 0)
        check_fail(w, NONE_AGAIN);
}

static void start_checks(Orders *s)
{
    size_t n = 0;
    WindowCheck *w;

    TAILQ_FOREACH (w, &s->checks, entry) {
        if (n++ == LIMIT_RENEWAL_CHECKS)
            return;
        if (!w->running && workers_add(s->workers, run_identify, on_identified, w) < 0) {
            (void)log_oom();
            return;
        }
        w->running = true;
    }
}

size_t orders_running_checks(const Orders *s)
{
    const WindowCheck *w;
    size_t n = 0;

    TAILQ_FOREACH (w, &s->checks, entry)
        n += w->running;
    return n;
}

int orders_check_window(Orders *s, const Record *record, WindowDone done, void *userdata)
{
    WindowCheck *w;
    int r = orders_open(s);

    if (r < 0)
        return r;
    w = calloc(1, sizeof(WindowCheck));
    if (!w)
        return -ENOMEM;
    *w = (WindowCheck){ .orders = s, .record = record_copy(record), .done = done, .userdata = userdata };
    if (!w->record) {
        free(w);
        return -ENOMEM;
    }
    TAILQ_INSERT_TAIL(&s->checks, w, entry);
    start_checks(s);
    return 0;
}

void orders_give_up_checks(Orders *s)
{
    WindowCheck *w;

    while ((w = TAILQ_FIRST(&s->checks)))
        check_free(w);
}
