/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/order-search.h"

#include <errno.h>
#include <sys/queue.h>

#include "acme/header.h"
#include "core/limits.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

#define PARALLEL 8

typedef enum SearchState {
    SEARCH_NEW,
    SEARCH_LISTING, /* reading the account, then its list, page by page */
    SEARCH_LOOKING, /* reading the orders, newest first, while there are seekers */
} SearchState;

/* An order of the list. */
typedef struct ListedOrder {
    OrderSearch *search;
    char *url;
    AcmeCall *call;
    char **names; /* names of an order that can be completed; NULL: not read yet, or unusable */
} ListedOrder;

struct OrderSeeker {
    TAILQ_ENTRY(OrderSeeker) entry;
    OrderSearch *search;
    char **names;
    char *url; /* assigned */
    OrderSearchDone done;
    void *userdata;
};

struct OrderSearch {
    AcmeClient *client;
    char **known;
    SearchState state;
    AcmeCall *call;
    ListedOrder *candidates;
    size_t n_candidates, n_unseen, n_calls, n_pages; /* those below n_unseen have not been read */
    bool outdated; /* orders may have been placed since the list was read */
    TAILQ_HEAD(, OrderSeeker) seekers;
    sd_event_source *answering;
};

static const char *whose(const OrderSearch *s)
{
    return acme_client_authority(s->client)->name;
}

/* ---- seekers */

OrderSeeker *order_seeker_cancel(OrderSeeker *k)
{
    if (!k)
        return NULL;
    TAILQ_REMOVE(&k->search->seekers, k, entry);
    strv_free(k->names);
    free(k->url);
    free(k);
    return NULL;
}

static bool is_exhausted(const OrderSearch *s)
{
    return s->state == SEARCH_LOOKING && s->n_unseen == 0 && s->n_calls == 0;
}

static void seek(OrderSeeker *k)
{
    OrderSearch *s = k->search;

    for (size_t i = s->n_candidates; i-- > 0 && !k->url;) {
        ListedOrder *c = s->candidates + i;

        if (c->names && strv_equal_sets(c->names, k->names)) {
            k->url = TAKE_PTR(c->url); /* and nobody else's */
            c->names = strv_free(c->names);
        }
    }
}

static bool is_answered(const OrderSeeker *k)
{
    return k->url || is_exhausted(k->search);
}

static void answer_soon(OrderSearch *s)
{
    if (!TAILQ_EMPTY(&s->seekers))
        (void)sd_event_source_set_enabled(s->answering, SD_EVENT_ONESHOT);
}

static int on_answer(sd_event_source *source _unused_, void *userdata)
{
    OrderSearch *s = userdata;
    OrderSeeker *k;

    TAILQ_FOREACH (k, &s->seekers, entry)
        if (is_answered(k)) {
            OrderSearchDone done = k->done;
            void *data = k->userdata;
            _cleanup_free_ char *url = TAKE_PTR(k->url);

            order_seeker_cancel(k);
            answer_soon(s);
            done(url, data);
            return 0;
        }
    return 0;
}

/* ---- the orders */

static void search_drive(OrderSearch *s);

static void on_candidate(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    ListedOrder *c = userdata;
    OrderSearch *s = c->search;
    _cleanup_(acme_order_freep) AcmeOrder *order = NULL;

    c->call = NULL;
    s->n_calls--;
    if (!failure && acme_order_parse(whose(s), reply->body, reply->size, &order, NULL) >= 0 &&
        (order->status == ACME_PENDING || order->status == ACME_READY))
        c->names = TAKE_PTR(order->names);
    search_drive(s);
}

static void look_at(OrderSearch *s, ListedOrder *c)
{
    AcmeRequest request = { .url = c->url, .type = TYPE_JSON };

    if (acme_client_send(s->client, &request, on_candidate, c, &c->call) >= 0)
        s->n_calls++;
}

static void search_drive(OrderSearch *s)
{
    bool sought = false;
    OrderSeeker *k;

    TAILQ_FOREACH (k, &s->seekers, entry) {
        if (!k->url)
            seek(k);
        sought = sought || !k->url;
    }
    while (s->state == SEARCH_LOOKING && sought && s->n_unseen > 0 && s->n_calls < PARALLEL)
        look_at(s, s->candidates + --s->n_unseen);
    answer_soon(s);
}

/* ---- the list */

static void list_end(OrderSearch *s)
{
    s->state = SEARCH_LOOKING;
    s->n_unseen = s->n_candidates;
    for (size_t i = 0; i < s->n_candidates; i++)
        s->candidates[i].search = s;
    search_drive(s);
}

static int add_candidates(OrderSearch *s, char *const *urls)
{
    for (size_t i = 0; urls && urls[i]; i++) {
        ListedOrder *more;

        if (strv_contains(s->known, urls[i]))
            continue;
        if (s->n_candidates == LIMIT_ORDER_LIST) { /* the newest are last */
            free(s->candidates[0].url);
            s->n_candidates--;
            memmove(s->candidates, s->candidates + 1, s->n_candidates * sizeof(ListedOrder));
        }
        more = reallocarray(s->candidates, s->n_candidates + 1, sizeof(ListedOrder));
        if (!more)
            return -ENOMEM;
        s->candidates = more;
        more[s->n_candidates] = (ListedOrder){ .url = strdup(urls[i]) };
        if (!more[s->n_candidates].url)
            return -ENOMEM;
        s->n_candidates++;
    }
    return 0;
}

static int ask(OrderSearch *s, const char *url, AcmeDone done)
{
    AcmeRequest request = { .resource = url ? ACME_URL : ACME_ACCOUNT,
                            .url = url,
                            .type = TYPE_JSON,
                            .subject = ACME_ABOUT_ACCOUNT };

    return acme_client_send(s->client, &request, done, s, &s->call);
}

static void on_page(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    OrderSearch *s = userdata;
    _cleanup_(acme_order_list_freep) AcmeOrderList *list = NULL;
    _cleanup_problem_ Problem problem = {};
    _cleanup_strv_ char **next = NULL;
    int r = 0;

    s->call = NULL;
    if (failure)
        (void)problem_copy(failure->problem, &problem);
    else if ((r = acme_order_list_parse(whose(s), reply->body, reply->size, &list, &problem)) >= 0 &&
             (r = add_candidates(s, list->orders)) >= 0 &&
             (r = acme_reply_links(acme_client_authority(s->client), reply, "next", &next)) >= 0 && next &&
             next[0] && ++s->n_pages < LIMIT_ORDER_PAGES && (r = ask(s, next[0], on_page)) >= 0)
        return;
    if (r < 0)
        problem_set_errno(&problem, r, "Reading the list of orders");
    if (problem.code != PROBLEM_NONE)
        log_fields(LOG_NOTICE, MESSAGE_FAILURE, FIELDS({ "AUTHORITY", whose(s) }),
                   "%s: failed to search for earlier orders, ignoring: %s", whose(s),
                   strempty(problem.text));
    list_end(s);
}

static void on_account(const AcmeReply *reply, const AcmeFailure *failure, void *userdata)
{
    OrderSearch *s = userdata;
    _cleanup_(acme_account_freep) AcmeAccount *account = NULL;

    s->call = NULL;
    if (failure || acme_account_parse(whose(s), reply->body, reply->size, &account, NULL) < 0 ||
        !account->orders || ask(s, account->orders, on_page) < 0)
        list_end(s);
}

/* ---- the search */

static void drop_candidates(OrderSearch *s)
{
    for (size_t i = 0; i < s->n_candidates; i++) {
        acme_call_cancel(s->candidates[i].call);
        strv_free(s->candidates[i].names);
        free(s->candidates[i].url);
    }
    free(s->candidates);
    s->candidates = NULL;
    s->n_candidates = s->n_unseen = 0;
}

/* Reads the list again, unless others are using it. */
static void search_renew(OrderSearch *s)
{
    if (!s->outdated || s->state != SEARCH_LOOKING || s->n_calls > 0 || !TAILQ_EMPTY(&s->seekers))
        return;
    drop_candidates(s);
    s->n_pages = 0;
    s->state = SEARCH_NEW;
    s->outdated = false;
}

void order_search_expect_more(OrderSearch *s)
{
    s->outdated = true;
}

int order_search_add(OrderSearch *s, char *const *names, OrderSearchDone done, void *userdata,
                     OrderSeeker **ret)
{
    OrderSeeker *k = calloc(1, sizeof(OrderSeeker));
    int r;

    if (!k || strv_copy(names, &k->names) < 0) {
        free(k);
        return -ENOMEM;
    }
    search_renew(s);
    k->search = s;
    k->done = done;
    k->userdata = userdata;
    TAILQ_INSERT_TAIL(&s->seekers, k, entry);
    if (s->state == SEARCH_NEW) {
        r = ask(s, NULL, on_account);
        if (r < 0) {
            order_seeker_cancel(k);
            return r;
        }
        s->state = SEARCH_LISTING;
    } else
        search_drive(s);
    *ret = k;
    return 0;
}

int order_search_new(sd_event *event, AcmeClient *client, char *const *known, OrderSearch **ret)
{
    _cleanup_(order_search_freep) OrderSearch *s = calloc(1, sizeof(OrderSearch));
    int r;

    if (!s)
        return -ENOMEM;
    TAILQ_INIT(&s->seekers);
    s->client = client;
    r = deferred_add(event, &s->answering, on_answer, s);
    if (r >= 0)
        r = strv_copy(known, &s->known);
    if (r >= 0)
        *ret = TAKE_PTR(s);
    return r;
}

OrderSearch *order_search_free(OrderSearch *s)
{
    if (!s)
        return NULL;
    while (!TAILQ_EMPTY(&s->seekers))
        order_seeker_cancel(TAILQ_FIRST(&s->seekers));
    acme_call_cancel(s->call);
    drop_candidates(s);
    strv_free(s->known);
    sd_event_source_disable_unref(s->answering);
    free(s);
    return NULL;
}
