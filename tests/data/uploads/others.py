# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is no chain with its key, though people upload it."""
import base64

from uploads.text import crl
from uploads.workshop import pem_block

BAD, BAD_KEY = "format=InvalidBundle", "key=InvalidBundle"


def add_cases(w, t, a):
    add_damaged(w, t, a)
    add_other_things(w, t, a)
    add_sizes(w, t, a)


def add_damaged(w, t, a):
    leaf, upper, key = a.plain.pem, a.upper.pem, a.leaf_key.pem
    lines = leaf.split(b"\n")
    t.refused("empty", b"", BAD, "nothing")
    t.refused("blank", b" \r\n\t\n", BAD, "white space")
    t.refused("random", bytes(i * i % 251 ^ i % 13 for i in range(3000)), BAD, "bytes without sense")
    t.refused("zeros", bytes(1000), BAD, "zeros")
    t.refused("cut-block", leaf[:-60] + b"\n" + key, BAD, "a block has no end, and then another begins")
    t.refused("cut-pem", key + upper + leaf[:len(leaf) // 2], BAD, "the last block is cut off")
    t.refused("cut-pem-first-line", key + upper + lines[0] + b"\n", BAD, "only the first line of a block")
    t.refused("cut-der", a.alone.der[:-20], BAD, "DER that is cut off", key=key)
    t.refused("cut-der-key", leaf + upper, BAD_KEY, "DER of a key that is cut off", key=a.leaf_key.der[:-10])
    t.refused("der-garbage", a.alone.der + b"garbage", BAD, "something follows the DER", key=key)
    t.refused("der-key-garbage", leaf + upper, BAD_KEY, "something follows the DER of the key", key=a.leaf_key.der + b"\0\0")
    t.refused("pem-garbage-in-block", pem_block("CERTIFICATE", a.plain.der + b"\0") + upper + key, BAD,
              "something follows the DER in a block")
    t.refused("pem-cut-in-block", pem_block("CERTIFICATE", a.plain.der[:-1]) + upper + key, BAD, "DER cut off in a block")
    t.refused("pem-not-base64", leaf.replace(lines[3], lines[3][:20] + b"*" + lines[3][21:]) + upper + key, BAD,
              "a letter that is not BASE64")
    t.refused("pem-other-end", leaf.replace(b"END CERTIFICATE", b"END X509 CRL") + upper + key, BAD,
              "a block ends with another label")
    t.refused("pem-key-as-certificate", pem_block("CERTIFICATE", a.leaf_key.der) + upper + key, BAD,
              "a key under the label of a certificate")
    t.refused("pem-certificate-as-key", leaf + upper + pem_block("PRIVATE KEY", a.plain.der), BAD_KEY,
              "a certificate under the label of a key")
    t.refused("pem-empty-block", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" + leaf + upper + key, BAD,
              "a block with nothing in it")
    t.refused("pem-key-damaged", leaf + upper + pem_block("PRIVATE KEY", a.leaf_key.der[:60]), BAD_KEY, "half a key")


def add_other_things(w, t, a):
    request = w.openssl("req", "-in", w.request(a.leaf_key))
    request_der = w.openssl("req", "-in", w.request(a.leaf_key), "-outform", "DER")
    t.refused("request", request, BAD, "a request")
    t.refused("request-with-key", request + a.leaf_key.pem, BAD, "a request and its key")
    t.refused("request-der", request_der, BAD, "a request, DER", key=a.leaf_key.pem)
    t.refused("request-gnutls", w.certtool("--generate-request", "--load-privkey", a.g_key.path, "--template",
                                           w.write("request.template", b'cn = "www.example.com"\n')), BAD,
              "a request of certtool: NEW CERTIFICATE REQUEST")
    t.refused("revocations", crl(w, a), BAD, "a revocation list")
    t.refused("revocations-der", crl(w, a, "DER"), BAD, "a revocation list, DER")
    t.refused("public-key", w.public_pem(a.leaf_key), BAD, "a public key")
    t.refused("public-key-der", w.openssl("pkey", "-in", a.leaf_key.path, "-pubout", "-outform", "DER"), BAD,
              "a public key, DER")
    t.refused("parameters", w.openssl("ecparam", "-name", "prime256v1"), BAD, "EC PARAMETERS")
    t.refused("openssh-public-key", b"ssh-ed25519 " + base64.b64encode(bytes(51)) + b" root@host\n", BAD,
              "a public key of OpenSSH")
    t.refused("jks", b"\xfe\xed\xfe\xed" + bytes([0, 0, 0, 2, 0, 0, 0, 1]) + bytes(500), BAD, "a Java key store: JKS")
    t.refused("jceks", b"\xce\xce\xce\xce" + bytes([0, 0, 0, 2, 0, 0, 0, 1]) + bytes(500), BAD, "a Java key store: JCEKS")
    t.refused("jks-with-passphrase", b"\xfe\xed\xfe\xed" + bytes([0, 0, 0, 2, 0, 0, 0, 1]) + bytes(500), BAD,
              "JKS, and a passphrase", passphrase="changeit")
    t.refused("html", b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in to download your "
              b"certificate.</body></html>\n", BAD, "the page that the browser saved instead")
    t.refused("zip", b"PK\x03\x04" + bytes(300), BAD, "the archive that authorities send")
    t.refused("pgp", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQGNBGAAAAABDAC7\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n",
              BAD, "a key of OpenPGP")
    t.refused("key-alone", a.leaf_key.pem, BAD, "a key and no certificate")
    t.refused("key-alone-der", a.leaf_key.der, BAD, "a key and no certificate, DER")
    t.refused("key-alone-root", a.root_key.pem, BAD, "for the root", target="root")
    t.refused("certificates-alone", a.plain.pem + a.upper.pem, "key=InvalidBundle", "no key, and none here that fits")
    t.refused("intermediate-alone", a.upper.pem, "key=InvalidBundle,leaf=InvalidBundle", "no key and no leaf")


def add_sizes(w, t, a):
    plain = a.plain.pem + a.upper.pem + a.leaf_key.pem
    t.taken("size-limit", plain.rjust(65536, b"\n"), 2, False, "65,536 bytes")
    t.refused("size", plain.rjust(65537, b"\n"), "format=LimitsExceeded", "65,537 bytes")
    t.refused("size-large", plain.rjust(2000000, b"#"), "format=LimitsExceeded", "two million bytes")
    chain = [a.root]
    for i in range(1, 17):
        key = (a.upper_key, a.lower_key)[i % 2]
        chain.append(a.authority(f"Level {i}", key, chain[-1]))
    for served in (15, 16):
        leaf = a.leaf(a.leaf_key, chain[served - 1]).pem
        pem = leaf + b"".join(x.pem for x in chain[1:served]) + a.leaf_key.pem
        t.taken(f"certificates-{served}", pem, served, False, f"{served} certificates")
        if served == 15:
            t.taken("certificates-limit-root", pem + a.root.pem, 15, True, "16 certificates with the root")
        else:
            t.refused("certificates-17-root", pem + a.root.pem, "format=LimitsExceeded", "17 certificates with the root")
    leaf = a.leaf(a.leaf_key, chain[16]).pem
    t.refused("certificates-17", leaf + b"".join(x.pem for x in chain[1:]) + a.leaf_key.pem, "format=LimitsExceeded",
              "17 certificates")
