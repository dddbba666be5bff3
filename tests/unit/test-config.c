/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/config.h"

#include <errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "config/settings.h"
#include "core/limits.h"
#include "util/text.h"

/* Three directories, the last one the most important, and what was complained about. */
typedef struct Place {
    Folder folder;
    char *directories[4];
    Config *config;
    GString *complaints; /* "file:line:key\n", the file without its folder */
    GString *texts;
} Place;

static void place_init(Place *p)
{
    *p = (Place){ .folder = folder_new(), .complaints = g_string_new(NULL), .texts = g_string_new(NULL) };
    p->directories[0] = folder_path(&p->folder, "usr");
    p->directories[1] = folder_path(&p->folder, "run");
    p->directories[2] = folder_path(&p->folder, "etc");
}

static void place_done(Place *p)
{
    if (p->config)
        config_free(p->config);
    for (size_t i = 0; i < 3; i++)
        g_free(p->directories[i]);
    g_string_free(p->complaints, TRUE);
    g_string_free(p->texts, TRUE);
    folder_done(&p->folder);
}
#define _cleanup_place_ _cleanup_(place_done)

static void on_complaint(const char *file, unsigned line, const char *key, const char *text, void *userdata)
{
    Place *p = userdata;
    const char *shown = g_str_has_prefix(file, p->folder.path) ? file + strlen(p->folder.path) + 1 : file;

    g_assert_cmpuint(strlen(text), >, 10);
    g_string_append_printf(p->complaints, "%s:%u:%s\n", shown, line, strempty(key));
    g_string_append_printf(p->texts, "%s\n", text);
}

static void load(Place *p)
{
    Config *former = p->config, *fresh = NULL;

    g_string_set_size(p->complaints, 0);
    g_string_set_size(p->texts, 0);
    g_assert_cmpint(config_load(p->directories, former, on_complaint, p, &fresh), ==, 0);
    if (former)
        config_free(former);
    p->config = fresh;
}

static const Module *module(const Place *p, const char *name)
{
    for (size_t i = 0; i < p->config->n_modules; i++)
        if (streq(p->config->modules[i].name, name))
            return p->config->modules + i;
    return NULL;
}

static const Claim *claim(const Place *p, const char *module_name, const char *name)
{
    const Module *m = module(p, module_name);

    for (size_t i = 0; m && i < m->n_claims; i++)
        if (streq(m->claims[i].name, name))
            return m->claims + i;
    return NULL;
}

static void write_and_load(Place *p, const char *path, const char *text)
{
    folder_write(&p->folder, path, text);
    load(p);
}

#define assert_complaints(p, expected) g_assert_cmpstr((p)->complaints->str, ==, expected)

/* All but [ACME]. */
static void assert_defaults(const Settings *s)
{
    g_assert_cmpint(s->key_type, ==, KEY_TYPE_ECDSA_P256);
    g_assert_cmpint(s->root_key_type, ==, KEY_TYPE_ECDSA_P256);
    g_assert_cmpint(s->leaf_lifetime, ==, 90 * DAY);
    g_assert_cmpint(s->root_lifetime, ==, 10 * YEAR);
    g_assert_null(s->organization);
    g_assert_null(s->constraints);
    g_assert_cmpstr(s->authority_directory, ==, "/etc/ssl/certs");
    g_assert_cmpint(s->idle_exit, ==, 60);
    g_assert_cmpuint(s->orders_per_minute, ==, 10);
    g_assert_null(s->on_warning);
    g_assert_false(s->deploys_directly);
}

static void test_defaults(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    load(&p);
    assert_defaults(p.config->settings);
    g_assert_cmpuint(p.config->n_modules, ==, 0);
    assert_complaints(&p, "");
}

/* The installed certwright.conf says nothing but the defaults, also with every "#Key=" and "#[Section]" uncommented. */
static void test_installed_file(void)
{
    _cleanup_(settings_unrefp) Settings *expected = NULL;
    g_autoptr(GRegex) comment = g_regex_new("^#(?=\\[|[A-Za-z]+=)", G_REGEX_MULTILINE, 0, NULL);
    g_autofree char *text = NULL, *uncommented = NULL;
    _cleanup_place_ Place p = {};

    g_assert_true(g_file_get_contents(DATA "/certwright.conf", &text, NULL, NULL));
    uncommented = g_regex_replace_literal(comment, text, -1, 0, "", 0, NULL);
    g_assert_cmpstr(uncommented, !=, text);
    g_assert_cmpint(settings_new(&expected), ==, 0);
    place_init(&p);
    write_and_load(&p, "etc/certwright.conf", text);
    assert_complaints(&p, "");
    assert_defaults(p.config->settings);
    g_assert_true(settings_order_alike(p.config->settings, expected));

    g_assert_cmpint(settings_add_authority(expected, "internal"), ==, 0);
    expected->authorities[0].directory = strdup("https://ca.internal/acme/acme/directory");
    write_and_load(&p, "etc/certwright.conf", uncommented);
    assert_complaints(&p, "");
    assert_defaults(p.config->settings);
    g_assert_true(settings_order_alike(p.config->settings, expected));
}

/* As editors of other systems write files. */
static void test_editors(void)
{
    static const struct {
        const char *data;
        size_t size;
    } files[] = {
#define FILE_OF(s) { s, sizeof(s) - 1 }
        FILE_OF("\xef\xbb\xbf[Local]\r\nLeafLifetime=10d\r\n"),
        FILE_OF("[Local]\rLeafLifetime=10d\r"),
        FILE_OF(
            "\xff\xfe[\0L\0o\0c\0a\0l\0]\0\r\0\n\0L\0e\0a\0f\0L\0i\0f\0e\0t\0i\0m\0e\0=\0001\0000\0d\0\r\0\n\0"),
        FILE_OF("[Local]\nLeafLifetime\xc2\xa0=\xc2\xa0"
                "10d\xc2\xa0\n"),
    };
    _cleanup_place_ Place p = {};

    place_init(&p);
    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        folder_write_bytes(&p.folder, "etc/certwright.conf", files[i].data, files[i].size);
        load(&p);
        assert_complaints(&p, "");
        g_assert_cmpint(p.config->settings->leaf_lifetime, ==, 10 * DAY);
    }
}

static void test_settings(void)
{
    _cleanup_place_ Place p = {};
    const Settings *s;

    place_init(&p);
    write_and_load(&p, "etc/certwright.conf",
                   "[Local]\nKeyType=rsa-3072\nRootKeyType=rsa-4096\nLeafLifetime=1w 12h\nRootLifetime=20y\n"
                   "Organization=B\303\274cher & S\303\266hne\nNameConstraints=example.com 10.0.0.0/8\n"
                   "NameConstraints=!x.example.com\n"
                   "[Renewal]\nIdleExit=0\nOrdersPerMinute=100000\nOnWarning=certwright-warning@.service\n");
    s = p.config->settings;
    assert_complaints(&p, "");
    g_assert_cmpint(s->key_type, ==, KEY_TYPE_RSA_3072);
    g_assert_cmpint(s->root_key_type, ==, KEY_TYPE_RSA_4096);
    g_assert_cmpint(s->leaf_lifetime, ==, 7 * DAY + 12 * HOUR);
    g_assert_cmpint(s->root_lifetime, ==, 20 * YEAR);
    g_assert_cmpstr(s->organization, ==, "B\303\274cher & S\303\266hne");
    g_assert_cmpuint(strv_length(s->constraints), ==, 3);
    g_assert_cmpint(s->idle_exit, ==, 0);
    g_assert_cmpuint(s->orders_per_minute, ==, 100000);
    g_assert_cmpint(p.config->changed, >, 0);
    g_assert_cmpstr(s->on_warning, ==, "certwright-warning@.service");
    /* an empty value takes back what stands before it */
    write_and_load(&p, "etc/certwright.conf.d/a.conf",
                   "[Local]\nOrganization=\nNameConstraints=\nNameConstraints=example.org\n"
                   "[Renewal]\nOnWarning=\nOrdersPerMinute=0\n");
    g_assert_null(p.config->settings->on_warning);
    g_assert_cmpuint(p.config->settings->orders_per_minute, ==, 0);
    g_assert_null(p.config->settings->organization);
    g_assert_cmpuint(strv_length(p.config->settings->constraints), ==, 1);
}

/* The line is complained about, and nothing else. */
static void check_refused(Place *p, const char *section, const char *line)
{
    g_autofree char *text = g_strdup_printf("\n[%s]\n\n%s\n", section, line);
    g_autofree char *expected =
        g_strdup_printf("etc/certwright.conf:4:%.*s\n", (int)strcspn(line, "="), line);

    place_init(p);
    write_and_load(p, "etc/certwright.conf", text);
    if (!g_str_equal(p->complaints->str, expected))
        note_failure("%s: %s", line, p->complaints->str);
}

/* Each is refused with its file, line and key, and leaves the default. */
static void test_settings_refused(void)
{
    static const char *const lines[] = { "KeyType=rsa-1024",
                                         "KeyType=ecdsa-p521",
                                         "KeyType=",
                                         "RootKeyType=ed25519",
                                         "RootKeyType=rsa-2048",
                                         "LeafLifetime=0",
                                         "LeafLifetime=59min",
                                         "LeafLifetime=10y",
                                         "LeafLifetime=x",
                                         "LeafLifetime=-1d",
                                         "LeafLifetime=99999999999999999999d",
                                         "RootLifetime=1d",
                                         "RootLifetime=41y",
                                         "RootLifetime=",
                                         "NameConstraints=*.example.com",
                                         "NameConstraints=10.0.0.0/33",
                                         "Organization=a\xff" };

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        _cleanup_place_ Place p = {};

        check_refused(&p, "Local", lines[i]);
        g_assert_cmpint(p.config->settings->leaf_lifetime, ==, 90 * DAY);
        g_assert_cmpint(p.config->settings->root_lifetime, ==, 10 * YEAR);
        g_assert_cmpint(p.config->settings->key_type, ==, KEY_TYPE_ECDSA_P256);
        g_assert_null(p.config->settings->organization);
    }
}

static void test_renewal_refused(void)
{
    static const char *const lines[] = {
        "OrdersPerMinute=100001",       "OrdersPerMinute=-1",        "OrdersPerMinute=",
        "OrdersPerMinute=many",         "OrdersPerMinute=10/1min",   "OnWarning=warn",
        "OnWarning=.service",           "OnWarning=@.service",       "OnWarning=warn.timer",
        "OnWarning=warn@mail.service",  "OnWarning=../warn.service", "OnWarning=warn me.service",
        "OnWarning=w\303\244rn.service"
    };

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        _cleanup_place_ Place p = {};

        check_refused(&p, "Renewal", lines[i]);
        g_assert_cmpuint(p.config->settings->orders_per_minute, ==, 10);
        g_assert_null(p.config->settings->on_warning);
    }
}

/* At the limits of each span, and one second beyond. */
static void test_span_limits(void)
{
    static const struct {
        const char *key;
        int64_t min, max;
    } spans[] = { { "[Local]\nLeafLifetime", HOUR, 825 * DAY },
                  { "[Local]\nRootLifetime", 7 * DAY, 40 * YEAR },
                  { "[Renewal]\nIdleExit", 0, DAY } };

    for (size_t i = 0; i < ELEMENTSOF(spans); i++)
        for (int above = -1; above <= 1; above++) {
            _cleanup_place_ Place p = {};
            g_autofree char *text = g_strdup_printf("%s=%" G_GINT64_FORMAT "\n", spans[i].key,
                                                    above < 0 ? spans[i].min : spans[i].max + above);

            place_init(&p);
            write_and_load(&p, "etc/certwright.conf", text);
            g_assert_cmpint(p.complaints->len > 0, ==, above > 0);
        }
}

static void test_unknown(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    folder_write(
        &p.folder, "etc/certwright.conf",
        "[Local]\nKeytype=rsa-2048\n[Nothing]\nKey=value\nOther=value\n[Local]\nKeyType=rsa-2048\n");
    write_and_load(&p, "etc/modules.d/m.conf",
                   "[Odule]\nA=b\n[Certificate a.example]\nName=x\n[Module]\nX=y\nDescription=d\n"
                   "[certificate b.example]\n");
    assert_complaints(&p, "etc/certwright.conf:2:Keytype\netc/certwright.conf:3:\n"
                          "etc/modules.d/m.conf:1:\netc/modules.d/m.conf:4:Name\netc/modules.d/m.conf:6:X\n"
                          "etc/modules.d/m.conf:8:\n");
    g_assert_cmpint(p.config->settings->key_type, ==, KEY_TYPE_RSA_2048);
    g_assert_cmpuint(module(&p, "m")->n_claims, ==, 1);
    g_assert_cmpstr(module(&p, "m")->description, ==, "d");
}

static void test_module(void)
{
    _cleanup_place_ Place p = {};
    const Claim *c;

    place_init(&p);
    write_and_load(&p, "usr/modules.d/mail.conf",
                   "[Module]\nDescription=Mail server\n[Certificate Mail.Example.com.]\n"
                   "AlternativeNames=IMAP.example.com smtp.example.com imap.example.com\n"
                   "AlternativeNames=192.0.2.1 B\303\274cher.example\nKeyType=rsa-2048\n"
                   "ExtendedKeyUsage=serverAuth clientAuth ipsecIKE\n"
                   "[Certificate *.example.org]\n[Certificate 2001:DB8:0::1]\n");
    assert_complaints(&p, "");
    g_assert_cmpuint(p.config->n_modules, ==, 1);
    g_assert_cmpuint(module(&p, "mail")->n_claims, ==, 3);
    c = claim(&p, "mail", "mail.example.com");
    g_assert_nonnull(c);
    g_assert_cmpuint(strv_length(c->names), ==, 4);
    g_assert_cmpstr(c->names[0], ==, "imap.example.com");
    g_assert_cmpstr(c->names[3], ==, "xn--bcher-kva.example");
    g_assert_cmpint(c->key_type, ==, KEY_TYPE_RSA_2048);
    g_assert_cmpuint(c->purposes, ==, PURPOSE_CLIENT_AUTH | PURPOSE_IPSEC_IKE);
    g_assert_nonnull(claim(&p, "mail", "*.example.org"));
    g_assert_nonnull(claim(&p, "mail", "2001:db8::1"));
    g_assert_cmpint(claim(&p, "mail", "*.example.org")->key_type, ==, _KEY_TYPE_INVALID);
}

/* Later directories win per file name; drop-ins of all come on top, by name, each from the most important
 * directory. */
static void test_precedence(void)
{
    _cleanup_place_ Place p = {};
    const Claim *c;

    place_init(&p);
    folder_write(&p.folder, "usr/modules.d/m.conf",
                 "[Module]\nDescription=usr\n[Certificate usr.example]\n");
    folder_write(&p.folder, "usr/modules.d/only.conf", "[Certificate only.example]\n");
    folder_write(&p.folder, "etc/modules.d/m.conf",
                 "[Module]\nDescription=etc\n[Certificate etc.example]\nKeyType=rsa-2048\n");
    folder_write(&p.folder, "run/modules.d/m.conf",
                 "[Module]\nDescription=run\n[Certificate run.example]\n");
    folder_write(&p.folder, "usr/modules.d/m.conf.d/20.conf",
                 "[Certificate etc.example]\nAlternativeNames=b.example\nKeyType=rsa-3072\n");
    folder_write(&p.folder, "run/modules.d/m.conf.d/10.conf",
                 "[Certificate etc.example]\nAlternativeNames=a.example\nKeyType=rsa-4096\n");
    folder_write(&p.folder, "usr/modules.d/m.conf.d/30.conf",
                 "[Certificate etc.example]\nAlternativeNames=never.example\n");
    folder_write(&p.folder, "etc/modules.d/m.conf.d/30.conf",
                 "[Certificate etc.example]\nAlternativeNames=c.example\n");
    load(&p);
    assert_complaints(&p, "");
    g_assert_cmpuint(p.config->n_modules, ==, 2);
    g_assert_cmpstr(module(&p, "m")->description, ==, "etc");
    g_assert_cmpuint(module(&p, "m")->n_claims, ==, 1);
    c = claim(&p, "m", "etc.example");
    g_assert_cmpuint(strv_length(c->names), ==, 3);
    g_assert_cmpstr(c->names[0], ==, "a.example");
    g_assert_cmpstr(c->names[1], ==, "b.example");
    g_assert_cmpstr(c->names[2], ==, "c.example");
    g_assert_cmpint(c->key_type, ==, KEY_TYPE_RSA_3072);
    g_assert_nonnull(claim(&p, "only", "only.example"));
    /* a drop-in takes back and begins anew */
    write_and_load(&p, "etc/modules.d/m.conf.d/25.conf",
                   "[Certificate etc.example]\nAlternativeNames=\nAlternativeNames=z.example\n");
    g_assert_cmpuint(strv_length(claim(&p, "m", "etc.example")->names), ==, 2);
}

static void test_masks(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    folder_write(&p.folder, "usr/modules.d/m.conf", "[Certificate a.example]\n");
    folder_write(&p.folder, "usr/modules.d/n.conf", "[Certificate b.example]\n");
    folder_write(&p.folder, "usr/modules.d/o.conf", "[Certificate c.example]\n");
    folder_write(&p.folder, "usr/modules.d/o.conf.d/x.conf", "[Certificate d.example]\n");
    folder_write(&p.folder, "etc/modules.d/n.conf", "");
    g_assert_cmpint(symlinkat("/dev/null", p.folder.fd, "etc/modules.d/m.conf"), ==, 0);
    g_assert_cmpint(mkdirat(p.folder.fd, "etc/modules.d/o.conf.d", 0700), ==, 0);
    g_assert_cmpint(symlinkat("/dev/null", p.folder.fd, "etc/modules.d/o.conf.d/x.conf"), ==, 0);
    load(&p);
    assert_complaints(&p, "");
    g_assert_null(claim(&p, "m", "a.example"));
    g_assert_null(claim(&p, "n", "b.example"));
    g_assert_nonnull(claim(&p, "o", "c.example"));
    g_assert_null(claim(&p, "o", "d.example"));
}

/* Hidden files, other suffixes, names that are no module's. */
static void test_file_names(void)
{
    static const char *const passed_over[] = { "etc/modules.d/.hidden.conf",
                                               "etc/modules.d/m.conf~",
                                               "etc/modules.d/m.conf.dpkg-old",
                                               "etc/modules.d/README",
                                               "etc/modules.d/.conf",
                                               "etc/modules.d/sub/m.conf",
                                               "etc/other.conf" };
    _cleanup_place_ Place p = {};

    place_init(&p);
    for (size_t i = 0; i < ELEMENTSOF(passed_over); i++)
        folder_write(&p.folder, passed_over[i], "[Certificate a.example]\n");
    load(&p);
    assert_complaints(&p, "");
    g_assert_cmpuint(p.config->n_modules, ==, 0);
    write_and_load(&p, "etc/modules.d/a b.conf", "[Certificate a.example]\n");
    g_assert_cmpuint(p.config->n_modules, ==, 0);
    g_assert_cmpuint(p.complaints->len, >, 0);
}

/* One broken file is told of, and takes nothing else down. */
static void test_broken_file(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    folder_write(&p.folder, "etc/modules.d/bad.conf",
                 "garbage\n[Certificate ..]\n[Certificate\n[Certificate good.example]\n"
                 "AlternativeNames=ok.example b@d 1.2.3\n"
                 "KeyType=x\nExtendedKeyUsage=codeSigning\n[Certificate %x]\n");
    write_and_load(&p, "etc/modules.d/other.conf", "[Certificate other.example]\n");
    assert_complaints(&p, "etc/modules.d/bad.conf:1:\netc/modules.d/bad.conf:2:\netc/modules.d/bad.conf:3:\n"
                          "etc/modules.d/bad.conf:5:AlternativeNames\n"
                          "etc/modules.d/bad.conf:5:AlternativeNames\netc/modules.d/bad.conf:6:KeyType\n"
                          "etc/modules.d/bad.conf:7:ExtendedKeyUsage\n"
                          "etc/modules.d/bad.conf:8:\n");
    g_assert_nonnull(claim(&p, "other", "other.example"));
    g_assert_nonnull(claim(&p, "bad", "good.example"));
    g_assert_cmpuint(strv_length(claim(&p, "bad", "good.example")->names), ==, 1);
    g_assert_cmpuint(claim(&p, "bad", "good.example")->purposes, ==, 0);
}

/* What cannot be read at all leaves what was read before. Root reads everything, so the file becomes a
 * folder. */
static void test_unreadable(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    folder_write(&p.folder, "etc/certwright.conf", "[Local]\nKeyType=rsa-2048\nOrganization=Org\n");
    folder_write(
        &p.folder, "etc/modules.d/m.conf",
        "[Module]\nDescription=D\n[Certificate a.example]\nAlternativeNames=b.example\nKeyType=rsa-3072\n");
    folder_write(&p.folder, "etc/modules.d/n.conf", "[Certificate n.example]\n");
    load(&p);
    assert_complaints(&p, "");
    for (int i = 0; i < 2; i++) {
        if (i == 1) { /* a drop-in that can be read changes nothing of that */
            folder_write(&p.folder, "etc/modules.d/m.conf.d/x.conf", "[Certificate c.example]\n");
            folder_write(&p.folder, "etc/modules.d/n.conf", "[Certificate changed.example]\n");
        } else {
            folder_remove(&p.folder, "etc/modules.d/m.conf");
            folder_remove(&p.folder, "etc/certwright.conf");
            g_assert_cmpint(mkdirat(p.folder.fd, "etc/modules.d/m.conf", 0700), ==, 0);
            g_assert_cmpint(mkdirat(p.folder.fd, "etc/certwright.conf", 0700), ==, 0);
        }
        load(&p);
        g_assert_nonnull(strstr(p.complaints->str, "etc/certwright.conf:"));
        g_assert_nonnull(strstr(p.complaints->str, "etc/modules.d/m.conf:"));
        if (!claim(&p, "m", "a.example") || strv_length(claim(&p, "m", "a.example")->names) != 1)
            note_failure("round %d: the module's certificate is lost", i);
        if (p.config->settings->key_type != KEY_TYPE_RSA_2048 || !p.config->settings->organization)
            note_failure("round %d: the settings are lost", i);
        g_assert_nonnull(claim(&p, "n", i ? "changed.example" : "n.example"));
        g_assert_false(module(&p, "m")->unreadable);
    }
    /* without that, the drop-in alone is not what was meant, the next time neither */
    config_free(TAKE_PTR(p.config));
    for (int i = 0; i < 2; i++) {
        load(&p);
        g_assert_true(module(&p, "m")->unreadable);
        g_assert_false(module(&p, "n")->unreadable);
    }
}

/* A folder that cannot be opened keeps what was in it, and is complained about once; so is a link to nowhere. */
static void test_unreadable_folder(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    folder_write(&p.folder, "usr/modules.d/n.conf", "[Certificate n.example]\n");
    folder_write(&p.folder, "etc/modules.d/m.conf", "[Certificate a.example]\n");
    folder_write(&p.folder, "etc/certwright.conf.d/x.conf", "[Local]\nOrganization=Org\n");
    load(&p);
    assert_complaints(&p, "");
    folder_remove(&p.folder, "etc/modules.d/m.conf");
    folder_remove(&p.folder, "etc/modules.d");
    folder_remove(&p.folder, "etc/certwright.conf.d/x.conf");
    folder_remove(&p.folder, "etc/certwright.conf.d");
    folder_write(&p.folder, "etc/modules.d", "");
    folder_write(&p.folder, "etc/certwright.conf.d", "");
    load(&p);
    assert_complaints(&p, "etc/certwright.conf.d:0:\netc/modules.d:0:\n");
    g_assert_nonnull(claim(&p, "m", "a.example"));
    g_assert_nonnull(claim(&p, "n", "n.example"));
    g_assert_cmpstr(p.config->settings->organization, ==, "Org");
    folder_remove(&p.folder, "etc/modules.d");
    folder_remove(&p.folder, "etc/certwright.conf.d");
    g_assert_cmpint(symlinkat("nowhere", p.folder.fd, "etc/certwright.conf"), ==, 0);
    load(&p);
    assert_complaints(&p, "etc/certwright.conf:0:\n");
    g_assert_null(claim(&p, "m", "a.example"));
    g_assert_cmpstr(p.config->settings->organization, ==, "Org");
}

/* A file that is not one, unless it is /dev/null; and a module whose name cannot be one, by its path. */
static void test_strange_files(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    folder_write(&p.folder, "usr/modules.d/-m.conf", "[Certificate m.example]\n");
    folder_write(&p.folder, "usr/modules.d/n.conf", "[Certificate n.example]\n");
    folder_write(&p.folder, "etc/modules.d/x", "");
    g_assert_cmpint(symlinkat("/dev/null", p.folder.fd, "etc/modules.d/n.conf"), ==, 0);
    g_assert_cmpint(symlinkat("/dev/zero", p.folder.fd, "etc/certwright.conf"), ==, 0);
    load(&p);
    assert_complaints(&p, "etc/certwright.conf:0:\nusr/modules.d/-m.conf:0:\n");
    g_assert_null(claim(&p, "n", "n.example"));
    g_assert_false(module(&p, "n")->unreadable);
}

static void test_nul(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    folder_write_bytes(&p.folder, "etc/modules.d/m.conf",
                       "[Certificate a.example]\n\0[Certificate b.example]\n", 49);
    load(&p);
    g_assert_nonnull(strstr(p.complaints->str, "etc/modules.d/m.conf:"));
    g_assert_null(claim(&p, "m", "b.example"));
}

/* 253 bytes as a section's name, and among the alternative names. */
static void test_long_names(void)
{
    g_autofree char *label = g_strnfill(63, 'a'),
                    *name = g_strdup_printf("%s.%s.%s.%.61s", label, label, label, label);
    g_autofree char *text = g_strdup_printf(
        "[Certificate %s]\n[Certificate b.example]\nAlternativeNames=c.example %s d.example\n", name, name);
    _cleanup_place_ Place p = {};

    g_assert_cmpuint(strlen(name), ==, LIMIT_NAME);
    place_init(&p);
    write_and_load(&p, "etc/modules.d/m.conf", text);
    g_assert_nonnull(claim(&p, "m", name));
    assert_complaints(&p, "");
    g_assert_cmpuint(strv_length(claim(&p, "m", "b.example")->names), ==, 3);
}

/* LIMIT_NAMES: 99 alternative names on one line and on many; the next is left out with a complaint. */
static void test_many_names(void)
{
    for (int n = LIMIT_NAMES - 1; n <= LIMIT_NAMES; n++)
        for (int how = 0; how < 3; how++) {
            g_autoptr(GString) text = g_string_new("[Certificate a.example]\nAlternativeNames=");
            _cleanup_place_ Place p = {};

            for (int i = 0; i < n; i++)
                g_string_append_printf(text, "%sn%d.a-rather-long-name.example",
                                       i == 0     ? ""
                                       : how == 0 ? " "
                                       : how == 1 ? " \\\n   "
                                                  : "\nAlternativeNames=",
                                       i);
            g_string_append(text, "\nKeyType=rsa-2048\n");
            place_init(&p);
            write_and_load(&p, "etc/modules.d/m.conf", text->str);
            g_assert_cmpint(p.complaints->len > 0, ==, n == LIMIT_NAMES);
            g_assert_cmpuint(strv_length(claim(&p, "m", "a.example")->names), ==, LIMIT_NAMES - 1);
            g_assert_cmpint(claim(&p, "m", "a.example")->key_type, ==, KEY_TYPE_RSA_2048);
        }
}

/* LIMIT_CONFIG_ERRORS of one file in full, then one word that there are more. */
static void test_many_errors(void)
{
    g_autoptr(GString) text = g_string_new("[Certificate a.example]\n");
    _cleanup_place_ Place p = {};
    g_auto(GStrv) lines = NULL;

    for (int i = 0; i < 1000; i++)
        g_string_append(text, "Nonsense=1\n");
    place_init(&p);
    write_and_load(&p, "etc/modules.d/m.conf", text->str);
    lines = g_strsplit(p.complaints->str, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines) - 1, ==, LIMIT_CONFIG_ERRORS + 1);
}

/* LIMIT_MODULES. */
static void test_many_modules(void)
{
    _cleanup_place_ Place p = {};

    place_init(&p);
    for (int i = 0; i < LIMIT_MODULES; i++) {
        g_autofree char *path = g_strdup_printf("etc/modules.d/m%04d.conf", i),
                        *text = g_strdup_printf("[Certificate n%d.example]\n", i);

        folder_write(&p.folder, path, text);
    }
    load(&p);
    assert_complaints(&p, "");
    g_assert_cmpuint(p.config->n_modules, ==, LIMIT_MODULES);
    write_and_load(&p, "etc/modules.d/z.conf", "[Certificate z.example]\n");
    g_assert_cmpuint(p.config->n_modules, ==, LIMIT_MODULES);
    g_assert_nonnull(strstr(p.complaints->str, "z"));
    g_assert_null(module(&p, "z"));
}

/* LIMIT_CERTIFICATES in one module. */
static void test_many_claims(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    _cleanup_place_ Place p = {};

    for (int i = 0; i <= LIMIT_CERTIFICATES; i++)
        g_string_append_printf(text, "[Certificate n%d.example]\n", i);
    place_init(&p);
    write_and_load(&p, "etc/modules.d/m.conf", text->str);
    g_assert_cmpuint(module(&p, "m")->n_claims, ==, LIMIT_CERTIFICATES);
    assert_complaints(&p, "etc/modules.d/m.conf:10001:\n");
}

/* LIMIT_CONFIG_FILE. */
static void test_large_file(void)
{
    g_autofree char *large = g_malloc(LIMIT_CONFIG_FILE + 2);
    _cleanup_place_ Place p = {};

    memset(large, '#', LIMIT_CONFIG_FILE + 1);
    for (size_t i = 23; i < LIMIT_CONFIG_FILE; i += 64)
        large[i] = '\n';
    memcpy(large, "[Certificate a.example]", 23);
    large[LIMIT_CONFIG_FILE + 1] = 0;
    place_init(&p);
    folder_write_bytes(&p.folder, "etc/modules.d/m.conf", large, LIMIT_CONFIG_FILE);
    load(&p);
    assert_complaints(&p, "");
    g_assert_nonnull(claim(&p, "m", "a.example"));
    folder_write_bytes(&p.folder, "etc/modules.d/n.conf", large, LIMIT_CONFIG_FILE + 1);
    load(&p);
    g_assert_nonnull(strstr(p.complaints->str, "etc/modules.d/n.conf:"));
    g_assert_null(claim(&p, "n", "a.example"));
}

static void test_specifiers(void)
{
    _cleanup_place_ Place p = {};
    g_autofree char *host = g_ascii_strdown(g_get_host_name(), -1);

    place_init(&p);
    write_and_load(&p, "etc/modules.d/m.conf",
                   "[Certificate %H]\nAlternativeNames=www.%H\n[Certificate a.%%.example]\n"
                   "[Certificate %]\n[Certificate %h]\n");
    assert_complaints(&p, "etc/modules.d/m.conf:3:\netc/modules.d/m.conf:4:\netc/modules.d/m.conf:5:\n");
    g_assert_nonnull(claim(&p, "m", host));
    g_assert_cmpuint(strv_length(claim(&p, "m", host)->names), ==, 1);
    g_assert_true(g_str_has_prefix(claim(&p, "m", host)->names[0], "www."));
}

typedef struct HostCase {
    const char *host, *name; /* NULL: it makes no name */
} HostCase;

static const HostCase host_cases[] = {
    { "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh.ooooooooooooooooooooooooooooooo",
      "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh.ooooooooooooooooooooooooooooooo" },
    { "localhost", "localhost" },
    { "Box", "box" },
    { "box.example.com.", "box.example.com" },
    { "b\xc3\xbcro", "xn--bro-hoa" },
    { "192.0.2.1", "192.0.2.1" },
    { "my_box", NULL },
    { "(none)", NULL },
    { "", NULL },
    { "My Box", NULL },
    { "-box", NULL },
    { "1234", NULL },
    { "box..example", NULL },
    { "b\xfcro", NULL },
    { "box\033[1m", NULL },
    { "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", NULL },
};

/* In a name space of its own: 0 good, 1 bad, 77 cannot be tried. */
static int child_with_host_name(const HostCase *c)
{
    _cleanup_place_ Place p = {};

    if (unshare(CLONE_NEWUTS) < 0 || sethostname(c->host, strlen(c->host)) < 0)
        return 77;
    place_init(&p);
    write_and_load(&p, "etc/modules.d/m.conf", "[Certificate %H]\n[Certificate other.example]\n");
    g_strchomp(p.texts->str);
    g_test_message("%s", p.texts->str);
    if (!claim(&p, "m", "other.example") || (c->name && !claim(&p, "m", c->name)))
        return 1;
    if (c->name)
        return p.complaints->len > 0;
    return !g_str_has_prefix(p.complaints->str, "etc/modules.d/m.conf:1:") ||
           !text_is_plain(p.texts->str) ||
           !strstr(p.texts->str, "host name of this machine, \"") ||
           !strstr(p.texts->str, "hostnamectl set-hostname NAME");
}

static void test_host_names(gconstpointer userdata)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(child_with_host_name(userdata));
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        g_test_skip("only root can give itself another host name");
    else
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/config/defaults", test_defaults);
    g_test_add_func("/config/installed-file", test_installed_file);
    g_test_add_func("/config/editors", test_editors);
    g_test_add_func("/config/settings", test_settings);
    g_test_add_func("/config/settings-refused", test_settings_refused);
    g_test_add_func("/config/renewal-refused", test_renewal_refused);
    g_test_add_func("/config/span-limits", test_span_limits);
    g_test_add_func("/config/unknown", test_unknown);
    g_test_add_func("/config/module", test_module);
    g_test_add_func("/config/precedence", test_precedence);
    g_test_add_func("/config/masks", test_masks);
    g_test_add_func("/config/file-names", test_file_names);
    g_test_add_func("/config/broken-file", test_broken_file);
    g_test_add_func("/config/unreadable", test_unreadable);
    g_test_add_func("/config/unreadable-folder", test_unreadable_folder);
    g_test_add_func("/config/strange-files", test_strange_files);
    g_test_add_func("/config/nul", test_nul);
    g_test_add_func("/config/long-names", test_long_names);
    g_test_add_func("/config/many-names", test_many_names);
    g_test_add_func("/config/many-errors", test_many_errors);
    g_test_add_func("/config/many-modules", test_many_modules);
    g_test_add_func("/config/many-claims", test_many_claims);
    g_test_add_func("/config/large-file", test_large_file);
    g_test_add_func("/config/specifiers", test_specifiers);
    for (size_t i = 0; i < G_N_ELEMENTS(host_cases); i++) {
        g_autofree char *path = g_strdup_printf("/config/host-names/%zu", i);

        g_test_add_data_func(path, host_cases + i, test_host_names);
    }
    return g_test_run();
}
