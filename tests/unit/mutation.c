/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mutation.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "crypto/pem.h"

#define N_KEYS 24

static EVP_PKEY *key_ring[N_KEYS];

void key_ring_make(void)
{
    for (unsigned i = 0; i < N_KEYS; i++) /* few of those that take long */
        key_ring[i] = i == N_KEYS - 1 ? EVP_EC_gen("P-384")
                      : i % 6 == 1    ? EVP_RSA_gen(2048)
                                      : EVP_EC_gen("P-256");
}

void key_ring_done(void)
{
    for (unsigned i = 0; i < N_KEYS; i++)
        EVP_PKEY_free(key_ring[i]);
}

/* Whether something happens that happens so many times in a hundred. */
static bool happens(GRand *random, int percent)
{
    return g_rand_int_range(random, 0, 100) < percent;
}

static unsigned below(GRand *random, unsigned n)
{
    return (unsigned)g_rand_int_range(random, 0, (gint32)n);
}

#define ONE_OF(random, list) ((list)[below(random, ELEMENTSOF(list))])

/* What is to be made. */

static unsigned other_key(GRand *random, unsigned than)
{
    unsigned key = below(random, N_KEYS);

    return key == than ? (key + 1) % N_KEYS : key;
}

/* Keys of one line differ. A leaf's is mostly of a kind that is read quickly, since it is read twice: ring numbers that three
 * divides are P-256. */
static unsigned fresh_key(GRand *random, unsigned n_used, const PartSpec *specs)
{
    unsigned key =
        n_used == 0 && happens(random, 97) ? below(random, N_KEYS / 3) * 3 + 2 : below(random, N_KEYS);
    bool used = true;

    while (used) {
        key = (key + 1) % N_KEYS;
        used = false;
        for (unsigned i = 0; i < n_used; i++)
            used = used || specs[i].key == key;
    }
    return key;
}

static void specify_authority(GRand *random, unsigned at, bool root, PartSpec *s)
{
    static const char *const subjects[] = { "", "Lower", "Middle", "Upper", "High", "Higher", "Highest" };
    static const char *const extended[] = {
        NULL, NULL, NULL, "serverAuth", "serverAuth,clientAuth", "anyExtendedKeyUsage"
    };
    static const char *const permitted[] = {
        "critical,permitted;DNS:example.com",
        "critical,permitted;DNS:example.com,excluded;DNS:secret.example.com",
        "permitted;DNS:com,permitted;IP:192.0.2.0/255.255.255.0", "critical,excluded;DNS:example.org"
    };
    static const char *const lengths[] = { "critical,CA:TRUE,pathlen:0", "critical,CA:TRUE,pathlen:1",
                                           "critical,CA:TRUE,pathlen:2", "critical,CA:TRUE,pathlen:3",
                                           "critical,CA:TRUE,pathlen:4" };

    s->subject = subjects[at];
    s->not_before = -DAY;
    s->not_after = 5 * YEAR;
    s->constraints = happens(random, 25) ? lengths[MIN(at - 1 + below(random, 2), 4U)] : "critical,CA:TRUE";
    s->usage = happens(random, 15) ? NULL : "critical,keyCertSign,cRLSign";
    s->extended = root ? NULL : ONE_OF(random, extended);
    s->name_constraints = happens(random, 12) ? ONE_OF(random, permitted) : NULL;
}

void line_specify(GRand *random, unsigned n, PartSpec specs[static LINE_MAX_PARTS])
{
    static const char *const names[] = { "DNS:www.example.com", "DNS:example.com,DNS:*.example.com",
                                         "DNS:www.example.com,IP:192.0.2.1" };

    memset(specs, 0, LINE_MAX_PARTS * sizeof(PartSpec));
    for (unsigned i = 0; i < n; i++) {
        PartSpec *s = specs + i;

        if (i == 0)
            *s = (PartSpec){ .subject = "www.example.com",
                             .not_before = -DAY,
                             .not_after = 90 * DAY,
                             .constraints = happens(random, 70) ? "critical,CA:FALSE" : NULL,
                             .usage =
                                 happens(random, 70) ? "critical,digitalSignature,keyEncipherment" : NULL,
                             .extended = happens(random, 70) ? "serverAuth" : NULL,
                             .names = ONE_OF(random, names) };
        else
            specify_authority(random, i, i + 1 == n, s);
        s->key = fresh_key(random, i, specs);
        s->subject_id = happens(random, 80) ? KEY_ID_RIGHT : KEY_ID_NONE;
        s->authority_id = happens(random, 70)   ? KEY_ID_RIGHT
                          : happens(random, 30) ? KEY_ID_SERIAL
                                                : KEY_ID_NONE;
        s->digest = EVP_sha256();
        s->serial = (long)below(random, 1U << 30) + 1;
    }
    for (unsigned i = 0; i < n; i++)
        specs[i].signer = specs[MIN(i + 1, n - 1)].key;
}

/* What can be wrong, or odd, with any certificate. */

static void spoil_times(GRand *random, PartSpec *s)
{
    static const int64_t begins[] = { -10 * YEAR, -HOUR, HOUR, DAY, YEAR, 6 * YEAR, 40 * YEAR };
    static const int64_t ends[] = { -YEAR, -DAY, -HOUR, HOUR, 2 * DAY, 30 * YEAR };

    if (happens(random, 50))
        s->not_before = ONE_OF(random, begins);
    else
        s->not_after = ONE_OF(random, ends);
}

static void spoil_basics(GRand *random, PartSpec *s)
{
    static const char *const all[] = { NULL,
                                       "CA:FALSE",
                                       "critical,CA:FALSE",
                                       "CA:TRUE",
                                       "critical,CA:TRUE,pathlen:0",
                                       "critical,CA:TRUE,pathlen:1",
                                       "critical,CA:FALSE,pathlen:1" };

    s->constraints = ONE_OF(random, all);
}

static void spoil_usage(GRand *random, PartSpec *s)
{
    static const char *const all[] = { NULL,
                                       "cRLSign",
                                       "critical,digitalSignature",
                                       "critical,keyCertSign",
                                       "keyAgreement",
                                       "keyCertSign,digitalSignature",
                                       "nonRepudiation",
                                       "critical,keyEncipherment" };

    s->usage = ONE_OF(random, all);
}

static void spoil_extended(GRand *random, PartSpec *s)
{
    static const char *const all[] = {
        NULL,          "clientAuth",          "critical,codeSigning", "emailProtection,timeStamping",
        "OCSPSigning", "anyExtendedKeyUsage", "critical,serverAuth",  "msSGC",
        "1.2.3.4"
    };

    s->extended = ONE_OF(random, all);
}

static void spoil_name_constraints(GRand *random, PartSpec *s)
{
    static const char *const all[] = { "critical,permitted;DNS:example.org",
                                       "critical,excluded;DNS:example.com",
                                       "excluded;DNS:www.example.com",
                                       "permitted;DNS:.example.com",
                                       "permitted;IP:10.0.0.0/255.0.0.0",
                                       "excluded;IP:192.0.2.0/255.255.255.0",
                                       "permitted;email:example.com",
                                       "critical,permitted;URI:example.com",
                                       "excluded;dirName:who",
                                       "critical,permitted;dirName:who" };

    s->name_constraints = ONE_OF(random, all);
}

static void spoil_signature(GRand *random, PartSpec *s)
{
    const EVP_MD *const all[] = {
        EVP_sha1(), EVP_sha1(), EVP_md5(), EVP_sha224(), EVP_sha384(), EVP_sha512()
    };

    s->digest = ONE_OF(random, all);
    s->pss = happens(random, 20);
}

static void spoil_subject(GRand *random, PartSpec *s)
{
    static const char *const all[] = { "Lower",           "Middle", "Upper",      "",
                                       "www.example.com", "lower",  "example.org" };

    if (happens(random, 50))
        s->subject = ONE_OF(random, all);
    else
        s->issuer = ONE_OF(random, all);
}

static void spoil_names(GRand *random, PartSpec *s)
{
    static const char *const all[] = { NULL,
                                       "critical,DNS:www.example.com",
                                       "DNS:other.example.org",
                                       "DNS:secret.example.com",
                                       "IP:10.0.0.1",
                                       "email:who@example.com",
                                       "email:who@example.org,DNS:www.example.com",
                                       "URI:http://www.example.com/,DNS:www.example.com",
                                       "DNS:*",
                                       "DNS:*.com,DNS:a..b,DNS:www.example.com",
                                       "DNS:www.example.com.",
                                       "RID:1.2.3.4" };

    s->names = ONE_OF(random, all);
}

static void spoil_other(GRand *random, PartSpec *s)
{
    static const char *const netscape[] = { "client", "server", "sslCA", "critical,objsign",
                                            "email,emailCA" };
    static const char *const all[] = { "1.2.3.4=critical,DER:0500",
                                       "1.2.3.4=DER:0500",
                                       "policyConstraints=critical,requireExplicitPolicy:0",
                                       "inhibitAnyPolicy=critical,0",
                                       "certificatePolicies=1.2.3.4",
                                       "certificatePolicies=critical,DER:3000",
                                       "proxyCertInfo=critical,language:id-ppl-anyLanguage",
                                       "keyUsage=keyCertSign",
                                       "basicConstraints=CA:TRUE",
                                       "noCheck=ignored",
                                       "sbgp-ipAddrBlock=critical,IPv4:10.0.0.0/8",
                                       "nameConstraints=DER:3003020101",
                                       "extendedKeyUsage=DER:3000",
                                       "subjectAltName=DER:0500",
                                       "issuerAltName=DNS:who.example.com",
                                       "crlDistributionPoints=URI:http://crl.example.com/",
                                       "tlsfeature=status_request" };

    if (happens(random, 20))
        s->netscape = ONE_OF(random, netscape);
    else
        s->other = ONE_OF(random, all);
}

static void spoil_number(GRand *random, PartSpec *s)
{
    static const long serials[] = { 0, -1, -300, 1 };

    if (happens(random, 50))
        s->serial = ONE_OF(random, serials);
    else
        s->version_1 = true;
}

static void spoil_key_ids(GRand *random, PartSpec *s)
{
    if (happens(random, 40))
        s->subject_id = (KeyId)below(random, 3);
    else
        s->authority_id = (KeyId)below(random, 5);
}

static void spoil_keys(GRand *random, PartSpec *s)
{
    if (happens(random, 50))
        s->key = other_key(random, s->key); /* what it signed was signed by the former one */
    else
        s->signer = other_key(random, s->signer);
}

void line_spoil(GRand *random, unsigned n, PartSpec specs[static LINE_MAX_PARTS])
{
    static void (*const all[])(GRand *, PartSpec *) = {
        spoil_times,   spoil_basics, spoil_usage, spoil_extended, spoil_name_constraints, spoil_signature,
        spoil_subject, spoil_names,  spoil_other, spoil_number,   spoil_key_ids,          spoil_keys,
    };

    ONE_OF(random, all)(random, specs + below(random, n));
}

/* Making it. */

/* What a value of an extension refers to by "@" or by the name of a section. */
static CONF *sections(void)
{
    static const char text[] = "[who]\nCN=Middle\n";
    static CONF *conf;
    long line;

    if (!conf) {
        BIO *bio = BIO_new_mem_buf(text, -1);

        conf = NCONF_new(NULL);
        g_assert_cmpint(NCONF_load_bio(conf, bio, &line), ==, 1);
        BIO_free(bio);
    }
    return conf;
}

static void add_extension(X509 *x, X509V3_CTX *context, const char *name, const char *value)
{
    X509_EXTENSION *e = value ? X509V3_EXT_nconf(sections(), context, name, value) : NULL;

    if (value && !e)
        g_error("no extension %s=%s", name, value);
    if (e)
        g_assert_cmpint(X509_add_ext(x, e, -1), ==, 1);
    X509_EXTENSION_free(e);
}

#define WRONG_KEY_ID "0102030405060708090A0B0C0D0E0F1011121314"

static void add_key_ids(X509 *x, X509V3_CTX *context, const PartSpec *s, X509 *issuer)
{
    static const char *const subject_ids[] = { NULL, "hash", WRONG_KEY_ID };
    static const char *const authority_ids[] = { NULL, "keyid", "DER:30168014" WRONG_KEY_ID, "issuer:always",
                                                 "DER:30068201058204"
                                                 "00" };
    const char *authority_id = authority_ids[s->authority_id];

    add_extension(x, context, "subjectKeyIdentifier", subject_ids[s->subject_id % ELEMENTSOF(subject_ids)]);
    if (s->authority_id == KEY_ID_RIGHT && X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) < 0)
        return;
    add_extension(x, context, "authorityKeyIdentifier", authority_id);
}

static void add_extensions(X509 *x, const PartSpec *s, X509 *issuer)
{
    g_autofree char *name = g_strdup(s->other);
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509V3_set_nconf(&context, sections());
    add_extension(x, &context, "basicConstraints", s->constraints);
    add_extension(x, &context, "keyUsage", s->usage);
    add_extension(x, &context, "extendedKeyUsage", s->extended);
    add_extension(x, &context, "subjectAltName", s->names);
    add_extension(x, &context, "nameConstraints", s->name_constraints);
    add_extension(x, &context, "nsCertType", s->netscape);
    add_key_ids(x, &context, s, issuer);
    if (name) {
        char *value = strchr(name, '=');

        *value++ = 0;
        add_extension(x, &context, name, value);
    }
}

static void set_common_name(X509_NAME *name, const char *text)
{
    if (*text)
        g_assert_cmpint(
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0),
            ==, 1);
}

static void sign(Part *p, const PartSpec *s)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context;

    g_assert_cmpint(EVP_DigestSignInit(context, &key_context, s->digest, NULL, p->signer), ==, 1);
    if (s->pss && EVP_PKEY_is_a(p->signer, "RSA") && EVP_MD_get_type(s->digest) != NID_md5)
        g_assert_cmpint(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING), ==, 1);
    if (X509_sign_ctx(p->certificate, context) <= 0) /* there is no ECDSA with MD5 */
        g_assert_cmpint(X509_sign(p->certificate, p->signer, EVP_sha256()), >, 0);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
}

static GByteArray *der_of(X509 *x)
{
    unsigned char *der = NULL;
    int size = i2d_X509(x, &der);
    GByteArray *bytes;

    g_assert_cmpint(size, >, 0);
    bytes = g_byte_array_sized_new((guint)size);
    g_byte_array_append(bytes, der, (guint)size);
    OPENSSL_free(der);
    return bytes;
}

/* above NULL: it stands by itself. */
static Part part_make(const PartSpec *s, X509 *above)
{
    Part p = { .certificate = X509_new(),
               .key = key_ring[s->key],
               .signer = key_ring[s->signer],
               .digest = s->digest };
    X509 *x = p.certificate, *issuer = above ? above : x;

    X509_set_version(x, s->version_1 ? X509_VERSION_1 : X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), s->serial);
    set_common_name(X509_get_subject_name(x), s->subject);
    if (s->issuer)
        set_common_name(X509_get_issuer_name(x), s->issuer);
    else
        X509_set_issuer_name(x, X509_get_subject_name(issuer));
    ASN1_TIME_set(X509_getm_notBefore(x), now_seconds() + s->not_before);
    ASN1_TIME_set(X509_getm_notAfter(x), now_seconds() + s->not_after);
    g_assert_cmpint(X509_set_pubkey(x, p.key), ==, 1);
    if (!s->version_1)
        add_extensions(x, s, issuer);
    sign(&p, s);
    p.der = der_of(x);
    return p;
}

/* As good as the one below the root, by another authority that is not in the line. */
static Part cross_make(GRand *random, unsigned n, const PartSpec specs[static LINE_MAX_PARTS])
{
    PartSpec s = specs[n - 2];

    s.issuer = "Another root";
    s.signer = other_key(random, s.signer);
    s.authority_id = KEY_ID_NONE;
    return part_make(&s, NULL);
}

Line line_make(GRand *random, unsigned n, const PartSpec specs[static LINE_MAX_PARTS])
{
    Line l = { .n = n };

    for (unsigned i = n; i-- > 0;)
        l.parts[i] = part_make(specs + i, i + 1 < n ? l.parts[i + 1].certificate : NULL);
    if (n > 2)
        l.cross = cross_make(random, n, specs);
    return l;
}

static void part_done(Part *p)
{
    X509_free(p->certificate);
    if (p->der)
        g_byte_array_unref(p->der);
    *p = (Part){};
}

void line_done(Line *l)
{
    for (unsigned i = 0; i < l->n; i++)
        part_done(l->parts + i);
    part_done(&l->cross);
}

static void part_unshare(Part *p)
{
    GByteArray *bytes;

    if (!p->der)
        return;
    X509_up_ref(p->certificate);
    bytes = g_byte_array_sized_new(p->der->len);
    g_byte_array_append(bytes, p->der->data, p->der->len);
    p->der = bytes;
}

Line line_copy(const Line *l)
{
    Line copy = *l;

    for (unsigned i = 0; i < l->n; i++)
        part_unshare(copy.parts + i);
    part_unshare(&copy.cross);
    return copy;
}

/* Changing bits. */

typedef struct Place {
    guint at, size;
} Place;

static Place find_bytes(const GByteArray *der, guint from, const void *data, size_t size)
{
    const uint8_t *found = memmem(der->data + from, der->len - from, data, size);

    return found ? (Place){ (guint)(found - der->data), (guint)size } : (Place){};
}

/* An item of the certificate, encoded as OpenSSL does it. */
#define FIND_ITEM(der, from, type, value) \
    ({ \
        unsigned char *_encoded = NULL; \
        int _size = i2d_##type(value, &_encoded); \
        Place _place = find_bytes(der, from, _encoded, (size_t)MAX(_size, 0)); \
        OPENSSL_free(_encoded); \
        _place; \
    })

static Place find_extension(const Part *p, int nid)
{
    int at = X509_get_ext_by_NID(p->certificate, nid, -1);

    return at < 0 ? (Place){} : FIND_ITEM(p->der, 0, X509_EXTENSION, X509_get_ext(p->certificate, at));
}

typedef enum Field {
    FIELD_ANY,
    FIELD_SIGNATURE,
    FIELD_ALGORITHM,
    FIELD_DATES,
    FIELD_ISSUER,
    FIELD_SUBJECT,
    FIELD_SERIAL,
    FIELD_KEY,
    FIELD_EXTENSION, /* the first of those below */
    _FIELD_MAX = FIELD_EXTENSION + 7,
} Field;

static Place find_dates(const Part *p)
{
    Place from = FIND_ITEM(p->der, 0, ASN1_TIME, X509_get0_notBefore(p->certificate));
    Place to = FIND_ITEM(p->der, from.at + from.size, ASN1_TIME, X509_get0_notAfter(p->certificate));

    return to.size ? (Place){ from.at, to.at + to.size - from.at } : from;
}

static Place find_field(const Part *p, Field field)
{
    static const int extensions[] = { NID_basic_constraints,
                                      NID_key_usage,
                                      NID_ext_key_usage,
                                      NID_subject_alt_name,
                                      NID_authority_key_identifier,
                                      NID_subject_key_identifier,
                                      NID_name_constraints };
    const ASN1_BIT_STRING *signature;
    X509 *x = p->certificate;
    Place dates;

    switch (field) {
    case FIELD_ANY:
        return (Place){ 0, p->der->len };
    case FIELD_SIGNATURE:
        X509_get0_signature(&signature, NULL, x);
        return (Place){ p->der->len - (guint)ASN1_STRING_length(signature),
                        (guint)ASN1_STRING_length(signature) };
    case FIELD_ALGORITHM:
        return FIND_ITEM(p->der, 0, X509_ALGOR, X509_get0_tbs_sigalg(x));
    case FIELD_DATES:
        return find_dates(p);
    case FIELD_ISSUER:
        return FIND_ITEM(p->der, 0, X509_NAME, X509_get_issuer_name(x));
    case FIELD_SUBJECT:
        dates = find_dates(p);
        return FIND_ITEM(p->der, dates.at + dates.size, X509_NAME, X509_get_subject_name(x));
    case FIELD_SERIAL:
        return FIND_ITEM(p->der, 0, ASN1_INTEGER, X509_get0_serialNumber(x));
    case FIELD_KEY:
        return FIND_ITEM(p->der, 0, X509_PUBKEY, X509_get_X509_PUBKEY(x));
    default:
        return find_extension(p, extensions[field - FIELD_EXTENSION]);
    }
}

static void change_byte(GRand *random, uint8_t *byte)
{
    if (happens(random, 70))
        *byte ^= (uint8_t)(1U << below(random, 8));
    else if (happens(random, 50))
        *byte = (uint8_t)(*byte + (happens(random, 50) ? 1 : -1));
    else
        *byte = (uint8_t)below(random, 256);
}

static void append_head(GByteArray *der, uint8_t tag, guint size)
{
    const uint8_t head[] = { tag, 0x82, (uint8_t)(size >> 8), (uint8_t)size };
    const uint8_t short_head[] = { tag, (uint8_t)size }, middle_head[] = { tag, 0x81, (uint8_t)size };

    if (size < 128)
        g_byte_array_append(der, short_head, sizeof(short_head));
    else if (size < 256)
        g_byte_array_append(der, middle_head, sizeof(middle_head));
    else
        g_byte_array_append(der, head, sizeof(head));
}

/* The certificate anew from what is signed, which may be nothing that could be decoded. */
static void sign_again(Part *p, guint tbs_at, guint tbs_size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    Place algorithm = FIND_ITEM(p->der, tbs_at + tbs_size, X509_ALGOR, X509_get0_tbs_sigalg(p->certificate));
    g_autoptr(GByteArray) body = g_byte_array_new();
    uint8_t signature[1024], none = 0;
    size_t size = sizeof(signature);

    g_assert_cmpint(EVP_DigestSignInit(context, NULL, p->digest, NULL, p->signer), ==, 1);
    if (algorithm.size && EVP_DigestSign(context, signature, &size, p->der->data + tbs_at, tbs_size) > 0) {
        g_byte_array_append(body, p->der->data + tbs_at, tbs_size);
        g_byte_array_append(body, p->der->data + algorithm.at, algorithm.size);
        append_head(body, V_ASN1_BIT_STRING, (guint)size + 1);
        g_byte_array_append(body, &none, 1);
        g_byte_array_append(body, signature, (guint)size);
        g_byte_array_set_size(p->der, 0);
        append_head(p->der, V_ASN1_CONSTRUCTED | V_ASN1_SEQUENCE, body->len);
        g_byte_array_append(p->der, body->data, body->len);
    }
    EVP_MD_CTX_free(context);
}

static void mutate_part(GRand *random, Part *p)
{
    unsigned char *tbs = NULL;
    int tbs_size = i2d_re_X509_tbs(p->certificate, &tbs);
    Place signed_part = find_bytes(p->der, 0, tbs, (size_t)tbs_size), place;

    OPENSSL_free(tbs);
    place = find_field(p, (Field)below(random, _FIELD_MAX));
    if (place.size == 0)
        place = find_field(p, FIELD_ANY);
    for (unsigned i = happens(random, 80) ? 1 : 3; i > 0; i--)
        change_byte(random, p->der->data + place.at + below(random, place.size));
    if (signed_part.size > 0 && place.at >= signed_part.at && happens(random, 75))
        sign_again(p, signed_part.at, signed_part.size);
}

void line_mutate(GRand *random, Line *l)
{
    unsigned at = below(random, l->n + (l->cross.der != NULL));

    mutate_part(random, at < l->n ? l->parts + at : &l->cross);
}

/* The upload. */

static void append_part(GPtrArray *blocks, const Part *p)
{
    if (p->der)
        g_ptr_array_add(blocks, pem_encode("CERTIFICATE", p->der->data, p->der->len));
}

static void shuffle(GRand *random, GPtrArray *blocks)
{
    for (guint i = blocks->len; i > 1; i--) {
        guint other = below(random, i);
        gpointer kept = blocks->pdata[i - 1];

        blocks->pdata[i - 1] = blocks->pdata[other];
        blocks->pdata[other] = kept;
    }
}

char *line_compose(GRand *random, const Line *l, unsigned first, const Line *foreign)
{
    g_autoptr(GPtrArray) blocks = g_ptr_array_new_with_free_func(free);
    const Issued leaf = { NULL,
                          happens(random, 98) ? l->parts[first].key : key_ring[below(random, N_KEYS)] };
    bool with_root = l->n == 1 || happens(random, 60);

    for (unsigned i = first; i < (with_root ? l->n : l->n - 1); i++) {
        if (i > first && happens(random, 4))
            continue;
        append_part(blocks, l->parts + i);
        if (happens(random, 4))
            append_part(blocks, l->parts + i);
    }
    if (happens(random, 30))
        append_part(blocks, &l->cross);
    if (happens(random, 5))
        append_part(blocks, foreign->parts + below(random, foreign->n));
    if (happens(random, 30))
        shuffle(random, blocks);
    g_ptr_array_add(blocks, key_pem_of(&leaf));
    g_ptr_array_add(blocks, NULL);
    return g_strjoinv("", (char **)blocks->pdata);
}
