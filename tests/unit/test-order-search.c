/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-client.h"

#include "acme/order-search.h"
#include "core/limits.h"

#define URL "https://ca.test/"

static const AcmeAuthority authority = { .name = S("ca") };

const AcmeAuthority *acme_client_authority(const AcmeClient *c _unused_)
{
    return &authority;
}

static void answer_account(void)
{
    answer(ACME_ACCOUNT, NULL, "{\"status\":\"valid\",\"orders\":\"" URL "list\"}");
}

/* An order with a name, and with www. before it. */
static void answer_order(const char *url, const char *status, const char *name)
{
    g_autofree char *body = g_strdup_printf(
        "{\"status\":\"%s\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"},{\"type\":\"dns\","
        "\"value\":\"www.%s\"}],\"authorizations\":[],\"finalize\":\"" URL "f\"}",
        status, name, name);

    answer(ACME_URL, url, body);
}

static char *const more[] = { S(URL "more"), NULL };

/* ---- those who search */

typedef struct Search {
    sd_event *event;
    OrderSearch *search;
} Search;

typedef struct Seeker {
    OrderSeeker *pending;
    unsigned n_done;
    char *url;
} Seeker;

static void search_init(Search *s)
{
    static char *known[] = { S(URL "known"), NULL };

    g_assert_cmpint(sd_event_new(&s->event), ==, 0);
    g_assert_cmpint(order_search_new(s->event, NULL, known, &s->search), ==, 0);
    n_sent = 0;
    links = NULL;
    broken = false;
}

static void search_done(Search *s)
{
    order_search_free(s->search);
    sd_event_unref(s->event);
    g_assert_true(g_queue_is_empty(&calls));
}
#define _cleanup_search_ _cleanup_(search_done)

static void seeker_done(Seeker *k)
{
    free(k->url);
}
#define _cleanup_seeker_ _cleanup_(seeker_done)

static void on_done(const char *url, void *userdata)
{
    Seeker *k = userdata;

    k->pending = NULL;
    k->n_done++;
    k->url = url ? strdup(url) : NULL;
}

static void seek(Search *s, const char *name, Seeker *k)
{
    g_autofree char *www = g_strconcat("www.", name, NULL);
    char *names[] = { www, S(name), NULL };

    g_assert_cmpint(order_search_add(s->search, names, on_done, k, &k->pending), ==, 0);
    g_assert_cmpuint(k->n_done, ==, 0);
}

/* Lets the event loop run until it has nothing to do. */
static void settle(Search *s)
{
    while (sd_event_run(s->event, 0) > 0)
        ;
}

static void assert_found(Search *s, const Seeker *k, const char *url)
{
    settle(s);
    g_assert_cmpuint(k->n_done, ==, 1);
    g_assert_null(k->pending);
    g_assert_cmpstr(k->url, ==, url);
}

static void test_found(void)
{
    _cleanup_seeker_ Seeker a = {}, b = {}, again = {}, c = {};
    _cleanup_search_ Search s = {};

    search_init(&s);
    seek(&s, "a.test", &a);
    answer_account();
    links = more;
    answer(ACME_URL, URL "list", "{\"orders\":[\"" URL "1\",\"" URL "2\"]}");
    links = NULL;
    answer(ACME_URL, URL "more", "{\"orders\":[\"" URL "3\",\"" URL "known\",\"" URL "4\"]}");
    /* the newest come first */
    answer_order(URL "4", "valid", "a.test");
    answer_order(URL "3", "pending", "b.test");
    g_assert_cmpuint(a.n_done, ==, 0);
    answer_order(URL "2", "ready", "a.test");
    g_assert_cmpuint(a.n_done, ==, 0);
    assert_found(&s, &a, URL "2");
    answer_order(URL "1", "pending", "a.test");
    /* what was read is not read again, and each is given to one only */
    seek(&s, "b.test", &b);
    assert_found(&s, &b, URL "3");
    seek(&s, "a.test", &again);
    assert_found(&s, &again, URL "1");
    seek(&s, "a.test", &c);
    assert_found(&s, &c, NULL);
    g_assert_cmpuint(n_sent, ==, 7);
}

static void test_not_found(void)
{
    _cleanup_seeker_ Seeker a = {}, b = {};
    _cleanup_search_ Search s = {};

    search_init(&s);
    seek(&s, "a.test", &a);
    seek(&s, "b.test", &b);
    answer_account();
    answer(ACME_URL, URL "list", "{\"orders\":[\"" URL "1\",\"" URL "2\",\"" URL "3\"]}");
    answer_failure(ACME_URL, URL "3", PROBLEM_NETWORK_FAILED, NULL);
    answer(ACME_URL, URL "2", "nonsense");
    settle(&s);
    g_assert_cmpuint(a.n_done + b.n_done, ==, 0);
    answer_order(URL "1", "pending", "c.test");
    assert_found(&s, &a, NULL);
    assert_found(&s, &b, NULL);
}

/* Without a list, or when it cannot be read, nothing is found. */
static void test_no_list(void)
{
    static const struct {
        const char *account, *list;
    } cases[] = {
        { NULL, NULL },
        { "nonsense", NULL },
        { "{\"status\":\"valid\"}", NULL },
        { "{\"status\":\"valid\",\"orders\":\"" URL "list\"}", NULL },
        { "{\"status\":\"valid\",\"orders\":\"" URL "list\"}", "{\"orders\":1}" },
        { "{\"status\":\"valid\",\"orders\":\"" URL "list\"}", "{\"orders\":[]}" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_seeker_ Seeker a = {}, b = {};
        _cleanup_search_ Search s = {};

        search_init(&s);
        seek(&s, "a.test", &a);
        if (cases[i].account)
            answer(ACME_ACCOUNT, NULL, cases[i].account);
        else
            answer_failure(ACME_ACCOUNT, NULL, PROBLEM_NETWORK_FAILED, NULL);
        if (cases[i].list)
            answer(ACME_URL, URL "list", cases[i].list);
        else if (i == 3)
            answer_failure(ACME_URL, URL "list", PROBLEM_NETWORK_FAILED, NULL);
        assert_found(&s, &a, NULL);
        seek(&s, "a.test", &b);
        assert_found(&s, &b, NULL);
        g_assert_cmpuint(n_sent, ==, i < 3 ? 1 : 2);
    }
}

static void test_cannot_send(void)
{
    char *names[] = { S("a.test"), NULL };
    _cleanup_seeker_ Seeker a = {}, b = {};
    _cleanup_search_ Search s = {};
    OrderSeeker *k = NULL;

    search_init(&s);
    broken = true;
    g_assert_cmpint(order_search_add(s.search, names, on_done, &a, &k), ==, -ENOMEM);
    g_assert_null(k);
    broken = false;
    seek(&s, "a.test", &b);
    answer_account();
    answer(ACME_URL, URL "list", "{\"orders\":[]}");
    assert_found(&s, &b, NULL);
    g_assert_cmpuint(a.n_done, ==, 0);
}

static void test_cancel(void)
{
    _cleanup_seeker_ Seeker a = {}, b = {};
    _cleanup_search_ Search s = {};

    search_init(&s);
    seek(&s, "a.test", &a);
    seek(&s, "a.test", &b);
    answer_account();
    a.pending = order_seeker_cancel(a.pending);
    answer(ACME_URL, URL "list", "{\"orders\":[\"" URL "1\"]}");
    answer_order(URL "1", "pending", "a.test");
    assert_found(&s, &b, URL "1");
    g_assert_cmpuint(a.n_done, ==, 0);
    g_assert_null(order_seeker_cancel(NULL));
}

/* What is pending is dropped: search_done() looks whether requests are left. */
static void test_free(void)
{
    _cleanup_seeker_ Seeker a = {}, b = {};

    for (int i = 0; i < 3; i++) {
        _cleanup_search_ Search s = {};

        search_init(&s);
        seek(&s, "a.test", &a);
        seek(&s, "b.test", &b);
        if (i > 0)
            answer_account();
        if (i > 1)
            answer(ACME_URL, URL "list", "{\"orders\":[\"" URL "1\",\"" URL "2\"]}");
        g_assert_cmpuint(g_queue_get_length(&calls), ==, i > 1 ? 2 : 1);
    }
    g_assert_cmpuint(a.n_done + b.n_done, ==, 0);
    g_assert_null(order_search_free(NULL));
}

/* So many orders are read at once, and so many at all: the last of the list. */
static void test_many(void)
{
    GString *list = g_string_new("{\"orders\":[");
    _cleanup_seeker_ Seeker a = {};
    _cleanup_search_ Search s = {};

    for (int i = 0; i < LIMIT_ORDER_LIST; i++)
        g_string_append_printf(list, "%s\"" URL "%d\"", i > 0 ? "," : "", i);
    g_string_append(list, "]}");
    search_init(&s);
    seek(&s, "a.test", &a);
    answer_account();
    links = more;
    answer(ACME_URL, URL "list", list->str);
    links = NULL;
    answer(ACME_URL, URL "more", "{\"orders\":[\"" URL "last\"]}");
    g_assert_cmpuint(g_queue_get_length(&calls), ==, 8);
    answer_order(URL "last", "valid", "a.test");
    for (int i = LIMIT_ORDER_LIST - 1; i > 0; i--) {
        g_autofree char *url = g_strdup_printf(URL "%d", i);

        g_assert_cmpuint(g_queue_get_length(&calls), <=, 8);
        answer_order(url, "valid", "a.test");
    }
    assert_found(&s, &a, NULL);
    g_string_free(list, TRUE);
}

/* A list without end is left at some page. */
static void test_pages(void)
{
    _cleanup_seeker_ Seeker a = {};
    _cleanup_search_ Search s = {};

    search_init(&s);
    seek(&s, "a.test", &a);
    answer_account();
    links = more;
    for (int i = 0; i < LIMIT_ORDER_PAGES; i++)
        answer(ACME_URL, i == 0 ? URL "list" : URL "more", "{\"orders\":[\"" URL "known\"]}");
    assert_found(&s, &a, NULL);
}

/* The list is read once, unless there may be more in it. */
static void test_again(void)
{
    _cleanup_(seeker_done) Seeker a = {}, b = {}, c = {};
    _cleanup_(search_done) Search s;
    unsigned sent;

    search_init(&s);
    seek(&s, "a.test", &a);
    answer_account();
    answer(ACME_URL, URL "list", "{\"orders\":[]}");
    assert_found(&s, &a, NULL);
    sent = n_sent;
    seek(&s, "a.test", &b);
    assert_found(&s, &b, NULL);
    g_assert_cmpuint(n_sent, ==, sent);
    order_search_expect_more(s.search);
    seek(&s, "a.test", &c);
    answer_account();
    answer(ACME_URL, URL "list", "{\"orders\":[\"" URL "1\"]}");
    answer_order(URL "1", "pending", "a.test");
    assert_found(&s, &c, URL "1");
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/order-search/found", test_found);
    g_test_add_func("/order-search/not-found", test_not_found);
    g_test_add_func("/order-search/no-list", test_no_list);
    g_test_add_func("/order-search/cannot-send", test_cannot_send);
    g_test_add_func("/order-search/cancel", test_cancel);
    g_test_add_func("/order-search/free", test_free);
    g_test_add_func("/order-search/many", test_many);
    g_test_add_func("/order-search/pages", test_pages);
    g_test_add_func("/order-search/again", test_again);
    return g_test_run();
}
