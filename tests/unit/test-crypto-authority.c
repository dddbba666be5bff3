/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/limits.h"
#include "core/name.h"
#include "crypto/inspect.h"
#include "crypto/key.h"
#include "util/text.h"

#define LONG_NAME "a-name-of-more-than-sixty-four-bytes.that-has-no-place-in-a-common-name.example.com"

static const KeyType root_types[] = { KEY_TYPE_ECDSA_P256, KEY_TYPE_ECDSA_P384, KEY_TYPE_RSA_3072,
                                      KEY_TYPE_RSA_4096 };
static const KeyType leaf_types[] = { KEY_TYPE_ECDSA_P256, KEY_TYPE_ECDSA_P384, KEY_TYPE_RSA_2048,
                                      KEY_TYPE_RSA_3072,   KEY_TYPE_RSA_4096,   KEY_TYPE_ED25519 };

/* An authority with its root's text, and a folder for programs to read from. */
typedef struct Place {
    Folder folder;
    Bundle *root;
    Authority *authority;
    int64_t now;
} Place;

static void adopt(Place *p, const RootTemplate *t, const Authority *predecessor, uint64_t generation)
{
    Authority *a = NULL;
    Bundle *b = NULL;

    g_assert_cmpint(authority_make_root(t, predecessor, true, &b, NULL), ==, 0);
    g_assert_cmpint(authority_new(b, generation, t->now, &a, NULL), ==, 0);
    bundle_free(p->root);
    authority_unref(p->authority);
    p->root = b;
    p->authority = a;
}

static Place place_new(KeyType type)
{
    Place p = { .folder = folder_new(), .now = now_seconds() };

    adopt(
        &p,
        &(RootTemplate){ .key_type = type, .lifetime = 10 * YEAR, .host = "host.example.com", .now = p.now },
        NULL, 1);
    folder_write(&p.folder, "root.pem", p.root->leaf);
    return p;
}

static void place_done(Place *p)
{
    bundle_free(p->root);
    authority_unref(p->authority);
    folder_done(&p->folder);
}
#define _cleanup_place_ _cleanup_(place_done)

static LeafTemplate leaf_template(const Place *p, char *const *names, KeyType type)
{
    return (LeafTemplate){ .names = names, .key_type = type, .lifetime = 90 * DAY, .now = p->now };
}

static Bundle *make_leaf(const Place *p, char *const *names, KeyType type)
{
    LeafTemplate t = leaf_template(p, names, type);
    _cleanup_problem_ Problem problem = {};
    Bundle *b = NULL;

    if (authority_issue(p->authority, &t, &b, &problem) < 0)
        g_error("no leaf: %s", problem.text);
    return b;
}

static X509 *parse_certificate(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    g_assert_nonnull(x);
    BIO_free(bio);
    return x;
}

static void assert_key_matches(const Bundle *b, KeyType type)
{
    _cleanup_x509_ X509 *x = parse_certificate(b->leaf);
    _cleanup_pkey_ EVP_PKEY *key = NULL;

    g_assert_cmpint(pkey_from_pem(b->key, &key), ==, 0);
    g_assert_cmpint(X509_check_private_key(x, key), ==, 1);
    g_assert_cmpint(pkey_type(key), ==, type);
    g_assert_cmpint(pkey_type(X509_get0_pubkey(x)), ==, type);
    g_assert_cmpint(b->chain->key_type, ==, type);
}

static void assert_extension(X509 *x, int nid, bool critical)
{
    int at = X509_get_ext_by_NID(x, nid, -1);

    if (at < 0)
        g_error("there is no extension %s", OBJ_nid2sn(nid));
    g_assert_cmpint(X509_get_ext_by_NID(x, nid, at), ==, -1);
    g_assert_cmpint(X509_EXTENSION_get_critical(X509_get_ext(x, at)), ==, critical);
}

static void assert_absent(X509 *x, int nid)
{
    g_assert_cmpint(X509_get_ext_by_NID(x, nid, -1), ==, -1);
}

static void assert_serial(X509 *x)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    int size = i2d_ASN1_INTEGER(serial, NULL);

    g_assert_cmpint(size - 2, <=, 20);
    g_assert_cmpint(size - 2, >=, 8);
    g_assert_cmpint(ASN1_STRING_type((const ASN1_STRING *)serial), ==, V_ASN1_INTEGER); /* not negative */
}

static char *digest_of_bits(X509 *x)
{
    const unsigned char *bits;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n;
    int size;
    char *hex = g_malloc(2 * EVP_MAX_MD_SIZE + 1);

    X509_PUBKEY_get0_param(NULL, &bits, &size, NULL, X509_get_X509_PUBKEY(x));
    g_assert_cmpint(EVP_Digest(bits, (size_t)size, digest, &n, EVP_sha1(), NULL), ==, 1);
    hex_encode(digest, n, false, hex);
    return hex;
}

static char *hex_of(const ASN1_OCTET_STRING *s)
{
    char *hex = g_malloc(2 * (size_t)ASN1_STRING_length(s) + 1);

    g_assert_nonnull(s);
    hex_encode(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s), false, hex);
    return hex;
}

static void assert_root(X509 *x, const Place *p)
{
    g_autofree char *expected = digest_of_bits(x), *skid = hex_of(X509_get0_subject_key_id(x));
    g_autofree char *akid = hex_of(X509_get0_authority_key_id(x));

    g_assert_cmpint(X509_get_version(x), ==, X509_VERSION_3);
    g_assert_cmpint(X509_check_ca(x), ==, 1);
    g_assert_cmpint(X509_get_pathlen(x), ==, -1);
    g_assert_cmpuint(X509_get_key_usage(x), ==, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_extension(x, NID_basic_constraints, true);
    assert_extension(x, NID_key_usage, true);
    assert_extension(x, NID_subject_key_identifier, false);
    assert_extension(x, NID_authority_key_identifier, false);
    assert_absent(x, NID_ext_key_usage);
    assert_absent(x, NID_subject_alt_name);
    assert_absent(x, NID_name_constraints);
    g_assert_cmpstr(skid, ==, expected);
    g_assert_cmpstr(akid, ==, expected);
    g_assert_cmpint(X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)), ==, 0);
    g_assert_cmpint(X509_verify(x, X509_get0_pubkey(x)), ==, 1);
    g_assert_cmpint(asn1_time_to_seconds(X509_get0_notBefore(x)), ==, p->now - HOUR);
    g_assert_cmpint(asn1_time_to_seconds(X509_get0_notAfter(x)), ==, p->now + 10 * YEAR);
    assert_serial(x);
}

/* Programs that judge: OpenSSL, GnuTLS. */

static int openssl_verify(const Place *p, const char *root, const char *untrusted, const char *name,
                          char **ret_output)
{
    g_autofree char *ca = folder_path(&p->folder, root), *leaf = folder_path(&p->folder, "leaf.pem"),
                    *other = NULL;
    GPtrArray *argv = g_ptr_array_new();
    int status;

    g_ptr_array_add(argv, S("openssl"));
    g_ptr_array_add(argv, S("verify"));
    g_ptr_array_add(argv, S("-x509_strict"));
    g_ptr_array_add(argv, S("-purpose"));
    g_ptr_array_add(argv, S("sslserver"));
    g_ptr_array_add(argv, S("-no-CApath"));
    g_ptr_array_add(argv, S("-no-CAstore"));
    g_ptr_array_add(argv, S("-CAfile"));
    g_ptr_array_add(argv, ca);
    if (untrusted) {
        other = folder_path(&p->folder, untrusted);
        g_ptr_array_add(argv, S("-untrusted"));
        g_ptr_array_add(argv, other);
    }
    if (name) {
        g_ptr_array_add(argv, name_is_address(name) ? S("-verify_ip") : S("-verify_hostname"));
        g_ptr_array_add(argv, (char *)(uintptr_t)name);
    }
    g_ptr_array_add(argv, leaf);
    g_ptr_array_add(argv, NULL);
    status = run_program((char **)argv->pdata, ret_output);
    g_ptr_array_free(argv, TRUE);
    return status;
}

static void assert_openssl_verifies(const Place *p, const char *root, const char *untrusted,
                                    const char *name)
{
    g_autofree char *output = NULL;

    if (openssl_verify(p, root, untrusted, name, &output) != 0)
        g_error("openssl verify: %s", output);
}

static void assert_verifies(const Place *p, const char *root, const char *untrusted, const char *name)
{
    assert_openssl_verifies(p, root, untrusted, name);
    if (!program_exists("certtool"))
        return;
    g_autofree char *ca = folder_path(&p->folder, root), *chain = folder_path(&p->folder, "fullchain.pem"),
                    *said = NULL;
    char *argv[] = {
        S("certtool"), S("--verify"), S("--load-ca-certificate"), ca, S("--infile"), chain, NULL
    };

    if (run_program(argv, &said) != 0 || !strstr(said, "Verified."))
        g_error("certtool --verify: %s", said);
}

static void write_leaf(const Place *p, const Bundle *b)
{
    g_autofree char *full = g_strconcat(b->leaf, b->issuers, NULL);

    folder_write(&p->folder, "leaf.pem", b->leaf);
    folder_write(&p->folder, "fullchain.pem", full);
    folder_write(&p->folder, "issuers.pem", b->issuers);
    folder_write(&p->folder, "key.pem", b->key);
}

/* The frames around EC keys are made by hand: OpenSSL must find nothing wrong with them, and write them
 * the same. */
static void assert_key_file(const Place *p, const Bundle *b)
{
    g_autofree char *path = folder_path(&p->folder, "key.pem"), *output = NULL, *again = NULL;
    char *check[] = { S("openssl"), S("pkey"), S("-in"), path, S("-check"), S("-noout"), NULL };
    _cleanup_pkey_ EVP_PKEY *key = NULL;
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());

    folder_write(&p->folder, "key.pem", b->key);
    if (run_program(check, &output) != 0 || !strstr(output, "Key is valid"))
        g_error("openssl pkey -check: %s", output);
    g_assert_cmpint(pkey_from_pem(b->key, &key), ==, 0);
    g_assert_cmpint(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), ==, 1);
    g_assert_cmpint(bio_to_text(bio, &again), ==, 0);
    g_assert_true(streq(again, b->key));
}

static void test_root(gconstpointer data)
{
    KeyType type = (KeyType)GPOINTER_TO_INT(data);
    _cleanup_place_ Place p = place_new(type);
    _cleanup_x509_ X509 *x = parse_certificate(p.root->leaf);
    _cleanup_chain_ Chain *chain = NULL;

    assert_root(x, &p);
    assert_key_matches(p.root, type);
    assert_key_file(&p, p.root);
    g_assert_cmpstr(p.root->bridges, ==, "");
    g_assert_true(p.root->chain->is_authority);
    g_assert_cmpstr(chain_leaf(p.root->chain)->subject, ==, "CN=Certwright root of host.example.com");
    g_assert_cmpint(chain_from_pem(p.root->leaf, &chain), ==, 0);
    assert_chain_equal(chain, p.root->chain);
    g_assert_cmpuint(authority_generation(p.authority), ==, 1);
    g_assert_cmpint(authority_not_after(p.authority), ==, p.now + 10 * YEAR);
}

static void assert_leaf(X509 *x, const Place *p, KeyType type, const char *common_name)
{
    _cleanup_x509_ X509 *root = parse_certificate(p->root->leaf);
    g_autofree char *expected = digest_of_bits(x), *skid = hex_of(X509_get0_subject_key_id(x));
    g_autofree char *akid = hex_of(X509_get0_authority_key_id(x)),
                    *root_id = hex_of(X509_get0_subject_key_id(root));
    bool rsa = type == KEY_TYPE_RSA_2048 || type == KEY_TYPE_RSA_3072 || type == KEY_TYPE_RSA_4096;
    char cn[256] = "";

    g_assert_cmpint(X509_get_version(x), ==, X509_VERSION_3);
    g_assert_cmpint(X509_check_ca(x), ==, 0);
    g_assert_cmpuint(X509_get_key_usage(x), ==,
                     rsa ? KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT : KU_DIGITAL_SIGNATURE);
    g_assert_cmpuint(X509_get_extended_key_usage(x), ==, XKU_SSL_SERVER);
    assert_extension(x, NID_basic_constraints, true);
    assert_extension(x, NID_key_usage, true);
    assert_extension(x, NID_ext_key_usage, false);
    assert_extension(x, NID_subject_key_identifier, false);
    assert_extension(x, NID_authority_key_identifier, false);
    assert_extension(x, NID_subject_alt_name, common_name == NULL);
    g_assert_cmpstr(skid, ==, expected);
    g_assert_cmpstr(akid, ==, root_id);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));
    g_assert_cmpstr(cn, ==, strempty(common_name));
    g_assert_cmpint(X509_NAME_entry_count(X509_get_subject_name(x)), ==, common_name ? 1 : 0);
    g_assert_cmpint(X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(root)), ==, 0);
    g_assert_cmpint(X509_verify(x, X509_get0_pubkey(root)), ==, 1);
    g_assert_cmpint(asn1_time_to_seconds(X509_get0_notBefore(x)), ==, p->now - HOUR);
    g_assert_cmpint(asn1_time_to_seconds(X509_get0_notAfter(x)), ==, p->now - HOUR + 90 * DAY - 1);
    assert_serial(x);
}

static void assert_names(X509 *x, const Bundle *b, char *const *names)
{
    _cleanup_strv_ char **found = NULL;

    g_assert_cmpint(x509_names(x, &found), ==, 0);
    g_assert_true(strv_equal(found, names));
    g_assert_cmpuint(b->chain->n_names, ==, strv_length(names));
    for (size_t i = 0; names[i]; i++) {
        g_assert_cmpstr(b->chain->names[i], ==, names[i]);
        if (name_is_address(names[i]))
            g_assert_cmpint(X509_check_ip_asc(x, names[i], 0), ==, 1);
        else
            g_assert_cmpint(X509_check_host(x, names[i], 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), ==,
                            1);
    }
}

/* What the bundle says of itself is what its text says. */
static void assert_described(const Bundle *b)
{
    g_autofree char *all = g_strconcat(b->leaf, b->issuers, NULL);
    _cleanup_chain_ Chain *chain = NULL;

    g_assert_cmpint(chain_from_pem(all, &chain), ==, 0);
    assert_chain_equal(chain, b->chain);
}

static void test_leaf(gconstpointer data)
{
    KeyType type = (KeyType)GPOINTER_TO_INT(data);
    static char *names[] = { S("www.example.com"), S("192.0.2.7"), S("2001:db8::7"),
                             S("xn--bcher-kva.example"), NULL };

    for (size_t i = 0; i < 2; i++) {
        _cleanup_place_ Place p = place_new(root_types[i]);
        _cleanup_bundle_ Bundle *b = make_leaf(&p, names, type);
        _cleanup_x509_ X509 *x = parse_certificate(b->leaf);

        assert_leaf(x, &p, type, "www.example.com");
        assert_names(x, b, names);
        assert_key_matches(b, type);
        assert_described(b);
        g_assert_cmpuint(b->root, ==, 1);
        write_leaf(&p, b);
        assert_key_file(&p, b);
        for (size_t n = 0; names[n]; n++)
            assert_verifies(&p, "root.pem", NULL, names[n]);
        g_assert_cmpint(openssl_verify(&p, "root.pem", NULL, "other.example.com", NULL), !=, 0);
        g_assert_cmpint(openssl_verify(&p, "root.pem", NULL, "192.0.2.8", NULL), !=, 0);
    }
}

static void test_every_root_signs(void)
{
    static char *names[] = { S("www.example.com"), NULL };

    for (size_t i = 0; i < ELEMENTSOF(root_types); i++) {
        _cleanup_place_ Place p = place_new(root_types[i]);
        _cleanup_bundle_ Bundle *b = make_leaf(&p, names, KEY_TYPE_ECDSA_P256);

        write_leaf(&p, b);
        assert_verifies(&p, "root.pem", NULL, "www.example.com");
    }
}

static void test_types(void)
{
    static char *names[] = { S("www.example.com"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);

    for (KeyType t = 0; t < _KEY_TYPE_MAX; t++) {
        LeafTemplate leaf = leaf_template(&p, names, t);
        bool root_ok = false, leaf_ok = false;
        Bundle *b = NULL;

        for (size_t i = 0; i < ELEMENTSOF(root_types); i++)
            root_ok = root_ok || root_types[i] == t;
        for (size_t i = 0; i < ELEMENTSOF(leaf_types); i++)
            leaf_ok = leaf_ok || leaf_types[i] == t;
        g_assert_cmpint(key_type_suits_root(t), ==, root_ok);
        g_assert_cmpint(key_type_suits_leaf(t), ==, leaf_ok);
        if (!leaf_ok)
            g_assert_cmpint(authority_issue(p.authority, &leaf, &b, NULL), <, 0);
    }
    g_assert_false(key_type_suits_leaf(_KEY_TYPE_INVALID));
    g_assert_false(key_type_suits_root(_KEY_TYPE_INVALID));
}

/* 64 bytes fit into a common name; one more does not. */
static void test_long_name(void)
{
    g_autofree char *fits = g_strconcat("a", &LONG_NAME[strlen(LONG_NAME) - 63], NULL);
    g_autofree char *above = g_strconcat("b", fits, NULL);
    char *one[] = { fits, NULL }, *two[] = { above, NULL },
         *three[] = { S(LONG_NAME), S("short.example.com"), NULL };
    char *const *all[] = { one, two, three };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);

    g_assert_cmpuint(strlen(fits), ==, 64);
    for (size_t i = 0; i < ELEMENTSOF(all); i++) {
        _cleanup_bundle_ Bundle *b = make_leaf(&p, all[i], KEY_TYPE_ECDSA_P256);
        _cleanup_x509_ X509 *x = parse_certificate(b->leaf);

        assert_leaf(x, &p, KEY_TYPE_ECDSA_P256, i == 0 ? fits : NULL);
        assert_names(x, b, all[i]);
        assert_described(b);
        write_leaf(&p, b);
        assert_verifies(&p, "root.pem", NULL, all[i][0]);
    }
}

static void test_wildcard(void)
{
    static char *names[] = { S("*.example.com"), S("example.com"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);
    _cleanup_bundle_ Bundle *b = make_leaf(&p, names, KEY_TYPE_ECDSA_P256);
    _cleanup_x509_ X509 *x = parse_certificate(b->leaf);

    assert_names(x, b, names);
    write_leaf(&p, b);
    assert_verifies(&p, "root.pem", NULL, "www.example.com");
    assert_verifies(&p, "root.pem", NULL, "example.com");
    g_assert_cmpint(openssl_verify(&p, "root.pem", NULL, "a.www.example.com", NULL), !=, 0);
}

/* LIMIT_NAMES names of LIMIT_NAME bytes. */
static void test_most_names(void)
{
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);
    char *names[LIMIT_NAMES + 1] = {};

    for (int i = 0; i < LIMIT_NAMES; i++) {
        g_autofree char *label = g_strnfill(63, 'a');

        names[i] = g_strdup_printf("%061d.%s.%s.%s", i, label, label, label);
        g_assert_cmpuint(strlen(names[i]), ==, LIMIT_NAME);
    }
    _cleanup_bundle_ Bundle *b = make_leaf(&p, names, KEY_TYPE_ECDSA_P256);
    _cleanup_x509_ X509 *x = parse_certificate(b->leaf);

    assert_names(x, b, names);
    write_leaf(&p, b);
    assert_verifies(&p, "root.pem", NULL, names[99]);
    for (int i = 0; i < LIMIT_NAMES; i++)
        g_free(names[i]);
}

static void test_purposes(void)
{
    static char *names[] = { S("vpn.example.com"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);

    for (unsigned purposes = 0; purposes < 4; purposes++) {
        LeafTemplate t = leaf_template(&p, names, KEY_TYPE_ECDSA_P256);
        _cleanup_bundle_ Bundle *b = NULL;
        EXTENDED_KEY_USAGE *usage;
        X509 *x;
        int n = 1, client = 0, ike = 0;

        t.purposes = purposes;
        g_assert_cmpint(authority_issue(p.authority, &t, &b, NULL), ==, 0);
        g_assert_cmpuint(b->purposes, ==, purposes);
        x = parse_certificate(b->leaf);
        usage = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
        n += (purposes & PURPOSE_CLIENT_AUTH) != 0;
        n += (purposes & PURPOSE_IPSEC_IKE) != 0;
        g_assert_cmpint(sk_ASN1_OBJECT_num(usage), ==, n);
        g_assert_cmpint(OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, 0)), ==, NID_server_auth);
        for (int i = 1; i < n; i++) {
            client += OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i)) == NID_client_auth;
            ike += OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i)) == NID_ipsec_IKE;
        }
        g_assert_cmpint(client, ==, (purposes & PURPOSE_CLIENT_AUTH) != 0);
        g_assert_cmpint(ike, ==, (purposes & PURPOSE_IPSEC_IKE) != 0);
        EXTENDED_KEY_USAGE_free(usage);
        write_leaf(&p, b);
        assert_verifies(&p, "root.pem", NULL, "vpn.example.com");
        X509_free(x);
    }
}

static void test_serials_differ(void)
{
    g_autoptr(GHashTable) serials = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    static char *names[] = { S("www.example.com"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);
    unsigned high = 0;

    for (int i = 0; i < 1000; i++) {
        _cleanup_bundle_ Bundle *b = make_leaf(&p, names, KEY_TYPE_ECDSA_P256);
        const char *serial = chain_leaf(b->chain)->serial;

        g_assert_cmpuint(strlen(serial), <=, 40);
        g_assert_cmpuint(strspn(serial, "0123456789ABCDEF"), ==, strlen(serial));
        high += serial[0] >= '8';
        g_assert_true(g_hash_table_add(serials, g_strdup(serial)));
    }
    g_assert_cmpuint(high, >, 250); /* 128 bits and not 127 */
    g_assert_cmpuint(high, <, 750);
}

/* No leaf outlives its root. */
static void test_end_of_root(void)
{
    static char *names[] = { S("www.example.com"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);
    LeafTemplate t = leaf_template(&p, names, KEY_TYPE_ECDSA_P256);
    _cleanup_bundle_ Bundle *b = NULL;

    t.now = p.now + 10 * YEAR - 5 * DAY;
    g_assert_cmpint(authority_issue(p.authority, &t, &b, NULL), ==, 0);
    g_assert_cmpint(chain_leaf(b->chain)->not_after, ==, p.now + 10 * YEAR);
}

/* Names of hosts and organizations in the root's subject. */
static void test_subject(void)
{
    /* the last is cut within a letter */
    static const char *const odd_hosts[] = { "a\351", "a\n\033[2J",
                                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\342\202\254" };
    g_autofree char *host = g_strnfill(64, 'h'), *organization = g_strnfill(64, 'o');
    int64_t now = now_seconds();
    RootTemplate t = { .key_type = KEY_TYPE_ECDSA_P256,
                       .lifetime = YEAR,
                       .host = host,
                       .organization = organization,
                       .now = now };
    _cleanup_bundle_ Bundle *b = NULL, *c = NULL;

    g_assert_cmpint(authority_make_root(&t, NULL, true, &b, NULL), ==, 0);
    g_assert_nonnull(strstr(chain_leaf(b->chain)->subject, organization));
    g_assert_nonnull(strstr(chain_leaf(b->chain)->subject, "CN=Certwright root of hhh"));
    t.organization = "B\303\274cher \"& S\303\266hne\", Inc.";
    t.host = "x";
    g_assert_cmpint(authority_make_root(&t, NULL, true, &c, NULL), ==, 0);
    g_assert_nonnull(strstr(chain_leaf(c->chain)->subject, "B\303\274cher"));
    t.organization = NULL;
    for (size_t i = 0; i < ELEMENTSOF(odd_hosts); i++) {
        _cleanup_bundle_ Bundle *d = NULL;

        t.host = odd_hosts[i];
        g_assert_cmpint(authority_make_root(&t, NULL, true, &d, NULL), ==, 0);
        g_assert_true(text_is_plain(chain_leaf(d->chain)->subject));
        g_assert_nonnull(strstr(chain_leaf(d->chain)->subject, "CN=Certwright root of a"));
    }
}

/* Name constraints. */

static const struct {
    const char *name;
    bool permitted;
} constrained[] = {
    { "example.com", true },
    { "www.example.com", true },
    { "*.example.com", false }, /* covers secret.example.com */
    { "*.www.example.com", true },
    { "secret.example.com", false },
    { "a.secret.example.com", false },
    { "example.org", false },
    { "notexample.com", false },
    { "com", false },
    { "10.0.0.0", true },
    { "10.255.255.255", true },
    { "10.1.2.3", true },
    { "11.0.0.1", false },
    { "10.66.0.1", false },
    { "2001:db8::1", true },
    { "2001:db9::1", false },
    { "192.0.2.1", false },
};

static void test_constraints(void)
{
    static char *constraints[] = { S("example.com"),   S("!secret.example.com"), S("10.0.0.0/8"),
                                   S("!10.66.0.0/16"), S("2001:db8::/32"),       NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);
    RootTemplate t = { .key_type = KEY_TYPE_ECDSA_P256,
                       .lifetime = YEAR,
                       .host = "h",
                       .constraints = constraints,
                       .now = p.now };
    X509 *root;

    adopt(&p, &t, NULL, 2);
    folder_write(&p.folder, "root.pem", p.root->leaf);
    root = parse_certificate(p.root->leaf);
    assert_extension(root, NID_name_constraints, true);
    X509_free(root);
    for (size_t i = 0; i < ELEMENTSOF(constrained); i++) {
        char *names[] = { (char *)(uintptr_t)constrained[i].name, NULL };
        LeafTemplate leaf = leaf_template(&p, names, KEY_TYPE_ECDSA_P256);
        _cleanup_problem_ Problem problem = {};
        _cleanup_bundle_ Bundle *b = NULL;
        int r = authority_issue(p.authority, &leaf, &b, &problem);

        if ((r >= 0) != constrained[i].permitted) {
            note_failure("%s: %s", constrained[i].name, r >= 0 ? "is signed" : problem.text);
            continue;
        }
        if (r < 0) {
            g_assert_cmpint(r, ==, -ERANGE);
            g_assert_cmpint(problem.code, ==, PROBLEM_NAME_MISMATCH);
            g_assert_nonnull(strstr(problem.text, constrained[i].name));
            continue;
        }
        g_autofree char *said = NULL, *covered = g_strconcat("x", constrained[i].name + 1, NULL);

        write_leaf(&p, b);
        if (openssl_verify(&p, "root.pem", NULL,
                           constrained[i].name[0] == '*' ? covered : constrained[i].name, &said) != 0)
            note_failure("%s: %s", constrained[i].name, said);
    }
}

/* One name that is not permitted among others. */
static void test_constraints_of_any_name(void)
{
    static char *constraints[] = { S("example.com"), NULL };
    static char *names[] = { S("a.example.com"), S("b.example.com"), S("c.example.org"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);
    LeafTemplate leaf = leaf_template(&p, names, KEY_TYPE_ECDSA_P256);
    Bundle *b = NULL;

    adopt(&p,
          &(RootTemplate){ .key_type = KEY_TYPE_ECDSA_P256,
                           .lifetime = YEAR,
                           .host = "h",
                           .constraints = constraints,
                           .now = p.now },
          NULL, 2);
    g_assert_cmpint(authority_issue(p.authority, &leaf, &b, NULL), ==, -ERANGE);
    g_assert_null(b);
}

/* Bridges from new roots to old ones. */

typedef struct Change {
    const char *host, *organization;
    KeyType type;
} RootChange;

static void assert_organization(const char *pem, const char *expected)
{
    X509 *x = parse_certificate(pem);
    char found[64] = "";

    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_organizationName, found, sizeof(found));
    g_assert_cmpstr(found, ==, strempty(expected));
    X509_free(x);
}

static void check_bridging(const RootChange *changes, size_t n)
{
    static char *names[] = { S("www.example.com"), NULL };
    _cleanup_place_ Place p = place_new(changes[0].type);
    bool same_name = true;

    for (size_t i = 0; i < n; i++) {
        g_autofree char *file = g_strdup_printf("root%zu.pem", i);
        RootTemplate t = { .key_type = changes[i].type,
                           .lifetime = 10 * YEAR,
                           .host = changes[i].host,
                           .organization = changes[i].organization,
                           .now = p.now };
        Authority *before = i > 0 ? authority_ref(p.authority) : NULL;

        adopt(&p, &t, before, i + 1);
        authority_unref(before);
        folder_write(&p.folder, file, p.root->leaf);
        same_name =
            same_name && (i == 0 || g_strcmp0(changes[i].organization, changes[i - 1].organization) == 0);
        assert_organization(p.root->leaf, changes[i].organization);
        _cleanup_bundle_ Bundle *b = make_leaf(&p, names, KEY_TYPE_ECDSA_P256);

        g_assert_cmpuint(b->chain->n_entries, ==, 1 + MIN(i, (size_t)LIMIT_BRIDGES));
        assert_described(b);
        write_leaf(&p, b);
        for (size_t k = i > LIMIT_BRIDGES ? i - LIMIT_BRIDGES : 0; k <= i; k++) {
            g_autofree char *old = g_strdup_printf("root%zu.pem", k);

            /* GnuTLS counts self-issued certificates against the path length, against RFC 5280 section
             * 6.1.4 (l), and so does not follow bridges */
            if (k < i || !same_name)
                assert_openssl_verifies(&p, old, "issuers.pem", "www.example.com");
            else
                assert_verifies(&p, old, i > 0 ? "issuers.pem" : NULL, "www.example.com");
            if (k < i)
                g_assert_cmpint(openssl_verify(&p, old, NULL, NULL, NULL), !=, 0);
        }
    }
}

static void test_bridging(void)
{
    static const RootChange changes[] = { { "h", NULL, KEY_TYPE_ECDSA_P256 },
                                          { "h", NULL, KEY_TYPE_ECDSA_P256 },
                                          { "h", NULL, KEY_TYPE_ECDSA_P256 },
                                          { "h", NULL, KEY_TYPE_ECDSA_P256 },
                                          { "h", NULL, KEY_TYPE_ECDSA_P256 } };

    check_bridging(changes, ELEMENTSOF(changes));
}

/* To another type of key, another host name. */
static void test_bridging_differently(void)
{
    static const RootChange changes[] = { { "one", "Org", KEY_TYPE_ECDSA_P256 },
                                          { "two", "Org", KEY_TYPE_ECDSA_P384 },
                                          { "three", "Org", KEY_TYPE_RSA_3072 },
                                          { "four", "Org", KEY_TYPE_ECDSA_P256 } };

    check_bridging(changes, ELEMENTSOF(changes));
}

static void test_bridging_organization(void)
{
    static const RootChange changes[] = { { "h", NULL, KEY_TYPE_ECDSA_P256 },
                                          { "h", "Org", KEY_TYPE_ECDSA_P256 },
                                          { "h", "Other", KEY_TYPE_ECDSA_P256 },
                                          { "h", NULL, KEY_TYPE_ECDSA_P256 } };

    check_bridging(changes, ELEMENTSOF(changes));
}

/* A bridge ends with the root that it leads to, and is left out then. */
static void test_bridge_expires(void)
{
    static char *names[] = { S("www.example.com"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);
    RootTemplate t = { .key_type = KEY_TYPE_ECDSA_P256, .lifetime = 30 * DAY, .host = "h", .now = p.now };
    _cleanup_bundle_ Bundle *with = NULL, *without = NULL, *third = NULL;
    LeafTemplate leaf = leaf_template(&p, names, KEY_TYPE_ECDSA_P256);
    Authority *old, *later = NULL;

    adopt(&p, &t, NULL, 1);
    old = authority_ref(p.authority);
    t.lifetime = 10 * YEAR;
    adopt(&p, &t, old, 2);
    with = make_leaf(&p, names, KEY_TYPE_ECDSA_P256);
    g_assert_cmpuint(with->chain->n_entries, ==, 2);
    g_assert_cmpint(with->chain->entries[1].not_after, ==, p.now + 30 * DAY);
    g_assert_cmpint(authority_new(p.root, 2, p.now + 31 * DAY, &later, NULL), ==, 0);
    leaf.now = p.now + 31 * DAY;
    g_assert_cmpint(authority_issue(later, &leaf, &without, NULL), ==, 0);
    g_assert_cmpuint(without->chain->n_entries, ==, 1);
    g_assert_cmpstr(without->issuers, ==, "");
    t.now = p.now + 31 * DAY;
    g_assert_cmpint(authority_make_root(&t, old, true, &third, NULL), ==, 0);
    g_assert_cmpstr(third->bridges, ==, "");
    authority_unref(later);
    authority_unref(old);
}

/* Parts that are no root. */
static void test_damaged(void)
{
    static char *names[] = { S("www.example.com"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256), q = place_new(KEY_TYPE_ECDSA_P256);
    _cleanup_bundle_ Bundle *leaf = make_leaf(&p, names, KEY_TYPE_ECDSA_P256);
    Bundle bad[] = { { .leaf = p.root->leaf, .key = q.root->key, .issuers = S("") },
                     { .leaf = leaf->leaf, .key = leaf->key, .issuers = S("") },
                     { .leaf = S(""), .key = p.root->key, .issuers = S("") },
                     { .leaf = p.root->leaf, .key = S(""), .issuers = S("") },
                     { .leaf = p.root->leaf, .key = p.root->leaf, .issuers = S("") },
                     { .leaf = S("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                       .key = p.root->key,
                       .issuers = S("") },
                     { .leaf = p.root->leaf, .key = p.root->key, .issuers = S("garbage") } };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        _cleanup_problem_ Problem problem = {};
        Authority *a = NULL;

        g_assert_cmpint(authority_new(bad + i, 1, p.now, &a, &problem), ==, -EBADMSG);
        g_assert_null(a);
        g_assert_cmpint(problem.code, ==, PROBLEM_STORAGE_FAILED);
        g_assert_null(strstr(problem.text, "PRIVATE"));
    }
}

/* Any thread may issue. */

static gpointer issue_many(gpointer data)
{
    static char *names[] = { S("www.example.com"), NULL };

    for (int i = 0; i < 200; i++)
        bundle_free(make_leaf(data, names, i % 50 == 0 ? KEY_TYPE_ECDSA_P384 : KEY_TYPE_ECDSA_P256));
    return NULL;
}

static void test_threads(void)
{
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256);
    GThread *threads[4];

    for (size_t i = 0; i < ELEMENTSOF(threads); i++)
        threads[i] = g_thread_new(NULL, issue_many, &p);
    for (size_t i = 0; i < ELEMENTSOF(threads); i++)
        g_thread_join(threads[i]);
}

/* Two authorities by turns in one thread: what is kept between leaves belongs to one of them. */
static void test_by_turns(void)
{
    static char *short_names[] = { S("a.example.com"), NULL };
    static char *more_names[] = { S(LONG_NAME), S("192.0.2.1"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256), q = place_new(KEY_TYPE_ECDSA_P384);

    for (int i = 0; i < 20; i++) {
        const Place *one = i % 2 ? &p : &q;
        char *const *names = i % 3 ? short_names : more_names;
        KeyType type = i % 5 == 0   ? KEY_TYPE_ED25519
                       : i % 5 == 1 ? KEY_TYPE_ECDSA_P384
                                    : KEY_TYPE_ECDSA_P256;
        LeafTemplate t = leaf_template(one, names, type);
        _cleanup_bundle_ Bundle *b = NULL;
        _cleanup_x509_ X509 *x = NULL;

        t.purposes = i % 7 == 0 ? PURPOSE_CLIENT_AUTH : 0;
        g_assert_cmpint(authority_issue(one->authority, &t, &b, NULL), ==, 0);
        x = parse_certificate(b->leaf);
        if (!t.purposes)
            assert_leaf(x, one, type, names == short_names ? "a.example.com" : NULL);
        assert_names(x, b, names);
        assert_key_matches(b, type);
        assert_described(b);
        write_leaf(one, b);
        assert_verifies(one, "root.pem", NULL, names[0]);
    }
}

/* A server with the chain, and curl as its client. */

static int free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&a, &size), ==, 0);
    close(fd);
    return ntohs(a.sin_port);
}

static GPid start_server(const Place *p, int port)
{
    g_autofree char *chain = folder_path(&p->folder, "fullchain.pem"),
                    *key = folder_path(&p->folder, "key.pem");
    g_autofree char *where = g_strdup_printf("127.0.0.1:%d", port);
    char *argv[] = { S("openssl"), S("s_server"),    S("-accept"), where,     S("-cert"),
                     chain,        S("-cert_chain"), chain,        S("-key"), key,
                     S("-www"),    S("-quiet"),      NULL };
    g_autoptr(GError) error = NULL;
    GPid pid;

    g_spawn_async(NULL, argv, NULL,
                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                      G_SPAWN_STDERR_TO_DEV_NULL,
                  NULL, NULL, &pid, &error);
    g_assert_no_error(error);
    return pid;
}

static int ask_with_curl(const Place *p, const char *root, int port, char **ret_output)
{
    g_autofree char *ca = folder_path(&p->folder, root),
                    *url = g_strdup_printf("https://www.example.com:%d/", port);
    g_autofree char *resolve = g_strdup_printf("www.example.com:%d:127.0.0.1", port);
    char *argv[] = { S("curl"),
                     S("--silent"),
                     S("--show-error"),
                     S("--noproxy"),
                     S("*"),
                     S("--retry"),
                     S("20"),
                     S("--retry-delay"),
                     S("1"),
                     S("--retry-connrefused"),
                     S("--max-time"),
                     S("30"),
                     S("--resolve"),
                     resolve,
                     S("--cacert"),
                     ca,
                     S("--output"),
                     S("/dev/null"),
                     url,
                     NULL };

    return run_program(argv, ret_output);
}

/* A client that trusts the root, and one that knows its predecessor alone, are served; a stranger is not. */
static void test_curl(void)
{
    static char *names[] = { S("www.example.com"), NULL };
    _cleanup_place_ Place p = place_new(KEY_TYPE_ECDSA_P256), stranger = place_new(KEY_TYPE_ECDSA_P256);
    RootTemplate t = { .key_type = KEY_TYPE_ECDSA_P256, .lifetime = 10 * YEAR, .host = "h", .now = p.now };
    g_autofree char *first = NULL, *second = NULL;
    Authority *before;
    int port;
    GPid pid;

    if (!program_exists("curl")) {
        g_test_skip("there is no curl (package curl)");
        return;
    }
    before = authority_ref(p.authority);
    adopt(&p, &t, before, 2);
    authority_unref(before);
    folder_write(&p.folder, "new.pem", p.root->leaf);
    folder_write(&p.folder, "stranger.pem", stranger.root->leaf);
    _cleanup_bundle_ Bundle *b = make_leaf(&p, names, KEY_TYPE_ECDSA_P256);

    write_leaf(&p, b);
    port = free_port();
    pid = start_server(&p, port);
    if (ask_with_curl(&p, "new.pem", port, &first) != 0)
        note_failure("curl with the new root: %s", first);
    if (ask_with_curl(&p, "root.pem", port, &second) != 0)
        note_failure("curl with the old root: %s", second);
    g_assert_cmpint(ask_with_curl(&p, "stranger.pem", port, NULL), ==, 60);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    g_spawn_close_pid(pid);
}

static void test_certtool_is_there(void)
{
    if (!program_exists("certtool"))
        g_test_skip("there is no certtool (package gnutls-bin): chains are verified by OpenSSL alone");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    for (size_t i = 0; i < ELEMENTSOF(root_types); i++) {
        g_autofree char *path = g_strdup_printf("/authority/root/%s", key_type_to_string(root_types[i]));

        g_test_add_data_func(path, GINT_TO_POINTER(root_types[i]), test_root);
    }
    for (size_t i = 0; i < ELEMENTSOF(leaf_types); i++) {
        g_autofree char *path = g_strdup_printf("/authority/leaf/%s", key_type_to_string(leaf_types[i]));

        g_test_add_data_func(path, GINT_TO_POINTER(leaf_types[i]), test_leaf);
    }
    g_test_add_func("/authority/certtool", test_certtool_is_there);
    g_test_add_func("/authority/every-root-signs", test_every_root_signs);
    g_test_add_func("/authority/types", test_types);
    g_test_add_func("/authority/long-name", test_long_name);
    g_test_add_func("/authority/wildcard", test_wildcard);
    g_test_add_func("/authority/most-names", test_most_names);
    g_test_add_func("/authority/purposes", test_purposes);
    g_test_add_func("/authority/serials-differ", test_serials_differ);
    g_test_add_func("/authority/end-of-root", test_end_of_root);
    g_test_add_func("/authority/subject", test_subject);
    g_test_add_func("/authority/constraints", test_constraints);
    g_test_add_func("/authority/constraints-of-any-name", test_constraints_of_any_name);
    g_test_add_func("/authority/bridging", test_bridging);
    g_test_add_func("/authority/bridging-differently", test_bridging_differently);
    g_test_add_func("/authority/bridging-organization", test_bridging_organization);
    g_test_add_func("/authority/bridge-expires", test_bridge_expires);
    g_test_add_func("/authority/damaged", test_damaged);
    g_test_add_func("/authority/threads", test_threads);
    g_test_add_func("/authority/by-turns", test_by_turns);
    g_test_add_func("/authority/curl", test_curl);
    return g_test_run();
}
