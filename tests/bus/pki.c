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

/* parent NULL: signs itself. */
static void make_certificate(const Pki *p, const char *name, const char *parent, const char *extensions,
                             int days)
{
    g_autofree char *key = path(p, name, "key"), *certificate = path(p, name, "pem"),
                    *request = path(p, name, "csr"), *config = path(p, name, "cnf"),
                    *subject = g_strdup_printf("/CN=%s", name),
                    *issuer = path(p, parent ? parent : name, "pem"),
                    *issuer_key = path(p, parent ? parent : name, "key"),
                    *lifetime = g_strdup_printf("%d", days);
    const char *const ask[] = { "openssl", "req",   "-new", "-key",  key,
                                "-subj",   subject, "-out", request, NULL };
    const char *const sign[] = { "openssl",   "x509",   "-req",     "-in",      request,
                                 "-CA",       issuer,   "-CAkey",   issuer_key, "-CAcreateserial",
                                 "-days",     lifetime, "-extfile", config,     "-out",
                                 certificate, NULL };
    const char *const self[] = { "openssl", "x509",   "-req",     "-in",  request, "-signkey",  key,
                                 "-days",   lifetime, "-extfile", config, "-out",  certificate, NULL };

    file_write(config, extensions);
    run(ask);
    run(parent ? sign : self);
}

Pki *pki_new(const char *parent)
{
    static const char authority[] =
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\n";
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

PkiLeaf *pki_issue(Pki *p, const char *name, const char *san, const char *key, int days)
{
    g_autofree char *key_path = path(p, name, "key"), *certificate = path(p, name, "pem"),
                    *extensions = NULL, *intermediate = path(p, "intermediate", "pem"),
                    *root = path(p, "root", "pem");
    PkiLeaf *l = g_new0(PkiLeaf, 1);

    extensions = g_strdup_printf(
        "basicConstraints=critical,CA:FALSE\nsubjectAltName=%s\nextendedKeyUsage=serverAuth\n", san);
    make_key(key_path, key);
    make_certificate(p, name, "intermediate", extensions, days);
    l->certificate = file_read(certificate);
    l->key = file_read(key_path);
    l->intermediate = file_read(intermediate);
    l->root = file_read(root);
    l->fingerprint = fingerprint_of(l->certificate);
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

static char *temporary(const char *text)
{
    char *name = g_strdup_printf("%s/certwright-pem-%d-%u", g_get_tmp_dir(), (int)getpid(), n_files++);

    file_write(name, text);
    return name;
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
