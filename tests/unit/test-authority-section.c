/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/config.h"

#include <sys/stat.h>

#include "config/settings.h"
#include "core/limits.h"
#include "crypto/account-key.h"
#include "util/text.h"

/* One directory with certwright.conf and its drop-ins, and what was complained about: "file:line:key text\n". */
typedef struct Place {
    Folder folder;
    char *directories[2];
    Config *config;
    GString *complaints;
} Place;

static void place_init(Place *p)
{
    *p = (Place){ .folder = folder_new(), .complaints = g_string_new(NULL) };
    p->directories[0] = folder_path(&p->folder, "etc");
}

static void place_done(Place *p)
{
    if (p->config)
        config_free(p->config);
    g_free(p->directories[0]);
    g_string_free(p->complaints, TRUE);
    folder_done(&p->folder);
}
#define _cleanup_place_ _cleanup_(place_done)

static void on_complaint(const char *file, unsigned line, const char *key, const char *text, void *userdata)
{
    Place *p = userdata;

    g_assert_cmpuint(strlen(text), >, 10);
    g_string_append_printf(p->complaints, "%s:%u:%s %s\n", file + strlen(p->directories[0]) + 1, line,
                           strempty(key), text);
}

static void load(Place *p)
{
    Config *former = p->config, *fresh = NULL;

    g_string_set_size(p->complaints, 0);
    g_assert_cmpint(config_load(p->directories, former, on_complaint, p, &fresh), ==, 0);
    if (former)
        config_free(former);
    p->config = fresh;
}

static const Settings *write_and_load(Place *p, const char *text)
{
    folder_write(&p->folder, "etc/certwright.conf", text);
    load(p);
    return p->config->settings;
}

#define assert_quiet(p) g_assert_cmpstr((p)->complaints->str, ==, "")

static void assert_list(char *const *list, const char *expected)
{
    g_autofree char *joined = list ? strv_join(list, " ") : g_strdup("");

    g_assert_cmpstr(joined, ==, expected);
}

static void test_defaults(void)
{
    _cleanup_place_ Place p = {};
    const AcmeSettings *a;

    place_init(&p);
    a = &write_and_load(&p, "")->acme;
    assert_quiet(&p);
    g_assert_true(a->enabled);
    g_assert_false(a->terms_agreed);
    g_assert_cmpuint(a->n_challenges, ==, 3);
    g_assert_cmpint(a->challenges[0], ==, CHALLENGE_HTTP_01);
    g_assert_cmpint(a->challenges[1], ==, CHALLENGE_TLS_ALPN_01);
    g_assert_cmpint(a->challenges[2], ==, CHALLENGE_DNS_01);
    assert_list(a->http_listen, ":80");
    g_assert_null(a->tls_listen);
    g_assert_cmpuint(a->http_check_port, ==, 80);
    g_assert_cmpuint(a->tls_check_port, ==, 443);
    g_assert_null(a->web_root);
    g_assert_null(a->dns_server);
    g_assert_null(a->dns_key_file);
    g_assert_null(a->dns_hook);
    g_assert_null(a->dns_resolvers);
    g_assert_true(a->self_check);
    g_assert_false(a->reuse_key);
    g_assert_cmpuint(p.config->settings->n_authorities, ==, 0);
}

static void test_self_check(void)
{
    static const struct {
        const char *value;
        CheckMode mode;
    } cases[] = { { "advise", CHECK_ADVISE }, { "yes", CHECK_ADVISE }, { "true", CHECK_ADVISE },
                  { "1", CHECK_ADVISE },      { "on", CHECK_ADVISE },  { "require", CHECK_REQUIRE },
                  { "no", CHECK_NO },         { "0", CHECK_NO } };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *text = g_strdup_printf("[ACME]\nSelfCheck=%s\n", cases[i].value);
        _cleanup_place_ Place p = {};

        place_init(&p);
        g_assert_cmpint(write_and_load(&p, text)->acme.self_check, ==, cases[i].mode);
        g_assert_cmpstr(p.complaints->str, ==, "");
    }
}

#define FULL_ACME \
    "[ACME]\nEnabled=no\nTermsOfServiceAgreed=yes\nChallenges=dns-01 http-01 dns-01\n" \
    "HTTPListen=127.0.0.1:8080 [::1]:8080\nHTTPCheckPort=8081\nWebRoot=/srv/www\nTLSListen=:443\nTLSCheckPort=8443\n" \
    "DNSServer=192.0.2.53\nDNSKeyFile=/etc/certwright/tsig.key\nDNSHook=hetzner.sh\n" \
    "DNSResolvers=192.0.2.1 [2001:db8::1]:5353 192.0.2.2:54\nSelfCheck=no\nReuseKey=yes\n"
#define FULL_AUTHORITY \
    "[Authority internal]\nDirectory=HTTPS://CA.Example.com:443/acme/directory\nCAFile=/etc/ssl/ca.pem\n" \
    "Origins=https://Cdn.example.com https://[2001:DB8:0::1]:8443\n" \
    "Contact=mailto:admin@example.com mailto:ops@example.com\nPublic=no\nProfile=shortlived\nRequireProfile=yes\n" \
    "PreferredChain=ISRG Root X1\nKeyType=rsa-3072\nEABKeyId=kid-1\nEABKeyFile=/etc/certwright/eab\n" \
    "EABAlgorithm=HS512\nOrdersPerAccount=300/3h\nCertificatesPerDomain=50/7d\nCertificatesPerSet=1/1s\n" \
    "FailuresPerName=1000000/31d\n"

static void assert_limit(const AuthoritySettings *a, LedgerLimit limit, unsigned count, int64_t span)
{
    g_assert_cmpuint(a->limits[limit].count, ==, count);
    g_assert_cmpint(a->limits[limit].span, ==, span);
}

static void check_full(const Settings *s)
{
    const AcmeSettings *a = &s->acme;
    const AuthoritySettings *authority = s->authorities;

    g_assert_false(a->enabled);
    g_assert_true(a->terms_agreed);
    g_assert_cmpuint(a->n_challenges, ==, 2);
    g_assert_cmpint(a->challenges[0], ==, CHALLENGE_DNS_01);
    g_assert_cmpint(a->challenges[1], ==, CHALLENGE_HTTP_01);
    assert_list(a->http_listen, "127.0.0.1:8080 [::1]:8080");
    assert_list(a->tls_listen, ":443");
    g_assert_cmpuint(a->http_check_port, ==, 8081);
    g_assert_cmpuint(a->tls_check_port, ==, 8443);
    g_assert_cmpstr(a->web_root, ==, "/srv/www");
    g_assert_cmpstr(a->dns_server, ==, "192.0.2.53");
    g_assert_cmpstr(a->dns_key_file, ==, "/etc/certwright/tsig.key");
    g_assert_cmpstr(a->dns_hook, ==, "hetzner.sh");
    assert_list(a->dns_resolvers, "192.0.2.1 [2001:db8::1]:5353 192.0.2.2:54");
    g_assert_false(a->self_check);
    g_assert_true(a->reuse_key);
    g_assert_cmpuint(s->n_authorities, ==, 1);
    g_assert_cmpstr(authority->name, ==, "internal");
    g_assert_true(authority->enabled);
    g_assert_cmpstr(authority->directory, ==, "https://ca.example.com/acme/directory");
    g_assert_cmpstr(authority->trust_file, ==, "/etc/ssl/ca.pem");
    assert_list(authority->origins, "https://cdn.example.com https://[2001:db8::1]:8443");
    assert_list(authority->contact, "mailto:admin@example.com mailto:ops@example.com");
    g_assert_false(authority->is_public);
    g_assert_cmpstr(authority->profile, ==, "shortlived");
    g_assert_true(authority->needs_profile);
    g_assert_cmpstr(authority->preferred_chain, ==, "ISRG Root X1");
    g_assert_cmpint(authority->key_type, ==, KEY_TYPE_RSA_3072);
    g_assert_cmpstr(authority->eab_key_id, ==, "kid-1");
    g_assert_cmpstr(authority->eab_key_file, ==, "/etc/certwright/eab");
    g_assert_cmpint(authority->eab_algorithm, ==, MAC_HS512);
    assert_limit(authority, LEDGER_ORDERS, 300, 3 * HOUR);
    assert_limit(authority, LEDGER_DOMAIN, 50, 7 * DAY);
    assert_limit(authority, LEDGER_SET, 1, 1);
    assert_limit(authority, LEDGER_FAILURES, 1000000, 31 * DAY);
}

static void test_all_keys(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    write_and_load(&p, FULL_ACME FULL_AUTHORITY);
    assert_quiet(&p);
    check_full(p.config->settings);
}

/* All of it survives a file that cannot be read any more. */
static void test_copy(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    write_and_load(&p, FULL_ACME FULL_AUTHORITY);
    folder_remove(&p.folder, "etc/certwright.conf");
    g_assert_cmpint(mkdirat(p.folder.fd, "etc/certwright.conf", 0700), ==, 0);
    for (int i = 0; i < 2; i++) {
        load(&p);
        g_assert_cmpuint(p.complaints->len, >, 0);
        check_full(p.config->settings);
    }
}

/* Each key counts. */
static void test_alike(void)
{
    g_auto(GStrv) lines = g_strsplit(FULL_ACME FULL_AUTHORITY, "\n", 0);
    _cleanup_place_ Place p = {}, other = {};

    place_init(&p);
    place_init(&other);
    write_and_load(&p, FULL_ACME FULL_AUTHORITY);
    write_and_load(&other, FULL_ACME FULL_AUTHORITY);
    g_assert_true(settings_order_alike(p.config->settings, other.config->settings));
    for (size_t i = 0; lines[i] && lines[i][0]; i++) {
        g_autofree char *line = lines[i], *text = NULL;

        lines[i] = S("# left out");
        text = g_strjoinv("\n", lines);
        lines[i] = TAKE_PTR(line);
        write_and_load(&other, text);
        if (settings_order_alike(p.config->settings, other.config->settings))
            note_failure("without %s they are alike", lines[i]);
    }
    write_and_load(&other, FULL_ACME FULL_AUTHORITY "[Authority more]\nDirectory=https://ca.example.net/\n");
    g_assert_false(settings_order_alike(p.config->settings, other.config->settings));
}

/* What is empty takes the default or former value away. */
static void test_empty(void)
{
    _cleanup_place_ Place p = {};
    const Settings *s;

    place_init(&p);
    s = write_and_load(
        &p, FULL_ACME FULL_AUTHORITY
        "[ACME]\nHTTPListen=\nTLSListen=\nWebRoot=\nDNSServer=\nDNSKeyFile=\nDNSHook=\nDNSResolvers=\n"
        "[Authority internal]\nCAFile=\nOrigins=\nContact=\nProfile=\nRequireProfile=no\n"
        "PreferredChain=\nEABKeyId=\nEABKeyFile=\n");
    assert_quiet(&p);
    g_assert_null(s->acme.http_listen);
    g_assert_null(s->acme.tls_listen);
    g_assert_null(s->acme.web_root);
    g_assert_null(s->acme.dns_server);
    g_assert_null(s->acme.dns_key_file);
    g_assert_null(s->acme.dns_hook);
    g_assert_null(s->acme.dns_resolvers);
    g_assert_cmpuint(s->n_authorities, ==, 1);
    g_assert_null(s->authorities->trust_file);
    g_assert_null(s->authorities->origins);
    g_assert_null(s->authorities->contact);
    g_assert_null(s->authorities->profile);
    g_assert_null(s->authorities->preferred_chain);
    g_assert_null(s->authorities->eab_key_id);
}

/* A line of [ACME] that is refused: told with its line and key, and the default stays. */
static void test_acme_refused(void)
{
    static const char *const lines[] = {
        "Enabled=perhaps",
        "Enabled=",
        "TermsOfServiceAgreed=I agree",
        "Challenges=",
        "Challenges=http-01 dns01",
        "Challenges=tls-sni-01",
        "Challenges=HTTP-01",
        "HTTPListen=80",
        "HTTPListen=:0",
        "HTTPListen=:65536",
        "HTTPListen=:",
        "HTTPListen=*:80",
        "HTTPListen=localhost:80",
        "HTTPListen=::1:80",
        "HTTPListen=::1",
        "HTTPListen=127.0.0.1",
        "HTTPListen=[::1]",
        "HTTPListen=:80 x",
        "HTTPListen=:80,:81",
        "TLSListen=/run/socket",
        "HTTPCheckPort=0",
        "HTTPCheckPort=65536",
        "HTTPCheckPort=http",
        "TLSCheckPort=-1",
        "WebRoot=www",
        "WebRoot=/srv/../etc",
        "WebRoot=/srv/./www",
        "WebRoot=/srv/..",
        "DNSServer=ns.example.com",
        "DNSServer=192.0.2.1:0",
        "DNSServer=192.0.2.1 192.0.2.2",
        "DNSKeyFile=tsig.key",
        "DNSHook=/usr/bin/hook",
        "DNSHook=../hook",
        "DNSHook=.hook",
        "DNSHook=-hook",
        "DNSHook=a b",
        "DNSResolvers=192.0.2.1 resolver",
        "DNSResolvers=[192.0.2.1]:53",
        "SelfCheck=2",
        "ReuseKey=sometimes",
        "Nonsense=1",
    };

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        _cleanup_place_ Place p = {};
        g_autofree char *text = g_strdup_printf("\n[ACME]\n%s\n", lines[i]);
        g_autofree char *expected =
            g_strdup_printf("certwright.conf:3:%.*s ", (int)strcspn(lines[i], "="), lines[i]);
        const AcmeSettings *a;

        place_init(&p);
        a = &write_and_load(&p, text)->acme;
        if (!g_str_has_prefix(p.complaints->str, expected))
            note_failure("%s: %s", lines[i], p.complaints->str);
        if (!a->enabled || a->terms_agreed || a->n_challenges != 3 || strv_length(a->http_listen) != 1 ||
            a->tls_listen || a->web_root || a->dns_server || a->dns_key_file || a->dns_hook ||
            a->dns_resolvers || !a->self_check || a->reuse_key || a->http_check_port != 80 ||
            a->tls_check_port != 443)
            note_failure("%s is refused, but has an effect", lines[i]);
    }
}

#define GOOD "[Authority a]\nDirectory=https://a.example/d\n"

/* A line of an authority that is refused, and whether the authority is left out for it. */
static void test_authority_refused(void)
{
    static const struct {
        const char *line;
        bool fatal;
    } rows[] = {
        { "Enabled=maybe", true },
        { "Directory=http://a.example/d", true },
        { "Directory=https://user:secret@a.example/d", true },
        { "Directory=https://user@a.example/d", true },
        { "Directory=a.example/d", true },
        { "Directory=https:///d", true },
        { "Directory=https://a.example:0/d", true },
        { "Directory=https://a.example:port/d", true },
        { "Directory=https://a.example:/d", true },
        { "Directory=https://a.example/d#here", true },
        { "Directory=https://a.example/d e", true },
        { "Directory=https://a..example/d", true },
        { "Directory=https://*.example/d", true },
        { "Directory=https://[::1/d", true },
        { "Directory=https://::1/d", true },
        { "Directory=https://[192.0.2.1]/d", true },
        { "Directory=https://[::1]x/d", true },
        { "Directory=https://a.example\\d", true },
        { "Directory=ftp://a.example/d", true },
        { "Directory=https://a.example/\303\274", true },
        { "CAFile=ca.pem", true },
        { "CAFile=/etc/../ca.pem", true },
        { "EABKeyFile=eab", true },
        { "EABKeyId=a b", true },
        { "EABAlgorithm=RS256", true },
        { "EABAlgorithm=none", true },
        { "Origins=http://b.example", false },
        { "Origins=https://b.example/path", false },
        { "Origins=https://user:secret@b.example", false },
        { "Origins=https://b.example/", false },
        { "Origins=b.example", false },
        { "Contact=admin@example.com", false },
        { "Contact=tel:+1", false },
        { "Contact=mailto:", false },
        { "Contact=mailto:admin", false },
        { "Contact=mailto:a@b.example,c@d.example", false },
        { "Contact=mailto:a@b.example?subject=x", false },
        { "Contact=mailto:a@b@c", false },
        { "Public=who knows", false },
        { "Profile=short lived", false },
        { "RequireProfile=2", false },
        { "PreferredChain=a\xff", false },
        { "PreferredChain=a\x07", false },
        { "KeyType=ed25519", false },
        { "KeyType=rsa-1024", false },
        { "OrdersPerAccount=300", false },
        { "OrdersPerAccount=/3h", false },
        { "OrdersPerAccount=300/", false },
        { "OrdersPerAccount=0/3h", false },
        { "CertificatesPerDomain=-1/3h", false },
        { "CertificatesPerDomain=1000001/3h", false },
        { "CertificatesPerDomain=50/0", false },
        { "CertificatesPerSet=5/32d", false },
        { "CertificatesPerSet=5/7x", false },
        { "FailuresPerName=many", false },
        { "FailuresPerName=5/1h/1h", false },
        { "Nonsense=x", false },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_place_ Place p = {};
        g_autofree char *text = g_strdup_printf(GOOD "%s\n", rows[i].line);
        g_autofree char *expected =
            g_strdup_printf("certwright.conf:3:%.*s ", (int)strcspn(rows[i].line, "="), rows[i].line);
        const Settings *s;

        place_init(&p);
        s = write_and_load(&p, text);
        if (!g_str_has_prefix(p.complaints->str, expected))
            note_failure("%s: %s", rows[i].line, p.complaints->str);
        if ((s->n_authorities == 0) != rows[i].fatal)
            note_failure("%s: the authority is %s", rows[i].line, rows[i].fatal ? "kept" : "left out");
        if (!strstr(p.complaints->str, "certwright.conf:1: [Authority a] is left out") != !rows[i].fatal)
            note_failure("%s: %s", rows[i].line, p.complaints->str);
        if (strstr(p.complaints->str, "secret"))
            note_failure("%s: the password is told", rows[i].line);
        if (s->n_authorities == 1)
            g_assert_true(s->authorities->is_public && !s->authorities->contact &&
                          !s->authorities->origins && s->authorities->key_type == KEY_TYPE_ECDSA_P256);
    }
}

/* Incomplete ones are told of at the line of their first section. */
static void test_incomplete(void)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        { "[Authority a]\n", "Directory=" },
        { "[Authority a]\nDirectory=\n", "Directory=" },
        { "[Authority a]\nPublic=no\n[ACME]\n[Authority a]\nProfile=x\n", "Directory=" },
        { GOOD "EABKeyId=x\n", "EABKeyFile=" },
        { GOOD "EABKeyFile=/x\n", "EABKeyId=" },
        { GOOD "RequireProfile=yes\n", "Profile=" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_place_ Place p = {};
        const Settings *s;

        place_init(&p);
        s = write_and_load(&p, rows[i].text);
        if (s->n_authorities != 0 ||
            !g_str_has_prefix(p.complaints->str, "certwright.conf:1: [Authority a] is left out: ") ||
            !strstr(p.complaints->str, rows[i].word))
            note_failure("%s: %s", rows[i].text, p.complaints->str);
    }
    {
        _cleanup_place_ Place p = {}; /* one that is switched off need not be whole */

        place_init(&p);
        g_assert_cmpuint(write_and_load(&p, "[Authority a]\nEnabled=no\n")->n_authorities, ==, 0);
        assert_quiet(&p);
    }
}

/* A drop-in puts right, adds, and switches off; the order is that of first sight. */
static void test_drop_ins(void)
{
    _cleanup_place_ Place p = {};
    const Settings *s;

    place_init(&p);
    folder_write(&p.folder, "etc/certwright.conf", "[Authority b]\nDirectory=http://b.example\nPublic=no\n");
    folder_write(
        &p.folder, "etc/certwright.conf.d/10.conf",
        "[Authority c]\nDirectory=https://c.example/d\n[Authority a]\nDirectory=https://a.example/d\n");
    folder_write(&p.folder, "etc/certwright.conf.d/20.conf",
                 "[Authority a]\nEnabled=no\n[Authority b]\nDirectory=https://b.example/d\n");
    load(&p);
    g_assert_true(g_str_has_prefix(p.complaints->str, "certwright.conf:2:Directory "));
    g_assert_null(strstr(p.complaints->str, "left out"));
    s = p.config->settings;
    g_assert_cmpuint(s->n_authorities, ==, 3);
    g_assert_cmpstr(s->authorities[0].name, ==, "b");
    g_assert_cmpstr(s->authorities[0].directory, ==, "https://b.example/d");
    g_assert_false(s->authorities[0].is_public);
    g_assert_cmpstr(s->authorities[1].name, ==, "c");
    g_assert_cmpstr(s->authorities[2].name, ==, "a");
    g_assert_false(s->authorities[2].enabled);
    /* a later value that is wrong does not let the former one stand */
    folder_write(&p.folder, "etc/certwright.conf.d/30.conf", "[Authority c]\nDirectory=c.internal\n");
    load(&p);
    g_assert_cmpuint(p.config->settings->n_authorities, ==, 2);
    g_assert_nonnull(strstr(p.complaints->str, "certwright.conf.d/10.conf:1: [Authority c] is left out"));
}

static void test_names(void)
{
    static const char *const good[] = { "a", "Z9", "letsencrypt-staging", "a.b_c-d", "0" };
    static const char *const bad[] = { "",   " ",  "a b", "../x",     ".",      "..",
                                       "-a", "_a", "a/b", "\303\244", ".hidden" };
    g_autofree char *longest = g_strnfill(LIMIT_MODULE_NAME, 'a'), *longer = g_strconcat(longest, "a", NULL);

    for (size_t i = 0; i <= ELEMENTSOF(good) + ELEMENTSOF(bad) + 1; i++) {
        _cleanup_place_ Place p = {};
        bool fine = i < ELEMENTSOF(good) || i == ELEMENTSOF(good) + ELEMENTSOF(bad);
        const char *name = i < ELEMENTSOF(good)                     ? good[i]
                           : i < ELEMENTSOF(good) + ELEMENTSOF(bad) ? bad[i - ELEMENTSOF(good)]
                           : fine                                   ? longest
                                                                    : longer;
        g_autofree char *text = g_strdup_printf("[Authority %s]\nDirectory=https://a.example/d\n", name);

        place_init(&p);
        if (write_and_load(&p, text)->n_authorities != fine || (p.complaints->len == 0) != fine)
            note_failure("[Authority %s]: %s", name, p.complaints->str);
    }
}

/* LIMIT_AUTHORITIES, and one above. */
static void test_many(void)
{
    for (int n = LIMIT_AUTHORITIES; n <= LIMIT_AUTHORITIES + 1; n++) {
        g_autoptr(GString) text = g_string_new(NULL);
        _cleanup_place_ Place p = {};

        for (int i = 0; i < n; i++)
            g_string_append_printf(text, "[Authority a%d]\nDirectory=https://a%d.example/d\n", i, i);
        place_init(&p);
        g_assert_cmpuint(write_and_load(&p, text->str)->n_authorities, ==, LIMIT_AUTHORITIES);
        g_assert_cmpint(p.complaints->len > 0, ==, n > LIMIT_AUTHORITIES);
        g_assert_cmpstr(p.config->settings->authorities[LIMIT_AUTHORITIES - 1].name, ==, "a15");
    }
}

/* Each list at its limit, and one above: then the whole line is refused. */
static void test_long_lists(void)
{
    static const struct {
        const char *line, *word;
        int limit;
        size_t offset;
        bool authority;
    } rows[] = {
        { "[ACME]\nTLSListen=", ":%d ", LIMIT_LISTEN_ADDRESSES, offsetof(AcmeSettings, tls_listen), false },
        { "[ACME]\nDNSResolvers=", "192.0.2.%d ", LIMIT_RESOLVERS, offsetof(AcmeSettings, dns_resolvers),
          false },
        { GOOD "Origins=", "https://o%d.example ", LIMIT_ORIGINS, offsetof(AuthoritySettings, origins),
          true },
        { GOOD "Contact=", "mailto:a%d@example.com ", LIMIT_CONTACTS, offsetof(AuthoritySettings, contact),
          true },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        for (int above = 0; above <= 1; above++) {
            g_autoptr(GString) text = g_string_new(rows[i].line);
            _cleanup_place_ Place p = {};
            const Settings *s;
            char **list;

            for (int k = 1; k <= rows[i].limit + above; k++) {
                g_auto(GStrv) halves = g_strsplit(rows[i].word, "%d", 2);

                g_string_append_printf(text, "%s%d%s", halves[0], k, halves[1]);
            }
            place_init(&p);
            s = write_and_load(&p, text->str);
            list = *(char **const *)(rows[i].authority ? (const char *)s->authorities + rows[i].offset
                                                       : (const char *)&s->acme + rows[i].offset);
            if (strv_length(list) != (above ? 0 : (size_t)rows[i].limit) || (p.complaints->len > 0) != above)
                note_failure("%s: %d above the limit: %zu, %s", rows[i].line, above, strv_length(list),
                             p.complaints->str);
        }
}

/* LIMIT_URL. */
static void test_long_url(void)
{
    for (size_t length = LIMIT_URL; length <= LIMIT_URL + 1; length++) {
        g_autofree char *path = g_strnfill(length - strlen("https://a.example/"), 'x');
        g_autofree char *text = g_strdup_printf("[Authority a]\nDirectory=https://a.example/%s\n", path);
        _cleanup_place_ Place p = {};

        place_init(&p);
        g_assert_cmpuint(write_and_load(&p, text)->n_authorities, ==, length == LIMIT_URL);
    }
}

static void test_claims(void)
{
    _cleanup_place_ Place p = {};
    const Module *m;

    place_init(&p);
    folder_write(&p.folder, "etc/certwright.conf",
                 GOOD "[Authority off]\nEnabled=no\nDirectory=https://b.example/\n");
    folder_write(
        &p.folder, "etc/modules.d/m.conf",
        "[Certificate a.example]\nACME=no\nAuthority=a\n[Certificate b.example]\nACME=yes\n"
        "[Certificate c.example]\nACME=?\nAuthority=../a\n[Certificate d.example]\nAuthority=missing\n"
        "[Certificate e.example]\nAuthority=off\n[Certificate f.example]\nAuthority=a\nAuthority=\n");
    load(&p);
    m = p.config->modules;
    g_assert_cmpuint(m->n_claims, ==, 6);
    g_assert_cmpint(m->claims[0].acme, ==, 0);
    g_assert_cmpstr(m->claims[0].authority, ==, "a");
    g_assert_cmpint(m->claims[1].acme, ==, 1);
    g_assert_null(m->claims[1].authority);
    g_assert_cmpint(m->claims[2].acme, ==, -1);
    g_assert_null(m->claims[2].authority);
    g_assert_cmpstr(m->claims[3].authority, ==, "missing");
    g_assert_cmpstr(m->claims[4].authority, ==, "off");
    g_assert_null(m->claims[5].authority);
    g_assert_nonnull(strstr(p.complaints->str, "modules.d/m.conf:7:ACME "));
    g_assert_nonnull(strstr(p.complaints->str, "modules.d/m.conf:8:Authority "));
    g_assert_nonnull(
        strstr(p.complaints->str, "modules.d/m.conf:10:Authority there is no [Authority missing]"));
    g_assert_nonnull(strstr(p.complaints->str, "modules.d/m.conf:12:Authority there is no [Authority off]"));
    g_assert_null(strstr(p.complaints->str, "m.conf:3:"));
    /* and they survive a file that cannot be read any more */
    folder_remove(&p.folder, "etc/modules.d/m.conf");
    g_assert_cmpint(mkdirat(p.folder.fd, "etc/modules.d/m.conf", 0700), ==, 0);
    load(&p);
    g_assert_cmpint(p.config->modules->claims[0].acme, ==, 0);
    g_assert_cmpstr(p.config->modules->claims[0].authority, ==, "a");
    g_assert_cmpint(p.config->modules->claims[2].acme, ==, -1);
}

/* What is shipped is read without a complaint, and nothing of it is asked before the terms are agreed to. */
static void test_shipped(void)
{
    g_autofree char *file = NULL, *example = NULL;
    _cleanup_place_ Place p = {};
    const Settings *s;

    g_assert_true(g_file_get_contents(DATA "/50-letsencrypt.conf", &file, NULL, NULL));
    g_assert_true(g_file_get_contents(DATA "/certwright.conf", &example, NULL, NULL));
    place_init(&p);
    folder_write(&p.folder, "etc/certwright.conf.d/50-letsencrypt.conf", file);
    s = write_and_load(&p, example);
    assert_quiet(&p);
    g_assert_cmpuint(s->n_authorities, ==, 2);
    g_assert_cmpstr(s->authorities[0].name, ==, "letsencrypt");
    g_assert_true(s->authorities[0].enabled && s->authorities[0].is_public);
    g_assert_cmpstr(s->authorities[1].name, ==, "letsencrypt-staging");
    g_assert_false(s->authorities[1].enabled);
    g_assert_false(s->acme.terms_agreed);
}

/* Each commented "#Key=value" of the example is the default: with the marks taken away, nothing changes. */
static void test_example(void)
{
    g_autofree char *example = NULL, *text = NULL;
    g_autoptr(GRegex) mark = g_regex_new("^#([[]|[A-Z][A-Za-z]*=)", G_REGEX_MULTILINE, 0, NULL);
    _cleanup_place_ Place p = {}, q = {};
    const AcmeSettings *a, *b;

    g_assert_true(g_file_get_contents(DATA "/certwright.conf", &example, NULL, NULL));
    text = g_regex_replace(mark, example, -1, 0, "\\1", 0, NULL);
    g_assert_cmpuint(strlen(text), <, strlen(example));
    place_init(&p);
    place_init(&q);
    a = &write_and_load(&p, "")->acme;
    b = &write_and_load(&q, text)->acme;
    assert_quiet(&q);
    g_assert_true(a->enabled == b->enabled && a->terms_agreed == b->terms_agreed &&
                  a->self_check == b->self_check && a->reuse_key == b->reuse_key &&
                  a->http_check_port == b->http_check_port && a->tls_check_port == b->tls_check_port &&
                  a->n_challenges == b->n_challenges);
    g_assert_cmpint(memcmp(a->challenges, b->challenges, sizeof(a->challenges)), ==, 0);
    g_assert_true(strv_equal(a->http_listen, b->http_listen) && strv_equal(a->tls_listen, b->tls_listen));
    g_assert_null(b->dns_server);
    g_assert_cmpint(q.config->settings->leaf_lifetime, ==, p.config->settings->leaf_lifetime);
    g_assert_nonnull(strstr(text, "\nTermsOfServiceAgreed=no\n"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/authority-section/defaults", test_defaults);
    g_test_add_func("/authority-section/self-check", test_self_check);
    g_test_add_func("/authority-section/all-keys", test_all_keys);
    g_test_add_func("/authority-section/copy", test_copy);
    g_test_add_func("/authority-section/alike", test_alike);
    g_test_add_func("/authority-section/empty", test_empty);
    g_test_add_func("/authority-section/acme-refused", test_acme_refused);
    g_test_add_func("/authority-section/authority-refused", test_authority_refused);
    g_test_add_func("/authority-section/incomplete", test_incomplete);
    g_test_add_func("/authority-section/drop-ins", test_drop_ins);
    g_test_add_func("/authority-section/names", test_names);
    g_test_add_func("/authority-section/many", test_many);
    g_test_add_func("/authority-section/long-lists", test_long_lists);
    g_test_add_func("/authority-section/long-url", test_long_url);
    g_test_add_func("/authority-section/claims", test_claims);
    g_test_add_func("/authority-section/shipped", test_shipped);
    g_test_add_func("/authority-section/example", test_example);
    return g_test_run();
}
