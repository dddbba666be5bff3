/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pki.h"

#include <gio/gio.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "process.h"

static unsigned n_files;

static void run(const char *const *argv)
{
    g_autofree char *errors = NULL, *output = process_run(argv, NULL, &errors);

    if (!output) {
        g_autofree char *command = g_strjoinv(" ", (char **)(uintptr_t)argv);

        g_error("%s: %s", command, errors);
    }
}

static char *path(const Pki *p, const char *name, const char *suffix)
{
    return g_strdup_printf("%s/%s.%s", p->directory, name, suffix);
}

static void make_key(const char *to, const char *algorithm)
{
    const char *const ec[] = {
        "openssl", "genpkey", "-quiet", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-out",    to,        NULL
    };
    const char *const rsa[] = {
        "openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
        "-out",    to,        NULL
    };
    const char *const weak[] = {
        "openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024",
        "-out",    to,        NULL
    };
    const char *const other[] = {
        "openssl", "genpkey", "-quiet", "-algorithm", algorithm, "-out", to, NULL
    };

    run(strcmp(algorithm, "EC") == 0         ? ec
        : strcmp(algorithm, "RSA") == 0      ? rsa
        : strcmp(algorithm, "RSA-1024") == 0 ? weak
                                             : other);
}

static void make_request(const Pki *p, const char *name)
{
    g_autofree char *key = path(p, name, "key"), *request = path(p, name, "csr"),
                    *subject = g_strdup_printf("/CN=%s", name);
    const char *const argv[] = { "openssl", "req",   "-new", "-key",  key,
                                 "-subj",   subject, "-out", request, NULL };

    run(argv);
}

/* parent NULL: signs itself. */
static void make_certificate(const Pki *p, const char *name, const char *parent, const char *extensions,
                             int days)
{
    g_autofree char *key = path(p, name, "key"), *certificate = path(p, name, "pem"),
                    *request = path(p, name, "csr"), *config = path(p, name, "cnf"),
                    *issuer = path(p, parent ? parent : name, "pem"),
                    *issuer_key = path(p, parent ? parent : name, "key"),
                    *lifetime = g_strdup_printf("%d", days);
    const char *const sign[] = { "openssl",   "x509",   "-req",     "-in",      request,
                                 "-CA",       issuer,   "-CAkey",   issuer_key, "-CAcreateserial",
                                 "-days",     lifetime, "-extfile", config,     "-out",
                                 certificate, NULL };
    const char *const self[] = { "openssl", "x509",   "-req",     "-in",  request, "-signkey",  key,
                                 "-days",   lifetime, "-extfile", config, "-out",  certificate, NULL };

    file_write(config, extensions);
    make_request(p, name);
    run(parent ? sign : self);
}

static const char authority[] = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
                                "subjectKeyIdentifier=hash\n";

Pki *pki_new(const char *parent)
{
    Pki *p = g_new0(Pki, 1);
    g_autofree char *root = NULL, *intermediate = NULL;

    p->directory = g_build_filename(parent, "pki", NULL);
    directory_make(p->directory, 0700);
    root = path(p, "root", "key");
    intermediate = path(p, "intermediate", "key");
    make_key(root, "EC");
    make_key(intermediate, "EC");
    make_certificate(p, "root", NULL, authority, 3650);
    make_certificate(p, "intermediate", "root", authority, 1825);
    return p;
}

void pki_free(Pki *p)
{
    directory_remove(p->directory);
    g_free(p->directory);
    g_free(p);
}

static char *fingerprint_of(const char *pem)
{
    const char *const arguments[] = { "-fingerprint", "-sha256", NULL };
    g_autofree char *text = openssl_ask(pem, arguments);
    g_auto(GStrv) bytes = g_strsplit(text, ":", -1);
    g_autofree char *joined = g_strjoinv("", bytes);

    return g_ascii_strdown(joined, -1);
}

static char *read_part(const Pki *p, const char *name, const char *suffix)
{
    g_autofree char *file = path(p, name, suffix);

    return file_read(file);
}

static PkiLeaf *leaf_new(const Pki *p, const char *name)
{
    PkiLeaf *l = g_new0(PkiLeaf, 1);

    l->certificate = read_part(p, name, "pem");
    l->key = read_part(p, name, "key");
    l->intermediate = read_part(p, "intermediate", "pem");
    l->root = read_part(p, "root", "pem");
    l->fingerprint = fingerprint_of(l->certificate);
    return l;
}

static char *leaf_extensions(const char *san)
{
    return g_strdup_printf(
        "basicConstraints=critical,CA:FALSE\nsubjectAltName=%s\nextendedKeyUsage=serverAuth\n", san);
}

PkiLeaf *pki_issue(Pki *p, const char *name, const char *san, const char *key, int days)
{
    g_autofree char *key_path = path(p, name, "key"), *extensions = leaf_extensions(san);

    make_key(key_path, key);
    make_certificate(p, name, "intermediate", extensions, days);
    return leaf_new(p, name);
}

static char *format_moment(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

    return g_date_time_format(time, "%Y%m%d%H%M%SZ");
}

/* "openssl x509" of OpenSSL 3.0 knows days alone; "openssl ca" wants a database, and adds each moment. */
static void sign_between(const Pki *p, const char *name, gint64 from, gint64 until)
{
    g_autofree char *settings = path(p, "ca", "cnf"), *index = path(p, "ca", "index"), *text = NULL,
                    *issuer = path(p, "intermediate", "pem"), *issuer_key = path(p, "intermediate", "key"),
                    *request = path(p, name, "csr"), *config = path(p, name, "cnf"),
                    *certificate = path(p, name, "pem"), *begin = format_moment(from),
                    *end = format_moment(until);
    const char *const argv[] = { "openssl",  "ca",        "-batch",   "-notext",  "-config",    settings,
                                 "-cert",    issuer,      "-keyfile", issuer_key, "-in",        request,
                                 "-out",     certificate, "-extfile", config,     "-startdate", begin,
                                 "-enddate", end,         NULL };

    text = g_strdup_printf("[ca]\ndefault_ca=here\n[here]\ndatabase=%s\nnew_certs_dir=%s\n"
                           "default_md=sha256\npolicy=any\nrand_serial=yes\nunique_subject=no\n"
                           "[any]\ncommonName=supplied\n",
                           index, p->directory);
    file_write(settings, text);
    file_write(index, "");
    run(argv);
}

PkiLeaf *pki_issue_between(Pki *p, const char *name, const char *san, gint64 from, gint64 until)
{
    g_autofree char *key_path = path(p, name, "key"), *config = path(p, name, "cnf"),
                    *extensions = leaf_extensions(san);

    make_key(key_path, "EC");
    file_write(config, extensions);
    make_request(p, name);
    sign_between(p, name, from, until);
    return leaf_new(p, name);
}

PkiLeaf *pki_make_authority(Pki *p, const char *name, const char *parent, const char *extensions)
{
    g_autofree char *key_path = path(p, name, "key");
    PkiLeaf *l;

    make_key(key_path, "EC");
    make_certificate(p, name, parent, extensions ? extensions : authority, 3650);
    l = leaf_new(p, name);
    if (!parent || strcmp(parent, "root") == 0) {
        g_free(l->intermediate);
        l->intermediate = g_strdup("");
    }
    if (!parent) {
        g_free(l->root);
        l->root = g_strdup(l->certificate);
    }
    return l;
}

void pki_leaf_free(PkiLeaf *l)
{
    g_free(l->certificate);
    g_free(l->key);
    g_free(l->intermediate);
    g_free(l->root);
    g_free(l->fingerprint);
    g_free(l);
}

char *pki_bundle(const PkiLeaf *l)
{
    return g_strconcat(l->certificate, l->intermediate, l->key, NULL);
}

char *pki_encrypt_key(const char *key, const char *passphrase)
{
    g_autofree char *password = g_strdup_printf("pass:%s", passphrase);
    const char *const argv[] = { "openssl", "pkcs8", "-topk8", "-passout", password, NULL };

    return openssl_filter(argv, key, strlen(key), NULL);
}

static char *temporary(const char *text)
{
    char *name = g_strdup_printf("%s/certwright-pem-%d-%u", g_get_tmp_dir(), (int)getpid(), n_files++);

    file_write(name, text);
    return name;
}

/* The command reads its input twice. */
char *pki_pkcs12(const PkiLeaf *l, const char *passphrase, gsize *ret_size)
{
    g_autofree char *bundle = pki_bundle(l), *password = g_strdup_printf("pass:%s", passphrase),
                    *file = temporary(bundle);
    const char *const argv[] = { "openssl", "pkcs12", "-export", "-in", file, "-passout", password, NULL };
    char *data = openssl_filter(argv, "", 0, ret_size);

    (void)unlink(file);
    return data;
}

char *openssl_ask(const char *pem, const char *const *arguments)
{
    g_autofree char *file = temporary(pem), *output = NULL, *errors = NULL;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *equals;

    for (const char *const *a = (const char *const[]){ "openssl", "x509", "-noout", "-in", file, NULL }; *a;
         a++)
        g_ptr_array_add(argv, (void *)(uintptr_t)*a);
    for (; *arguments; arguments++)
        g_ptr_array_add(argv, (void *)(uintptr_t)*arguments);
    g_ptr_array_add(argv, NULL);
    output = process_run((const char *const *)argv->pdata, NULL, &errors);
    (void)unlink(file);
    if (!output)
        g_error("openssl: %s", errors);
    g_strchomp(output);
    equals = strchr(output, '=');
    return g_strdup(equals ? equals + 1 : output);
}

gboolean openssl_verify(const char *root, const char *chain)
{
    g_autofree char *root_file = temporary(root), *chain_file = temporary(chain), *output = NULL;
    const char *const argv[] = { "openssl",     "verify",     "-x509_strict", "-purpose",
                                 "sslserver",   "-CAfile",    root_file,      "-no-CApath",
                                 "-no-CAstore", "-untrusted", chain_file,     chain_file,
                                 NULL };

    output = process_run(argv, NULL, NULL);
    (void)unlink(root_file);
    (void)unlink(chain_file);
    return output != NULL;
}

char *openssl_filter(const char *const *argv, const void *data, gsize size, gsize *ret_size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) process =
        g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
    g_autoptr(GBytes) in = g_bytes_new(data, size), out = NULL;
    char *text;

    g_assert_no_error(error);
    if (!g_subprocess_communicate(process, in, NULL, &out, NULL, &error) ||
        !g_subprocess_get_successful(process)) {
        g_autofree char *command = g_strjoinv(" ", (char **)(uintptr_t)argv);

        g_error("%s: %s", command, error ? error->message : "it failed");
    }
    text = g_malloc0(g_bytes_get_size(out) + 1);
    if (g_bytes_get_size(out) > 0)
        memcpy(text, g_bytes_get_data(out, NULL), g_bytes_get_size(out));
    if (ret_size)
        *ret_size = g_bytes_get_size(out);
    return text;
}

gboolean openssl_parses(const void *data, gsize size, const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) process =
        g_subprocess_newv(argv,
                          G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
                              G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                          &error);
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);

    g_assert_no_error(error);
    return g_subprocess_communicate(process, bytes, NULL, NULL, NULL, &error) &&
           g_subprocess_get_successful(process);
}
