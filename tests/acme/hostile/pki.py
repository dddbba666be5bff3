# SPDX-License-Identifier: LGPL-2.1-or-later
"""The certificates of the authority: those that it should issue, those that it should not, and those of its servers."""
import base64
import datetime
import functools
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

DAY = datetime.timedelta(days=1)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


@functools.lru_cache(None)
def weak_key(kind):
    if kind == "dsa":
        return dsa.generate_private_key(2048)
    if kind == "curve":
        return ec.generate_private_key(ec.SECP192R1())
    return rsa.generate_private_key(65537, int(kind))


def named(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def san_of(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def to_pem(certificate):
    return certificate.public_bytes(PEM).decode()


def key_to_pem(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Issuer:
    """A certificate with its key."""

    def __init__(self, common_name, above=None, key=None, ca=True, **options):
        self.key = key or new_key()
        self.certificate = make(named(common_name), self.key.public_key(), above or self, ca=ca,
                                subject_is_issuer=above is None, **options)

    def pem(self):
        return to_pem(self.certificate)


def make(subject, public_key, issuer, names=(), ca=False, subject_is_issuer=False, begin=-DAY, end=90 * DAY,
         usages=(ExtendedKeyUsageOID.SERVER_AUTH,), signer=None, sans=None, extensions=(),
         basic=True):
    """begin and end are distances from now; signer: a key that is not the issuer's."""
    above = subject if subject_is_issuer else issuer.certificate.subject
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(above).public_key(public_key)
               .serial_number(x509.random_serial_number()).not_valid_before(now() + begin)
               .not_valid_after(now() + end))
    if basic:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
    if ca:
        builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    else:
        builder = builder.add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
    if sans is None:
        sans = [san_of(n) for n in names]
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), not list(subject))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer or issuer.key, hashes.SHA256())


def sign_again(certificate, key, algorithm):
    """By RSA with a digest that python3-cryptography signs no certificates with: the last byte of its OID is another."""
    rsa_with = bytes.fromhex("06092a864886f70d0101")
    old, new = rsa_with + b"\x0b", rsa_with + {"md5": b"\x04", "sha1": b"\x05"}[algorithm.name]
    body = certificate.tbs_certificate_bytes.replace(old, new)
    signature = key.sign(body, padding.PKCS1v15(), algorithm)
    return certificate.public_bytes(DER).replace(old, new)[:-len(signature)] + signature


class Pki:
    """Root and intermediate of the authority, and every wrong way to make a chain of them."""

    def __init__(self):
        self.root = Issuer("Root of the test", end=3650 * DAY)
        self.intermediate = Issuer("Intermediate of the test", self.root, end=365 * DAY)
        self.unrelated = Issuer("Somebody else")
        self.made = 0

    def leaf(self, names, public_key, issuer=None, **options):
        self.made += 1
        return to_pem(make(x509.Name([]), public_key, issuer or self.intermediate, names, **options))

    def chain(self, names, public_key, **options):
        return self.leaf(names, public_key, **options) + self.intermediate.pem()

    def wrong_chain(self, kind, names, key):
        """PEM text; key is the public one that was asked for."""
        return WRONG[kind](self, names, key)

    def long_chain(self, names, key, n):
        above, pems = self.intermediate, [self.intermediate.pem()]
        for i in range(n):
            above = Issuer(f"Intermediate {i}", above, key=self.intermediate.key)
            pems.insert(0, above.pem())
        return self.leaf(names, key, above) + "".join(pems)

    def forged_chain(self, names, key):
        return self.leaf(names, key, signer=new_key()) + self.intermediate.pem()

    def not_an_authority(self, names, key):
        below = Issuer("No authority", self.intermediate, ca=False)
        return self.leaf(names, key, below) + below.pem() + self.intermediate.pem()

    def outdated_issuer(self, names, key):
        below = Issuer("Outdated", self.root, begin=-20 * DAY, end=-DAY)
        return self.leaf(names, key, below) + below.pem()

    def weak_issuer(self, kind, names, key):
        below = Issuer("Weak", self.root, key=weak_key(kind))
        return self.leaf(names, key, below) + below.pem()

    def weakly_signed(self, algorithm, names, key):
        below = Issuer("Signs weakly", self.root, key=weak_key("2048"))
        leaf = make(x509.Name([]), key, below, names)
        return armour(sign_again(leaf, below.key, algorithm)) + below.pem()

    def self_signed(self, names, key):
        own = new_key()
        return to_pem(make(named("self"), own.public_key(), self.unrelated, names, subject_is_issuer=True, signer=own))

    def trailing_garbage(self, names, key):
        der = make(x509.Name([]), key, self.intermediate, names).public_bytes(DER) + b"garbage behind the end"
        return armour(der) + self.intermediate.pem()


def armour(der, label="CERTIFICATE"):
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def nul_name(name):
    return x509.UnrecognizedExtension(
        ObjectIdentifier("2.5.29.17"), b"\x30" + bytes([len(name) + 4 + 2]) + b"\x82" + bytes([len(name) + 4]) +
        name.encode() + b"\0.ab")


def replace_der(pem, old, new):
    """The chain with one thing changed in its leaf, whose signature is not right any more then."""
    at = pem.index("-----END CERTIFICATE-----")
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(DER)
    assert len(old) == len(new) and old in der
    return armour(der.replace(old, new)) + pem[at + len("-----END CERTIFICATE-----\n"):]


UNKNOWN = ObjectIdentifier("1.2.3.4.5.6.7")

# kind -> what the authority hands out in place of a good chain
WRONG = {
    "other key": lambda p, n, k: p.chain(n, new_key().public_key()),
    "other names": lambda p, n, k: p.chain(["else." + n[0]], k),
    "only a wildcard": lambda p, n, k: p.chain(["*." + n[0]], k),
    "a part of the name": lambda p, n, k: p.chain([n[0].split(".", 1)[1]], k),
    "no name": lambda p, n, k: p.chain([], k),
    "a common name alone": lambda p, n, k:
        to_pem(make(named(n[0]), k, p.intermediate)) + p.intermediate.pem(),
    "a NUL in the name": lambda p, n, k: p.chain([], k, extensions=[(nul_name(n[0]), False)]),
    "expired": lambda p, n, k: p.chain(n, k, begin=-90 * DAY, end=-DAY),
    "not yet valid": lambda p, n, k: p.chain(n, k, begin=300 * DAY, end=390 * DAY),
    "a client's": lambda p, n, k: p.chain(n, k, usages=[ExtendedKeyUsageOID.CLIENT_AUTH]),
    "an authority": lambda p, n, k: p.chain(n, k, ca=True),
    "unknown and critical": lambda p, n, k: p.chain(
        n, k, extensions=[(x509.UnrecognizedExtension(UNKNOWN, b"\x05\x00"), True)]),
    "self-signed": lambda p, n, k: p.self_signed(n, k),
    "101 certificates": lambda p, n, k: p.long_chain(n, k, 99),
    "17 certificates": lambda p, n, k: p.long_chain(n, k, 15),
    "15 certificates": lambda p, n, k: p.long_chain(n, k, 13),
    "reversed": lambda p, n, k: p.intermediate.pem() + p.leaf(n, k),
    "root in the middle": lambda p, n, k: p.leaf(n, k) + p.root.pem() + p.intermediate.pem(),
    "unrelated issuer": lambda p, n, k: p.leaf(n, k) + p.unrelated.pem(),
    "forged": lambda p, n, k: p.forged_chain(n, k),
    "below a leaf": lambda p, n, k: p.not_an_authority(n, k),
    "below an expired issuer": lambda p, n, k: p.outdated_issuer(n, k),
    "below RSA of 1024 bits": lambda p, n, k: p.weak_issuer("1024", n, k),
    "below DSA": lambda p, n, k: p.weak_issuer("dsa", n, k),
    "for a key of DSA": lambda p, n, k: p.chain(n, weak_key("dsa").public_key()),
    "for a key of 1024 bits": lambda p, n, k: p.chain(n, weak_key("1024").public_key()),
    "for a small curve": lambda p, n, k: p.chain(n, weak_key("curve").public_key()),
    "signed with SHA-1": lambda p, n, k: p.weakly_signed(hashes.SHA1(), n, k),
    "signed with MD5": lambda p, n, k: p.weakly_signed(hashes.MD5(), n, k),
    "garbage behind the DER": lambda p, n, k: p.trailing_garbage(n, k),
    "leaf twice": lambda p, n, k: (lambda leaf: leaf + leaf + p.intermediate.pem())(p.leaf(n, k)),
    "a key inside": lambda p, n, k: p.chain(n, k) + key_to_pem(new_key()),
    "a key in front": lambda p, n, k: key_to_pem(new_key()) + p.chain(n, k),
    "text around": lambda p, n, k: "Subject: CN=" + n[0] + "\n" + p.chain(n, k) + "\x1b[2J behind\n",
    "a request inside": lambda p, n, k: p.chain(n, k) + armour(b"0\x03\x02\x01\x00", "CERTIFICATE REQUEST"),
    "an unclosed block": lambda p, n, k: p.chain(n, k) + "-----BEGIN CERTIFICATE-----\nMIIB\n",
    "no base64": lambda p, n, k: "-----BEGIN CERTIFICATE-----\n*** no base64 ***\n-----END CERTIFICATE-----\n",
    "no DER": lambda p, n, k: armour(os.urandom(300)) + p.intermediate.pem(),
    "5000 names": lambda p, n, k: p.chain(n + [f"n{i}.{n[0]}" for i in range(5000)], k),
    "10 MiB": lambda p, n, k: p.leaf(n, k) + p.intermediate.pem() * (10 * 1024 * 1024 // 600),
    "empty": lambda p, n, k: "",
    "with lines that end in CR LF": lambda p, n, k: p.chain(n, k).replace("\n", "\r\n"),
    "leaf alone": lambda p, n, k: p.leaf(n, k),
    "with its root": lambda p, n, k: p.chain(n, k) + p.root.pem(),
    "a name more": lambda p, n, k: p.chain(n + ["www." + n[0]], k),
}
