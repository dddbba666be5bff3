# SPDX-License-Identifier: LGPL-2.1-or-later
"""PKCS#7 and PKCS#12, as different programs write them."""
import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7, pkcs12
from cryptography.x509 import load_pem_x509_certificate

from uploads.keys import LETTERS, SCRYPT, SECRET
from uploads.text import crl
from uploads.workshop import der, der_integer, der_oid, pem_block

LEGACY = ["-provider", "legacy", "-provider", "default"]
WINDOWS = ["-CSP", "Microsoft Software Key Storage Provider", "-LMK", "-keyex"]
ITERATIONS, ONE_MORE = b"\x02\x03\x09\x27\xc0", b"\x02\x03\x09\x27\xc1"  # 600,000 as DER, and one more


def add_cases(w, t, a):
    add_pkcs7(w, t, a)
    add_openssl(w, t, a)
    add_like_others(w, t, a)
    add_gnutls(w, t, a)
    add_python(w, t, a)
    add_passphrases(w, t, a)
    add_parts(w, t, a)
    add_limits(w, t, a)


def add_pkcs7(w, t, a):
    key = a.leaf_key.pem
    pem, binary = (crl2pkcs7(w, form, a.plain, a.upper) for form in ("PEM", "DER"))
    t.taken("p7-pem", pem, 2, False, "openssl crl2pkcs7, key in its own file", key=key)
    t.taken("p7-der", binary, 2, False, "the same, DER", key=key)
    t.taken("p7-with-key", pem + key, 2, False, "PKCS7 block and PRIVATE KEY block in one file")
    t.taken("p7-root", crl2pkcs7(w, "DER", a.root, a.lower, a.deep, a.upper), 3, True, "in another order, with the root",
            key=key)
    t.taken("p7-crl", crl2pkcs7(w, "DER", a.plain, a.upper, revoked=crl(w, a)), 2, False,
            "with a revocation list", key=key)
    t.taken("p7-label", [pem.replace(b" PKCS7", b" PKCS #7 SIGNED DATA"), key], 2, False, "Netscape's label")
    t.taken("p7-certificate-label", [pem.replace(b" PKCS7", b" CERTIFICATE"), key], 2, False, "under the label CERTIFICATE")
    t.taken("p7-base64", base64.encodebytes(binary), 2, False, "DER in BASE64 without armour", key=key)
    t.taken("p7-signed", w.openssl("smime", "-sign", "-signer", a.plain.path, "-inkey", a.leaf_key.path, "-certfile",
                                   a.upper.path, "-outform", "DER", "-nodetach", data=b"text"), 2, False,
            "with a text and its signature", key=key)
    both = a.g_leaf.pem + a.g_middle.pem
    for form, options in [("pem", []), ("der", ["--outder"])]:
        t.taken(f"p7-gnutls-{form}", w.certtool("--p7-generate", "--load-certificate", w.scratch(both), *options), 2, False,
                "certtool --p7-generate", key=a.g_key.pem)
    chain = [load_pem_x509_certificate(x.pem) for x in (a.plain, a.upper, a.root)]
    for form, encoding in [("pem", Encoding.PEM), ("der", Encoding.DER)]:
        t.taken(f"p7-python-{form}", pkcs7.serialize_certificates(chain, encoding), 2, True, "python3-cryptography", key=key)
    t.refused("p7-no-key", pem, "key=InvalidBundle", "no key anywhere")
    t.refused("p7-other-key", pem, "key-match=KeyMismatch", "another key", key=a.other_key.pem)
    t.refused("p7-empty", crl2pkcs7(w, "DER"), "format=InvalidBundle", "no certificate in it", key=key)
    t.refused("p7-enveloped", w.openssl("smime", "-encrypt", "-aes256", "-outform", "DER", a.rsa.path, data=b"text"),
              "format=InvalidBundle", "encrypted data, no chain", key=key)
    t.refused("p7-cut", binary[:-40], "format=InvalidBundle", "the end is missing", key=key)


def crl2pkcs7(w, form, *certificates, revoked=None):
    options = [] if revoked else ["-nocrl"]
    if certificates:
        options += ["-certfile", w.scratch(b"".join(x.pem for x in certificates))]
    return w.openssl("crl2pkcs7", *options, "-outform", form, data=revoked or b"")


def export(w, *options, key, chain, secret=SECRET):
    """openssl pkcs12 -export; secret None: no passphrase at all."""
    what = ["-inkey", key.path] if key else ["-nokeys"]
    return w.openssl("pkcs12", "-export", *what, "-in", w.scratch(b"".join(x.pem for x in chain)),
                     "-passout", f"pass:{secret or ''}", *options)


def add_openssl(w, t, a):
    chain, rsa = [a.plain, a.upper], [a.rsa, a.upper]
    t.taken("p12", export(w, key=a.leaf_key, chain=chain), 2, False, "openssl's defaults: AES-256, SHA-256",
            passphrase=SECRET)
    t.taken("p12-rsa", export(w, key=a.rsa_key, chain=rsa), 2, False, "with RSA", passphrase=SECRET)
    t.taken("p12-root", export(w, "-name", "www", "-caname", "upper", key=a.leaf_key, chain=[*chain, a.root]), 2, True,
            "with root and friendly names", passphrase=SECRET)
    t.taken("p12-backwards", export(w, key=a.leaf_key, chain=[a.root, a.upper, a.lower, a.deep]), 3, True,
            "certificates from the root downwards", passphrase=SECRET)
    t.taken("p12-legacy", export(w, "-legacy", key=a.rsa_key, chain=rsa), 2, False,
            "openssl -legacy: RC2-40 and 3DES, as before OpenSSL 3", passphrase=SECRET)
    t.taken("p12-descert", export(w, "-descert", "-macalg", "sha1", key=a.leaf_key, chain=chain), 2, False,
            "3DES for both", passphrase=SECRET)
    t.taken("p12-sha512", export(w, "-macalg", "sha512", key=a.leaf_key, chain=chain), 2, False, "SHA-512 MAC",
            passphrase=SECRET)
    t.taken("p12-aes128", export(w, "-keypbe", "AES-128-CBC", "-certpbe", "AES-128-CBC", key=a.leaf_key, chain=chain), 2,
            False, "AES-128", passphrase=SECRET)
    t.taken("p12-rc2-128", export(w, "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-3DES", *LEGACY, key=a.leaf_key,
                                  chain=chain), 2, False, "RC2-128 for the certificates", passphrase=SECRET)
    t.taken("p12-one-iteration", export(w, "-noiter", "-nomaciter", key=a.leaf_key, chain=chain), 2, False,
            "as very old programs did", passphrase=SECRET)
    t.taken("p12-nomac", export(w, "-nomac", key=a.leaf_key, chain=chain), 2, False, "encrypted, but without MAC",
            passphrase=SECRET)
    t.taken("p12-pbmac1-own", pbmac1(export(w, "-nomac", key=a.leaf_key, chain=chain)), 2, False, "a MAC by RFC 9579",
            passphrase=SECRET)
    t.refused("p12-pbmac1-wrong", pbmac1(export(w, "-nomac", key=a.leaf_key, chain=chain)), "format=PassphraseRequired",
              "a MAC by RFC 9579, wrong passphrase", passphrase="wrong")
    t.refused("p12-mac-unknown", pbmac1(export(w, "-nomac", key=a.leaf_key, chain=chain), SCRYPT), "format=InvalidBundle",
              "a MAC that nobody can check here", passphrase=SECRET)
    if b"pbmac1" in w.openssl("list", "-options", "pkcs12"):  # since OpenSSL 3.4
        t.taken("p12-pbmac1", export(w, "-pbmac1_pbkdf2", key=a.leaf_key, chain=chain), 2, False, "a MAC by RFC 9579",
                passphrase=SECRET)
    t.taken("p12-plain", export(w, "-nomac", "-keypbe", "NONE", "-certpbe", "NONE", key=a.leaf_key, chain=chain,
                                secret=None), 2, False, "neither encrypted nor with MAC")
    t.taken("p12-plain-mac", export(w, "-keypbe", "NONE", "-certpbe", "NONE", key=a.leaf_key, chain=chain), 2, False,
            "not encrypted, but with a MAC", passphrase=SECRET)
    t.taken("p12-plain-certificates", export(w, "-certpbe", "NONE", key=a.leaf_key, chain=chain), 2, False,
            "only the key is encrypted", passphrase=SECRET)
    t.taken("p12-plain-key", export(w, "-keypbe", "NONE", key=a.leaf_key, chain=chain), 2, False,
            "only the certificates are encrypted", passphrase=SECRET)


def children(data):
    """The elements of a constructed one, whole."""
    at = 2 + (data[1] & 0x7f if data[1] & 0x80 else 0)
    while at < len(data):
        head = 2 + (data[at + 1] & 0x7f if data[at + 1] & 0x80 else 0)
        size = int.from_bytes(data[at + 2:at + head], "big") if head > 2 else data[at + 1]
        yield data[at:at + head + size]
        at += head + size


def pbmac1(p12, derivation="1.2.840.113549.1.5.12"):
    """A file without MAC gets one by RFC 9579."""
    version, safe = children(p12)
    content = next(children(list(children(safe))[1]))
    content = content[2 + (content[1] & 0x7f if content[1] & 0x80 else 0):]
    salt, sha256 = bytes(range(16)), der(0x30, der_oid("1.2.840.113549.2.9"), der(5))
    key = hashlib.pbkdf2_hmac("sha256", SECRET.encode(), salt, 2048, 32)
    kdf = der(0x30, der_oid(derivation), der(0x30, der(4, salt), der_integer(2048), der_integer(32), sha256))
    mac = der(0x30, der_oid("1.2.840.113549.1.5.14"), der(0x30, kdf, sha256))
    digest = der(0x30, mac, der(4, hmac.digest(key, content, "sha256")))
    return der(0x30, version, safe, der(0x30, digest, der(4, b"NOT USED")))


def add_like_others(w, t, a):
    names = ["-name", "mykey", "-caname", "upper"]
    for kind, key, chain in [("ec", a.leaf_key, [a.plain, a.upper]), ("rsa", a.rsa_key, [a.rsa, a.upper])]:
        t.taken(f"p12-java-old-{kind}", export(
            w, "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-iter", "50000", *names,
            *LEGACY, key=key, chain=chain), 2, False, "as keytool of Java 8 writes it", passphrase=SECRET)
        t.taken(f"p12-java-new-{kind}", export(
            w, "-certpbe", "AES-256-CBC", "-keypbe", "AES-256-CBC", "-macalg", "sha256", "-iter", "10000", *names, key=key,
            chain=chain), 2, False, "as keytool of Java 17 writes it", passphrase=SECRET)
        t.taken(f"p12-windows-old-{kind}", export(
            w, "-descert", "-macalg", "sha1", "-iter", "2000", *WINDOWS, key=key, chain=[*chain, a.root]), 2, True,
            "as Windows exports it: TripleDES-SHA1", passphrase=SECRET)
        t.taken(f"p12-windows-new-{kind}", export(
            w, "-certpbe", "AES-256-CBC", "-keypbe", "AES-256-CBC", "-macalg", "sha256", "-iter", "2000", *WINDOWS, key=key,
            chain=[*chain, a.root]), 2, True, "as Windows exports it: AES256-SHA256", passphrase=SECRET)


def gnutls_export(w, *options, key, chain):
    return w.certtool("--to-p12", "--outder", "--p12-name=www", "--load-privkey", key.path, "--load-certificate",
                      w.scratch(b"".join(x.pem for x in chain)), *options)


def add_gnutls(w, t, a):
    chain = [a.g_leaf, a.g_middle]
    for cipher in ["3des-pkcs12", "rc2-40", "aes-256"]:  # of 600,000 iterations each, so not all there are
        t.taken(f"p12-gnutls-{cipher}", gnutls_export(w, f"--pkcs-cipher={cipher}", f"--password={SECRET}", key=a.g_key,
                                                      chain=chain), 2, False, "certtool --to-p12", passphrase=SECRET)
    t.taken("p12-gnutls-arcfour", gnutls_export(w, "--pkcs-cipher=arcfour", f"--password={SECRET}", key=a.g_key,
                                                chain=chain), 2, False, "certtool with RC4, of OpenSSL's legacy provider",
            passphrase=SECRET)
    t.taken("p12-gnutls-rsa", gnutls_export(w, f"--password={SECRET}", key=a.g_rsa_key, chain=[a.g_rsa, a.g_middle]), 2,
            False, "certtool's default cipher, RSA", passphrase=SECRET)
    t.taken("p12-gnutls-pem", w.certtool("--to-p12", "--p12-name=www", "--load-privkey", a.g_key.path,
                                         "--load-certificate", w.scratch(a.g_leaf.pem + a.g_middle.pem),
                                         f"--password={SECRET}"), 2, False, "PKCS12 block, as certtool writes PEM",
            passphrase=SECRET)
    t.taken("p12-gnutls-empty", gnutls_export(w, "--empty-password", key=a.g_key, chain=chain), 2, False,
            "the empty passphrase, and none given")
    t.taken("p12-gnutls-null", null_passphrase(gnutls_export(w, "--empty-password", key=a.g_key, chain=chain)), 2, False,
            "no passphrase, which is not the same as the empty one")


def null_passphrase(p12):
    """One of the empty passphrase, as certtool --null-password would have made it, which crashes in GnuTLS 3.8. Only the key
    of the MAC differs: it is derived from no passphrase at all, not from the two bytes that end an empty one (RFC 7292, B.2)."""
    at = p12.rindex(b"\x04\x20") + 2
    digest, salt = p12[at:at + 32], p12[at + 34:at + 34 + p12[at + 33]]
    key = bytes([3]) * 64 + (salt * 64)[:64]
    for _ in range(int.from_bytes(ITERATIONS[2:], "big")):
        key = hashlib.sha256(key).digest()
    begin = p12.index(b"\x04\x82") + 4              # of what is authenticated, in an OCTET STRING with two bytes of length
    content = p12[begin:begin + int.from_bytes(p12[begin - 2:begin], "big")]
    return p12.replace(digest, hmac.digest(key, content, "sha256"))


def add_python(w, t, a):
    chain = [load_pem_x509_certificate(x.pem) for x in (a.plain, a.upper, a.root)]
    key = w.loaded(a.leaf_key)
    best = serialization.BestAvailableEncryption(SECRET.encode())
    old = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(50000).key_cert_algorithm(
        pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).build(SECRET.encode())
    for name, encryption, passphrase in [("best", best, SECRET), ("pbes1", old, SECRET),
                                         ("none", serialization.NoEncryption(), "-")]:
        t.taken(f"p12-python-{name}", pkcs12.serialize_key_and_certificates(b"www", key, chain[0], chain[1:], encryption),
                2, True, "python3-cryptography", passphrase=passphrase)


def add_passphrases(w, t, a):
    chain = [a.plain, a.upper]
    made = export(w, key=a.leaf_key, chain=chain)
    t.taken("p12-empty", export(w, key=a.leaf_key, chain=chain, secret=None), 2, False, "the empty passphrase, none given")
    t.taken("p12-empty-given", export(w, key=a.leaf_key, chain=chain, secret=None), 2, False, "the empty one, and given",
            passphrase="")
    t.refused("p12-missing", made, "format=PassphraseRequired", "no passphrase")
    t.refused("p12-wrong", made, "format=PassphraseRequired", "wrong passphrase", passphrase="correct Horse")
    t.taken("p12-empty-another-given", export(w, key=a.leaf_key, chain=chain, secret=None), 2, False,
            "one that is not needed", passphrase=SECRET)
    t.refused("p12-nomac-wrong", export(w, "-nomac", key=a.leaf_key, chain=chain), "key=PassphraseRequired",
              "wrong passphrase, and no MAC that tells", passphrase="wrong")
    t.refused("p12-nomac-missing", export(w, "-nomac", key=a.leaf_key, chain=chain), "key=PassphraseRequired",
              "no passphrase, and no MAC that tells")
    t.refused("p12-legacy-wrong", export(w, "-legacy", key=a.leaf_key, chain=chain), "format=PassphraseRequired",
              "wrong passphrase for RC2-40", passphrase="wrong")
    t.refused("p12-gnutls-wrong", gnutls_export(w, f"--password={SECRET}", key=a.g_key, chain=[a.g_leaf, a.g_middle]),
              "format=PassphraseRequired", "wrong passphrase for certtool's", passphrase="wrong")
    t.taken("p12-letters", export(w, key=a.leaf_key, chain=chain, secret=LETTERS), 2, False, "more than ASCII",
            passphrase=LETTERS)
    t.taken("p12-letters-old", export(w, "-descert", "-macalg", "sha1", key=a.leaf_key, chain=chain, secret=LETTERS), 2,
            False, "more than ASCII, as BMPString for PBES1", passphrase=LETTERS)
    t.taken("p12-letters-gnutls", gnutls_export(w, f"--password={LETTERS}", "--pkcs-cipher=3des-pkcs12", key=a.g_key,
                                                chain=[a.g_leaf, a.g_middle]), 2, False, "more than ASCII, by certtool",
            passphrase=LETTERS)
    t.taken("p12-emoji", export(w, "-descert", key=a.leaf_key, chain=chain, secret="\U0001f511 key"), 2, False,
            "a letter beyond the basic plane", passphrase="\U0001f511 key")


def add_parts(w, t, a):
    chain = [a.plain, a.upper]
    made = export(w, key=a.leaf_key, chain=chain)
    nokeys = export(w, key=None, chain=chain)
    t.refused("p12-no-key", nokeys, "key=InvalidBundle", "certificates only", passphrase=SECRET)
    t.taken("p12-key-file", nokeys, 2, False, "certificates only, the key in a second file", passphrase=SECRET,
            key=a.leaf_key.pem)
    t.taken("p12-as-key-file", a.plain.pem + a.upper.pem, 2, False, "PKCS#12 where the key file is expected", key=made,
            passphrase=SECRET)
    t.refused("p12-no-certificate", export(w, "-nocerts", key=a.leaf_key, chain=[]), "format=InvalidBundle", "the key only",
              passphrase=SECRET)
    t.refused("p12-two-keys", plain_p12([a.leaf_key, a.other_key], chain), "key=InvalidBundle", "two keys")
    t.refused("p12-other-key", plain_p12([a.other_key], chain), "key-match=KeyMismatch", "the key of another certificate")
    t.taken("p12-own", plain_p12([a.leaf_key], chain), 2, False, "made in the same way, with the right key")
    t.refused("p12-leaf-alone", export(w, key=a.leaf_key, chain=[a.plain]), "chain=ChainIncomplete",
              "no intermediate certificate", passphrase=SECRET)
    t.taken("p12-self-signed", export(w, key=a.leaf_key, chain=[a.alone]), 1, True, "signed by itself", passphrase=SECRET)
    t.taken("p12-pem-block", pem_block("PKCS12", made), 2, False, "PKCS12 block", passphrase=SECRET)
    t.taken("p12-base64", base64.encodebytes(made), 2, False, "BASE64 without armour", passphrase=SECRET)


def plain_p12(keys, chain):
    """What no program makes: any keys with any certificates (RFC 7292, neither encrypted nor with a MAC)."""
    def data(content):
        return der(0x30, der_oid("1.2.840.113549.1.7.1"), der(0xa0, der(4, content)))

    def bag(kind, value):
        return der(0x30, der_oid(f"1.2.840.113549.1.12.10.1.{kind}"), der(0xa0, value))

    bags = [bag(1, key.der) for key in keys]
    bags += [bag(3, der(0x30, der_oid("1.2.840.113549.1.9.22.1"), der(0xa0, der(4, x.der)))) for x in chain]
    return der(0x30, der_integer(3), data(der(0x30, data(der(0x30, *bags)))))


def add_limits(w, t, a):
    chain = [a.plain, a.upper]
    made = export(w, key=a.leaf_key, chain=chain)
    most = export(w, "-certpbe", "NONE", "-iter", "600000", key=a.leaf_key, chain=chain)
    mac = most.rindex(ITERATIONS)
    mac_only = most[:mac] + ONE_MORE + most[mac + len(ITERATIONS):]
    t.taken("p12-iterations-limit", most, 2, False, "as many iterations as may be", passphrase=SECRET)
    t.refused("p12-iterations", most.replace(ITERATIONS, ONE_MORE), "format=LimitsExceeded",
              "one iteration more than may be", passphrase=SECRET)
    t.refused("p12-iterations-mac", mac_only, "format=LimitsExceeded", "one more for the MAC alone", passphrase=SECRET)
    t.refused("p12-iterations-millions", most.replace(ITERATIONS, b"\x02\x03\x7f\xff\xff"),
              "format=LimitsExceeded", "eight million iterations", passphrase=SECRET)
    t.refused("p12-cut", made[:-100], "format=InvalidBundle", "the end is missing", passphrase=SECRET)
    t.refused("p12-garbage", made + b"garbage", "format=InvalidBundle", "something follows", passphrase=SECRET)
    t.refused("p12-changed", change_last(made), "format=PassphraseRequired",
              "the MAC is wrong, which cannot be told from a wrong passphrase", passphrase=SECRET)


def change_last(p12):
    """One bit of the MAC's digest: SHA-256, an OCTET STRING of 32 bytes, then a salt and a count follow."""
    at = p12.rindex(b"\x04\x20") + 2
    return p12[:at] + bytes([p12[at] ^ 1]) + p12[at + 1:]
