/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "policy/authorize.h"

#include <errno.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "core/limits.h"

/* The authorizer, with a stand-in for polkit at the other end of a connection without a bus. */

#define CERTIFICATE "org.certwright1.Certificate"
#define MANAGER     "org.certwright1.Manager"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define SENDER      ":1.7"
#define UID         ((uid_t)1000)
#define NOBODY      ((uid_t)-1)

typedef struct Polkit {
    sd_event *event;
    sd_bus *service, *polkit;
    Authorizer *authorizer;
    GPtrArray *questions; /* sd_bus_message, not answered yet */
    GString *asked;       /* the last question */
    GString *cancelled;
    guint n_asked, n_decided;
    int resume; /* result of calling the handler again */
} Polkit;

static void read_subject(sd_bus_message *m, const char **ret)
{
    const char *kind, *key;

    g_assert_cmpint(sd_bus_message_enter_container(m, 'r', "sa{sv}"), >, 0);
    g_assert_cmpint(sd_bus_message_read(m, "s", &kind), >, 0);
    g_assert_cmpstr(kind, ==, "system-bus-name");
    g_assert_cmpint(sd_bus_message_enter_container(m, 'a', "{sv}"), >, 0);
    g_assert_cmpint(sd_bus_message_enter_container(m, 'e', "sv"), >, 0);
    g_assert_cmpint(sd_bus_message_read(m, "sv", &key, "s", ret), >, 0);
    g_assert_cmpstr(key, ==, "name");
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
}

static void on_question(Polkit *p, sd_bus_message *m)
{
    const char *sender, *action, *key, *value, *id;
    uint32_t flags;

    read_subject(m, &sender);
    g_assert_cmpint(sd_bus_message_read(m, "s", &action), >, 0);
    g_string_printf(p->asked, "%s %s", sender, action);
    g_assert_cmpint(sd_bus_message_enter_container(m, 'a', "{ss}"), >=, 0);
    while (sd_bus_message_read(m, "{ss}", &key, &value) > 0)
        g_string_append_printf(p->asked, " %s=%s", key, value);
    g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
    g_assert_cmpint(sd_bus_message_read(m, "us", &flags, &id), >, 0);
    g_string_append_printf(p->asked, " %u", flags);
    g_assert_cmpstr(id, !=, "");
    g_ptr_array_add(p->questions, sd_bus_message_ref(m));
    p->n_asked++;
}

static int on_polkit_call(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Polkit *p = userdata;
    const char *id;

    if (sd_bus_message_is_method_call(m, NULL, "CheckAuthorization"))
        on_question(p, m);
    else if (sd_bus_message_is_method_call(m, NULL, "CancelCheckAuthorization")) {
        g_assert_cmpint(sd_bus_message_read(m, "s", &id), >, 0);
        g_string_append_printf(p->cancelled, "%s ", id);
    } else
        return 0;
    return 1;
}

static int on_decided(sd_bus_message *m _unused_, void *userdata)
{
    Polkit *p = userdata;

    p->n_decided++;
    return p->resume;
}

static void question_free(gpointer m)
{
    sd_bus_message_unref(m);
}

static sd_bus *peer_new(sd_event *event, int fd, bool server)
{
    sd_id128_t id = {};
    sd_bus *bus = NULL;

    g_assert_cmpint(sd_bus_new(&bus), >=, 0);
    g_assert_cmpint(sd_bus_set_fd(bus, fd, fd), >=, 0);
    if (server) {
        g_assert_cmpint(sd_id128_randomize(&id), >=, 0);
        g_assert_cmpint(sd_bus_set_server(bus, true, id), >=, 0);
    }
    g_assert_cmpint(sd_bus_set_anonymous(bus, true), >=, 0);
    g_assert_cmpint(sd_bus_start(bus), >=, 0);
    g_assert_cmpint(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL), >=, 0);
    return bus;
}

static void polkit_init(Polkit *p)
{
    int pair[2];

    *p = (Polkit){ .questions = g_ptr_array_new_with_free_func(question_free),
                   .asked = g_string_new(NULL),
                   .cancelled = g_string_new(NULL) };
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
    g_assert_cmpint(sd_event_new(&p->event), >=, 0);
    p->polkit = peer_new(p->event, pair[0], true);
    p->service = peer_new(p->event, pair[1], false);
    g_assert_cmpint(sd_bus_add_object(p->polkit, NULL, POLKIT_PATH, on_polkit_call, p), >=, 0);
    g_assert_cmpint(authorizer_new(p->service, on_decided, p, &p->authorizer), ==, 0);
}

static void polkit_done(Polkit *p)
{
    authorizer_free(p->authorizer);
    g_ptr_array_unref(p->questions);
    g_string_free(p->asked, true);
    g_string_free(p->cancelled, true);
    sd_bus_close_unref(p->service);
    sd_bus_close_unref(p->polkit);
    sd_event_unref(p->event);
}
#define _cleanup_polkit_  _cleanup_(polkit_done)
#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

/* A call as it comes from a sender. */
static sd_bus_message *call_from(const Polkit *p, const char *sender, const char *interface,
                                 const char *member)
{
    sd_bus_message *m = NULL;

    g_assert_cmpint(
        sd_bus_message_new_method_call(p->service, &m, NULL, "/org/certwright1", interface, member), >=, 0);
    g_assert_cmpint(sd_bus_message_set_sender(m, sender), >=, 0);
    return m;
}

static sd_bus_message *reissue(const Polkit *p)
{
    return call_from(p, SENDER, CERTIFICATE, "Reissue");
}

/* Returns the result; text NULL: there is no problem. */
static int check_as(Polkit *p, sd_bus_message *m, uid_t uid, const char *name, uid_t *ret_uid,
                    const char *text)
{
    const AuthorizeDetails details = { name, NULL };
    _cleanup_problem_ Problem problem = {};
    int r = authorizer_check(p->authorizer, m, uid, &details, ret_uid, &problem);

    g_assert_cmpint(r < 0, ==, text != NULL);
    if (text && !strstr(strempty(problem.text), text))
        g_error("\"%s\" is not in: %s", text, strempty(problem.text));
    if (text)
        g_assert_cmpint(problem.code, !=, PROBLEM_NONE);
    return r;
}

static int check(Polkit *p, sd_bus_message *m, const char *name, const char *text)
{
    return check_as(p, m, UID, name, &(uid_t){ 0 }, text);
}

static bool was_asked(void *userdata)
{
    const Polkit *p = userdata;

    return p->questions->len > 0;
}

static bool has_decided(void *userdata)
{
    const Polkit *p = userdata;

    return p->n_decided > 0;
}

static bool has_cancelled(void *userdata)
{
    const Polkit *p = userdata;

    return p->cancelled->len > 0;
}

/* The first check of a call: it waits, and polkit is asked. */
static void begin(Polkit *p, sd_bus_message *m)
{
    g_assert_cmpint(check(p, m, "www.example.com", NULL), ==, 0);
    g_assert_true(authorizer_is_busy(p->authorizer));
    loop_until(p->event, was_asked, p);
    g_assert_cmpuint(p->n_decided, ==, 0);
}

static void answer(Polkit *p, bool authorized, bool challenge)
{
    g_assert_cmpint(sd_bus_reply_method_return(g_ptr_array_index(p->questions, 0), "(bba{ss})",
                                               (int)authorized, (int)challenge, 0),
                    >=, 0);
    loop_until(p->event, has_decided, p);
}

static void test_public(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL;
    uid_t uid = 0;

    polkit_init(&p);
    m = call_from(&p, SENDER, MANAGER, "GetCertificate");
    g_assert_cmpint(check_as(&p, m, UID, "www.example.com", &uid, NULL), ==, 1);
    g_assert_cmpuint(uid, ==, NOBODY);
    g_assert_false(authorizer_is_busy(p.authorizer));
}

/* Without a row in the policy, and without a user. */
static void test_denied_unasked(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *unknown = NULL, *known = NULL;

    polkit_init(&p);
    unknown = call_from(&p, SENDER, MANAGER, "Destroy");
    known = reissue(&p);
    check(&p, unknown, NULL, "No rule allows Destroy");
    check_as(&p, known, NOBODY, NULL, &(uid_t){ 0 }, "does not report the user");
    g_assert_false(authorizer_is_busy(p.authorizer));
}

static void test_allowed(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL;
    uid_t uid = 0;

    polkit_init(&p);
    m = reissue(&p);
    begin(&p, m);
    g_assert_cmpstr(p.asked->str, ==, SENDER " org.certwright1.reissue name=www.example.com 0");
    answer(&p, true, false);
    g_assert_cmpint(check_as(&p, m, UID, "www.example.com", &uid, NULL), ==, 1);
    g_assert_cmpuint(uid, ==, UID);
    g_assert_false(authorizer_is_busy(p.authorizer));
    g_assert_cmpuint(p.n_asked, ==, 1);
}

/* A decision serves once: the same call would be asked about again. */
static void test_once(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL;

    polkit_init(&p);
    m = reissue(&p);
    begin(&p, m);
    answer(&p, true, false);
    g_assert_cmpint(check(&p, m, "www.example.com", NULL), ==, 1);
    g_assert_cmpint(check(&p, m, "www.example.com", NULL), ==, 0);
}

static void test_refused(void)
{
    static const struct {
        bool interactive, challenge;
        const char *text;
    } rows[] = {
        { false, false, "polkit says no" },
        { true, false, "polkit says no" },
        { false, true, "allow interactive authorization" },
        { true, true, "no agent can ask for it" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_polkit_ Polkit p;
        _cleanup_message_ sd_bus_message *m = NULL;

        polkit_init(&p);
        m = reissue(&p);
        g_assert_cmpint(sd_bus_message_set_allow_interactive_authorization(m, rows[i].interactive), >=, 0);
        begin(&p, m);
        g_assert_true(g_str_has_suffix(p.asked->str, rows[i].interactive ? " 1" : " 0"));
        answer(&p, false, rows[i].challenge);
        check(&p, m, "www.example.com", rows[i].text);
        g_assert_false(authorizer_is_busy(p.authorizer));
    }
}

/* The object may have another name when the handler runs again. */
static void test_other_name(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL;

    polkit_init(&p);
    m = reissue(&p);
    begin(&p, m);
    answer(&p, true, false);
    check(&p, m, "mail.example.com",
          "authorized for www.example.com, but would now be for mail.example.com");
    g_assert_false(authorizer_is_busy(p.authorizer));
}

/* A name that the caller chose cannot disguise the dialog. */
static void test_detail_is_plain(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL;

    polkit_init(&p);
    m = reissue(&p);
    g_assert_cmpint(check(&p, m, "a\nb", NULL), ==, 0);
    loop_until(p.event, was_asked, &p);
    g_assert_cmpstr(p.asked->str, ==, SENDER " org.certwright1.reissue name=a?b 0");
}

/* All errors deny; what polkit may still show is closed. */
static void test_error(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL;

    polkit_init(&p);
    m = reissue(&p);
    begin(&p, m);
    g_assert_cmpint(sd_bus_reply_method_errorf(g_ptr_array_index(p.questions, 0),
                                               "org.freedesktop.PolicyKit1.Error.Failed", "%s", "broken"),
                    >=, 0);
    loop_until(p.event, has_cancelled, &p);
    check(&p, m, "www.example.com", "polkit cannot be reached (org.freedesktop.PolicyKit1.Error.Failed)");
    g_assert_false(authorizer_is_busy(p.authorizer));
}

static void test_invalid_reply(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL;

    polkit_init(&p);
    m = reissue(&p);
    begin(&p, m);
    g_assert_cmpint(sd_bus_reply_method_return(g_ptr_array_index(p.questions, 0), "b", 1), >=, 0);
    loop_until(p.event, has_decided, &p);
    check(&p, m, "www.example.com", "polkit sent an invalid reply");
}

/* Of one user; others are still served. */
static void test_limit(void)
{
    _cleanup_polkit_ Polkit p;
    sd_bus_message *calls[LIMIT_CHECKS_PER_USER + 1];

    polkit_init(&p);
    for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
        calls[i] = reissue(&p);
        g_assert_cmpint(check(&p, calls[i], "www.example.com",
                              i < LIMIT_CHECKS_PER_USER ? NULL : "calls that wait for authorization") >= 0,
                        ==, i < LIMIT_CHECKS_PER_USER);
    }
    g_assert_cmpint(check_as(&p, calls[LIMIT_CHECKS_PER_USER], UID + 1, NULL, &(uid_t){ 0 }, NULL), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(calls); i++)
        sd_bus_message_unref(calls[i]);
}

/* The dialogs of a caller that has left are closed; the checks of others go on. */
static void test_sender_leaves(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL, *other = NULL;

    polkit_init(&p);
    m = reissue(&p);
    other = call_from(&p, ":1.8", CERTIFICATE, "Reissue");
    g_assert_cmpint(check(&p, other, "www.example.com", NULL), ==, 0);
    begin(&p, m);
    authorizer_forget_sender(p.authorizer, SENDER);
    g_assert_true(authorizer_is_busy(p.authorizer));
    authorizer_forget_sender(p.authorizer, ":1.8");
    g_assert_false(authorizer_is_busy(p.authorizer));
    loop_until(p.event, has_cancelled, &p);
    g_assert_cmpuint(p.n_decided, ==, 0);
}

/* The object is gone when the handler would run again. */
static void test_decision_is_forgotten(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL;

    polkit_init(&p);
    m = reissue(&p);
    begin(&p, m);
    authorizer_forget_decision(p.authorizer, m); /* there is none yet */
    g_assert_true(authorizer_is_busy(p.authorizer));
    answer(&p, true, false);
    authorizer_forget_decision(p.authorizer, m);
    g_assert_false(authorizer_is_busy(p.authorizer));
}

static void test_not_resumed(void)
{
    _cleanup_polkit_ Polkit p;
    _cleanup_message_ sd_bus_message *m = NULL;

    polkit_init(&p);
    p.resume = -ESRCH;
    m = reissue(&p);
    begin(&p, m);
    answer(&p, true, false);
    g_assert_false(authorizer_is_busy(p.authorizer));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/authorize/public", test_public);
    g_test_add_func("/authorize/denied-unasked", test_denied_unasked);
    g_test_add_func("/authorize/allowed", test_allowed);
    g_test_add_func("/authorize/once", test_once);
    g_test_add_func("/authorize/refused", test_refused);
    g_test_add_func("/authorize/other-name", test_other_name);
    g_test_add_func("/authorize/detail-is-plain", test_detail_is_plain);
    g_test_add_func("/authorize/error", test_error);
    g_test_add_func("/authorize/invalid-reply", test_invalid_reply);
    g_test_add_func("/authorize/limit", test_limit);
    g_test_add_func("/authorize/sender-leaves", test_sender_leaves);
    g_test_add_func("/authorize/decision-is-forgotten", test_decision_is_forgotten);
    g_test_add_func("/authorize/not-resumed", test_not_resumed);
    return g_test_run();
}
