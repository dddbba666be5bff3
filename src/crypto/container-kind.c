/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <strings.h>

#include "crypto/container-internal.h"

/* Names what people upload instead of certificates and keys, and what to do with it. */

#define HEAD 1024 /* bytes in which a kind of text shows */

#define ARCHIVE  "an archive; unpack it, and upload the certificates and the key in it"
#define DOCUMENT "a document of an office program; copy the blocks in it to a text file"
#define PICTURE  "a picture"

/* The first bytes of files; a string literal has a NUL behind them. */
#define BYTES(s) s, sizeof(s) - 1
static const struct {
    const char *bytes;
    size_t size;
    const char *kind;
} heads[] = {
    { BYTES("\xfe\xed\xfe\xed"),
      "a Java keystore (JKS); convert it to PKCS#12 with keytool -importkeystore" },
    { BYTES("\xce\xce\xce\xce"),
      "a Java keystore (JCEKS); convert it to PKCS#12 with keytool -importkeystore" },
    { BYTES("PK\x03\x04"), ARCHIVE " (ZIP)" },
    { BYTES("\x1f\x8b"), "compressed with gzip; unpack it first" },
    { BYTES("BZh"), "compressed with bzip2; unpack it first" },
    { BYTES("\xfd"
            "7zXZ"),
      "compressed with xz; unpack it first" },
    { BYTES("7z\xbc\xaf"), ARCHIVE " (7-Zip)" },
    { BYTES("Rar!"), ARCHIVE " (RAR)" },
    { BYTES("%PDF"), "a PDF document; copy the blocks in it to a text file" },
    { BYTES("\xd0\xcf\x11\xe0"), DOCUMENT },
    { BYTES("{\\rtf"), DOCUMENT },
    { BYTES("\x89PNG"), PICTURE },
    { BYTES("\xff\xd8\xff"), PICTURE },
    { BYTES("GIF8"), PICTURE },
    { BYTES("\x7f"
            "ELF"),
      "a program" },
    { BYTES("SQLite format 3"),
      "a database (SQLite), perhaps that of NSS; export the certificate with pk12util" },
    { BYTES("PuTTY-User-Key-File-"),
      "a key of PuTTY, for SSH; a certificate has a key of its own, from where it was requested" },
    { BYTES("ssh-"), "a public key of OpenSSH" },
    { BYTES("ecdsa-sha2-"), "a public key of OpenSSH" },
    { BYTES("openssh-key-v1"), "a key of OpenSSH without its first line" },
};

/* Words near the beginning of a text. */
static const struct {
    const char *words, *kind;
} texts[] = {
    { "<html", "an HTML page, so the download failed" },
    { "<!doctype", "an HTML page, so the download failed" },
    { "<?xml", "an XML document; copy the base64 of the certificate to a file of its own" },
    { "Certificate:\n    Data:",
      "a certificate in words alone (openssl x509 -text); the block that begins with -----BEGIN CERTIFICATE----- is missing" },
    { "Private-Key: (",
      "a key in words alone; the block that begins with -----BEGIN PRIVATE KEY----- is missing" },
    { "\"kty\"", "a key in the form of JSON (JWK); convert it to PEM" },
    { "kind: Secret", "a secret of Kubernetes; decode its values with base64 -d, and upload these" },
    { "BEGIN ",
      "text in which the word BEGIN is not part of a whole line -----BEGIN CERTIFICATE-----; copy it again" },
};

static bool is_blank(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] && !isspace(data[i]))
            return false;
    return true;
}

static bool is_hex(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isxdigit(data[i]) && !isspace(data[i]) && data[i] != ':')
            return false;
    return true;
}

static bool is_text(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] < ' ' && !isspace(data[i]))
            return false;
    return true;
}

static const char *kind_of_text(const uint8_t *data, size_t size)
{
    _cleanup_erase_ char *head = strndup((const char *)data, MIN(size, (size_t)HEAD));

    for (size_t i = 0; head && i < ELEMENTSOF(texts); i++)
        if (strcasestr(head, texts[i].words))
            return texts[i].kind;
    return NULL;
}

const char *container_kind(const uint8_t *data, size_t size)
{
    const char *kind;

    if (is_blank(data, size))
        return "empty";
    for (size_t i = 0; i < ELEMENTSOF(heads); i++)
        if (size > heads[i].size && memcmp(data, heads[i].bytes, heads[i].size) == 0)
            return heads[i].kind;
    kind = is_text(data, size) ? kind_of_text(data, size) : NULL;
    if (kind)
        return kind;
    if (is_hex(data, size))
        return "text of hexadecimal digits; convert it to DER with xxd -r -p";
    if (is_text(data, size))
        return "text, but neither PEM nor DER, PKCS#12 or PKCS#7: no line in it is -----BEGIN CERTIFICATE-----";
    return "neither PEM nor DER, PKCS#12 or PKCS#7";
}
