# SPDX-License-Identifier: LGPL-2.1-or-later
"""PKCS#12 (RFC 7292) and PKCS#7 (RFC 2315)."""
import hashlib
import hmac
import os

from certificate import LEAF_KEY, ROOT, leaf
from der import (DATA, HMAC_SHA512, LIMIT, NULL, PASSPHRASE, SALT, Bomb, Key, aes, encrypted_key, explicit, implicit,
                 indefinite, integer, length, nested, octets, oid, pbes1, pbes2, pbkdf2, scrypt, seq, set_of, tlv)

MANY = 10_000_000
SHA256 = seq(oid("2.16.840.1.101.3.4.2.1"), NULL)
ENCRYPTED = oid("1.2.840.113549.1.7.6")
JUNK = bytes(64)

TOO_MUCH = "LimitsExceeded"
ABSURD = "LimitsExceeded|InvalidBundle"
UNREADABLE = "InvalidBundle|PassphraseRequired"


# ---- RFC 7292

def derive(salt, count, digest="sha256", size=32, purpose=3):
    """Appendix B."""
    block = hashlib.new(digest).block_size
    password = (PASSPHRASE + "\0").encode("utf-16-be")

    def fill(text):
        whole = -(-len(text) // block) * block
        return (text * (whole // len(text) + 1))[:whole]

    out = hashlib.new(digest, bytes([purpose]) * block + fill(salt) + fill(password)).digest()
    for _ in range(count - 1):
        out = hashlib.new(digest, out).digest()
    return out[:size]


def content(data):
    return seq(DATA, explicit(0, octets(data)))


def p12(*safes, count=1, salt=SALT, mac=None, kind=None, version=3):
    """With a right MAC, so that what is inside is looked at. count too large: its value is garbage."""
    inside = seq(*safes)
    shown = integer(count)
    if mac is None:
        key = derive(salt, count) if 0 < count <= 600_000 and kind is None else bytes(32)
        mac = hmac.new(key, inside, "sha256").digest()
    return seq(integer(version), content(inside), seq(seq(kind or SHA256, octets(mac)), octets(salt), shown))


def encrypted(algorithm, ciphertext):
    return seq(ENCRYPTED, explicit(0, seq(integer(0), seq(DATA, algorithm, implicit(0, ciphertext)))))


def bag(kind, value, attributes=b""):
    return seq(oid(f"1.2.840.113549.1.12.10.1.{kind}"), explicit(0, value), attributes)


def cert_bag(der, attributes=b""):
    return bag(3, seq(oid("1.2.840.113549.1.9.22.1"), explicit(0, octets(der))), attributes)


def friendly(text):
    return seq(oid("1.2.840.113549.1.9.20"), set_of(tlv(0x1E, text.encode("utf-16-be"))))


CERTIFICATE = leaf()
KEY_BAG = bag(1, LEAF_KEY.pkcs8())
GOOD = [content(seq(cert_bag(CERTIFICATE), cert_bag(ROOT))), content(seq(KEY_BAG))]


def shrouded(algorithm, ciphertext=JUNK):
    return content(seq(bag(2, encrypted_key(algorithm, ciphertext))))


def of_p12(id, data, codes, remark):
    return Bomb("pkcs12-" + id, data, codes, remark, passphrase=PASSPHRASE)


def counts():
    """Each place that has a count of iterations, with each bad count."""
    places = {
        "mac": lambda n: p12(*GOOD, count=n),
        "certificates-pbes1": lambda n: p12(encrypted(pbes1(n), JUNK), GOOD[1]),
        "certificates-pbes2": lambda n: p12(encrypted(pbes2(pbkdf2(n)), JUNK), GOOD[1]),
        "key-pbes1": lambda n: p12(GOOD[0], shrouded(pbes1(n))),
        "key-pbes2": lambda n: p12(GOOD[0], shrouded(pbes2(pbkdf2(n)))),
    }
    for place, make in places.items():
        yield of_p12(f"{place}-many", make(MANY), TOO_MUCH, "10 million iterations")
        yield of_p12(f"{place}-one-above", make(600_001), TOO_MUCH, "one iteration above the limit")
        yield of_p12(f"{place}-huge", make(2 ** 63), ABSURD, "2^63 iterations")
        yield of_p12(f"{place}-32-bits", make(2 ** 32 + 1), ABSURD, "one iteration, when 32 bits are looked at")
        yield of_p12(f"{place}-negative", make(-1), ABSURD, "-1 iterations")
        yield of_p12(f"{place}-zero", make(0), ABSURD + "|PassphraseRequired", "0 iterations")
    yield of_p12("mac-count-of-20-kB", p12(*GOOD, count=1 << 160_000), ABSURD, "a count of 20 kB")
    yield of_p12("rc2-many", p12(encrypted(pbes1(MANY, "1.2.840.113549.1.12.1.6"), JUNK), GOOD[1]), TOO_MUCH,
                 "10 million iterations for RC2-40")
    pbmac = seq(oid("1.2.840.113549.1.5.14"), seq(pbkdf2(MANY, size=integer(32)), seq(oid("1.2.840.113549.2.9"), NULL)))
    yield of_p12("pbmac1-many", p12(*GOOD, kind=pbmac), TOO_MUCH, "10 million iterations by RFC 9579")


def at_limit():
    """What is within each limit and too much together."""
    slow = [content(seq(cert_bag(CERTIFICATE), cert_bag(ROOT)))]
    ciphertext = aes(seq(cert_bag(CERTIFICATE)), 600_000, "sha512")
    algorithm = pbes2(pbkdf2(600_000, prf=HMAC_SHA512))
    for n in 16, 64:
        yield of_p12(f"{n}-times-600000", p12(*slow, *[encrypted(algorithm, ciphertext)] * n, GOOD[1], count=600_000),
                     ABSURD, f"{n} safes of 600,000 iterations each")
    inside = [bag(2, encrypted_key(algorithm, aes(LEAF_KEY.pkcs8(), 600_000, "sha512")))] * 40
    yield of_p12("40-keys-600000", p12(*slow, content(seq(*inside))), TOO_MUCH, "40 keys of 600,000 iterations each")
    for what, parameters in {"n": (2 ** 40, 8, 1), "n-of-30-kB": (1 << 240_000, 8, 1), "r": (2 ** 14, 2 ** 40, 1),
                             "p": (2 ** 14, 8, 2 ** 40), "product": (2 ** 20, 8, 1), "cpu": (2 ** 14, 8, 10_000),
                             "zero": (0, 0, 0), "negative": (-2, -8, -1)}.items():
        yield of_p12(f"scrypt-{what}", p12(GOOD[0], shrouded(pbes2(scrypt(*parameters)))),
                     ABSURD + "|PassphraseRequired", "scrypt beyond all bounds: " + what)


def structure():
    small = pbes2(pbkdf2(1))
    each = encrypted(small, aes(seq(cert_bag(b"\x30\x00")), 1))
    yield of_p12("300-safes", p12(*[each] * 300), ABSURD, "300 encrypted safes")
    yield of_p12("300-key-bags", p12(GOOD[0], content(seq(*[bag(2, encrypted_key(small, aes(LEAF_KEY.pkcs8(), 1)))] * 200))),
                 ABSURD, "200 times the same encrypted key")
    yield of_p12("1000-certificates", p12(content(seq(*[cert_bag(b"\x30\x00")] * 1000)), GOOD[1]), ABSURD,
                 "1000 bags of empty certificates")
    certificates = [cert_bag(leaf()) for _ in range(100)]
    yield of_p12("100-certificates", p12(content(seq(*certificates)), GOOD[1]), ABSURD, "100 different certificates")
    yield of_p12("20-keys", p12(GOOD[0], content(seq(*[bag(1, Key().pkcs8()) for _ in range(20)]))), ABSURD, "20 keys")
    yield of_p12("1000-empty-bags", p12(*[content(seq())] * 1000), ABSURD, "1000 safes with nothing in them")
    yield of_p12("secrets", p12(*GOOD, content(seq(*[bag(5, seq(oid("1.2.3"), explicit(0, NULL)))] * 1000))), ABSURD,
                 "1000 secret bags")
    deep = KEY_BAG
    for _ in range(1000):
        deep = bag(6, seq(deep))
    yield of_p12("nested-bags", p12(GOOD[0], content(seq(deep))), ABSURD, "bags in bags, 1000 deep")
    inner = p12(*GOOD)
    for _ in range(3):
        inner = p12(content(seq(cert_bag(inner))), content(seq(bag(5, seq(oid("1.2.3"), explicit(0, inner))))))
    yield of_p12("in-pkcs12", inner, ABSURD, "PKCS#12 in PKCS#12")
    inner = encrypted_key(small, aes(LEAF_KEY.pkcs8(), 1))
    for _ in range(10):
        inner = encrypted_key(small, aes(inner, 1))
    yield of_p12("encrypted-11-times", p12(GOOD[0], content(seq(bag(2, inner)))), ABSURD + "|WeakKey",
                 "an encrypted key in an encrypted key")
    yield of_p12("attributes", p12(content(seq(cert_bag(ROOT), cert_bag(CERTIFICATE, set_of(*[friendly(f"{i}") for i in range(2000)])))),
                                   GOOD[1]), "Accepted|" + ABSURD, "2000 friendly names")
    yield of_p12("long-name", p12(content(seq(cert_bag(ROOT), cert_bag(CERTIFICATE, set_of(friendly("x" * 30_000))))), GOOD[1]),
                 "Accepted|" + ABSURD, "a friendly name of 60 kB")


def damage():
    whole = p12(*GOOD)
    yield of_p12("salt-of-60-kB", p12(*GOOD, salt=os.urandom(60_000)), "Accepted|" + ABSURD, "a salt of 60 kB")
    yield of_p12("no-mac-value", p12(*GOOD, mac=b""), UNREADABLE, "a MAC of no length")
    yield of_p12("unknown-digest", p12(*GOOD, kind=seq(oid("1.2.3.4"), NULL)), UNREADABLE, "an unknown digest")
    yield of_p12("version-4", p12(*GOOD, version=4), "Accepted|InvalidBundle", "a version that there is not")
    yield of_p12("shake", p12(*GOOD, kind=seq(oid("2.16.840.1.101.3.4.2.12"))), UNREADABLE,
                 "a MAC by SHAKE256, which has no size")
    yield of_p12("signed", seq(integer(3), signed([ROOT])), ABSURD, "public-key integrity mode")
    yield of_p12("cut", whole[:len(whole) // 2], "InvalidBundle", "the first half")
    yield of_p12("indefinite", seq(integer(3), seq(DATA, explicit(0, indefinite(14_000, 0x24)))), ABSURD,
                 "octet strings of indefinite length, 14,000 deep")
    yield of_p12("definite", seq(integer(3), seq(DATA, explicit(0, nested(12_000, octets(b"x"), 0x24)))), ABSURD,
                 "constructed octet strings, 12,000 deep")
    for what, claimed in {"2-GB": b"\x84\x7f\xff\xff\xff", "4-GB": b"\x84\xff\xff\xff\xff",
                          "exbibytes": b"\x88\x7f" + b"\xff" * 7, "overflow": b"\x88" + b"\xff" * 8,
                          "127-bytes": b"\xff" + b"\xff" * 127}.items():
        yield of_p12(f"claims-{what}", b"\x30" + claimed + whole[4:], "InvalidBundle", "a length that is not there")
        inside = b"\x30" + length(len(whole) - 4) + integer(3) + b"\x30" + claimed + whole[9:]
        yield of_p12(f"claims-{what}-inside", inside, "InvalidBundle", "a length that is not there, further in")


# ---- RFC 2315

def signed(certificates, inner=None, digests=b"", signers=b""):
    return seq(oid("1.2.840.113549.1.7.2"),
               explicit(0, seq(integer(1), set_of(digests), inner or seq(DATA), explicit(0, *certificates), set_of(signers))))


def of_p7(id, data, codes, remark, **fields):
    return Bomb("pkcs7-" + id, data, codes, remark, key=LEAF_KEY.pem(), **fields)


def pkcs7():
    many = [leaf(extensions=[]) for _ in range(180)]
    assert sum(map(len, many)) < LIMIT
    yield of_p7("180-certificates", signed(many), TOO_MUCH, "180 different certificates")
    yield of_p7("one-180-times", signed([CERTIFICATE] * 150), ABSURD + "|ChainIncomplete", "150 times the same one")
    yield of_p7("empty-certificates", signed([seq()] * 30_000), ABSURD, "30,000 empty certificates")
    yield of_p7("2000-certificates", signed(many * 11), TOO_MUCH, "beyond the limit of a bundle", large=True)
    inner = signed([CERTIFICATE, ROOT])
    for _ in range(500):
        inner = signed([], seq(DATA, explicit(0, inner)))
    yield of_p7("nested", inner, ABSURD, "signed data in signed data, 500 deep")
    yield of_p7("enveloped", seq(oid("1.2.840.113549.1.7.3"), explicit(0, seq(
        integer(0), set_of(), seq(DATA, seq(oid("2.16.840.1.101.3.4.1.42"), octets(bytes(16))), implicit(0, JUNK))))),
        "InvalidBundle", "enveloped data")
    yield of_p7("encrypted", encrypted(pbes2(pbkdf2(MANY)), JUNK), ABSURD, "encrypted data, 10 million iterations")
    yield of_p7("digests", signed([CERTIFICATE, ROOT], digests=SHA256 * 3500), "Accepted|" + ABSURD, "3500 digests")
    yield of_p7("signers", signed([CERTIFICATE, ROOT], signers=seq(integer(1)) * 10_000), "Accepted|" + ABSURD,
                "10,000 broken signers")
    yield of_p7("cms-version-5", seq(oid("1.2.840.113549.1.7.2"), explicit(0, seq(
        integer(5), set_of(), seq(oid("1.2.840.113549.1.9.16.1.4")), explicit(0, CERTIFICATE, ROOT),
        explicit(1, implicit(0x21, oid("1.2.3"), NULL)), set_of()))), "Accepted|InvalidBundle", "of CMS, with strange CRLs")
    yield of_p7("other-certificates", signed([explicit(0, seq(CERTIFICATE)), explicit(3, oid("1.2.3"), NULL)]),
                "InvalidBundle", "certificates of PKCS#6 and of unknown kinds")
    yield of_p7("indefinite", seq(oid("1.2.840.113549.1.7.2"), explicit(0, indefinite(14_000))), "InvalidBundle",
                "sequences of indefinite length, 14,000 deep")


def bombs():
    for part in counts, at_limit, structure, damage, pkcs7:
        yield from part()
