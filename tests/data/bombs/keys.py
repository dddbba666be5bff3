# SPDX-License-Identifier: LGPL-2.1-or-later
"""Private keys, and certificates with public ones that nobody should compute with."""
import hashlib
import math
import os

from cryptography.hazmat.primitives.asymmetric import rsa
from certificate import LEAF_KEY, ROOT_KEY, authority, bundle, certificate, leaf, name
from der import (AES256, EC_PUBLIC_KEY, HMAC_SHA256, NULL, P256, P256_ORDER, PASSPHRASE, RSA_ENCRYPTION, Bomb, Key, aes,
                 encrypted_key, explicit, integer, nested, octets, odd, oid, pbes2, pbkdf2, pem, pkcs8, scrypt, seq, set_of,
                 spki, tlv)

BAD = "WeakKey|InvalidBundle|KeyMismatch"
WEAK = "WeakKey"
LOCKED = "InvalidBundle|PassphraseRequired"


def pair(id, public, private, codes, remark, label="PRIVATE KEY"):
    """Key and certificate of each other; nothing else is wrong."""
    return Bomb(id, bundle(leaf(spki=public), key=pem(label, private)), codes, remark)


# ---- RFC 8017

class Rsa:
    """Numbers of a private key, to be replaced one by one."""
    fields = "n e d p q dp dq qi".split()

    def __init__(self, numbers):
        public = numbers.public_numbers
        self.values = dict(zip(self.fields, (public.n, public.e, numbers.d, numbers.p, numbers.q, numbers.dmp1,
                                             numbers.dmq1, numbers.iqmp)))

    def private(self, version=0, more=b"", **changes):
        values = {**self.values, **changes}
        return seq(integer(version), *[integer(values[f]) for f in self.fields], more)

    def public(self, **changes):
        values = {**self.values, **changes}
        return spki(RSA_ENCRYPTION, seq(integer(values["n"]), integer(values["e"])))


def made_up(bits):
    """A modulus of so many bits, and numbers to go with it."""
    half = bits // 2
    return {"n": odd(bits), "e": 65537, "d": odd(bits - 8), "p": odd(half), "q": odd(half), "dp": odd(half - 8),
            "dq": odd(half - 8), "qi": odd(half - 8)}


def rsa_pair(id, key, changes, codes, remark, **fields):
    return pair("rsa-" + id, key.public(**changes), pkcs8(RSA_ENCRYPTION, key.private(**changes, **fields)), codes, remark)


def rsa_keys():
    key = Rsa(rsa.generate_private_key(65537, 2048).private_numbers())
    v = key.values
    huge = made_up(16384)
    yield rsa_pair("16384", key, huge, WEAK, "a modulus of 16384 bits")
    yield Bomb("rsa-16384-pkcs1", bundle(leaf(spki=key.public(**huge)), key=pem("RSA PRIVATE KEY", key.private(**huge))),
               WEAK, "the same in its own form")
    yield Bomb("rsa-16384-der", key.private(**huge), WEAK + "|InvalidBundle", "the same key alone, DER")
    yield Bomb("rsa-16384-certificate", bundle(leaf(spki=key.public(**huge))), BAD,
               "a certificate with 16384 bits beside an honest key")
    vast = made_up(200_000)
    yield Bomb("rsa-200000-certificate", bundle(leaf(spki=key.public(**vast))), BAD, "a certificate with 200,000 bits")
    four = made_up(4096)
    yield rsa_pair("4096-made-up", key, four, BAD, "numbers of the right sizes that do not belong together")
    yield rsa_pair("huge-exponent", key, {**four, "e": odd(4096) % four["n"] | 1}, BAD, "a public exponent of 4096 bits")
    for what, changes in {"even-modulus": {"n": v["n"] + 1}, "e-0": {"e": 0}, "e-1": {"e": 1}, "e-2": {"e": 2},
                          "e-negative": {"e": -3}, "n-0": {"n": 0}, "n-negative": {"n": -v["n"]}, "d-0": {"d": 0},
                          "d-1": {"d": 1}, "p-q-0": {"p": 0, "q": 0}, "p-q-1": {"p": 1, "q": v["n"]},
                          "p-is-q": {"q": v["p"]}, "p-negative": {"p": -v["p"], "q": -v["q"]},
                          "crt": {"dp": v["dp"] ^ 2, "dq": v["dq"] ^ 2}, "crt-0": {"dp": 0, "dq": 0, "qi": 0},
                          "qi": {"qi": v["qi"] + 1}, "all-0": dict.fromkeys(Rsa.fields, 0)}.items():
        yield rsa_pair(what, key, changes, BAD, "RSA with numbers that are wrong: " + what)
    other = [seq(integer(3), integer(1), integer(1))]
    yield rsa_pair("1000-primes", key, {}, BAD, "1000 further primes", version=1, more=seq(*other * 1000))
    yield rsa_pair("100-primes", key, {}, BAD, "100 further primes", version=1, more=seq(*other * 100))
    yield rsa_pair("version-9", key, {}, BAD + "|Accepted", "a version that there is not", version=9)
    pss = seq(oid("1.2.840.113549.1.1.10"), seq(explicit(2, integer(2 ** 62)), explicit(3, integer(-1))))
    yield pair("rsa-pss", spki(pss, seq(integer(v["n"]), integer(v["e"]))), pkcs8(pss, key.private()), BAD,
               "RSA-PSS with a salt of 2^62 bytes")
    issuer = name("Slow")
    middle = certificate(issuer, name("Root of the bombs"), key.public(**{**four, "e": odd(4096)}), ROOT_KEY,
                         [seq(oid("2.5.29.19"), octets(seq(b"\x01\x01\xff")))])
    slow = certificate(name("www.example.com"), issuer, LEAF_KEY.spki, LEAF_KEY, [],
                       algorithm=seq(oid("1.2.840.113549.1.1.11"), NULL), signature=os.urandom(512))
    yield Bomb("rsa-slow-issuer", bundle(slow, middle), "WeakKey|InvalidBundle|ChainIncomplete|NameMismatch",
               "an issuer with a public exponent of 4096 bits")


class Slow:
    """Signs with a public exponent as long as the modulus, so that each look at a signature takes as long as making one."""
    algorithm = seq(oid("1.2.840.113549.1.1.11"), NULL)

    def __init__(self):
        numbers = rsa.generate_private_key(65537, 3072).private_numbers()
        phi = (numbers.p - 1) * (numbers.q - 1)
        self.n, self.e = numbers.p * numbers.q, odd(3072) % phi | 1
        while math.gcd(self.e, phi) > 1:
            self.e -= 2
        self.d = pow(self.e, -1, phi)
        self.spki = spki(RSA_ENCRYPTION, seq(integer(self.n), integer(self.e)))

    def sign(self, data):
        info = seq(seq(oid("2.16.840.1.101.3.4.2.1"), NULL), octets(hashlib.sha256(data).digest()))
        block = b"\0\1" + b"\xff" * (384 - 3 - len(info)) + b"\0" + info
        return pow(int.from_bytes(block, "big"), self.d, self.n).to_bytes(384, "big")


def slow_chains():
    key, twin = Slow(), name("Twin")
    same = [authority(key, twin, twin, key, algorithm=key.algorithm) for _ in range(14)]
    codes = "Accepted|WeakKey|InvalidBundle|ChainIncomplete|LimitsExceeded"
    yield Bomb("rsa-slow-chain", bundle(leaf(issuer=twin, signer=key, algorithm=key.algorithm), *same), codes,
               "14 authorities of one name and one key, each signature of which takes long to verify")
    yield Bomb("rsa-slow-chain-no-key", bundle(leaf(issuer=twin, signer=key, algorithm=key.algorithm), *same, key=b""), codes,
               "the same without a private key")
    other = [authority(key, twin, name("Above"), key, algorithm=key.algorithm) for _ in range(14)]
    yield Bomb("rsa-slow-chain-open", bundle(leaf(issuer=twin, signer=key, algorithm=key.algorithm), *other), codes,
               "the same, none of them signed by itself")


# ---- other kinds

def dsa_and_dh():
    p, q, g = odd(30_000), odd(256), odd(29_000)
    dsa = seq(oid("1.2.840.10040.4.1"), seq(integer(p), integer(q), integer(g)))
    yield pair("dsa-11-kB", spki(dsa, integer(odd(29_000))), pkcs8(dsa, integer(odd(256))), WEAK, "DSA with 30,000 bits")
    yield Bomb("dsa-11-kB-der", pkcs8(dsa, integer(odd(256))), WEAK + "|InvalidBundle", "the same key alone, DER")
    old = seq(integer(0), integer(p), integer(q), integer(g), integer(odd(29_000)), integer(odd(256)))
    yield Bomb("dsa-11-kB-own-form", bundle(leaf(), key=pem("DSA PRIVATE KEY", old)), WEAK, "the same in its own form")
    zero = seq(oid("1.2.840.10040.4.1"), seq(integer(0), integer(0), integer(0)))
    yield pair("dsa-zero", spki(zero, integer(0)), pkcs8(zero, integer(0)), WEAK, "DSA of nothing but zeros")
    dh = seq(oid("1.2.840.113549.1.3.1"), seq(integer(odd(16_384)), integer(2), integer(2 ** 31)))
    yield pair("dh", spki(dh, integer(odd(16_000))), pkcs8(dh, integer(odd(2048))), WEAK, "Diffie-Hellman with 16384 bits")
    x942 = seq(oid("1.2.840.10046.2.1"), seq(integer(p), integer(g), integer(q)))
    yield pair("dh-x942", spki(x942, integer(odd(16_000))), pkcs8(x942, integer(odd(256))), WEAK, "the same of X9.42")
    unknown = seq(oid("1.2.3.4.5"), nested(2000))
    yield pair("unknown-kind", spki(unknown, b"x"), pkcs8(unknown, b"x"), WEAK, "a kind that nobody knows")


def curve(field, a, b, generator, order, cofactor=1):
    return seq(EC_PUBLIC_KEY, seq(integer(1), field, seq(octets(a), octets(b)), octets(generator), integer(order),
                                  integer(cofactor)))


def prime_field(p):
    return seq(oid("1.2.840.10045.1.1"), integer(p))


def explicit_curves():
    p = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
    a = (p - 3).to_bytes(32, "big")
    b = bytes.fromhex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")
    g = bytes.fromhex("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                      "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
    pentanomial = seq(oid("1.2.840.10045.1.2"), seq(integer(571), oid("1.2.840.10045.1.2.3.3"),
                                                    seq(integer(2), integer(5), integer(10))))
    vast = seq(oid("1.2.840.10045.1.2"), seq(integer(2 ** 31 - 1), oid("1.2.840.10045.1.2.3.2"), integer(7)))
    n = P256_ORDER
    yield "prime", curve(prime_field(p), a, b, g, n), "P-256 spelled out"
    yield "binary", curve(pentanomial, b"\1", b"\1", b"\4" + bytes(144), n), "a binary field"
    yield "binary-2-GB", curve(vast, b"\1", b"\1", b"\4" + bytes(144), n), "a binary field of 2^31 bits"
    yield "32000-bits", curve(prime_field(odd(32_000)), a, b, b"\4" + os.urandom(8000), odd(32_000)), "a field of 32,000 bits"
    yield "infinity", curve(prime_field(p), a, b, b"\0", n), "the point at infinity as generator"
    yield "order-0", curve(prime_field(p), a, b, g, 0), "an order of 0"
    yield "order-negative", curve(prime_field(p), a, b, g, -n, -1), "a negative order"
    yield "prime-0", curve(prime_field(0), a, b, g, n), "a field of 0 elements"
    yield "prime-even", curve(prime_field(p + 1), a, b, g, n), "an even modulus"
    # The square root of a composite modulus never ended (CVE-2022-0778): 697 = 17 * 41 leaves 1 when divided by 8.
    for what, modulus in {"697": 697, "large": 697 ** 50}.items():
        size = (modulus.bit_length() + 7) // 8
        yield (f"compressed-{what}",
               curve(prime_field(modulus), (23).to_bytes(size, "big"), (696).to_bytes(size, "big"), b"\2" + bytes(size), n),
               "a compressed generator in a field that is none")


def curves():
    point, key = LEAF_KEY.point, LEAF_KEY
    for what, algorithm, remark in explicit_curves():
        yield pair(f"ec-{what}", spki(algorithm, point), pkcs8(algorithm, key.sec1()), WEAK, remark)
        yield Bomb(f"ec-{what}-certificate", bundle(leaf(spki=spki(algorithm, point))), BAD, remark + ", in a certificate")
        parameters = algorithm[len(EC_PUBLIC_KEY) + (4 if algorithm[1] == 0x82 else 3 if algorithm[1] == 0x81 else 2):]
        sec1 = key.sec1(parameters=explicit(0, parameters))
        yield Bomb(f"ec-{what}-parameters", pem("EC PARAMETERS", parameters) + bundle(leaf(), key=pem("EC PRIVATE KEY", sec1)),
                   WEAK, remark + ", in the key's own form")
    named = seq(EC_PUBLIC_KEY, P256)
    p384 = explicit(0, oid("1.3.132.0.34"))
    yield pair("ec-two-curves", key.spki, pkcs8(named, key.sec1(parameters=p384)), BAD, "P-256 outside, P-384 inside")
    yield pair("ec-no-curve", key.spki, pkcs8(seq(EC_PUBLIC_KEY), key.sec1()), BAD, "no curve at all")
    yield pair("ec-null-curve", key.spki, pkcs8(seq(EC_PUBLIC_KEY, NULL), key.sec1()), BAD, "the curve of the issuer")
    for what, scalar in {"0": bytes(32), "order": P256_ORDER.to_bytes(32, "big"),
                         "above-order": (P256_ORDER + key.scalar % 2 ** 128).to_bytes(32, "big"),
                         "empty": b"", "3-kB": key.scalar.to_bytes(3000, "big"), "long": os.urandom(3000)}.items():
        codes = BAD + ("|Accepted" if what == "3-kB" else "")
        yield pair(f"ec-scalar-{what}", key.spki, pkcs8(named, key.sec1(scalar)), codes, "a private number that is none")
    yield pair("ec-other-half", key.spki, pkcs8(named, Key().sec1(point=point)), BAD, "a public half that is not its own")
    for what, public in {"infinity": b"\0", "off-curve": b"\4" + bytes(31) + b"\1" + bytes(31) + b"\1", "empty": b"",
                         "cut": point[:40], "hybrid": bytes([7 if point[-1] % 2 == 0 else 7]) + point[1:],
                         "60-kB": b"\4" + bytes(40_000)}.items():
        yield pair(f"ec-point-{what}", spki(named, public), key.pkcs8(), BAD + "|Accepted" * (what == "hybrid"),
                   "a public point that is none")


# ---- RFC 5958, RFC 8018

def wrapped(id, data, codes, remark, label="ENCRYPTED PRIVATE KEY"):
    return Bomb(id, bundle(leaf(), key=pem(label, data)), codes, remark, passphrase=PASSPHRASE)


def forms():
    key = LEAF_KEY
    many = explicit(0, *[seq(oid("1.2.3"), set_of(octets(bytes(500))))] * 86)
    yield wrapped("pkcs8-attributes", key.pkcs8(attributes=many), WEAK + "|LimitsExceeded|InvalidBundle", "45 kB of attributes",
                  "PRIVATE KEY")
    yield wrapped("pkcs8-version-99", key.pkcs8(version=99), BAD + "|Accepted", "a version that there is not", "PRIVATE KEY")
    yield wrapped("pkcs8-nested", pkcs8(seq(EC_PUBLIC_KEY, P256), key.pkcs8()), BAD, "PKCS#8 in PKCS#8", "PRIVATE KEY")
    yield wrapped("pkcs8-deep", pkcs8(seq(EC_PUBLIC_KEY, P256), nested(900)), BAD, "sequences in the key, 900 deep", "PRIVATE KEY")
    yield wrapped("pkcs8-trailing", key.pkcs8() + bytes(1000), BAD + "|Accepted", "zeros behind the key", "PRIVATE KEY")
    yield wrapped("pkcs8-empty", b"", BAD, "nothing", "PRIVATE KEY")


def encrypted():
    key = LEAF_KEY
    good = aes(key.pkcs8(), 1)
    bad_count = "LimitsExceeded|InvalidBundle"
    for what, count in {"many": 10_000_000, "one-above": 600_001}.items():
        yield wrapped(f"pbes2-{what}", encrypted_key(pbes2(pbkdf2(count)), good), "LimitsExceeded", "too many iterations")
    for what, count in {"huge": 2 ** 63, "negative": -5, "32-bits": 2 ** 32 + 1}.items():
        yield wrapped(f"pbes2-{what}", encrypted_key(pbes2(pbkdf2(count)), good), bad_count, f"{count} iterations")
    unknown = seq(oid("1.2.3.4"), NULL)
    for what, algorithm in {
            "prf": pbes2(pbkdf2(1, prf=unknown)), "cipher": pbes2(pbkdf2(1), "1.2.3.4"),
            "derivation": pbes2(seq(oid("1.2.3.4"), NULL)), "scheme": seq(oid("1.2.3.4"), NULL),
            "empty-iv": pbes2(pbkdf2(1), iv=b""), "long-iv": pbes2(pbkdf2(1), iv=bytes(20_000)),
            "key-length": pbes2(pbkdf2(1, size=integer(2 ** 31 - 1))), "key-length-huge": pbes2(pbkdf2(1, size=integer(2 ** 63))),
            "key-length-negative": pbes2(pbkdf2(1, size=integer(-1))), "salt-choice": pbes2(seq(
                oid("1.2.840.113549.1.5.12"), seq(unknown, integer(1), HMAC_SHA256))),
            "stream": pbes2(pbkdf2(1), "2.16.840.1.101.3.4.1.46"), "wrap": pbes2(pbkdf2(1), "2.16.840.1.101.3.4.1.45"),
            "des": seq(oid("1.2.840.113549.1.5.3"), seq(octets(b"saltsalt"), integer(1))),
            "recursion": pbes2(pbes2(pbkdf2(1)))}.items():
        yield wrapped(f"pbes2-bad-{what}", encrypted_key(algorithm, good), LOCKED + "|LimitsExceeded", "PBES2 with a wrong part: " + what)
    yield wrapped("pbes2-salt", encrypted_key(pbes2(pbkdf2(1, salt=bytes(40_000))), good), LOCKED + "|WeakKey|LimitsExceeded",
                  "a salt of 40 kB")
    yield wrapped("pbes2-scrypt", encrypted_key(pbes2(scrypt(2 ** 25, 8, 16)), good), LOCKED + "|LimitsExceeded", "scrypt with 32 GiB")
    yield wrapped("pbes2-garbage", encrypted_key(pbes2(pbkdf2(1)), aes(os.urandom(500), 1)), LOCKED, "garbage when it is decrypted")
    yield wrapped("pbes2-not-whole", encrypted_key(pbes2(pbkdf2(1)), good[:-5]), LOCKED, "no whole number of blocks")
    yield wrapped("pbes2-nothing", encrypted_key(pbes2(pbkdf2(1)), b""), LOCKED, "nothing that is encrypted")
    yield wrapped("pbes2-40-kB", encrypted_key(pbes2(pbkdf2(1)), aes(bytes(40_000), 1)), LOCKED + "|WeakKey|LimitsExceeded",
                  "40 kB of zeros, encrypted")
    inside = key.pkcs8()
    for _ in range(200):
        inside = encrypted_key(pbes2(pbkdf2(1)), aes(inside, 1))
    yield wrapped("pbes2-200-times", inside, BAD + "|LimitsExceeded|PassphraseRequired", "encrypted 200 times over")
    ed = tlv(0x30, integer(0), seq(oid("1.3.101.112")), octets(octets(bytes(32))))
    yield wrapped("pbes2-hidden-kind", encrypted_key(pbes2(pbkdf2(1), AES256), aes(ed, 1)), WEAK, "an Ed25519 key inside")
    dsa = pkcs8(seq(oid("1.2.840.10040.4.1"), seq(integer(odd(10_000)), integer(odd(256)), integer(odd(9_000)))), integer(odd(256)))
    yield wrapped("pbes2-hidden-dsa", encrypted_key(pbes2(pbkdf2(1)), aes(dsa, 1)), WEAK, "a DSA key inside")


def bombs():
    for part in rsa_keys, slow_chains, dsa_and_dh, curves, forms, encrypted:
        yield from part()
