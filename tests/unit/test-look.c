/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tls-server-fixture.h"

#include <sys/stat.h>

#include "core/sighting.h"
#include "deploy/look.h"
#include "deploy/probe.h"
#include "util/memfd.h"
#include "util/text.h"

/* This program is its own child. */

#define NAME       "www.example.com"
#define OTHER      "b.example.com"
#define OUTPUT_MAX (sizeof(SightingHeader) + LIMIT_LOOKS * sizeof(Sighting))

typedef struct Run {
    Folder folder;
    GString *input, *modules;
    char *output; /* owns the records */
    const SightingHeader *header;
    const Sighting *records;
} Run;

static void run_init(Run *r)
{
    *r = (Run){ .folder = folder_new(), .input = g_string_new(NULL), .modules = g_string_new(NULL) };
}

static void run_done(Run *r)
{
    g_string_free(r->input, TRUE);
    g_string_free(r->modules, TRUE);
    free(r->output);
    folder_done(&r->folder);
}
#define _cleanup_run_ _cleanup_(run_done)

static void digest_text(const Issued *i, char ret[static SIGHTING_DIGEST])
{
    uint8_t digest[DIGEST_SIZE];

    digest_of(i, digest);
    hex_encode(digest, sizeof(digest), false, ret);
}

static void run_want(Run *r, const char *name, const Issued *leaf)
{
    char text[SIGHTING_DIGEST];

    digest_text(leaf, text);
    g_string_append_printf(r->input, "%s %s\n", name, text);
}

/* A certificate with one more name, and places in one module. */
static void run_add(Run *r, const char *name, const char *more, const char *probes)
{
    g_string_append_printf(r->modules,
                           "[Certificate %s]\nAlternativeNames=%s\n[Deploy %s]\nKeyFile=/x/%s\nProbe=%s\n",
                           name, more, name, name, probes);
}

static void run_look(Run *r)
{
    _cleanup_close_ int input = memfd_new("input", r->input->str, r->input->len),
                        output = memfd_new_writable("output");
    char *const config[] = { r->folder.path, NULL };
    size_t size;

    if (r->modules->len > 0)
        folder_write(&r->folder, "modules.d/web.conf", r->modules->str);
    g_assert_cmpint(look(config, input, output), ==, 0);
    g_assert_cmpint(memfd_read(output, OUTPUT_MAX, &r->output, &size), ==, 0);
    r->header = (const SightingHeader *)(const void *)r->output;
    r->records = (const Sighting *)(const void *)(r->output + sizeof(SightingHeader));
    g_assert_cmpuint(r->header->size, ==, sizeof(Sighting));
    g_assert_cmpuint(size, ==, sizeof(SightingHeader) + r->header->n * sizeof(Sighting));
}

static void assert_outcomes(const Run *r, const SightingOutcome *outcomes, size_t n)
{
    g_assert_cmpuint(r->header->n, ==, n);
    for (size_t i = 0; i < n; i++)
        if (r->records[i].outcome != outcomes[i])
            note_failure("%zu: %u instead of %d: %s", i, r->records[i].outcome, (int)outcomes[i],
                         r->records[i].reason);
}
#define OUTCOMES(r, ...) \
    assert_outcomes(r, (const SightingOutcome[]){ __VA_ARGS__ }, \
                    ELEMENTSOF(((const SightingOutcome[]){ __VA_ARGS__ })))

/* ---- what is seen */

static void test_chain(void)
{
    _cleanup_issued_ Issued leaf =
        issue(&(CertificateSpec){ .subject = "leaf", .names = "DNS:" NAME }, NULL, NULL);
    _cleanup_issued_ Issued issuer = issue(&(CertificateSpec){ .subject = "issuer" }, NULL, NULL);
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_SMTP };
    _cleanup_free_ char *probe = NULL;
    _cleanup_run_ Run r;
    char text[SIGHTING_DIGEST];
    const Sighting *seen;

    run_init(&r);
    tls_server_add(&s, tls_context_make(&leaf, &issuer, 1), 0);
    tls_server_start(&s);
    g_assert_cmpint(asprintf(&probe, "smtp://127.0.0.1:%u", s.port), >, 0);
    run_add(&r, NAME, OTHER, probe);
    run_want(&r, NAME, &leaf);
    run_look(&r);
    OUTCOMES(&r, SIGHTING_CHAIN, SIGHTING_CHAIN);
    seen = r.records;
    g_assert_cmpstr(seen->module, ==, "web");
    g_assert_cmpstr(seen->certificate, ==, NAME);
    g_assert_cmpstr(seen->name, ==, NAME);
    g_assert_cmpstr(seen->host, ==, "127.0.0.1");
    g_assert_cmpuint(seen->port, ==, s.port);
    g_assert_cmpuint(seen->scheme, ==, PROBE_SMTP);
    g_assert_cmpuint(seen->n, ==, 2);
    digest_text(&leaf, text);
    g_assert_cmpstr(seen->chain[0], ==, text);
    digest_text(&issuer, text);
    g_assert_cmpstr(seen->chain[1], ==, text);
    g_assert_cmpstr(seen->leaf.names, ==, NAME);
    g_assert_cmpstr(seen->leaf.issuer, ==, "CN=leaf");
    g_assert_cmpuint(strlen(seen->leaf.serial), >, 0);
    g_assert_cmpint(seen->leaf.not_before, <, seen->leaf.not_after);
    g_assert_cmpuint(seen->leaf.covers, ==, 1);
    g_assert_cmpstr(seen[1].name, ==, OTHER);
    g_assert_cmpuint(seen[1].leaf.covers, ==, 0);
}

/* A wildcard is asked for by a name that it covers; names are sent. */
static void test_wildcard(void)
{
    _cleanup_issued_ Issued leaf =
        issue(&(CertificateSpec){ .subject = "leaf", .names = "DNS:*.example.com" }, NULL, NULL);
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_TLS };
    _cleanup_free_ char *probe = NULL;
    _cleanup_run_ Run r;

    run_init(&r);
    tls_server_add(&s, tls_context_make(&leaf, NULL, 0), 0);
    tls_server_start(&s);
    g_assert_cmpint(asprintf(&probe, "tls://localhost:%u", s.port), >, 0);
    run_add(&r, "*.example.com", "", probe);
    run_want(&r, "*.example.com", &leaf);
    run_look(&r);
    OUTCOMES(&r, SIGHTING_CHAIN);
    g_assert_cmpstr(r.records->name, ==, "*.example.com");
    g_assert_cmpuint(r.records->leaf.covers, ==, 1);
    tls_server_stop(&s);
    g_assert_cmpstr(s.server_name, ==, "x.example.com");
    s = (TlsServer){};
}

/* The wanted one of two kinds of keys, and the first if none is. */
static void test_kinds(void)
{
    _cleanup_issued_ Issued ecdsa = issue(&(CertificateSpec){ .subject = "e" }, NULL, EVP_EC_gen("P-256"));
    _cleanup_issued_ Issued rsa = issue(&(CertificateSpec){ .subject = "r" }, NULL, EVP_RSA_gen(2048));
    _cleanup_issued_ Issued neither = issue(&(CertificateSpec){ .subject = "n" }, NULL, NULL);
    const Issued *wanted[] = { &ecdsa, &rsa, &neither };
    _cleanup_tls_server_ TlsServer s = { .scheme = PROBE_TLS };
    SSL_CTX *context = tls_context_make(&ecdsa, NULL, 0);
    _cleanup_free_ char *probe = NULL;

    g_assert_cmpint(SSL_CTX_use_certificate(context, rsa.certificate), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(context, rsa.key), ==, 1);
    tls_server_add(&s, context, 0);
    tls_server_start(&s);
    g_assert_cmpint(asprintf(&probe, "tls://127.0.0.1:%u", s.port), >, 0);
    for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
        _cleanup_run_ Run r;
        char text[SIGHTING_DIGEST];

        run_init(&r);
        run_add(&r, NAME, "", probe);
        run_want(&r, NAME, wanted[i]);
        run_look(&r);
        OUTCOMES(&r, SIGHTING_CHAIN);
        digest_text(wanted[i], text);
        g_assert_cmpint(streq(r.records->chain[0], text), ==, wanted[i] != &neither);
    }
}

/* One that is silent, or not there, is tried once, and the others are seen. */
static void test_silent(void)
{
    _cleanup_issued_ Issued leaf = issue(&(CertificateSpec){ .subject = NAME }, NULL, NULL);
    _cleanup_tls_server_ TlsServer silent = { .scheme = PROBE_TLS, .manner = SERVER_IS_SILENT },
                                   another = { .scheme = PROBE_TLS, .manner = SERVER_REFUSES_TLS },
                                   s = { .scheme = PROBE_TLS };
    _cleanup_free_ char *probes = NULL;
    _cleanup_run_ Run r;

    run_init(&r);
    tls_server_add(&s, tls_context_make(&leaf, NULL, 0), 0);
    tls_server_start(&silent);
    tls_server_start(&another);
    tls_server_start(&s);
    g_assert_cmpint(
        asprintf(
            &probes,
            "tls://127.0.0.1:%u tls://127.0.0.1:9 tls://203.0.113.9:9 tls://127.0.0.1:%u tls://127.0.0.1:%u",
            silent.port, another.port, s.port),
        >, 0);
    run_add(&r, NAME, OTHER, probes);
    run_want(&r, NAME, &leaf);
    run_look(&r);
    OUTCOMES(&r, SIGHTING_SILENT, SIGHTING_SILENT, SIGHTING_REFUSED, SIGHTING_REFUSED, SIGHTING_FAILED,
             SIGHTING_FAILED, SIGHTING_FAILED, SIGHTING_FAILED, SIGHTING_CHAIN, SIGHTING_CHAIN);
    g_assert_cmpstr(r.records[1].reason, ==, r.records[0].reason);
    g_assert_cmpstr(r.records[1].reason, !=, "");
    g_assert_nonnull(strstr(r.records[4].reason, "is not an address of this machine"));
    tls_server_stop(&silent);
    g_assert_cmpint(silent.n_connections, ==, 1);
    silent = (TlsServer){};
}

/* ---- what is looked at */

static void test_unwanted(void)
{
    _cleanup_issued_ Issued leaf = issue(&(CertificateSpec){ .subject = NAME }, NULL, NULL);
    _cleanup_run_ Run r;

    run_init(&r);
    run_add(&r, NAME, "", "tls://127.0.0.1:9");
    run_add(&r, OTHER, "", "");
    run_want(&r, OTHER, &leaf);
    run_want(&r, "gone.example.com", &leaf);
    g_string_append(r.input, NAME "\n" NAME " abcd\n\n");
    run_look(&r);
    g_assert_cmpuint(r.header->n, ==, 0);
    g_assert_cmpuint(r.header->left_out, ==, 0);
}

/* Many names at one place that refuses: none is left out for lack of time, but some for their number. */
static void test_limit(void)
{
    _cleanup_issued_ Issued leaf = issue(&(CertificateSpec){ .subject = NAME }, NULL, NULL);
    _cleanup_run_ Run r;

    run_init(&r);
    for (unsigned i = 0; i <= LIMIT_LOOKS; i++) {
        char name[64];

        snprintf(name, sizeof(name), "n%u.example.com", i);
        run_add(&r, name, "", "tls://127.0.0.1:9");
        run_want(&r, name, &leaf);
    }
    run_look(&r);
    g_assert_cmpuint(r.header->n, ==, LIMIT_LOOKS);
    g_assert_cmpuint(r.header->left_out, ==, 1);
    for (size_t i = 0; i < r.header->n; i++)
        g_assert_cmpuint(r.records[i].outcome, ==, SIGHTING_REFUSED);
}

static void test_unreadable(void)
{
    _cleanup_run_ Run r;

    run_init(&r);
    if (geteuid() == 0) {
        g_test_skip("root may read everything");
        return;
    }
    folder_write(&r.folder, "modules.d/web.conf", "");
    folder_write(&r.folder, "certwright.conf", "");
    g_assert_cmpint(fchmodat(r.folder.fd, "modules.d/web.conf", 0, 0), ==, 0);
    run_look(&r);
    OUTCOMES(&r, SIGHTING_UNREADABLE);
    g_assert_true(g_str_has_suffix(r.records->reason, "/modules.d/web.conf"));
    g_assert_cmpuint(r.header->uses_dns, ==, 0);
    free(TAKE_PTR(r.output));
    g_assert_cmpint(fchmodat(r.folder.fd, "certwright.conf", 0, 0), ==, 0);
    run_look(&r);
    OUTCOMES(&r, SIGHTING_UNREADABLE);
    g_assert_cmpuint(r.header->uses_dns, ==, 1);
}

static void test_dns(void)
{
    static const struct {
        const char *settings;
        uint32_t uses;
    } cases[] = {
        { "", 0 },
        { "DNSHook=house", 1 },
        { "DNSServer=127.0.0.1\nDNSKeyFile=/key", 1 },
        { "DNSHook=house\nChallenges=http-01", 0 },
        { "DNSHook=house\nEnabled=no", 0 },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_free_ char *text = NULL;
        _cleanup_run_ Run r;

        run_init(&r);
        g_assert_cmpint(asprintf(&text, "[ACME]\n%s\n", cases[i].settings), >, 0);
        folder_write(&r.folder, "certwright.conf", text);
        run_look(&r);
        if (r.header->uses_dns != cases[i].uses || r.header->n != 0)
            note_failure("%s: %u", cases[i].settings, r.header->uses_dns);
    }
}

int main(int argc, char *argv[])
{
    if (argc > 1 && streq(argv[1], "--probe"))
        probe_child(argc, argv);
    fixture_init(&argc, &argv);
    g_test_add_func("/look/chain", test_chain);
    g_test_add_func("/look/wildcard", test_wildcard);
    g_test_add_func("/look/kinds", test_kinds);
    g_test_add_func("/look/silent", test_silent);
    g_test_add_func("/look/unwanted", test_unwanted);
    g_test_add_func("/look/limit", test_limit);
    g_test_add_func("/look/unreadable", test_unreadable);
    g_test_add_func("/look/dns", test_dns);
    return g_test_run();
}
