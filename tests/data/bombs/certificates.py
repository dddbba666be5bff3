# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates that are hard to read, to compare or to verify. Keys and signatures are right, so that they are."""
import itertools
import os
import string

from certificate import (BASIC, EXTENDED_USAGE, HOST, LEAF, LEAF_KEY, NAME_CONSTRAINTS, POLICIES, POLICY_MAPPINGS, ROOT_KEY,
                         ROOT_NAME, SERVER_AUTH, USAGE, VALIDITY, alone, authority, bundle, certificate, dns, extension,
                         generalized, leaf, name, rdn, san, utc)
from der import (ECDSA_SHA256, NULL, TRUE, Bomb, Key, bits, explicit, implicit, indefinite, integer, nested, octets, oid, seq,
                 set_of, spki, tlv, utf8)

REFUSED = "InvalidBundle|ChainIncomplete|NameMismatch"
LIMITS = "LimitsExceeded"
ODD = "Accepted|InvalidBundle|LimitsExceeded"
GARBLED = "InvalidBundle"
CIRCLE = "Accepted|" + REFUSED  # without an end that is known, as of a chain whose root was not sent
HOST_DNS = dns(HOST)


def of_leaf(id, extensions, codes, remark, **fields):
    return Bomb(id, bundle(leaf(extensions=extensions, **fields)), codes, remark)


def of_der(id, extensions, codes, remark, **fields):
    """As DER, with the key beside it: a third more of it is within the limit."""
    return Bomb(id, alone(extensions, **fields), codes, remark, key=LEAF_KEY.pem())


def short_names(n):
    """As many as can be in so few bytes."""
    letters = string.ascii_lowercase + string.digits
    return [dns("".join(t)) for t in itertools.islice(itertools.product(letters, repeat=3), n)]


# ---- names

def other_name(kind, value):
    return implicit(0x20, oid(kind), explicit(0, value))


def names():
    yield of_der("names-10000", [san(*short_names(10_000))], LIMITS, "10,000 names")
    yield of_der("names-101", [san(*short_names(101))], LIMITS, "one name above the limit")
    yield of_der("names-the-same", [san(*[dns("a.b")] * 10_000)], ODD, "10,000 times one name")
    yield of_der("names-addresses", [san(*[implicit(7, i.to_bytes(4, "big")) for i in range(8_000)])], LIMITS, "8,000 addresses")
    yield of_der("names-empty", [san(*[dns("")] * 20_000)], LIMITS + "|" + REFUSED, "20,000 empty names")
    yield of_der("names-mail", [san(*[implicit(1, b"a@b.c")] * 8_000)], LIMITS + "|" + REFUSED, "8,000 mail addresses")
    yield of_der("names-common", [], LIMITS + "|" + REFUSED, "1,600 common names",
                 subject=seq(*[rdn(utf8(f"{i}.com")) for i in range(1_600)]))
    host = HOST.encode()
    for what, one in {"nul": dns(host + b"\0.example.org"), "nul-first": dns(b"\0" + host), "nul-last": dns(host + b"\0"),
                      "x400": implicit(0x23, seq(tlv(0x61, tlv(0x13, b"US")))),
                      "x400-as-text": implicit(3, bytes(8) * 1000), "x400-as-integer": implicit(0x23, integer(2 ** 62)),
                      "edi": implicit(0x25, explicit(1, utf8("x" * 5000))), "registered": implicit(8, oid("1.2.3.4")[2:]),
                      "registered-huge": implicit(8, b"\xff" * 20_000 + b"\1"),
                      "directory": explicit(4, seq(*[rdn(utf8("x" * 50))] * 500)),
                      "other": other_name("1.3.6.1.5.5.7.8.9", utf8("a@" + HOST)), "other-deep": other_name("1.2.3", nested(2_000)),
                      "other-empty": implicit(0x20), "punycode": dns("xn--" + "a" * 20_000), "overflow": dns("xn--" + "9" * 500 + ".com"),
                      "punycode-empty": dns("xn--.xn--.xn--"), "dots": dns("." * 20_000), "stars": dns("*." * 5_000 + "com"),
                      "star-alone": dns("*"), "utf8": dns("b\u00fccher.example.com".encode()), "broken-utf8": dns(b"\xff\xfe.com"),
                      "controls": dns(b"a\r\nb\x1b[31m.com"), "path": dns("../../../etc/passwd"), "60-labels": dns("a." * 200 + "com"),
                      "dot": dns(host + b"."), "blank": dns(b" " + host), "as-text": dns("192.0.2.1"),
                      "fullwidth": dns("\uff57\uff57\uff57.example.com".encode()), "upper-puny": dns("XN--A"),
                      "format": dns("%s%n%s%n.com"), "uri": implicit(6, b"https://" + host), "address-5": implicit(7, b"12345"),
                      "address-empty": implicit(7), "unknown-tag": implicit(9, b"x"), "empty-list": b""}.items():
        yield of_leaf("name-" + what, [san(one)], REFUSED + "|" + LIMITS, "the only name is " + what, subject=seq())
    yield of_leaf("name-nul-beside", [san(HOST_DNS, dns(host + b"\0.example.org"))], REFUSED + "|Accepted", "a good name and one with a NUL")
    yield of_leaf("name-nul-common", [], REFUSED, "a NUL in the common name", subject=seq(rdn(utf8(HOST + "\0.example.org"))))
    bomb = [san(HOST_DNS, other_name("1.3.6.1.5.5.7.8.9", utf8("a@xn--" + "a" * 600 + ".com")))]
    constraint = extension(NAME_CONSTRAINTS, seq(explicit(0, seq(implicit(1, b"xn--" + b"9" * 600)))), True)
    yield constrained("name-constraint-punycode", bomb, [constraint], REFUSED, "punycode that overran its buffer (CVE-2022-3602)")


def constrained(id, extensions, constraints, codes, remark):
    key, subject = Key(), name("Constrained")
    return Bomb(id, bundle(leaf(extensions=extensions, issuer=subject, signer=key),
                           authority(key, subject, extensions=constraints)), codes, remark)


def trees(tag, names):
    return explicit(tag, *[seq(n) for n in names])


def constraints():
    many = [dns(f"{i}.x") for i in range(4_000)]
    excluded = extension(NAME_CONSTRAINTS, seq(trees(1, many)), True)
    permitted = extension(NAME_CONSTRAINTS, seq(trees(0, many)), True)
    hundred = [HOST_DNS] + [dns(f"a.{i}.y") for i in range(99)]
    yield constrained("constraints-permitted", [san(*hundred)], [permitted], REFUSED, "100 names times 4,000 constraints")
    yield constrained("constraints-excluded", [san(*hundred[:99], dns("3999.x"))], [excluded], REFUSED,
                      "100 names times 4,000 constraints, of which the last forbids the last")
    half = extension(NAME_CONSTRAINTS, seq(trees(1, many[:2_000])), True)
    yield constrained("constraints-names", [san(*[dns(f"b.{i}.z") for i in range(2_000)])], [half], LIMITS + "|" + REFUSED,
                      "2,000 names times 2,000 constraints")
    deep = extension(NAME_CONSTRAINTS, seq(explicit(0, seq(explicit(4, seq(*[rdn(utf8("x"))] * 2_000))))), True)
    yield constrained("constraints-directory", [san(HOST_DNS)], [deep], REFUSED, "a constraint of 2,000 parts")
    odd = extension(NAME_CONSTRAINTS, seq(explicit(0, seq(dns(""), implicit(0, b"\x7f\xff\xff\xff"), implicit(1, b"\xff")))), True)
    yield constrained("constraints-minimum", [san(HOST_DNS)], [odd], REFUSED, "a minimum and a maximum")
    mask = extension(NAME_CONSTRAINTS, seq(explicit(0, seq(implicit(7, b"\x0a\0\0\0\xff\0\xff\0")))), True)
    yield constrained("constraints-mask", [san(HOST_DNS, implicit(7, b"\x0a\1\1\1"))], [mask], REFUSED + "|Accepted", "a mask with holes")


# ---- chains

def policies(n, mapped):
    one = [oid(f"1.2.3.{i}") for i in range(n)]
    out = [extension(POLICIES, seq(*[seq(o) for o in one]), True)]
    if mapped:
        out.append(extension(POLICY_MAPPINGS, seq(*[seq(a, b) for a in one for b in one]), True))
    return out


def ladder(depth, extensions, subject=None):
    """Authorities, each signed by the one before it; the last one's name and key."""
    issuer, signer, made = ROOT_NAME, ROOT_KEY, []
    for i in range(depth):
        key, own = Key(), subject or name(f"Step {i}")
        made.append(authority(key, own, issuer, signer, extensions))
        issuer, signer = own, key
    return made, issuer, signer


def chains():
    for n in 2, 12:
        made, issuer, signer = ladder(13, policies(n, True))
        yield Bomb(f"policies-{n}", bundle(leaf([*policies(n, False), san(HOST_DNS)], issuer=issuer, signer=signer), *made),
                   ODD + "|ChainIncomplete", f"{n} policies mapped to each other 13 times over (CVE-2023-0464)")
    made, issuer, signer = ladder(14, [], subject=name("Twin"))
    yield Bomb("chain-one-name", bundle(leaf(issuer=issuer, signer=signer), *made), ODD + "|ChainIncomplete",
               "14 authorities of the same name and different keys")
    yield Bomb("chain-one-name-broken", bundle(leaf(issuer=issuer, signer=Key()), *made), REFUSED,
               "the same, and a leaf that none of them has signed")
    key, twin = Key(), name("Twin")
    same = [authority(key, twin, twin, key) for _ in range(14)]
    yield Bomb("chain-one-key", bundle(leaf(issuer=twin, signer=key), *same), ODD + "|ChainIncomplete",
               "14 authorities of the same name and key: each is the issuer of each")
    a, b = Key(), Key()
    loop = [authority(a, name("A"), name("B"), b), authority(b, name("B"), name("A"), a)]
    yield Bomb("chain-loop", bundle(leaf(issuer=name("A"), signer=a), *loop), CIRCLE, "two authorities that have signed each other")
    for first in "", "x", "xx":
        far, near = name(first + "\u20ac" * 100), name("Near")
        above = authority(a, near, far, b)
        yield Bomb(f"chain-cut-{len(first)}", bundle(leaf(issuer=near, signer=a), above), "Accepted|" + REFUSED,
                   "a missing issuer whose name is cut within a letter")
        yield Bomb(f"chain-cut-{len(first)}-alone", bundle(leaf(issuer=far, signer=b)), REFUSED, "the same right above the leaf")
    ring = [Key() for _ in range(14)]
    around = [authority(k, name(f"R{i}"), name(f"R{(i + 1) % 14}"), ring[(i + 1) % 14]) for i, k in enumerate(ring)]
    yield Bomb("chain-ring", bundle(leaf(issuer=name("R0"), signer=ring[0]), *around), CIRCLE, "14 authorities in a ring")
    mesh = [Key() for _ in range(4)]
    both = [authority(k, name(f"M{i}"), name(f"M{j}"), mesh[j]) for i, k in enumerate(mesh) for j in range(4) if i != j]
    yield Bomb("chain-mesh", bundle(leaf(issuer=name("M0"), signer=mesh[0]), *both), CIRCLE, "4 authorities, each signed by each")
    made, issuer, signer = ladder(15, [])
    yield Bomb("chain-17", bundle(leaf(issuer=issuer, signer=signer), *made), LIMITS, "17 certificates in one chain")
    yield Bomb("chain-100", bundle(leaf(), *[authority(a, name(f"X{i}")) for i in range(100)]), LIMITS, "102 certificates")
    yield Bomb("chain-not-itself", bundle(leaf(issuer=name(HOST), signer=ROOT_KEY)), REFUSED, "its own issuer by name, not by key")
    aia = extension("1.3.6.1.5.5.7.1.1", seq(*[seq(oid("1.3.6.1.5.5.7.48.2"), implicit(6, f"http://192.0.2.{i % 256}/{i}".encode()))
                                              for i in range(800)]))
    yield Bomb("chain-addresses", bundle(leaf([san(HOST_DNS), aia], issuer=name("Elsewhere"), signer=a)), REFUSED,
               "800 addresses of its issuer")


# ---- fields

def unknown(i, critical=False):
    return extension(f"1.2.3.{i}", b"", critical)


def extensions():
    good = [*LEAF, san(HOST_DNS)]
    yield of_der("extensions-3000", good + [unknown(i) for i in range(3_000)], ODD, "3,000 extensions")
    yield of_der("extensions-the-same", good + [unknown(1)] * 4_000, ODD, "4,000 times the same extension")
    yield of_leaf("extension-twice", [san(HOST_DNS), san(HOST_DNS)], REFUSED, "its names twice")
    yield of_leaf("extension-twice-basic", [san(HOST_DNS), extension(BASIC, seq()), extension(BASIC, seq(TRUE))], REFUSED,
                  "an authority and none")
    yield of_leaf("extension-critical", [san(HOST_DNS), unknown(1, True)], REFUSED, "a critical extension that nobody knows")
    yield of_leaf("extension-empty", [san(HOST_DNS), extension(BASIC, b"")], REFUSED, "basic constraints of no bytes")
    yield of_leaf("extension-trailing", [extension("2.5.29.17", seq(HOST_DNS) + b"\0" * 1000)], REFUSED + "|Accepted",
                  "zeros behind the names")
    yield of_leaf("extension-deep", [san(HOST_DNS), extension("2.5.29.31", nested(9_000))], REFUSED + "|Accepted",
                  "revocation lists nested 9,000 deep")
    yield of_leaf("extension-path", [san(HOST_DNS), extension(BASIC, seq(integer(2 ** 64)))], REFUSED + "|Accepted", "a path length of 2^64")
    yield of_leaf("extension-path-negative", [san(HOST_DNS), extension(BASIC, seq(TRUE, integer(-1)))], REFUSED, "a path length of -1")
    yield of_leaf("extension-usage", [san(HOST_DNS), extension(USAGE, tlv(3, b"\7", bytes(20_000)))], REFUSED + "|Accepted",
                  "a key usage of 20 kB")
    yield of_leaf("extension-purposes", [san(HOST_DNS), extension(EXTENDED_USAGE, seq(*[oid(f"1.2.{i}") for i in range(5_000)]))], REFUSED,
                  "5,000 purposes")
    yield of_der("extension-server", [san(HOST_DNS), extension(EXTENDED_USAGE, seq(*[oid(SERVER_AUTH)] * 5_000))], ODD, "one purpose 5,000 times")
    blocks = seq(*[seq(octets(b"\0\1"), seq(*[tlv(3, b"\0", i.to_bytes(2, "big")) for i in range(4_000)]))])
    yield of_leaf("extension-addresses", [san(HOST_DNS), extension("1.3.6.1.5.5.7.1.7", blocks, True)], REFUSED + "|Accepted",
                  "4,000 address blocks (RFC 3779)")
    yield of_leaf("extension-timestamps", [san(HOST_DNS), extension("1.3.6.1.4.1.11129.2.4.2", octets(b"\xff\xff" + bytes(30_000)))],
                  REFUSED + "|Accepted", "a list of timestamps that is cut")
    yield of_leaf("extension-authority-key", [san(HOST_DNS), extension("2.5.29.35", seq(implicit(0, bytes(30_000))))], REFUSED + "|Accepted",
                  "an authority key identifier of 30 kB")


def numbers():
    good = [*LEAF, san(HOST_DNS)]
    yield of_leaf("serial-20-kB", [san(HOST_DNS)], ODD, "a serial of 20 kB", serial=integer(1 << 160_000))
    yield of_leaf("serial-negative", [san(HOST_DNS)], ODD, "a negative serial", serial=integer(-(1 << 200)))
    yield of_leaf("serial-zero", [san(HOST_DNS)], ODD, "a serial of 0", serial=integer(0))
    yield of_leaf("serial-empty", [san(HOST_DNS)], GARBLED, "a serial of no bytes", serial=tlv(2))
    for what, version in {"4": 3, "negative": -1, "huge": 2 ** 80}.items():
        yield of_leaf(f"version-{what}", [san(HOST_DNS)], ODD, "a version that there is not", version=version)
    early, late = utc("200101000000Z"), utc("491231235959Z")
    for what, times, codes in (
            ("9999", (early, generalized("99991231235959Z")), ODD), ("0000", (generalized("00000101000000Z"), late), ODD),
            ("1950", (utc("500101000000Z"), late), ODD), ("ended-0000", (early, generalized("00000101000000Z")), "Expired|InvalidBundle"),
            ("garbage", (utc("notatimeatall"), late), GARBLED), ("garbage-end", (early, utc("99999999999999999Z")), GARBLED),
            ("month-13", (utc("201301000000Z"), late), GARBLED), ("february-30", (early, utc("300230000000Z")), GARBLED + "|Accepted"),
            ("empty", (utc(""), utc("")), GARBLED), ("offset", (utc("200101000000+9959"), late), GARBLED + "|Accepted"),
            ("fraction", (generalized("20200101000000." + "9" * 20_000 + "Z"), late), GARBLED + "|Accepted"),
            ("negative", (early, generalized("-0010101000000Z")), GARBLED), ("40-kB", (early, utc("4" * 40_000)), GARBLED),
            ("backwards", (late, early), "Expired|InvalidBundle"), ("5-digits", (early, generalized("123451231235959Z")), GARBLED),
            ("integers", (integer(0), integer(2 ** 62)), GARBLED)):
        yield of_leaf(f"dates-{what}", [san(HOST_DNS)], codes, "dates: " + what, validity=seq(*times))
    signature = {"empty": b"", "20-kB": os.urandom(20_000), "zeros": seq(integer(0), integer(0)),
                 "negative": seq(integer(-1), integer(-1)), "huge": seq(integer(1 << 80_000), integer(1 << 80_000))}
    for what, value in signature.items():
        yield of_leaf(f"signature-{what}", [san(HOST_DNS)], REFUSED, "a signature that is none: " + what, signature=value)
    pss = seq(oid("1.2.840.113549.1.1.10"), seq(explicit(2, integer(2 ** 62)), explicit(3, integer(99))))
    for what, algorithm in {"unknown": seq(oid("1.2.3.4")), "pss": pss, "deep": seq(oid("1.2.3"), nested(5_000)),
                            "parameters": seq(oid("1.2.840.10045.4.3.2"), octets(bytes(20_000))), "md2": seq(oid("1.2.840.113549.1.1.2"), NULL),
                            "sha1": seq(oid("1.2.840.10045.4.1"))}.items():
        codes = REFUSED + "|WeakKey" + ("|Accepted" if what == "parameters" else "")
        yield of_leaf(f"algorithm-{what}", [san(HOST_DNS)], codes, "signed in a way that is none: " + what, algorithm=algorithm)
    yield of_leaf("algorithm-two", [san(HOST_DNS)], REFUSED, "two algorithms: inside and outside", outer=seq(oid("1.2.840.10045.4.3.4")))
    yield of_der("public-unused-bits", good, REFUSED + "|WeakKey|KeyMismatch|Accepted", "7 unused bits in the public key",
                 serial=integer(5), outer=ECDSA_SHA256, validity=VALIDITY)


# ---- subjects

def subjects():
    host = rdn(utf8(HOST))
    for what, value in {"bmp-odd": tlv(0x1E, b"abc"), "bmp-surrogate": tlv(0x1E, b"\xd8\0\xd8\0"), "bmp-nul": tlv(0x1E, bytes(600)),
                        "universal-odd": tlv(0x1C, b"abcde"), "universal-beyond": tlv(0x1C, b"\xff\xff\xff\xff" * 20),
                        "t61": tlv(0x14, bytes(range(256))), "utf8-broken": utf8(b"\xc3\x28\xf8\x88\xff\xed\xa0\x80"), "utf8-overlong": utf8(b"\xc0\x80"),
                        "printable": tlv(0x13, b"<>&%$\"\0\n"), "controls": utf8("\x1b[2J\r\n\u202egnp.exe"), "integer": integer(5),
                        "sequence": seq(NULL), "deep": nested(9_000), "bits": bits(b"\xff"), "empty": utf8("")}.items():
        codes = "Accepted|LimitsExceeded|" + REFUSED
        yield of_leaf(f"subject-{what}", [san(HOST_DNS)], codes, "a subject with " + what, subject=seq(rdn(value, "2.5.4.10"), host))
    yield of_der("subject-50-kB", [san(HOST_DNS)], ODD, "a subject of 50 kB, of 2 UTF-8 bytes each", subject=seq(rdn(utf8("\u00e9" * 12_500), "2.5.4.10")))
    yield of_der("subject-escapes", [san(HOST_DNS)], ODD, "25,000 bytes that all have to be escaped", subject=seq(rdn(utf8(b"\x01" * 25_000))))
    yield of_der("subject-parts", [san(HOST_DNS)], ODD, "2,000 parts", subject=seq(*[rdn(utf8("x"), "2.5.4.11")] * 2_000))
    parts = [seq(oid(f"1.2.{i}"), utf8("x")) for i in range(2_000)]
    yield of_der("subject-one-part", [san(HOST_DNS)], ODD, "one part of 2,000 values", subject=seq(set_of(*parts)))
    yield of_der("subject-oid", [san(HOST_DNS)], ODD + "|NameMismatch", "an object identifier with an arc of 10 kB",
                 subject=seq(rdn(utf8("x"), "1.2." + hex_arc(10_000))))
    yield of_leaf("extension-oid", [san(HOST_DNS), seq(tlv(6, b"\x2a" + b"\xff" * 30_000 + b"\1"), octets(b""))], ODD, "an extension's arc of 30 kB")
    yield of_leaf("extension-oid-padded", [san(HOST_DNS), seq(tlv(6, b"\x2a\x80\x80\1"), octets(b""))], ODD, "an arc that begins with zeros")
    yield of_leaf("extension-oid-open", [san(HOST_DNS), seq(tlv(6, b"\x2a\xff"), octets(b""))], ODD, "an arc without end")


def hex_arc(size):
    """A number of about so many bytes, in the decimal that oid() reads; made without the slow way through str()."""
    return "1" + "0" * min(size, 4_000)


# ---- the encoding

def encoding():
    yield Bomb("deep-der", nested(16_000), GARBLED, "sequences 16,000 deep, nothing else")
    yield Bomb("deep-indefinite", indefinite(16_000), GARBLED, "sequences of indefinite length, 16,000 deep")
    yield Bomb("deep-pem", bundle(nested(10_000)), GARBLED, "the same as a certificate, 10,000 deep")
    yield Bomb("deep-set", seq(seq(explicit(0, integer(2)), integer(1), ECDSA_SHA256, nested(9_000, tag=0x31))), GARBLED,
               "sets 9,000 deep as an issuer")
    good = leaf()
    yield Bomb("ber-indefinite", bundle(b"\x30\x80" + good[4:] + b"\0\0"), "Accepted|" + GARBLED, "indefinite length where DER is asked for")
    yield Bomb("trailing", bundle(good + bytes(20_000)), "Accepted|" + GARBLED, "20 kB of zeros behind a certificate")
    yield Bomb("many-bits", good[:60] + b"\xff" * 50_000, GARBLED, "a certificate that becomes noise")
    yield Bomb("public-unknown", bundle(leaf(spki=spki(seq(oid("1.2.3")), b"x"))), "WeakKey|KeyMismatch|InvalidBundle", "a public key of no kind")
    yield Bomb("public-empty", bundle(leaf(spki=seq())), "WeakKey|KeyMismatch|InvalidBundle", "no public key")
    yield Bomb("unused-bits", bundle(leaf(spki=seq(seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), tlv(3, b"\7", LEAF_KEY.point)))),
               "WeakKey|KeyMismatch|InvalidBundle|Accepted", "7 unused bits in the public key")


def bombs():
    for part in names, constraints, chains, extensions, numbers, subjects, encoding:
        yield from part()
