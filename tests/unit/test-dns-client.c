/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/limits.h"
#include "dns/client-internal.h"

#define VALUE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_-"
#define CALLS 64

typedef struct Scene Scene;

/* A connection to the socket in place of the program. */
typedef struct Call {
    Scene *scene;
    int fd;
    char data[LIMIT_DNS_REQUEST];
    size_t size;
    bool whole;
    sd_event_source *source;
} Call;

/* What was told of one change. */
typedef struct Told {
    Scene *scene;
    unsigned n;
    Problem problem;
} Told;

struct Scene {
    Folder folder;
    char *socket;
    sd_event *event;
    DnsHelper *helper;
    int listener;
    sd_event_source *source;
    bool deaf; /* nothing is read */
    Call calls[CALLS];
    size_t n_calls, n_wanted, n_told;
    Told told[CALLS];
};

static int on_call(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    Call *c = userdata;
    ssize_t n = recv(fd, c->data + c->size, sizeof(c->data) - c->size, 0);

    g_assert_cmpint(n, >=, 0);
    c->size += (size_t)n;
    if (n == 0) {
        c->whole = true;
        c->source = sd_event_source_disable_unref(c->source);
    }
    return 0;
}

static int on_connection(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    Scene *scene = userdata;
    Call *c = scene->calls + scene->n_calls++;

    g_assert_cmpuint(scene->n_calls, <=, CALLS);
    c->scene = scene;
    c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(c->fd, >=, 0);
    if (!scene->deaf)
        g_assert_cmpint(sd_event_add_io(scene->event, &c->source, c->fd, EPOLLIN, on_call, c), >=, 0);
    return 0;
}

static void scene_listen(Scene *s)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    strcpy(address.sun_path, s->socket);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(s->listener, CALLS), ==, 0);
    g_assert_cmpint(sd_event_add_io(s->event, &s->source, s->listener, EPOLLIN, on_connection, s), >=, 0);
}

static Scene *scene_new(const char *program)
{
    Scene *s = g_new0(Scene, 1);

    s->folder = folder_new();
    s->socket = folder_path(&s->folder, "socket");
    s->listener = -EBADF;
    g_assert_cmpint(sd_event_new(&s->event), >=, 0);
    g_assert_cmpint(dns_helper_new(s->event, &s->helper), ==, 0);
    g_assert_cmpint(dns_helper_set_places(s->helper, s->socket, program), ==, 0);
    return s;
}

static Scene *scene_new_listening(void)
{
    Scene *s = scene_new("/nowhere/certwright-dns");

    scene_listen(s);
    return s;
}

static void scene_free(Scene *s)
{
    dns_helper_free(s->helper);
    for (size_t i = 0; i < s->n_calls; i++) {
        sd_event_source_disable_unref(s->calls[i].source);
        if (s->calls[i].fd >= 0)
            close(s->calls[i].fd);
    }
    for (size_t i = 0; i < CALLS; i++)
        problem_clear(&s->told[i].problem);
    sd_event_source_disable_unref(s->source);
    if (s->listener >= 0)
        close(s->listener);
    sd_event_unref(s->event);
    folder_done(&s->folder);
    free(s->socket);
    g_free(s);
}
DEFINE_CLEANUP(Scene *, scene_free);
#define _cleanup_scene_ _cleanup_(scene_freep)

static bool all_are_told(void *userdata)
{
    Scene *s = userdata;

    return s->n_told >= s->n_wanted;
}

static bool all_have_called(void *userdata)
{
    Scene *s = userdata;
    size_t n = 0;

    for (size_t i = 0; i < s->n_calls; i++)
        n += s->calls[i].whole || s->deaf;
    return n >= s->n_wanted;
}

static void wait_for_calls(Scene *s, size_t n)
{
    s->n_wanted = n;
    loop_until(s->event, all_have_called, s);
}

static void wait_for_told(Scene *s, size_t n)
{
    s->n_wanted = n;
    loop_until(s->event, all_are_told, s);
}

static void on_done(const Problem *problem, void *userdata)
{
    Told *t = userdata;

    t->n++;
    t->scene->n_told++;
    g_assert_cmpint(t->n, ==, 1);
    g_assert_cmpint(problem_copy(problem, &t->problem), ==, 0);
}

static DnsRequest change_new(const char *fqdn)
{
    return (DnsRequest){ .fqdn = S(fqdn), .value = S(VALUE), .hook = S("certwright-test") };
}

static DnsJob *start(Scene *s, size_t i, const DnsRequest *change)
{
    _cleanup_problem_ Problem problem = {};
    DnsJob *j = NULL;
    size_t n_told = s->n_told;

    s->told[i].scene = s;
    g_assert_cmpint(dns_helper_start(s->helper, change, on_done, s->told + i, &j, &problem), ==, 0);
    g_assert_cmpuint(s->n_told, ==, n_told);
    g_assert_nonnull(j);
    return j;
}

/* The program's answer, and the end of the connection. */
static void answer(Scene *s, size_t call, const char *text)
{
    Call *c = s->calls + call;

    g_assert_cmpint(send(c->fd, text, strlen(text), MSG_NOSIGNAL), ==, (ssize_t)strlen(text));
    close(c->fd);
    c->fd = -EBADF;
}

static void test_request(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    _cleanup_dns_request_ DnsRequest q = {};
    DnsRequest change = { .remove = true,
                          .fqdn = S("a.example.net"),
                          .value = S(VALUE),
                          .zone = S("example.net"),
                          .address = S("2001:db8::1"),
                          .port = 5353,
                          .key = { S("k"), S("hmac-sha512"), S("c2VjcmV0") } };

    start(s, 0, &change);
    wait_for_calls(s, 1);
    g_assert_cmpint(dns_request_decode(s->calls[0].data, s->calls[0].size, &q, NULL), ==, 0);
    g_assert_true(q.remove);
    g_assert_cmpstr(q.fqdn, ==, "a.example.net");
    g_assert_cmpstr(q.value, ==, VALUE);
    g_assert_cmpstr(q.zone, ==, "example.net");
    g_assert_cmpstr(q.address, ==, "2001:db8::1");
    g_assert_cmpint(q.port, ==, 5353);
    g_assert_cmpstr(q.key.name, ==, "k");
    g_assert_cmpstr(q.key.algorithm, ==, "hmac-sha512");
    g_assert_cmpstr(q.key.secret, ==, "c2VjcmV0");
    g_assert_null(q.hook);
    answer(s, 0, "result done\n\n");
    wait_for_told(s, 1);
    g_assert_cmpint(s->told[0].problem.code, ==, PROBLEM_NONE);
}

static void test_unsigned(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    _cleanup_dns_request_ DnsRequest q = {};
    DnsRequest change = { .fqdn = S("a.example.net"),
                          .value = S(VALUE),
                          .zone = S("example.net"),
                          .address = S("192.0.2.53"),
                          .port = 53 };

    start(s, 0, &change);
    wait_for_calls(s, 1);
    g_assert_cmpint(dns_request_decode(s->calls[0].data, s->calls[0].size, &q, NULL), ==, 0);
    g_assert_cmpint(q.port, ==, 53);
    g_assert_false(q.remove);
    g_assert_null(q.key.name);
}

static void test_answers(void)
{
    static const struct {
        const char *answer, *text;
    } cases[] = {
        { "result ChallengeFailed\ntext The hook says no.\n\n", "The hook says no." },
        { "result Internal\ntext It is broken.\n\n", "It is broken." },
        { "",
          "of a.example.net by the hook certwright-test failed: certwright-dns ended without an answer" },
        { "result done\n", "without an answer" },
        { "result done\n\nand more", "without an answer" },
        { "HTTP/1.1 200 OK\r\n\r\n", "without an answer" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_scene_ Scene *s = scene_new_listening();
        DnsRequest change = change_new("a.example.net");

        start(s, 0, &change);
        wait_for_calls(s, 1);
        answer(s, 0, cases[i].answer);
        wait_for_told(s, 1);
        g_assert_cmpint(s->told[0].problem.code, ==, PROBLEM_CHALLENGE_FAILED);
        if (!strstr(s->told[0].problem.text, cases[i].text))
            note_failure("%s: %s", cases[i].answer, s->told[0].problem.text);
    }
}

static void test_endless_answer(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    g_autofree char *fill = g_strnfill(LIMIT_DNS_REPLY, 'x');
    DnsRequest change = change_new("a.example.net");

    start(s, 0, &change);
    wait_for_calls(s, 1);
    g_assert_cmpint(send(s->calls[0].fd, fill, LIMIT_DNS_REPLY, 0), ==, LIMIT_DNS_REPLY);
    wait_for_told(s, 1); /* although the connection is open */
    g_assert_cmpint(s->told[0].problem.code, ==, PROBLEM_CHALLENGE_FAILED);
}

/* Who ends without a look at what it was sent. */
static void test_deaf(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    DnsRequest change = change_new("a.example.net");

    s->deaf = true;
    start(s, 0, &change);
    wait_for_calls(s, 1);
    close(s->calls[0].fd);
    s->calls[0].fd = -EBADF;
    wait_for_told(s, 1);
    g_assert_nonnull(strstr(s->told[0].problem.text, "without an answer"));
}

static void test_silence(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    DnsRequest change = change_new("a.example.net");

    dns_helper_set_patience(s->helper, 1);
    start(s, 0, &change);
    wait_for_told(s, 1);
    g_assert_cmpint(s->told[0].problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    g_assert_nonnull(strstr(s->told[0].problem.text, "did not answer in time"));
}

/* At most LIMIT_DNS_JOBS at once, the others in their order as soon as there is room. */
static void test_queue(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    size_t n = 3 * LIMIT_DNS_JOBS;

    for (size_t i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("n%zu.example", i);
        DnsRequest change = change_new(name);

        start(s, i, &change);
    }
    wait_for_calls(s, LIMIT_DNS_JOBS);
    loop_for(s->event, 100000);
    g_assert_cmpuint(s->n_calls, ==, LIMIT_DNS_JOBS);
    for (size_t i = 0; i < n; i++) {
        g_autofree char *line = g_strdup_printf("\nfqdn n%zu.example\n", i);

        wait_for_calls(s, i + 1);
        g_assert_cmpuint(s->n_calls, <=, i + LIMIT_DNS_JOBS);
        g_assert_nonnull(memmem(s->calls[i].data, s->calls[i].size, line, strlen(line)));
        answer(s, i, "result done\n\n");
        wait_for_told(s, i + 1);
        g_assert_cmpuint(s->told[i].n, ==, 1);
    }
}

static void test_forget(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    size_t n = LIMIT_DNS_JOBS + 2;
    DnsJob *jobs[LIMIT_DNS_JOBS + 2];
    DnsRequest change = change_new("a.example.net");

    for (size_t i = 0; i < n; i++)
        jobs[i] = start(s, i, &change);
    wait_for_calls(s, LIMIT_DNS_JOBS);
    /* one that runs, and one that waits: both are made all the same */
    g_assert_null(dns_job_forget(jobs[0]));
    g_assert_null(dns_job_forget(jobs[n - 1]));
    for (size_t i = 0; i < n; i++) {
        wait_for_calls(s, i + 1);
        answer(s, i, "result done\n\n");
    }
    wait_for_told(s, n - 2);
    loop_for(s->event, 50000);
    g_assert_cmpuint(s->n_told, ==, n - 2);
    g_assert_cmpuint(s->told[0].n + s->told[n - 1].n, ==, 0);
    g_assert_null(dns_job_forget(NULL));
}

/* Nobody wants to know, and there is no job to forget. */
static void test_without_job(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    DnsRequest change = change_new("a.example.net");

    s->told[0].scene = s;
    g_assert_cmpint(dns_helper_start(s->helper, &change, on_done, s->told, NULL, NULL), ==, 0);
    g_assert_cmpint(dns_helper_start(s->helper, &change, NULL, NULL, NULL, NULL), ==, 0);
    wait_for_calls(s, 2);
    answer(s, 0, "result done\n\n");
    answer(s, 1, "result done\n\n");
    wait_for_told(s, 1);
}

/* The helper goes while some run and some wait: what was written is there to be read, and nobody is told. */
static void test_free(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    DnsRequest change = change_new("a.example.net");

    for (size_t i = 0; i < LIMIT_DNS_JOBS + 2; i++)
        start(s, i, &change);
    wait_for_calls(s, LIMIT_DNS_JOBS);
    s->helper = dns_helper_free(s->helper);
    loop_for(s->event, 50000);
    g_assert_cmpuint(s->n_told, ==, 0);
    g_assert_cmpuint(s->n_calls, ==, LIMIT_DNS_JOBS);
    g_assert_null(dns_helper_free(NULL));
}

static void on_done_free(const Problem *problem _unused_, void *userdata)
{
    Scene *s = userdata;

    s->helper = dns_helper_free(s->helper);
    s->n_told++;
}

/* Whoever is told may free the helper with all that is under way. */
static void test_free_when_told(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    DnsRequest change = change_new("a.example.net");

    g_assert_cmpint(dns_helper_start(s->helper, &change, on_done_free, s, NULL, NULL), ==, 0);
    for (size_t i = 0; i < LIMIT_DNS_JOBS + 2; i++)
        start(s, i, &change);
    wait_for_calls(s, 1);
    answer(s, 0, "result done\n\n");
    wait_for_told(s, 1);
    loop_for(s->event, 50000);
    g_assert_cmpuint(s->n_told, ==, 1);
}

static void test_wrong_changes(void)
{
    _cleanup_scene_ Scene *s = scene_new_listening();
    static const struct {
        const char *what;
        DnsRequest change;
    } cases[] = {
        { "the value", { .fqdn = S("a.example"), .value = S("short"), .hook = S("h") } },
        { "the hook's name", { .fqdn = S("a.example"), .value = S(VALUE), .hook = S("../h") } },
        { "the name of the record", { .fqdn = S("a.example\nhook b"), .value = S(VALUE), .hook = S("h") } },
        { "the server",
          { .fqdn = S("a.example"),
            .value = S(VALUE),
            .zone = S("example"),
            .address = S("ns.example"),
            .port = 53 } },
        { "the server", { .fqdn = S("a.example"), .value = S(VALUE), .zone = S("example") } },
        { "the zone", { .fqdn = S("a.example"), .value = S(VALUE), .address = S("192.0.2.1"), .port = 53 } },
        { "not in the zone",
          { .fqdn = S("a.example"),
            .value = S(VALUE),
            .zone = S("b.example"),
            .address = S("192.0.2.1"),
            .port = 53 } },
        { "algorithm",
          { .fqdn = S("a.example"),
            .value = S(VALUE),
            .zone = S("example"),
            .address = S("192.0.2.1"),
            .port = 53,
            .key = { S("k"), S("hmac-md5"), S("c2VjcmV0") } } },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_problem_ Problem problem = {};
        DnsJob *j = NULL;

        if (dns_helper_start(s->helper, &cases[i].change, on_done, s->told, &j, &problem) != -EINVAL || j ||
            !problem.text || !strstr(problem.text, cases[i].what))
            note_failure("%zu, %s: %s", i, cases[i].what, strempty(problem.text));
    }
    loop_for(s->event, 20000);
    g_assert_cmpuint(s->n_calls, ==, 0);
}

static bool has_no_child(void *userdata _unused_)
{
    siginfo_t si;

    return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

/* Without the socket, the program itself is started, and reaped. */
static void test_child(void)
{
    _cleanup_scene_ Scene *s = scene_new(DNS_PROGRAM);
    DnsRequest change = { .fqdn = S("a.example.net"),
                          .value = S(VALUE),
                          .zone = S("example.net"),
                          .address = S("127.0.0.1"),
                          .port = 1 };
    DnsRequest hook = change_new("a.example.net");

    start(s, 0, &change);
    start(s, 1, &hook);
    wait_for_told(s, 2);
    g_assert_cmpint(s->told[0].problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    g_assert_nonnull(
        strstr(s->told[0].problem.text, access("/usr/bin/nsupdate", X_OK) == 0
                                            ? "at the name server 127.0.0.1, port 1, failed: nsupdate"
                                            : "update"));
    g_assert_nonnull(strstr(s->told[1].problem.text, "dns-hooks"));
    loop_until(s->event, has_no_child, NULL);
}

/* A socket that nobody listens at any more is none. */
static void test_child_for_dead_socket(void)
{
    _cleanup_scene_ Scene *s = scene_new(DNS_PROGRAM);
    DnsRequest hook = change_new("a.example.net");

    scene_listen(s);
    s->source = sd_event_source_disable_unref(s->source);
    close(TAKE_FD(s->listener));
    start(s, 0, &hook);
    wait_for_told(s, 1);
    g_assert_nonnull(strstr(s->told[0].problem.text, "dns-hooks"));
}

/* The environment and the descriptors of the service are not for the program. */
static void test_what_child_gets(void)
{
    _cleanup_scene_ Scene *s = scene_new(NULL);
    g_autofree char *program = folder_path(&s->folder, "program"), *said = folder_path(&s->folder, "said"),
                    *text = NULL;
    g_autofree char *script =
        g_strdup_printf("#!/bin/sh\n{ echo \"$0 $*\"; cat; tr '\\0' '\\n' </proc/$$/environ;\n"
                        "[ -e /proc/$$/fd/77 ] || echo closed; } >%s\n",
                        said);
    DnsRequest hook = change_new("a.example.net");

    folder_write(&s->folder, "program", script);
    g_assert_cmpint(chmod(program, 0755), ==, 0);
    g_assert_cmpint(dns_helper_set_places(s->helper, s->socket, program), ==, 0);
    g_assert_cmpint(dup2(s->folder.fd, 77), ==, 77);
    start(s, 0, &hook);
    wait_for_told(s, 1);
    close(77);
    g_assert_nonnull(strstr(s->told[0].problem.text, "without an answer"));
    text = folder_read(&s->folder, "said");
    g_assert_cmpstr(strchr(text, ' '), ==,
                    " \naction add\nfqdn a.example.net\nvalue " VALUE "\nhook certwright-test\n\nclosed\n");
}

static void test_no_program(void)
{
    _cleanup_scene_ Scene *s = scene_new("/nowhere/certwright-dns");
    DnsRequest change = change_new("a.example.net");
    size_t n = 2 * LIMIT_DNS_JOBS;

    for (size_t i = 0; i < n; i++)
        start(s, i, &change);
    wait_for_told(s, n);
    for (size_t i = 0; i < n; i++)
        g_assert_nonnull(strstr(s->told[i].problem.text, "/nowhere/certwright-dns cannot be started"));
}

/* What cannot be begun, and is not wanted any more. */
static void test_no_program_free(void)
{
    _cleanup_scene_ Scene *s = scene_new("/nowhere/certwright-dns");
    DnsRequest change = change_new("a.example.net");

    for (size_t i = 0; i < 3; i++)
        g_assert_cmpint(dns_helper_start(s->helper, &change, on_done_free, s, NULL, NULL), ==, 0);
    wait_for_told(s, 1);
    loop_for(s->event, 20000);
    g_assert_cmpuint(s->n_told, ==, 1);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/dns-helper/request", test_request);
    g_test_add_func("/dns-helper/unsigned", test_unsigned);
    g_test_add_func("/dns-helper/answers", test_answers);
    g_test_add_func("/dns-helper/endless-answer", test_endless_answer);
    g_test_add_func("/dns-helper/deaf", test_deaf);
    g_test_add_func("/dns-helper/silence", test_silence);
    g_test_add_func("/dns-helper/queue", test_queue);
    g_test_add_func("/dns-helper/forget", test_forget);
    g_test_add_func("/dns-helper/without-job", test_without_job);
    g_test_add_func("/dns-helper/free", test_free);
    g_test_add_func("/dns-helper/free-when-told", test_free_when_told);
    g_test_add_func("/dns-helper/wrong-changes", test_wrong_changes);
    g_test_add_func("/dns-helper/child", test_child);
    g_test_add_func("/dns-helper/child-for-dead-socket", test_child_for_dead_socket);
    g_test_add_func("/dns-helper/what-child-gets", test_what_child_gets);
    g_test_add_func("/dns-helper/no-program", test_no_program);
    g_test_add_func("/dns-helper/no-program-free", test_no_program_free);
    return g_test_run();
}
