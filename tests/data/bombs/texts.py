# SPDX-License-Identifier: LGPL-2.1-or-later
"""PEM (RFC 7468, RFC 1421), and files that are nothing at all."""
import base64
import os

from certificate import LEAF_KEY, ROOT, bundle, leaf
from der import LIMIT, PASSPHRASE, Bomb, Key, integer, octets, oid, pem, seq, set_of, tlv, utf8

NOTHING = "InvalidBundle"
ABSURD = "InvalidBundle|LimitsExceeded"
LOCKED = "InvalidBundle|PassphraseRequired|WeakKey"
BEGIN, END = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"


def cut(data):
    return data[:LIMIT]


def blocks():
    good = leaf()
    yield "60000-lines", cut(pem("CERTIFICATE", bytes(22_000), width=1)), ABSURD, "one sign in each line"
    yield "60000-empty-lines", BEGIN + b"\n" * 60_000 + END, ABSURD, "empty lines alone"
    yield "one-line", pem("CERTIFICATE", bytes(48_000), width=10 ** 6), ABSURD, "64 kB in one line"
    yield "no-end", BEGIN * 2_000, ABSURD, "2,000 blocks without an end"
    yield "no-end-after-good", cut(bundle(good) + BEGIN * 3_000), ABSURD, "a good bundle, then blocks without an end"
    yield "no-begin", END * 2_000, NOTHING, "2,000 ends without a begin"
    yield "empty-blocks", (BEGIN + END) * 1_000, ABSURD, "1,000 empty blocks"
    yield "garbage-blocks", pem("CERTIFICATE", b"garbage") * 800, ABSURD, "800 blocks of garbage"
    yield "wrong-end", bundle(good).replace(b"END CERTIFICATE", b"END CERTIFICATION", 1), NOTHING, "an end of another kind"
    yield "inside-each-other", b"".join([BEGIN] * 500 + [pem("CERTIFICATE", good)] + [END] * 500), ABSURD, "blocks in blocks"
    yield "long-label", b"-----BEGIN " + b"A" * 60_000 + b"-----\n", ABSURD, "a label of 60 kB"
    yield "long-label-whole", pem("A" * 30_000, b"x"), ABSURD, "a label of 30 kB, with its end"
    yield "no-label", pem("", good), NOTHING, "no label"
    yield "strange-label", pem("CERTIFICATE\x1b[31m %s%n", good), NOTHING, "a label with control characters"
    yield "utf8-label", b"-----BEGIN \xff\xfe-----\nAAAA\n-----END \xff\xfe-----\n", NOTHING, "a label that is no UTF-8"
    yield "dashes", b"-" * LIMIT, NOTHING, "nothing but dashes"
    yield "begin", cut(b"-----BEGIN " * 6_000), NOTHING, "nothing but the beginning of beginnings"
    yield "begin-lines", cut(b"-----BEGIN \n" * 6_000), NOTHING, "the same in lines"
    yield "many-kinds", cut(b"".join(pem(f"KIND {i}", b"x") for i in range(1_100))), ABSURD, "1,100 kinds of block"
    yield "base64-garbage", BEGIN + b"!@#$%^&*()\n" * 3_000 + END, ABSURD, "no base64"
    yield "base64-padding", BEGIN + b"=" * 50_000 + b"\n" + END, ABSURD, "padding alone"
    yield "base64-more", BEGIN + base64.b64encode(good) + b"====AAAA====\n" + END, ABSURD + "|Accepted", "something behind the padding"
    yield "nul", bundle(good).replace(b"\n", b"\0\n", 3), ABSURD + "|Accepted", "NUL bytes in the lines"
    yield "nul-between", pem("CERTIFICATE", good) + bytes(1_000) + LEAF_KEY.pem(), ABSURD + "|Accepted|ChainIncomplete", "NUL bytes between blocks"
    yield "utf16", bundle(good).decode().encode("utf-16"), ABSURD + "|Accepted", "UTF-16"
    yield "blanks", cut(b" " * 60_000 + bundle(good)), ABSURD + "|Accepted|KeyMismatch", "60 kB of blanks first"
    yield "trusted", pem("TRUSTED CERTIFICATE", good + seq(seq(*[oid("1.2.3")] * 5_000))), NOTHING, "a trusted certificate, 5,000 purposes"
    revoked = seq(*[seq(integer(i), tlv(0x17, b"200101000000Z")) for i in range(1_800)])
    crl = seq(seq(integer(1), seq(oid("1.2.840.10045.4.3.2")), seq(), tlv(0x17, b"200101000000Z"), revoked),
              seq(oid("1.2.840.10045.4.3.2")), tlv(3, b"\0"))
    yield "crl", pem("X509 CRL", crl), NOTHING, "a list of 1,800 revoked certificates"
    request = seq(seq(integer(0), seq(), Key().spki, tlv(0xA0, *[seq(oid("1.2.3"), set_of(utf8("x")))] * 3_000)))
    yield "request", pem("CERTIFICATE REQUEST", request), NOTHING, "a request with 3,000 attributes"


def keys():
    good, sec1 = pem("CERTIFICATE", leaf()) + pem("CERTIFICATE", ROOT), LEAF_KEY.sec1()
    yield "20-keys", good + b"".join(Key().pem() for _ in range(20)), ABSURD, "20 different keys"
    yield "key-150-times", good + LEAF_KEY.pem() * 150, ABSURD + "|Accepted", "the same key 150 times"
    for what, header, codes in (
            ("no-cipher", "Proc-Type: 4,ENCRYPTED\n\n", LOCKED), ("only-cipher", "DEK-Info: AES-256-CBC,00\n\n", LOCKED),
            ("unknown", "Proc-Type: 4,ENCRYPTED\nDEK-Info: ROT-13,0011223344556677\n\n", LOCKED),
            ("short-iv", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0011\n\n", LOCKED),
            ("empty-iv", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,\n\n", LOCKED),
            ("no-iv", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC\n\n", LOCKED),
            ("bad-iv", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC," + "zz" * 16 + "\n\n", LOCKED),
            ("long-iv", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC," + "00" * 20_000 + "\n\n", LOCKED + "|LimitsExceeded"),
            ("other-type", "Proc-Type: 4,MIC-ONLY\n\n", LOCKED), ("type-5", "Proc-Type: 5,ENCRYPTED\nDEK-Info: AES-256-CBC," + "00" * 16 + "\n\n", LOCKED),
            ("long", "Proc-Type: 4,ENCRYPTED" + " " * 50_000 + "\nDEK-Info: AES-256-CBC," + "00" * 16 + "\n\n", LOCKED + "|LimitsExceeded"),
            ("many", "Proc-Type: 4,ENCRYPTED\n" + "X-Header: y\n" * 4_000 + "\n", LOCKED + "|LimitsExceeded"),
            ("folded", "Proc-Type: 4,ENCRYPTED\n" + " more\n" * 8_000 + "\n", LOCKED + "|LimitsExceeded"),
            ("gcm", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-GCM," + "00" * 12 + "\n\n", LOCKED),
            ("xts", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-XTS," + "00" * 16 + "\n\n", LOCKED),
            ("wrap", "Proc-Type: 4,ENCRYPTED\nDEK-Info: id-aes256-wrap," + "00" * 8 + "\n\n", LOCKED),
            ("des", "Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC," + "00" * 8 + "\n\n", LOCKED),
            ("rc2", "Proc-Type: 4,ENCRYPTED\nDEK-Info: RC2-CBC," + "00" * 8 + "\n\n", LOCKED),
            ("idea", "Proc-Type: 4,ENCRYPTED\nDEK-Info: IDEA-CBC," + "00" * 8 + "\n\n", LOCKED),
            ("null", "Proc-Type: 4,ENCRYPTED\nDEK-Info: NULL,00\n\n", LOCKED)):
        yield f"header-{what}", good + pem("EC PRIVATE KEY", sec1 + bytes(-len(sec1) % 16), header=header), codes, "a header of an encrypted key: " + what
    for what, label in {"cut": "x" + "\u00e9" * 30, "escape": "\x1b[31m\x07", "bidirectional": "\u202e", "long": "A" * 5_000}.items():
        yield f"key-label-{what}", good + pem(f"{label} PRIVATE KEY", sec1), "WeakKey|InvalidBundle", "a kind of key whose name is no text"
    yield "key-label-bytes", good + pem("@ PRIVATE KEY", sec1).replace(b"@", b"\xff\xfe"), "WeakKey|InvalidBundle", "a kind of key that is no UTF-8"
    padding = b"openssh-key-v1\0" + (2 ** 31 - 1).to_bytes(4, "big") * 4
    yield "openssh", good + pem("OPENSSH PRIVATE KEY", padding), "WeakKey|InvalidBundle", "an OpenSSH key that claims 2 GB"
    yield "key-60-kB", good + pem("PRIVATE KEY", seq(integer(0), seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), octets(bytes(40_000)))), \
        "WeakKey|InvalidBundle|LimitsExceeded", "a key of 40 kB"


def files():
    yield "empty", b"", NOTHING, "nothing"
    yield "one-byte", b"0", NOTHING, "one byte"
    yield "zeros", bytes(LIMIT), NOTHING, "64 kB of zeros"
    yield "ones", b"\xff" * LIMIT, NOTHING, "64 kB of 0xff"
    yield "noise", os.urandom(LIMIT), NOTHING, "64 kB of noise"
    yield "sequence-of-noise", b"\x30\x82\xff\xfc" + os.urandom(LIMIT - 4), NOTHING, "noise in a sequence of just this size"
    yield "base64", base64.b64encode(os.urandom(49_000)), NOTHING, "base64 of noise"
    yield "jks", b"\xfe\xed\xfe\xed\0\0\0\2" + b"\x7f\xff\xff\xff" * 100, NOTHING, "a Java key store with 2^31 entries"
    yield "jceks", b"\xce\xce\xce\xce\0\0\0\2" + b"\xff" * 400, NOTHING, "another Java key store"
    yield "zip", b"PK\3\4" + os.urandom(2_000), NOTHING, "an archive"
    yield "format-text", b"%s%n%x\x1b[31m\r\n" * 2_000, NOTHING, "text that formats"


def bombs():
    for part, kind in (blocks, "pem"), (keys, "pem"), (files, "file"):
        for id, data, codes, remark in part():
            yield Bomb(f"{kind}-{id}", data, codes, remark, passphrase=PASSPHRASE if "header" in id else "-")
    good = bundle(leaf())
    yield Bomb("file-one-above", good + b"\n" * (LIMIT + 1 - len(good)), "LimitsExceeded", "one byte above the limit", large=True)
    yield Bomb("file-10-MB", good + b"\n" * 10_000_000, "LimitsExceeded", "10 MB", large=True)
    yield Bomb("key-one-above", pem("CERTIFICATE", leaf()), "LimitsExceeded", "a key file above the limit",
               key=LEAF_KEY.pem() + b"\n" * LIMIT, large=True)
    yield Bomb("key-noise", pem("CERTIFICATE", leaf()), "InvalidBundle", "a key file of noise", key=os.urandom(LIMIT))
    yield Bomb("key-is-bundle", b"", "InvalidBundle", "all of it in the key file", key=good)
    yield Bomb("passphrase-1025", good, "LimitsExceeded|InvalidArgument", "a passphrase above the limit", passphrase="x" * 1025)
    yield Bomb("passphrase-60-kB", good, "LimitsExceeded|InvalidArgument", "a passphrase of 60 kB", passphrase="x" * 60_000)
