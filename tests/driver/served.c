/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "served.h"

#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "../bus/files.h"

struct Served {
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

void served_free(Served *s)
{
    sk_X509_pop_free(s->chain, X509_free);
    EVP_PKEY_free(s->key);
    g_free(s);
}

static STACK_OF(X509) * read_certificates(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    STACK_OF(X509) *l = sk_X509_new_null();
    X509 *x;

    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        g_assert_cmpint(sk_X509_push(l, x), >, 0);
    BIO_free(bio);
    return l;
}

static EVP_PKEY *read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return key;
}

static char *read_file(const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

Served *served_read(const char *directory, const char *chain_file, const char *key_file, char **ret_fault)
{
    g_autofree char *chain = read_file(directory, chain_file), *key = read_file(directory, key_file);
    g_autoptr(Served) s = NULL;

    if (!chain || !key) {
        *ret_fault = g_strdup_printf("%s: a file is missing", directory);
        return NULL;
    }
    s = g_new0(Served, 1);
    s->chain = read_certificates(chain);
    s->key = read_key(key);
    if (sk_X509_num(s->chain) > 0 && s->key &&
        X509_check_private_key(sk_X509_value(s->chain, 0), s->key) == 1)
        return g_steal_pointer(&s);
    *ret_fault = g_strdup_printf("%s: %d certificates, %s key%s", directory, sk_X509_num(s->chain),
                                 s->key ? "a" : "no", s->key ? " that is not the leaf's" : "");
    return NULL;
}

/* By its own name, so that both files are of the same one. */
Served *served_read_current(const char *directory, char **ret_fault, gboolean *ret_damaged)
{
    g_autofree char *link = g_build_filename(directory, "current", NULL),
                    *generation = g_file_read_link(link, NULL), *again = NULL, *path = NULL;
    Served *s;

    if (!generation) {
        *ret_fault = g_strdup_printf("there is no %s", link);
        return NULL;
    }
    path = g_build_filename(directory, generation, NULL);
    s = served_read(path, "fullchain.pem", "privkey.pem", ret_fault);
    again = g_file_read_link(link, NULL);
    *ret_damaged = !s && g_strcmp0(again, generation) == 0;
    return s;
}

static char *fingerprint_of(const X509 *x)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    GString *text = g_string_new(NULL);

    g_assert_cmpint(X509_digest(x, EVP_sha256(), digest, &n), ==, 1);
    for (unsigned i = 0; i < n; i++)
        g_string_append_printf(text, "%02x", digest[i]);
    return g_string_free(text, FALSE);
}

static char *serial_of(const X509 *x)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *digits = BN_bn2hex(number), *text = g_strdup(digits);

    OPENSSL_free(digits);
    BN_free(number);
    return text;
}

static gint64 seconds_of(const ASN1_TIME *t)
{
    struct tm broken = { 0 };

    g_assert_cmpint(ASN1_TIME_to_tm(t, &broken), ==, 1);
    return timegm(&broken);
}

static char *compare_text(GVariant *properties, const char *name, const char *file)
{
    const char *bus = "";

    if (!g_variant_lookup(properties, name, "&s", &bus) || strcmp(bus, file) != 0)
        return g_strdup_printf("%s is %s on the bus and %s in the file", name, bus, file);
    return NULL;
}

static char *compare_time(GVariant *properties, const char *name, gint64 file)
{
    gint64 bus = 0;

    if (!g_variant_lookup(properties, name, "x", &bus) || bus != file)
        return g_strdup_printf("%s is %" G_GINT64_FORMAT " on the bus and %" G_GINT64_FORMAT " in the file",
                               name, bus, file);
    return NULL;
}

/* Entry by entry: serial, dates and fingerprint. */
static char *compare_chain(const Served *s, GVariant *properties)
{
    g_autoptr(GVariant) chain = g_variant_lookup_value(properties, "Chain", G_VARIANT_TYPE("a(sssxxs)"));

    if (!chain || (int)g_variant_n_children(chain) != sk_X509_num(s->chain))
        return g_strdup_printf("Chain has not the %d certificates of the file", sk_X509_num(s->chain));
    for (int i = 0; i < sk_X509_num(s->chain); i++) {
        const X509 *x = sk_X509_value(s->chain, i);
        g_autofree char *serial = serial_of(x), *fingerprint = fingerprint_of(x);
        const char *bus_serial, *bus_fingerprint;
        gint64 from, until;

        g_variant_get_child(chain, (gsize)i, "(&s&s&sxx&s)", NULL, NULL, &bus_serial, &from, &until,
                            &bus_fingerprint);
        if (strcmp(serial, bus_serial) != 0 || strcmp(fingerprint, bus_fingerprint) != 0 ||
            from != seconds_of(X509_get0_notBefore(x)) || until != seconds_of(X509_get0_notAfter(x)))
            return g_strdup_printf("certificate %d of Chain is not that of the file", i);
    }
    return NULL;
}

/* The chain ends with the first of its certificates; bridges to a former local root do not count. */
static gint64 end_of_chain(GVariant *properties, const X509 *leaf)
{
    gint64 end = seconds_of(X509_get0_notAfter(leaf)), until;
    g_autoptr(GVariant) chain = g_variant_lookup_value(properties, "Chain", NULL);
    const char *source = "";
    GVariantIter iter;

    (void)g_variant_lookup(properties, "Source", "&s", &source);
    if (!chain || strcmp(source, "local") == 0)
        return end;
    g_variant_iter_init(&iter, chain);
    while (g_variant_iter_next(&iter, "(&s&s&sxx&s)", NULL, NULL, NULL, NULL, &until, NULL))
        end = MIN(end, until);
    return end;
}

char *served_compare_leaf(const Served *s, GVariant *properties)
{
    const X509 *leaf = sk_X509_value(s->chain, 0);
    g_autofree char *fingerprint = fingerprint_of(leaf), *serial = serial_of(leaf);
    char *fault = compare_text(properties, "Fingerprint", fingerprint);

    if (!fault)
        fault = compare_text(properties, "Serial", serial);
    if (!fault)
        fault = compare_time(properties, "NotBefore", seconds_of(X509_get0_notBefore(leaf)));
    if (!fault)
        fault = compare_time(properties, "NotAfter", end_of_chain(properties, leaf));
    return fault;
}

char *served_compare(const Served *s, GVariant *properties)
{
    char *fault = served_compare_leaf(s, properties);

    return fault ? fault : compare_chain(s, properties);
}

static X509_STORE *store_of(const char *roots, gint64 moment, const char *name)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *l = read_certificates(roots);
    X509_VERIFY_PARAM *parameters = X509_VERIFY_PARAM_new();

    for (int i = 0; i < sk_X509_num(l); i++)
        g_assert_cmpint(X509_STORE_add_cert(store, sk_X509_value(l, i)), ==, 1);
    X509_VERIFY_PARAM_set_time(parameters, moment);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
    if (name && X509_VERIFY_PARAM_set1_ip_asc(parameters, name) != 1) {
        g_autofree char *host = name[0] == '*' ? g_strconcat("any", name + 1, NULL) : g_strdup(name);

        g_assert_cmpint(X509_VERIFY_PARAM_set1_host(parameters, host, 0), ==, 1);
    }
    g_assert_cmpint(X509_STORE_set1_param(store, parameters), ==, 1);
    X509_VERIFY_PARAM_free(parameters);
    sk_X509_pop_free(l, X509_free);
    return store;
}

char *served_verify(const Served *s, const char *roots, gint64 moment, const char *name)
{
    X509_STORE *store = store_of(roots, moment, name);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    char *fault = NULL;

    g_assert_cmpint(X509_STORE_CTX_init(context, store, sk_X509_value(s->chain, 0), s->chain), ==, 1);
    if (X509_verify_cert(context) != 1)
        fault = g_strdup_printf("the chain does not verify for %s: %s at certificate %d",
                                name ? name : "a server",
                                X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)),
                                X509_STORE_CTX_get_error_depth(context));
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return fault;
}
