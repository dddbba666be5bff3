/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "dns/request.h"

#define VALUE  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_-"
#define HEAD   "action add\nfqdn _acme-challenge.www.example.net\nvalue " VALUE "\n"
#define SERVER "zone example.net\nserver 192.0.2.53\n"
#define KEY    "key-name k.example.net\nkey-algorithm hmac-sha256\nkey-secret c2VjcmV0\n"

static const DnsRequest update = { .fqdn = S("_acme-challenge.www.example.net"),
                                   .value = S(VALUE),
                                   .zone = S("example.net"),
                                   .address = S("2001:db8::53"),
                                   .port = 5353,
                                   .key.name = S("k.example.net"),
                                   .key.algorithm = S("hmac-sha256"),
                                   .key.secret = S("c2VjcmV0") };
static const DnsRequest hook = {
    .remove = true, .fqdn = S("_acme-challenge.example.net"), .value = S(VALUE), .hook = S("my-hook_1.sh")
};

static void assert_there_and_back(const DnsRequest *q)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_dns_request_ DnsRequest same = {};
    _cleanup_free_ char *text = NULL, *again = NULL;

    g_assert_cmpint(dns_request_encode(q, &text, &problem), ==, 0);
    g_assert_cmpint(dns_request_decode(text, strlen(text), &same, &problem), ==, 0);
    g_assert_cmpint(dns_request_encode(&same, &again, &problem), ==, 0);
    g_assert_cmpstr(text, ==, again);
    g_assert_cmpint(same.remove, ==, q->remove);
    g_assert_cmpstr(same.fqdn, ==, q->fqdn);
    g_assert_cmpstr(same.value, ==, q->value);
    g_assert_cmpstr(same.zone, ==, q->zone);
    g_assert_cmpstr(same.address, ==, q->address);
    g_assert_cmpint(same.port, ==, q->port);
    g_assert_cmpstr(same.key.name, ==, q->key.name);
    g_assert_cmpstr(same.key.algorithm, ==, q->key.algorithm);
    g_assert_cmpstr(same.key.secret, ==, q->key.secret);
    g_assert_cmpstr(same.hook, ==, q->hook);
}

static void test_there_and_back(void)
{
    DnsRequest q = update;

    assert_there_and_back(&update);
    assert_there_and_back(&hook);
    q.key.name = q.key.algorithm = q.key.secret = NULL;
    q.remove = true;
    assert_there_and_back(&q);
    q.zone = q.fqdn;
    assert_there_and_back(&q);
}

/* The biggest of all fits. */
static void test_biggest(void)
{
    _cleanup_free_ char *label = g_strnfill(61, 'a'), *secret = g_strnfill(LIMIT_TSIG_FILE, 'A');
    _cleanup_free_ char *name = g_strdup_printf("%s.%s.%s.%s.aaaaa", label, label, label, label);
    DnsRequest q = update;

    g_assert_cmpuint(strlen(name), ==, LIMIT_NAME);
    q.fqdn = q.zone = q.key.name = name;
    q.key.secret = secret;
    q.key.algorithm = S("hmac-sha512");
    q.address = S("fe80:1111:2222:3333:4444:5555:6666:7777%enp0s31f6np1ab");
    q.port = 65535;
    assert_there_and_back(&q);
}

static void test_encode_refuses(void)
{
    struct {
        const char *what;
        DnsRequest q;
    } cases[] = {
        { "name", update },
        { "name", update },
        { "value", update },
        { "zone", update },
        { "not in the zone", update },
        { "server", update },
        { "server", update },
        { "server", update },
        { "key", update },
        { "key", update },
        { "algorithm", update },
        { "secret", update },
        { "hook", hook },
        { "takes no server", hook },
        { "takes no server", hook },
    };

    cases[0].q.fqdn = S("a\nzone b");
    cases[1].q.fqdn = NULL;
    cases[2].q.value = S("short");
    cases[3].q.zone = NULL;
    cases[4].q.zone = S("ample.net");
    cases[5].q.address = S("ns.example.net");
    cases[6].q.address = S("fe80::1%a\nb");
    cases[7].q.port = 0;
    cases[8].q.key.name = NULL;
    cases[9].q.key.name = S("K");
    cases[10].q.key.algorithm = S("hmac-md5");
    cases[11].q.key.secret = S("a b c");
    cases[12].q.hook = S("../hook");
    cases[13].q.zone = S("example.net");
    cases[14].q.key.secret = S("AAAA");
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_problem_ Problem problem = {};
        char *text = NULL;

        if (dns_request_encode(&cases[i].q, &text, &problem) != -EINVAL || text ||
            !strstr(problem.text, cases[i].what))
            note_failure("%zu (%s): %s", i, cases[i].what, strempty(problem.text));
    }
}

static void test_decode_refuses(void)
{
    static const char *const cases[] = {
        "",
        "\n",
        "action add\n",
        "action add\n\n",
        HEAD SERVER "port 53\n",
        HEAD SERVER "port 53",
        HEAD SERVER "port 53\n\n\n",
        HEAD SERVER "port 53\n\nx",
        HEAD SERVER "port 53\n\nhook h\n\n",
        "\n" HEAD SERVER "port 53\n\n",
        " " HEAD SERVER "port 53\n\n",
        HEAD SERVER "\n",
        HEAD SERVER "port 0\n\n",
        HEAD SERVER "port 053\n\n",
        HEAD SERVER "port 65536\n\n",
        HEAD SERVER "port -1\n\n",
        HEAD SERVER "port 53\nport 53\n\n",
        HEAD SERVER "port 53\nzone example.net\n\n",
        HEAD SERVER "port 53\nttl 60\n\n",
        HEAD SERVER "port 53\nhook h\n\n",
        HEAD SERVER "port 53\nKEY-NAME k\n\n",
        HEAD SERVER "port 53\nkey-name k\n\n",
        HEAD SERVER "port 53\r\n\r\n",
        HEAD SERVER "port 53\n" KEY "key-secret c2VjcmV0\n\n",
        HEAD "zone example.org\nserver 192.0.2.53\nport 53\n\n",
        HEAD "zone .\nserver 192.0.2.53\nport 53\n\n",
        HEAD "zone example.net.\nserver 192.0.2.53\nport 53\n\n",
        HEAD "zone example.net\nserver 192.0.2.53:53\nport 53\n\n",
        HEAD "zone example.net\nserver localhost\nport 53\n\n",
        HEAD "zone example.net\nserver  192.0.2.53\nport 53\n\n",
        HEAD "hook \n\n",
        HEAD "hook\n\n",
        HEAD "hook ..\n\n",
        HEAD "hook .h\n\n",
        HEAD "hook -h\n\n",
        HEAD "hook a/b\n\n",
        HEAD "hook a b\n\n",
        HEAD "hook h\nhook h\n\n",
        HEAD "hook h\x01\n\n",
        HEAD "hook h\xff\n\n",
        "fqdn a.example\naction add\nvalue " VALUE "\nhook h\n\n",
        "action change\nfqdn a.example\nvalue " VALUE "\nhook h\n\n",
        "action add\naction add\nfqdn a.example\nvalue " VALUE "\nhook h\n\n",
        "action add\nfqdn a.example.\nvalue " VALUE "\nhook h\n\n",
        "action add\nfqdn -a.example\nvalue " VALUE "\nhook h\n\n",
        "action add\nfqdn a-.example\nvalue " VALUE "\nhook h\n\n",
        "action add\nfqdn A.example\nvalue " VALUE "\nhook h\n\n",
        "action add\nfqdn *.example\nvalue " VALUE "\nhook h\n\n",
        "action add\nfqdn a..example\nvalue " VALUE "\nhook h\n\n",
        "action add\nfqdn a example\nvalue " VALUE "\nhook h\n\n",
        "action add\nfqdn a\"example\nvalue " VALUE "\nhook h\n\n",
        "action add\nfqdn a.example\nvalue A" VALUE "\nhook h\n\n",
        "action add\nfqdn a.example\nvalue AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nhook h\n\n",
        "action add\nfqdn a.example\nvalue AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"A\nhook h\n\n",
        "action add\nfqdn a.example\nhook h\n\n",
        "action add\nvalue " VALUE "\nhook h\n\n",
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_dns_request_ DnsRequest q = {};

        if (dns_request_decode(cases[i], strlen(cases[i]), &q, &problem) != -EBADMSG || q.fqdn ||
            !problem.text)
            note_failure("%zu is taken: %s", i, cases[i]);
    }
}

static void test_decode_limits(void)
{
    static const char nul[] = HEAD "hook h\n\n\0";
    _cleanup_problem_ Problem problem = {};
    _cleanup_dns_request_ DnsRequest q = {};
    _cleanup_free_ char *fill = g_strnfill(LIMIT_DNS_REQUEST, 'A'),
                        *big = g_strconcat(HEAD SERVER "port 53\nkey-secret ", fill, "\n\n", NULL);

    g_assert_cmpint(dns_request_decode(nul, sizeof(nul) - 1, &q, &problem), ==, -EBADMSG);
    g_assert_cmpint(dns_request_decode(big, strlen(big), &q, &problem), ==, -EBADMSG);
    g_assert_cmpint(dns_request_decode(nul, sizeof(nul) - 2, &q, NULL), ==, 0);
}

static void test_replies(void)
{
    _cleanup_problem_ Problem wrong = {}, back = {}, none = {}, empty = { .code = PROBLEM_INTERNAL };
    _cleanup_free_ char *done = dns_reply_encode(&none), *failed = NULL, *bare = dns_reply_encode(&empty);

    g_assert_cmpint(dns_reply_decode(done, strlen(done), &back), ==, 0);
    g_assert_cmpint(back.code, ==, PROBLEM_NONE);
    problem_set(&wrong, PROBLEM_CHALLENGE_FAILED, "It is %s\nso.", "\xc3\xa4\x1b");
    failed = dns_reply_encode(&wrong);
    g_assert_cmpint(dns_reply_decode(failed, strlen(failed), &back), ==, 0);
    g_assert_cmpint(back.code, ==, PROBLEM_CHALLENGE_FAILED);
    g_assert_cmpstr(back.text, ==, "It is \xc3\xa4??so.");
    problem_clear(&back);
    g_assert_cmpint(dns_reply_decode(bare, strlen(bare), &back), ==, 0);
    g_assert_cmpint(back.code, ==, PROBLEM_INTERNAL);
}

/* The longest text that a problem can have fits. */
static void test_long_reply(void)
{
    _cleanup_problem_ Problem wrong = {}, back = {};
    _cleanup_free_ char *fill = g_strnfill(2 * LIMIT_PROBLEM_TEXT, 'x'), *reply = NULL;

    problem_set(&wrong, PROBLEM_NOT_A_CERTIFICATE_AUTHORITY, "%s", fill);
    reply = dns_reply_encode(&wrong);
    g_assert_cmpint(dns_reply_decode(reply, strlen(reply), &back), ==, 0);
    g_assert_cmpuint(strlen(back.text), ==, LIMIT_PROBLEM_TEXT);
}

static void test_replies_refused(void)
{
    static const char *const cases[] = {
        "",
        "\n",
        "result done",
        "result done\n",
        "result done\n\n\n",
        "result done\ntext x\n\n",
        "result Done\n\n",
        "result \n\n",
        "result Internal\n\n",
        "result Internal\ntext \n\n",
        "result Internal\ntext x\n",
        "result Internal\ntext x\n\nx",
        "result Internal\ntext x\ntext y\n\n",
        "result Internal\ntext x\x07\n\n",
        "result Internal\ntext x\xe2\x80\xae\n\n",
        "result Internal\ntext \xff\n\n",
        "result Nonsense\ntext x\n\n",
        "text x\nresult Internal\n\n",
        "HTTP/1.1 200 OK\n\n",
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_problem_ Problem back = {};

        if (dns_reply_decode(cases[i], strlen(cases[i]), &back) != -EBADMSG || back.code != PROBLEM_NONE)
            note_failure("%zu is taken: %s", i, cases[i]);
    }
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/dns-request/there-and-back", test_there_and_back);
    g_test_add_func("/dns-request/biggest", test_biggest);
    g_test_add_func("/dns-request/encode-refuses", test_encode_refuses);
    g_test_add_func("/dns-request/decode-refuses", test_decode_refuses);
    g_test_add_func("/dns-request/decode-limits", test_decode_limits);
    g_test_add_func("/dns-request/replies", test_replies);
    g_test_add_func("/dns-request/long-reply", test_long_reply);
    g_test_add_func("/dns-request/replies-refused", test_replies_refused);
    return g_test_run();
}
