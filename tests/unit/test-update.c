/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dns/update.h"

/* Against a real name server: knotd at a port of the loopback interface. Each test is for nsupdate and for knsupdate. */

#define VALUE   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_-"
#define OTHER   "--__aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OWNER   "_acme-challenge.www.example.net"
#define SECRET  "c2l4dGVlbiBieXRlcyBhbmQgbW9yZSBvZiB0aGVtIQ=="
#define WRONG   "bm90IHRoZSByaWdodCBzZWNyZXQgb2YgdGhpcyBrZXkhIQ=="
#define PATIENT 60

static Folder folder;
static pid_t server;
static uint16_t port;

static const char config[] =
    "server:\n    rundir: \"%1$s\"\n    listen: 127.0.0.1@%2$u\n    udp-workers: 1\n"
    "    tcp-workers: 1\n    background-workers: 1\n"
    "log:\n  - target: stderr\n    any: warning\n"
    "database:\n    storage: \"%1$s\"\n"
    "key:\n  - id: test-key\n    algorithm: hmac-sha256\n    secret: " SECRET "\n"
    "acl:\n  - id: update\n    key: test-key\n    action: update\n"
    "  - id: open\n    address: 127.0.0.1\n    action: update\n"
    "template:\n  - id: default\n    storage: \"%1$s\"\n    zonefile-sync: -1\n"
    "    zonefile-load: difference\n    journal-content: all\n"
    "zone:\n  - domain: example.net\n    acl: update\n"
    "  - domain: open.example\n    acl: open\n  - domain: fixed.example\n";
static const char zone[] = "$TTL 5\n@ SOA ns hostmaster 1 3600 600 86400 5\n@ NS ns\nns A 127.0.0.1\n";

static int socket_bind(uint16_t *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static char *query(const char *name, const char *type)
{
    g_autofree char *number = g_strdup_printf("%u", (unsigned)port);
    const char *const argv[] = { "kdig", "@127.0.0.1", "-p",         number, "+short", "+norec",
                                 "+tcp", "+retry=0",   "+timeout=5", type,   name,     NULL };
    char *answer = NULL;

    (void)run_program((char **)(uintptr_t)argv, &answer);
    return answer;
}

static bool has(const char *name, const char *value)
{
    g_autofree char *answer = query(name, "TXT"), *quoted = g_strdup_printf("\"%s\"", value);

    return strstr(answer, quoted);
}

static void server_start(void)
{
    static const char *const zones[] = { "example.net.zone", "open.example.zone", "fixed.example.zone" };
    g_autofree char *path = NULL, *text = NULL;

    folder = folder_new();
    close(socket_bind(&port));
    text = g_strdup_printf(config, folder.path, (unsigned)port);
    folder_write(&folder, "knot.conf", text);
    for (size_t i = 0; i < ELEMENTSOF(zones); i++)
        folder_write(&folder, zones[i], zone);
    path = folder_path(&folder, "knot.conf");
    server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("knotd", "knotd", "--config", path, NULL);
        _exit(127);
    }
    for (int i = 0;; i++) {
        g_autofree char *answer = query("fixed.example", "SOA");

        if (strstr(answer, "hostmaster"))
            return;
        g_assert_cmpint(waitpid(server, NULL, WNOHANG), ==, 0);
        g_assert_cmpint(i, <, 600);
        g_usleep(50000);
    }
}

static void server_stop(void)
{
    if (server > 0) {
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
        folder_done(&folder);
    }
}

/* False when the test cannot be run here. */
static bool is_possible(const char *program)
{
    if (access(program, X_OK) < 0)
        g_test_skip("the program is not installed");
    else if (!program_exists("knotd") || !program_exists("kdig"))
        g_test_skip("there is no knotd or no kdig (see tests/install-dependencies)");
    else {
        if (server == 0)
            server_start();
        return true;
    }
    return false;
}

static DnsRequest request(const char *name, const char *zone_name, const char *value)
{
    return (DnsRequest){ .fqdn = S(name),
                         .value = S(value),
                         .zone = S(zone_name),
                         .address = S("127.0.0.1"),
                         .port = port,
                         .key.name = S("test-key"),
                         .key.algorithm = S("hmac-sha256"),
                         .key.secret = S(SECRET) };
}

static int run(const char *program, const DnsRequest *q, Problem *problem)
{
    const char *const programs[] = { "/nowhere/nsupdate", program, NULL };

    return update_run(programs, PATIENT, q, problem);
}

static void assert_done(const char *program, const DnsRequest *q)
{
    _cleanup_problem_ Problem problem = {};

    if (run(program, q, &problem) < 0)
        note_failure("%s", problem.text);
}

/* what: any of several, with "|" between */
static bool says(const char *text, const char *what)
{
    g_auto(GStrv) words = g_strsplit(what, "|", -1);

    for (char **word = words; *word; word++)
        if (strcasestr(text, *word))
            return true;
    return false;
}

static void assert_fails(const char *program, const DnsRequest *q, const char *what)
{
    _cleanup_problem_ Problem problem = {};

    g_assert_cmpint(run(program, q, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    if (!says(problem.text, what) || (q->key.secret && strstr(problem.text, q->key.secret)))
        note_failure("\"%s\" is not in, or the secret is: %s", what, problem.text);
}

static void test_values(const void *program)
{
    DnsRequest first = request(OWNER, "example.net", VALUE), second = request(OWNER, "example.net", OTHER);

    if (!is_possible(program))
        return;
    first.port = second.port = port; /* known by now */
    assert_done(program, &first);
    g_assert_true(has(OWNER, VALUE));
    assert_done(program, &first); /* once more is no error */
    assert_done(program, &second);
    g_assert_true(has(OWNER, VALUE));
    g_assert_true(has(OWNER, OTHER));
    first.remove = second.remove = true;
    assert_done(program, &first);
    g_assert_false(has(OWNER, VALUE));
    g_assert_true(has(OWNER, OTHER));
    assert_done(program, &first); /* what is not there is gone */
    assert_done(program, &second);
    g_assert_false(has(OWNER, OTHER));
}

static void test_without_key(const void *program)
{
    DnsRequest q;

    if (!is_possible(program))
        return;
    q = request("a.open.example", "open.example", VALUE);
    q.key.name = q.key.algorithm = q.key.secret = NULL;
    assert_done(program, &q);
    g_assert_true(has("a.open.example", VALUE));
    q.remove = true;
    assert_done(program, &q);
    g_assert_false(has("a.open.example", VALUE));
    q = request(OWNER, "example.net", VALUE);
    q.key.name = q.key.algorithm = q.key.secret = NULL;
    assert_fails(program, &q, "without a key (DNSKeyFile=)");
    g_assert_false(has(OWNER, VALUE));
}

static void test_refusals(const void *program)
{
    DnsRequest q;

    if (!is_possible(program))
        return;
    q = request(OWNER, "example.net", VALUE);
    q.key.secret = S(WRONG);
    assert_fails(program, &q, "BADSIG");
    q.key.secret = S(SECRET);
    q.key.name = S("other-key");
    assert_fails(program, &q, "BADKEY|NOTAUTH"); /* knot 3.4 says the second only */
    g_assert_false(has(OWNER, VALUE));
    q = request("a.fixed.example", "fixed.example", VALUE);
    assert_fails(program, &q, "update of the zone fixed.example");
    g_assert_false(has("a.fixed.example", VALUE));
    q = request("a.elsewhere.example", "elsewhere.example", VALUE);
    assert_fails(program, &q, "elsewhere.example at the name server 127.0.0.1");
}

static void test_no_server(const void *program)
{
    DnsRequest q = request(OWNER, "example.net", VALUE);

    if (access(program, X_OK) < 0) {
        g_test_skip("the program is not installed");
        return;
    }
    close(socket_bind(&q.port));
    assert_fails(program, &q, "failed");
}

/* It accepts connections, and that is all. */
static void test_silent_server(const void *program)
{
    const char *const programs[] = { program, NULL };
    _cleanup_problem_ Problem problem = {};
    DnsRequest q = request(OWNER, "example.net", VALUE);
    int fd;

    if (access(program, X_OK) < 0) {
        g_test_skip("the program is not installed");
        return;
    }
    fd = socket_bind(&q.port);
    g_assert_cmpint(listen(fd, 8), ==, 0);
    g_assert_cmpint(update_run(programs, 2, &q, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    close(fd);
}

/* Programs that tell all they know. */
static void test_secret(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_free_ char *program = folder_path(&f, "program"), *said = folder_path(&f, "said"),
                        *script = NULL, *text = NULL;
    DnsRequest q = request(OWNER, "example.net", VALUE);

    script = g_strdup_printf(
        "#!/bin/sh\n{ echo \"$*\"; tr '\\0' '\\n' </proc/$$/environ; } >%s\ncat\nexit 1\n", said);
    folder_write(&f, "program", script);
    g_assert_cmpint(chmod(program, 0755), ==, 0);
    q.port = 53;
    assert_fails(program, &q,
                 "program exited with status 1: server 127.0.0.1 53 zone example.net. key "
                 "hmac-sha256:test-key. ******************************************** "
                 "update add " OWNER ". 60 TXT \"" VALUE "\" send.");
    text = folder_read(&f, "said");
    g_assert_nonnull(strstr(text, "-v -t 30\n"));
    g_assert_null(strstr(text, SECRET));
    q.remove = true;
    assert_fails(program, &q, "update delete " OWNER ". TXT \"" VALUE "\" send.");
}

static void test_no_program(void)
{
    DnsRequest q = request(OWNER, "example.net", VALUE);

    assert_fails("/nowhere/knsupdate", &q, "apt install");
}

int main(int argc, char **argv)
{
    static const char *const programs[] = { "/usr/bin/nsupdate", "/usr/bin/knsupdate" };
    static const struct {
        const char *name;
        void (*run)(const void *program);
    } tests[] = {
        { "values", test_values },
        { "without-key", test_without_key },
        { "refusals", test_refusals },
        { "no-server", test_no_server },
        { "silent-server", test_silent_server },
    };
    int r;

    fixture_init(&argc, &argv);
    for (size_t p = 0; p < ELEMENTSOF(programs); p++)
        for (size_t i = 0; i < ELEMENTSOF(tests); i++) {
            g_autofree char *path =
                g_strdup_printf("/update/%s/%s", strrchr(programs[p], '/') + 1, tests[i].name);

            g_test_add_data_func(path, programs[p], tests[i].run);
        }
    g_test_add_func("/update/secret", test_secret);
    g_test_add_func("/update/no-program", test_no_program);
    r = g_test_run();
    server_stop();
    return r;
}
