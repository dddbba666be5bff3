/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "solvers/solver.h"
#include "util/text.h"

#define TOKEN "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define PROOF TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PLACE ".well-known/acme-challenge"
#define NAME  FAKE_DNS_NAME
#define OK    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

/* ---- another server, that answers everything with the same */

typedef struct Other {
    int fd;
    const char *reply;
    GThread *thread;
} Other;

static void *other_main(void *userdata)
{
    Other *o = userdata;
    char request[4096];
    int fd;

    while ((fd = accept4(o->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        (void)!read(fd, request, sizeof(request)); /* it is short and comes as a whole */
        (void)!write(fd, o->reply, strlen(o->reply));
        close(fd);
    }
    return NULL;
}

static int listen_at(const char *address, uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    g_assert_cmpint(inet_pton(AF_INET, address, &a.sin_addr), ==, 1);
    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), ==, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, sizeof(a)), ==, 0);
    g_assert_cmpint(listen(fd, 16), ==, 0);
    return fd;
}

static void other_start(Other *o, const char *address, uint16_t port, const char *reply)
{
    *o = (Other){ .fd = listen_at(address, port), .reply = reply };
    o->thread = g_thread_new("other", other_main, o);
}

static void other_stop(Other *o)
{
    if (!o->thread)
        return;
    shutdown(o->fd, SHUT_RDWR);
    g_thread_join(o->thread);
    close(o->fd);
}
#define _cleanup_other_ _cleanup_(other_stop)

/* ---- a solver */

typedef struct Bed {
    Folder folder;
    Http *http;
    AcmeSettings settings;
    SolverContext context;
    char *listen[2];
    uint16_t port;
    Solver *solver;
} Bed;

/* That was free a moment ago at all local addresses. */
static uint16_t free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(a);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&a, &size), ==, 0);
    close(fd);
    return ntohs(a.sin_port);
}

/* It listens at 127.0.0.1, where the name leads and the check asks. */
static void bed_init(Bed *b)
{
    static char *const here[] = { S("127.0.0.1"), NULL };

    *b = (Bed){ .folder = folder_new(), .port = free_port() };
    g_assert_cmpint(sd_event_new(&loop), >=, 0);
    g_assert_cmpint(http_new(loop, &b->http), ==, 0);
    dns_values = here;
    dns_result = DNS_FOUND;
    dns_asked = 0;
    b->listen[0] = g_strdup_printf("127.0.0.1:%u", b->port);
    b->settings.http_listen = b->listen;
    b->settings.http_check_port = b->port;
    b->settings.self_check = true;
    b->context = (SolverContext){ .event = loop, .http = b->http, .settings = &b->settings };
    g_assert_cmpint(solver_http_new(&b->context, &b->solver), ==, 0);
}

static void bed_done(Bed *b)
{
    solver_free(b->solver);
    http_free(b->http);
    g_free(b->listen[0]);
    sd_event_unref(loop);
    folder_done(&b->folder);
}
#define _cleanup_bed_ _cleanup_(bed_done)

/* What a task says. */
typedef struct Said {
    unsigned n, n_seen;
    Problem problem;
} Said;

static void said_done(Said *s)
{
    problem_clear(&s->problem);
}
#define _cleanup_said_ _cleanup_(said_done)

static void on_ready(const Problem *problem, void *userdata)
{
    Said *s = userdata;

    s->n++;
    (void)problem_copy(problem, &s->problem);
    if (problem->text)
        g_test_message("%s", problem->text);
}

static void on_seen(void *userdata)
{
    ((Said *)userdata)->n_seen++;
}

static bool was_said(void *userdata)
{
    return ((Said *)userdata)->n > 0;
}

static SolverTask *start(Bed *b, const char *name, const char *token, Said *said)
{
    g_autofree char *text = g_strdup_printf("%s.%s", token, strchr(PROOF, '.') + 1);
    const Proof p = { .name = name, .token = token, .key_authorization = text };
    _cleanup_problem_ Problem problem = {};
    SolverTask *t = NULL;

    if (b->solver->ops->start(b->solver, &p, on_ready, said, &t, &problem) < 0)
        g_error("%s", problem.text);
    t->seen = on_seen;
    g_assert_cmpuint(said->n, ==, 0); /* never from within */
    return t;
}

static void assert_refused(Bed *b, const char *text)
{
    const Proof p = { .name = NAME, .token = TOKEN, .key_authorization = PROOF };
    _cleanup_problem_ Problem problem = {};
    SolverTask *t = NULL;

    g_assert_cmpint(b->solver->ops->start(b->solver, &p, on_ready, NULL, &t, &problem), <, 0);
    g_assert_null(t);
    if (!strstr(problem.text, text))
        note_failure("\"%s\" does not say \"%s\"", problem.text, text);
}

static void wait_for(Said *said)
{
    loop_until(loop, was_said, said);
    loop_for(loop, 1000);
    g_assert_cmpuint(said->n, ==, 1);
}

static void assert_ready(Said *said)
{
    wait_for(said);
    g_assert_cmpint(said->problem.code, ==, PROBLEM_NONE);
}

static void assert_fails(Said *said, const char *text)
{
    wait_for(said);
    g_assert_cmpint(said->problem.code, !=, PROBLEM_NONE);
    if (!strstr(said->problem.text, text))
        note_failure("\"%s\" does not say \"%s\"", said->problem.text, text);
}

static bool listens(const Bed *b)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(b->port),
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

    close(fd);
    return yes;
}

/* ---- tests */

static void assert_unsuited(Bed *b, bool wildcard, const char *text)
{
    _cleanup_problem_ Problem why = {};

    g_assert_false(b->solver->ops->suits(b->solver, NAME, wildcard, &why));
    g_assert_nonnull(strstr(why.text, text));
}

static void test_suits(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    g_assert_cmpstr(b.solver->ops->type, ==, "http-01");
    g_assert_true(b.solver->ops->suits(b.solver, NAME, false, NULL));
    g_assert_true(b.solver->ops->suits(b.solver, "2001:db8::1", false, NULL));
    assert_unsuited(&b, true, "dns-01");
    b.settings.http_listen = NULL;
    assert_unsuited(&b, false, "HTTPListen=");
    assert_refused(&b, "HTTPListen=");
    b.settings.web_root = S("/srv/www");
    g_assert_true(b.solver->ops->suits(b.solver, NAME, false, NULL));
}

/* The check sees what is there, and says that it looked. */
static void test_check(void)
{
    _cleanup_said_ Said said = {}, address = {};
    _cleanup_bed_ Bed b;
    SolverTask *t;

    bed_init(&b);
    g_assert_false(listens(&b));
    t = start(&b, NAME, TOKEN, &said);
    assert_ready(&said);
    g_assert_cmpuint(dns_asked, ==, 1);
    g_assert_cmpuint(said.n_seen, ==, 1);
    g_assert_true(listens(&b));
    solver_task_end(t);
    g_assert_false(listens(&b));
    t = start(&b, "127.0.0.1", TOKEN, &address); /* an address needs no DNS */
    assert_ready(&address);
    g_assert_cmpuint(dns_asked, ==, 1);
    solver_task_end(t);
}

static void test_no_check(void)
{
    _cleanup_said_ Said said = {};
    _cleanup_bed_ Bed b;
    SolverTask *t;

    bed_init(&b);
    b.settings.self_check = false;
    b.settings.http_check_port = 1;
    t = start(&b, NAME, TOKEN, &said);
    assert_ready(&said);
    g_assert_cmpuint(dns_asked + said.n_seen, ==, 0);
    g_assert_true(listens(&b));
    solver_task_end(t);
}

/* Of two orders with the same authorization, both are told when the proof is seen, and the second needs it longer. */
static void test_same_token(void)
{
    _cleanup_said_ Said one = {}, two = {};
    SolverTask *first, *second;
    _cleanup_bed_ Bed b;

    bed_init(&b);
    first = start(&b, NAME, TOKEN, &one);
    assert_ready(&one);
    second = start(&b, NAME, TOKEN, &two);
    assert_ready(&two);
    g_assert_cmpuint(one.n_seen, ==, 2);
    g_assert_cmpuint(two.n_seen, ==, 1);
    solver_task_end(first);
    g_assert_true(listens(&b));
    solver_task_end(second);
    g_assert_false(listens(&b));
}

static void test_resolution(void)
{
    static const struct {
        DnsResult result;
        const char *text;
    } cases[] = {
        { DNS_NO_NAME, "does not exist" },
        { DNS_NO_DATA, "no address" },
        { DNS_FAILED, "No name server answered." },
    };
    _cleanup_bed_ Bed b;

    bed_init(&b);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_said_ Said said = {};
        SolverTask *t;

        dns_result = cases[i].result;
        t = start(&b, NAME, TOKEN, &said);
        assert_fails(&said, cases[i].text);
        solver_task_end(t);
    }
}

/* Where the name leads somebody else answers. */
static void test_another_server(void)
{
    static const struct {
        const char *reply, *text; /* NULL: that will do */
    } cases[] = {
        { OK PROOF, NULL },
        { OK PROOF "\r\n \t\n", NULL },
        { "HTTP/1.1 301 Moved\r\nLocation: https://" NAME "/\r\nConnection: close\r\n\r\n", NULL },
        { "HTTP/1.1 308 Moved\r\nConnection: close\r\n\r\n", NULL },
        { OK "something else", "something else" },
        { OK PROOF "x", "something else" },
        { OK, "something else" },
        { "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n" PROOF, "status 404" },
        { "HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n", "status 503" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n", "larger" },
        { "220 mail.example.com ESMTP\r\n", "cannot be reached" },
        { "", "cannot be reached" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_said_ Said said = {};
        _cleanup_other_ Other other = {};
        _cleanup_bed_ Bed b;
        SolverTask *t;

        bed_init(&b);
        b.settings.http_check_port = free_port();
        other_start(&other, "127.0.0.1", b.settings.http_check_port, cases[i].reply);
        g_test_message("%s", cases[i].reply);
        t = start(&b, NAME, TOKEN, &said);
        if (cases[i].text)
            assert_fails(&said, cases[i].text);
        else
            assert_ready(&said);
        solver_task_end(t);
    }
}

/* An authority may ask any of them: none may say something else, but not all need to be seen from here. */
static void test_addresses(void)
{
    static char *const both[] = { S("127.0.0.1"), S("127.0.0.2"), NULL }, *const nowhere[] = {
        S("127.0.0.3"), NULL
    };
    _cleanup_said_ Said good = {}, bad = {}, none = {};
    _cleanup_other_ Other other = {};
    _cleanup_bed_ Bed b;
    SolverTask *t;

    bed_init(&b);
    dns_values = both;
    t = start(&b, NAME, TOKEN, &good);
    assert_ready(&good);
    solver_task_end(t);
    other_start(&other, "127.0.0.2", b.port, OK "a parking page");
    t = start(&b, NAME, TOKEN, &bad);
    assert_fails(&bad, "127.0.0.2");
    solver_task_end(t);
    dns_values = nowhere;
    t = start(&b, NAME, TOKEN, &none);
    assert_fails(&none, "127.0.0.3");
    g_assert_nonnull(strstr(none.problem.text, "SelfCheck=no"));
    solver_task_end(t);
}

/* The same is found with another token; another status is another finding. */
static void test_findings(void)
{
    static const char *const replies[] = { "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n",
                                           "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n",
                                           OK "a page" };
    uint16_t port = free_port();
    uint64_t found[ELEMENTSOF(replies)][2];

    for (size_t i = 0; i < ELEMENTSOF(replies); i++)
        for (size_t k = 0; k < 2; k++) {
            _cleanup_said_ Said said = {};
            _cleanup_other_ Other other = {};
            _cleanup_bed_ Bed b;
            SolverTask *t;

            bed_init(&b);
            b.settings.http_check_port = port;
            other_start(&other, "127.0.0.1", port, replies[i]);
            t = start(&b, NAME, k == 0 ? TOKEN : "evaGxfADs6pSRb2LAv9IZf", &said);
            assert_fails(&said, "answered");
            found[i][k] = t->found;
            solver_task_end(t);
        }
    for (size_t i = 0; i < ELEMENTSOF(replies); i++) {
        g_assert_cmpuint(found[i][0], >, FINDING_UNKNOWN);
        g_assert_cmpuint(found[i][0], ==, found[i][1]);
        g_assert_cmpuint(found[i][0], !=, found[(i + 1) % ELEMENTSOF(replies)][0]);
    }
}

static void test_port_taken(void)
{
    _cleanup_said_ Said said = {};
    _cleanup_bed_ Bed b;
    int fd;

    bed_init(&b);
    fd = listen_at("127.0.0.1", b.port);
    assert_refused(&b, "HTTPListen=");
    close(fd);
    solver_task_end(start(&b, NAME, TOKEN, &said));
}

/* After every number of turns of the loop: nothing is said of what has ended, and nothing is left. */
static void test_end(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    for (unsigned turns = 0; turns < 12; turns++) {
        _cleanup_said_ Said said = {};
        SolverTask *t = start(&b, NAME, TOKEN, &said);

        for (unsigned i = 0; i < turns && said.n == 0; i++)
            g_assert_cmpint(sd_event_run(loop, 10000), >=, 0);
        said.n = 0;
        problem_clear(&said.problem);
        solver_task_end(t);
        g_assert_false(listens(&b));
        loop_for(loop, 20000);
        g_assert_cmpuint(said.n, ==, 0);
    }
}

/* ---- a web root */

static void test_web_root(void)
{
    _cleanup_said_ Said said = {}, other = {};
    g_autofree char *text = NULL, *path = NULL;
    SolverTask *t, *second;
    struct stat st;
    _cleanup_bed_ Bed b;

    bed_init(&b);
    b.settings.web_root = b.folder.path;
    b.settings.self_check = false;
    t = start(&b, NAME, TOKEN, &said);
    assert_ready(&said);
    g_assert_false(listens(&b));
    text = folder_read(&b.folder, PLACE "/" TOKEN);
    g_assert_cmpstr(text, ==, PROOF);
    path = folder_path(&b.folder, PLACE "/" TOKEN);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0644);
    folder_write(&b.folder, PLACE "/foreign", "of somebody else");
    second = start(&b, "other.example.com", "AoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", &other);
    assert_ready(&other);
    solver_task_end(t);
    g_assert_false(folder_has(&b.folder, PLACE "/" TOKEN));
    g_assert_true(folder_has(&b.folder, PLACE "/AoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"));
    solver_task_end(second);
    g_assert_true(folder_has(&b.folder, PLACE "/foreign")); /* what is others' stays */
    folder_remove(&b.folder, ".well-known");
    said.n = 0;
    solver_task_end(start(&b, NAME, TOKEN, &said));
    g_assert_false(folder_has(&b.folder, ".well-known")); /* and what was made for it goes */
}

static void test_web_root_refused(void)
{
    g_autofree char *missing = NULL, *link = NULL, *place = NULL, *left = NULL;
    _cleanup_said_ Said said = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    b.settings.web_root = missing = folder_path(&b.folder, "missing");
    assert_refused(&b, "does not exist");
    folder_write(&b.folder, "www/index.html", "");
    link = folder_path(&b.folder, "link");
    g_assert_cmpint(symlink("www", link), ==, 0);
    b.settings.web_root = link;
    assert_refused(&b, "symbolic link");
    b.settings.web_root = b.folder.path;
    place = folder_path(&b.folder, ".well-known");
    g_assert_cmpint(symlink("www", place), ==, 0);
    assert_refused(&b, "symbolic link");
    folder_remove(&b.folder, ".well-known");
    folder_write(&b.folder, PLACE "/" TOKEN, "of somebody else");
    assert_refused(&b, "it is not the service's");
    g_assert_true(folder_has(&b.folder, PLACE "/" TOKEN));
    folder_write(&b.folder, PLACE "/" TOKEN, TOKEN ".9jg4"); /* a crash has left it */
    left = folder_path(&b.folder, PLACE "/" TOKEN);
    if (geteuid() == 0) {
        g_assert_cmpint(chown(left, 65534, 65534), ==, 0);
        assert_refused(&b, "it is not the service's");
        g_assert_cmpint(chown(left, 0, 0), ==, 0);
    }
    b.settings.self_check = false;
    solver_task_end(start(&b, NAME, TOKEN, &said));
    g_assert_false(folder_has(&b.folder, PLACE "/" TOKEN));
}

/* The check of a proof in a web root names it, as that is what may be wrong. */
static void test_web_root_check(void)
{
    _cleanup_said_ Said good = {}, bad = {};
    _cleanup_other_ Other other = {};
    _cleanup_bed_ Bed b;
    SolverTask *t;

    bed_init(&b);
    b.settings.web_root = b.folder.path;
    other_start(&other, "127.0.0.1", b.port, OK PROOF);
    t = start(&b, NAME, TOKEN, &good);
    assert_ready(&good);
    solver_task_end(t);
    other.reply = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n";
    t = start(&b, NAME, TOKEN, &bad);
    assert_fails(&bad, "WebRoot=");
    g_assert_nonnull(strstr(bad.problem.text, b.folder.path));
    solver_task_end(t);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/solver-http/suits", test_suits);
    g_test_add_func("/solver-http/check", test_check);
    g_test_add_func("/solver-http/no-check", test_no_check);
    g_test_add_func("/solver-http/same-token", test_same_token);
    g_test_add_func("/solver-http/resolution", test_resolution);
    g_test_add_func("/solver-http/another-server", test_another_server);
    g_test_add_func("/solver-http/addresses", test_addresses);
    g_test_add_func("/solver-http/port-taken", test_port_taken);
    g_test_add_func("/solver-http/findings", test_findings);
    g_test_add_func("/solver-http/end", test_end);
    g_test_add_func("/solver-http/web-root", test_web_root);
    g_test_add_func("/solver-http/web-root-refused", test_web_root_refused);
    g_test_add_func("/solver-http/web-root-check", test_web_root_check);
    return g_test_run();
}
