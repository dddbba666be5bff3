/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/permission.h"

#include "crypto/key.h"

static void add(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    g_assert_nonnull(e);
    g_assert_cmpint(X509_add_ext(x, e, -1), ==, 1);
    X509_EXTENSION_free(e);
}

/* Decoded again, since OpenSSL keeps what it read of extensions. */
static X509 *signed_again(Issued *i)
{
    uint8_t *der = NULL;
    const uint8_t *at;
    X509 *x;
    int size;

    g_assert_cmpint(X509_sign(i->certificate, i->key, EVP_sha256()), >, 0);
    size = i2d_X509(i->certificate, &der);
    at = der;
    x = d2i_X509(NULL, &at, size);
    OPENSSL_free(der);
    return x;
}

/* A wildcard stands for each name in its place. */
static void test_names(void)
{
    static const struct {
        const char *constraints, *names;
        bool permitted;
    } rows[] = {
        { NULL, "DNS:*.case.example", true },
        { "excluded;DNS:secret.case.example", "DNS:*.case.example", false },
        { "excluded;DNS:SECRET.case.example", "DNS:*.case.example", false },
        { "excluded;DNS:secret.case.example", "DNS:www.case.example,DNS:*.case.example", false },
        { "excluded;DNS:other.example,excluded;DNS:secret.case.example", "DNS:*.case.example", false },
        { "permitted;DNS:case.example,excluded;DNS:secret.case.example", "DNS:*.case.example", false },
        { "excluded;DNS:secret.case.example", "DNS:www.case.example", true },
        { "excluded;DNS:secret.case.example", "DNS:*.www.case.example", true },
        { "excluded;DNS:secret.case.example", "DNS:*.secret.case.example", false },
        { "excluded;DNS:a.secret.case.example", "DNS:*.case.example", true },
        { "excluded;DNS:.secret.case.example", "DNS:*.case.example", true },
        { "excluded;DNS:case.example", "DNS:*.case.example", false },
        { "excluded;DNS:secret.other.example", "DNS:*.case.example", true },
        { "permitted;DNS:case.example", "DNS:*.case.example", true },
        { "permitted;DNS:www.case.example", "DNS:*.case.example", false },
        { "permitted;DNS:case.example", "DNS:www.other.example", false },
        { "excluded;IP:192.0.2.0/255.255.255.0", "IP:192.0.2.1", false },
        { "excluded;IP:192.0.2.0/255.255.255.0", "DNS:*.case.example", true },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_issued_ Issued authority =
            issue(&(CertificateSpec){ .subject = "Authority", .authority = true }, NULL, NULL);
        _cleanup_issued_ Issued leaf =
            issue(&(CertificateSpec){ .subject = "x", .names = rows[i].names }, &authority, NULL);
        _cleanup_x509_ X509 *x = NULL;

        if (rows[i].constraints)
            add(authority.certificate, NID_name_constraints, rows[i].constraints);
        x = signed_again(&authority);
        if (x509_permits_names(x, leaf.certificate) != rows[i].permitted)
            note_failure("%s, %s: %s", strempty(rows[i].constraints), rows[i].names,
                         rows[i].permitted ? "is refused" : "is permitted");
    }
}

/* The extension is named; without it everything is permitted. */
static void test_server(void)
{
    static const struct {
        const char *usage, *extended, *netscape, *flaw;
    } rows[] = {
        { NULL, NULL, NULL, NULL },
        { "digitalSignature", "serverAuth", "server", NULL },
        { "digitalSignature,keyEncipherment", "clientAuth,serverAuth", NULL, NULL },
        { "keyEncipherment", "serverAuth", NULL, "keyUsage" },
        { "keyEncipherment,dataEncipherment", NULL, NULL, "digitalSignature" },
        { "keyAgreement", NULL, NULL, "keyUsage" },
        { "keyCertSign,cRLSign", NULL, NULL, "keyUsage" },
        { "digitalSignature", "clientAuth", NULL, "extendedKeyUsage" },
        { NULL, "anyExtendedKeyUsage", NULL, "serverAuth" },
        { NULL, "emailProtection,codeSigning", NULL, "extendedKeyUsage" },
        { NULL, NULL, "client", "nsCertType" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_issued_ Issued leaf =
            issue(&(CertificateSpec){ .subject = "x", .names = "DNS:x.example", .usage = rows[i].extended },
                  NULL, NULL);
        _cleanup_x509_ X509 *x = NULL;
        const char *flaw;

        if (rows[i].usage)
            add(leaf.certificate, NID_key_usage, rows[i].usage);
        if (rows[i].netscape)
            add(leaf.certificate, NID_netscape_cert_type, rows[i].netscape);
        x = signed_again(&leaf);
        flaw = x509_server_flaw(x);
        if (!flaw != !rows[i].flaw || (flaw && !strstr(flaw, rows[i].flaw)))
            note_failure("row %zu: \"%s\" without \"%s\"", i, flaw ? flaw : "", rows[i].flaw);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/permission/names", test_names);
    g_test_add_func("/permission/server", test_server);
    return g_test_run();
}
