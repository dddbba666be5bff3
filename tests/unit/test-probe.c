/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tls-server-fixture.h"

#include <openssl/param_build.h>
#include <signal.h>

#include "deploy/probe.h"
#include "util/text.h"
#include "util/time.h"

/* This program is its own child. */

#define NAME    "www.example.com"
#define TIMEOUT 30000

static Issued leaf_make(void)
{
    return issue(&(CertificateSpec){ .subject = NAME, .names = "DNS:" NAME }, NULL, NULL);
}

static Probe probe_of(const TlsServer *s)
{
    return (Probe){ .scheme = s->scheme, .host = S("127.0.0.1"), .port = s->port, .proxy_v1 = s->proxy };
}

static Presented presented_of(const Issued *leaf, const Issued *more, size_t n_more)
{
    Presented p = { .n = (uint32_t)n_more + 1 };

    digest_of(leaf, p.digests[0]);
    for (size_t i = 0; i < n_more; i++)
        digest_of(more + i, p.digests[i + 1]);
    return p;
}

static void check_presents(const TlsServer *s, const Presented *expected)
{
    _cleanup_problem_ Problem problem = {};
    Presented presented = {};
    Probe p = probe_of(s);
    int r = probe_once(&p, NAME, TIMEOUT, &presented, &problem);

    if (r < 0 || !presented_equal(&presented, expected))
        note_failure("%s: %d, %u certificates, %s", probe_scheme_to_string(s->scheme), r, presented.n,
                     strempty(problem.text));
}

/* The problem says all of it. */
static void check_fails(const Probe *p, int64_t timeout, const char *text)
{
    _cleanup_problem_ Problem problem = {};
    Presented presented;
    int r = probe_once(p, NAME, timeout, &presented, &problem);

    if (r >= 0 || !g_pattern_match_simple(text, strempty(problem.text)))
        note_failure("%d, \"%s\" instead of \"%s\"", r, strempty(problem.text), text);
}

static void check_server_fails(ProbeScheme scheme, ServerManner manner, int64_t timeout, const char *text)
{
    _cleanup_issued_ Issued leaf = leaf_make();
    _cleanup_tls_server_ TlsServer s = { .scheme = scheme, .manner = manner };
    Probe p;

    tls_server_add(&s, tls_context_make(&leaf, NULL, 0), 0);
    tls_server_start(&s);
    p = probe_of(&s);
    check_fails(&p, timeout, text);
}

/* ---- what is presented */

static void test_schemes(void)
{
    _cleanup_issued_ Issued leaf = leaf_make(), issuer = leaf_make();
    Presented expected = presented_of(&leaf, &issuer, 1);

    for (ProbeScheme scheme = 0; scheme < _PROBE_SCHEME_MAX; scheme++) {
        _cleanup_tls_server_ TlsServer s = { .scheme = scheme };

        tls_server_add(&s, tls_context_make(&leaf, &issuer, 1), 0);
        tls_server_start(&s);
        check_presents(&s, &expected);
        tls_server_stop(&s);
        g_assert_cmpstr(s.server_name, ==, NAME);
        s = (TlsServer){};
    }
}

static void check_key(EVP_PKEY *key, int version, bool mutual)
{
    _cleanup_issued_ Issued leaf = issue(&(CertificateSpec){ .subject = NAME }, NULL, key);
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_HTTPS };
    Presented expected = presented_of(&leaf, NULL, 0);
    SSL_CTX *context = tls_context_make(&leaf, NULL, 0);

    g_assert_cmpint(SSL_CTX_set_min_proto_version(context, version), ==, 1);
    g_assert_cmpint(SSL_CTX_set_max_proto_version(context, version), ==, 1);
    if (mutual)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    tls_server_add(&s, context, 0);
    tls_server_start(&s);
    check_presents(&s, &expected);
}

static void test_keys(void)
{
    for (int mutual = 0; mutual < 2; mutual++)
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            check_key(EVP_EC_gen("P-256"), version, mutual);
            check_key(EVP_EC_gen("P-521"), version, mutual);
            check_key(EVP_RSA_gen(2048), version, mutual);
            check_key(EVP_RSA_gen(1024), version, mutual);
            check_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), version, mutual);
        }
    check_key(EVP_RSA_gen(2048), TLS1_1_VERSION, false);
    check_key(EVP_RSA_gen(2048), TLS1_VERSION, true);
}

/* The private key of one with the public key of another, as OpenSSL compares only public keys. */
static EVP_PKEY *key_mix(EVP_PKEY *private_key, EVP_PKEY *public_key)
{
    OSSL_PARAM *private_part, *public_part, *all;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *mixed = NULL;
    BIGNUM *number = NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();

    g_assert_cmpint(EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &public_part), ==, 1);
    g_assert_cmpint(EVP_PKEY_get_bn_param(private_key, "priv", &number), ==, 1);
    g_assert_cmpint(OSSL_PARAM_BLD_push_BN(b, "priv", number), ==, 1);
    private_part = OSSL_PARAM_BLD_to_param(b);
    all = OSSL_PARAM_merge(public_part, private_part);
    g_assert_cmpint(EVP_PKEY_fromdata_init(context), ==, 1);
    g_assert_cmpint(EVP_PKEY_fromdata(context, &mixed, EVP_PKEY_KEYPAIR, all), ==, 1);
    OPENSSL_free(all);
    OSSL_PARAM_free(private_part);
    OSSL_PARAM_free(public_part);
    OSSL_PARAM_BLD_free(b);
    BN_free(number);
    EVP_PKEY_CTX_free(context);
    return mixed;
}

static void check_foreign_key(const Issued *leaf, int version, bool mutual)
{
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_TLS };
    SSL_CTX *context = tls_context_make(leaf, NULL, 0);
    Probe p;

    g_assert_cmpint(SSL_CTX_set_max_proto_version(context, version), ==, 1);
    if (mutual)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    tls_server_add(&s, context, 0);
    tls_server_start(&s);
    p = probe_of(&s);
    check_fails(&p, TIMEOUT, "tls://*presents a certificate, but signs with another key than its.");
}

/* A server that presents a certificate whose key it does not have does not serve it. */
static void test_foreign_key(void)
{
    _cleanup_issued_ Issued leaf = leaf_make();
    EVP_PKEY *other = EVP_EC_gen("P-256"), *own = leaf.key;

    leaf.key = key_mix(other, own);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        check_foreign_key(&leaf, version, false);
        check_foreign_key(&leaf, version, true);
    }
    EVP_PKEY_free(other);
    EVP_PKEY_free(own);
}

/* A server that did not have to use its key before it refused us has not shown that it has it. */
static void test_unproved(void)
{
    _cleanup_issued_ Issued leaf = issue(&(CertificateSpec){ .subject = NAME }, NULL, EVP_RSA_gen(2048));
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_TLS };
    Presented expected = presented_of(&leaf, NULL, 0);
    SSL_CTX *context = tls_context_make(&leaf, NULL, 0);
    Probe p;

    g_assert_cmpint(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION), ==, 1);
    g_assert_cmpint(SSL_CTX_set_cipher_list(context, "kRSA:@SECLEVEL=0"), ==, 1);
    tls_server_add(&s, context, 0);
    tls_server_start(&s);
    check_presents(&s, &expected);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    p = probe_of(&s);
    check_fails(&p, TIMEOUT, "The TLS handshake with tls://* failed (*alert handshake failure).");
}

static void test_wildcard(void)
{
    _cleanup_issued_ Issued leaf = leaf_make();
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_TLS };
    Presented presented;
    Probe p;

    tls_server_add(&s, tls_context_make(&leaf, NULL, 0), 0);
    tls_server_start(&s);
    p = probe_of(&s);
    g_assert_cmpint(probe_once(&p, "*.example.com", TIMEOUT, &presented, NULL), ==, 0);
    g_assert_cmpint(probe_once(&p, "192.0.2.1", TIMEOUT, &presented, NULL), ==, 0);
    tls_server_stop(&s);
    g_assert_cmpstr(s.server_name, ==, "");
    s = (TlsServer){};
}

static void test_proxy(void)
{
    _cleanup_issued_ Issued leaf = leaf_make();
    Presented expected = presented_of(&leaf, NULL, 0);
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_SMTP, .proxy = true };
    g_autofree char *end = NULL;

    tls_server_add(&s, tls_context_make(&leaf, NULL, 0), 0);
    tls_server_start(&s);
    check_presents(&s, &expected);
    tls_server_stop(&s);
    end = g_strdup_printf(" %u\r", s.port);
    g_assert_true(g_str_has_prefix(s.header, "PROXY TCP4 127.0.0.1 127.0.0.1 "));
    g_assert_true(g_str_has_suffix(s.header, end));
    s = (TlsServer){};
}

/* ---- services that do not present a chain */

static void test_faults(void)
{
    check_server_fails(PROBE_TLS, SERVER_HANGS_UP, TIMEOUT,
                       "tls://127.0.0.1:* closed the connection before*");
    check_server_fails(PROBE_SMTP, SERVER_HANGS_UP, TIMEOUT,
                       "smtp://127.0.0.1:* closed the connection before*");
    check_server_fails(PROBE_HTTPS, SERVER_IS_SILENT, 300,
                       "https://*did not complete the TLS handshake in time.");
    check_server_fails(PROBE_HTTPS, SERVER_STOPS, 300,
                       "https://*did not complete the TLS handshake in time.");
    check_server_fails(PROBE_IMAP, SERVER_IS_SILENT, 300,
                       "imap://*did not greet as a server of IMAP in time.");
    check_server_fails(PROBE_POP3, SERVER_IS_ANOTHER, TIMEOUT,
                       "pop3://*does not greet as a server of POP3; check*");
    check_server_fails(PROBE_HTTPS, SERVER_IS_ANOTHER, TIMEOUT,
                       "The TLS handshake with https://* failed (wrong version number).");
    check_server_fails(PROBE_HTTPS, SERVER_REFUSES_TLS, TIMEOUT,
                       "The TLS handshake with https://* failed (*).");
    check_server_fails(PROBE_SMTP, SERVER_NEVER_ENDS, TIMEOUT, "smtp://*does not greet*");
    for (ProbeScheme scheme = PROBE_SMTP; scheme <= PROBE_POP3; scheme++) {
        check_server_fails(scheme, SERVER_REFUSES_TLS, TIMEOUT, "*refuses to begin TLS; check*");
        check_server_fails(scheme, SERVER_STOPS, 300, "*did not answer in time when asked to begin TLS.");
    }
}

static void test_long_chain(void)
{
    _cleanup_issued_ Issued leaf = leaf_make();
    Issued many[DEPLOY_CHAIN_MAX];

    for (size_t i = 0; i < ELEMENTSOF(many); i++)
        many[i] = leaf_make();
    for (size_t n = ELEMENTSOF(many) - 1; n <= ELEMENTSOF(many); n++) {
        _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_HTTPS };
        Probe p;

        tls_server_add(&s, tls_context_make(&leaf, many, n), 0);
        tls_server_start(&s);
        p = probe_of(&s);
        if (n == DEPLOY_CHAIN_MAX)
            check_fails(&p, TIMEOUT, "https://*sent more than a chain of 16 certificates*");
        else {
            Presented expected = presented_of(&leaf, many, n);

            check_presents(&s, &expected);
        }
    }
    for (size_t i = 0; i < ELEMENTSOF(many); i++)
        issued_done(many + i);
}

static void test_nobody_listens(void)
{
    _cleanup_tls_server_ TlsServer s = {};
    Probe p = { .scheme = PROBE_TLS, .host = S("127.0.0.1") };

    tls_server_start(&s);
    p.port = s.port;
    tls_server_stop(&s);
    s = (TlsServer){};
    check_fails(&p, TIMEOUT, "tls://127.0.0.1:* cannot be reached: Connection refused.");
    p.host = S("192.0.2.1");
    check_fails(&p, TIMEOUT, "tls://192.0.2.1:* cannot be reached: *is not an address of this machine*");
}

/* ---- three in a row */

static void test_verify(void)
{
    _cleanup_issued_ Issued former = leaf_make(), leaf = leaf_make();
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_HTTPS };
    Presented expected = presented_of(&leaf, NULL, 0);
    _cleanup_problem_ Problem problem = {};
    Probe p;

    /* the former one on connections 0, 1 and 4 */
    tls_server_add(&s, tls_context_make(&former, NULL, 0), 0);
    tls_server_add(&s, tls_context_make(&leaf, NULL, 0), 2);
    tls_server_add(&s, tls_context_make(&former, NULL, 0), 4);
    tls_server_add(&s, tls_context_make(&leaf, NULL, 0), 5);
    tls_server_start(&s);
    p = probe_of(&s);
    g_assert_cmpint(probe_verify(&p, NAME, &expected, TIMEOUT, &problem), ==, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_NONE);
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 8);
}

static void check_verify_fails(const TlsServer *s, const Presented *expected, const char *text)
{
    _cleanup_problem_ Problem problem = {};
    Probe p = probe_of(s);
    int64_t start = monotonic_msec();
    int r = probe_verify(&p, NAME, expected, 700, &problem);

    if (r >= 0 || !g_pattern_match_simple(text, strempty(problem.text)))
        note_failure("%d, \"%s\" instead of \"%s\"", r, strempty(problem.text), text);
    g_assert_cmpint(monotonic_msec() - start, <, 5000);
}

/* A server that has one chain for each kind of key. */
static void test_two_kinds(void)
{
    _cleanup_issued_ Issued ecdsa = leaf_make(), other = leaf_make(),
                            rsa = issue(&(CertificateSpec){ .subject = NAME }, NULL, EVP_RSA_gen(2048));

    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_HTTPS };
        SSL_CTX *context = tls_context_make(&ecdsa, NULL, 0);
        const Presented first = presented_of(&ecdsa, NULL, 0), second = presented_of(&rsa, NULL, 0),
                        none = presented_of(&other, NULL, 0);
        Probe p;

        g_assert_cmpint(SSL_CTX_set_max_proto_version(context, version), ==, 1);
        g_assert_cmpint(SSL_CTX_use_certificate(context, rsa.certificate), ==, 1);
        g_assert_cmpint(SSL_CTX_use_PrivateKey(context, rsa.key), ==, 1);
        tls_server_add(&s, context, 0);
        tls_server_start(&s);
        p = probe_of(&s);
        g_assert_cmpint(probe_verify(&p, NAME, &first, TIMEOUT, NULL), ==, 0);
        g_assert_cmpint(probe_verify(&p, NAME, &second, TIMEOUT, NULL), ==, 0);
        check_verify_fails(&s, &none, "https://*presents another certificate*");
    }
}

static void test_verify_fails(void)
{
    _cleanup_issued_ Issued former = leaf_make(), leaf = leaf_make(), issuer = leaf_make();
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_HTTPS }, silent = { .manner = SERVER_IS_SILENT };
    Presented expected = presented_of(&former, NULL, 0), other = presented_of(&leaf, NULL, 0),
              longer = presented_of(&former, &issuer, 1);

    tls_server_add(&s, tls_context_make(&former, NULL, 0), 0);
    tls_server_start(&s);
    check_verify_fails(&s, &other,
                       "https://*presents another certificate for " NAME " than*fingerprint*instead of*");
    check_verify_fails(&s, &longer, "https://*not with the issuers*1 instead of 2*");
    tls_server_start(&silent);
    check_verify_fails(&silent, &expected, "tls://*in time.");
}

/* The only child that runs. */
static pid_t child_of_this(void)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", (int)gettid()), *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL) || isempty(text))
        return 0;
    return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

/* One child for one place, until it has had many connections; another one for another place. */
static void test_prober(void)
{
    _cleanup_issued_ Issued leaf = leaf_make();
    const Presented expected = presented_of(&leaf, NULL, 0);
    _cleanup_tls_server_ TlsServer a = { .scheme = PROBE_HTTPS }, b = { .scheme = PROBE_SMTP };
    _cleanup_(prober_freep) Prober *prober = NULL;
    Probe p, q;
    pid_t first, other;

    tls_server_add(&a, tls_context_make(&leaf, NULL, 0), 0);
    tls_server_add(&b, tls_context_make(&leaf, NULL, 0), 0);
    tls_server_start(&a);
    tls_server_start(&b);
    p = probe_of(&a);
    q = probe_of(&b);
    g_assert_cmpint(prober_new(&prober), ==, 0);
    g_assert_cmpint(prober_verify(prober, &p, NAME, &expected, TIMEOUT, NULL), ==, 0);
    first = child_of_this();
    g_assert_cmpint(first, >, 0);
    g_assert_cmpint(prober_verify(prober, &p, "*.example.com", &expected, TIMEOUT, NULL), ==, 0);
    g_assert_cmpint(child_of_this(), ==, first);
    g_assert_cmpint(prober_verify(prober, &q, NAME, &expected, TIMEOUT, NULL), ==, 0);
    other = child_of_this();
    g_assert_cmpint(other, !=, first);
    for (int i = 0; i < 100; i++)
        g_assert_cmpint(prober_verify(prober, &q, NAME, &expected, TIMEOUT, NULL), ==, 0);
    g_assert_cmpint(child_of_this(), !=, other);
    prober_free(TAKE_PTR(prober));
    g_assert_cmpint(child_of_this(), ==, 0);
}

/* A child that ends is replaced. */
static void test_prober_ends(void)
{
    _cleanup_issued_ Issued leaf = leaf_make();
    const Presented expected = presented_of(&leaf, NULL, 0);
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_HTTPS };
    _cleanup_(prober_freep) Prober *prober = NULL;
    _cleanup_problem_ Problem problem = {};
    Probe p;

    tls_server_add(&s, tls_context_make(&leaf, NULL, 0), 0);
    tls_server_start(&s);
    p = probe_of(&s);
    g_assert_cmpint(prober_new(&prober), ==, 0);
    g_assert_cmpint(prober_verify(prober, &p, NAME, &expected, TIMEOUT, NULL), ==, 0);
    g_assert_cmpint(kill(child_of_this(), SIGKILL), ==, 0);
    g_assert_cmpint(prober_verify(prober, &p, NAME, &expected, TIMEOUT, &problem), ==, 0);
}

static void test_text(void)
{
    _cleanup_free_ char *v4 = NULL, *v6 = NULL;
    Probe p = { .scheme = PROBE_HTTPS, .host = S("127.0.0.1"), .port = 443 };

    g_assert_cmpint(probe_to_text(&p, &v4), ==, 0);
    g_assert_cmpstr(v4, ==, "https://127.0.0.1:443");
    p = (Probe){ .scheme = PROBE_SMTP, .host = S("::1"), .port = 25 };
    g_assert_cmpint(probe_to_text(&p, &v6), ==, 0);
    g_assert_cmpstr(v6, ==, "smtp://[::1]:25");
}

int main(int argc, char *argv[])
{
    if (argc > 1 && streq(argv[1], "--probe"))
        probe_child(argc, argv);
    fixture_init(&argc, &argv);
    g_test_add_func("/probe/schemes", test_schemes);
    g_test_add_func("/probe/keys", test_keys);
    g_test_add_func("/probe/foreign-key", test_foreign_key);
    g_test_add_func("/probe/unproved", test_unproved);
    g_test_add_func("/probe/wildcard", test_wildcard);
    g_test_add_func("/probe/proxy", test_proxy);
    g_test_add_func("/probe/faults", test_faults);
    g_test_add_func("/probe/long-chain", test_long_chain);
    g_test_add_func("/probe/nobody-listens", test_nobody_listens);
    g_test_add_func("/probe/verify", test_verify);
    g_test_add_func("/probe/two-kinds", test_two_kinds);
    g_test_add_func("/probe/verify-fails", test_verify_fails);
    g_test_add_func("/probe/prober", test_prober);
    g_test_add_func("/probe/prober-ends", test_prober_ends);
    g_test_add_func("/probe/text", test_text);
    return g_test_run();
}
