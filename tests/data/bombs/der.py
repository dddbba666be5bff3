# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes DER (X.690) without a thought for whether it makes sense, and the few objects that all bombs need."""
import base64
import hashlib
import os
from typing import NamedTuple, Optional

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LIMIT = 64 * 1024  # of a bundle


class Bomb(NamedTuple):
    """A hostile upload. codes: what may be answered; "Accepted" where it is odd but no fault."""
    id: str
    data: bytes
    codes: str
    remark: str
    key: Optional[bytes] = None
    passphrase: str = "-"
    large: bool = False  # beyond LIMIT on purpose


# ---- X.690

def length(n):
    if n < 128:
        return bytes([n])
    body = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(body)]) + body


def tlv(tag, *parts):
    body = b"".join(parts)
    return bytes([tag]) + length(len(body)) + body


def seq(*parts):
    return tlv(0x30, *parts)


def set_of(*parts):
    return tlv(0x31, *parts)


def octets(*parts):
    return tlv(0x04, *parts)


def bits(*parts):
    return tlv(0x03, b"\0", *parts)


def integer(n):
    size = (n + 1 if n < 0 else n).bit_length() // 8 + 1
    return tlv(0x02, n.to_bytes(size, "big", signed=True))


def arc(n):
    out = [n & 0x7F]
    while n := n >> 7:
        out.append(0x80 | (n & 0x7F))
    return bytes(reversed(out))


def oid(text):
    first, second, *rest = [int(a) for a in text.split(".")]
    return tlv(0x06, arc(first * 40 + second), *[arc(a) for a in rest])


def explicit(n, *parts):
    return tlv(0xA0 | n, *parts)


def implicit(n, *parts):
    return tlv(0x80 | n, *parts)


def utf8(text):
    return tlv(0x0C, text.encode() if isinstance(text, str) else text)


NULL = b"\x05\x00"
TRUE = b"\x01\x01\xff"


def nested(depth, core=NULL, tag=0x30):
    """depth times inside each other, made from the inside without copying the whole each time."""
    heads, size = [], len(core)
    for _ in range(depth):
        head = bytes([tag]) + length(size)
        heads.append(head)
        size += len(head)
    return b"".join(reversed(heads)) + core


def indefinite(depth, tag=0x30):
    return bytes([tag, 0x80]) * depth + b"\0\0" * depth


def pem(label, der, width=64, header=""):
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[i:i + width] for i in range(0, len(text), width))
    return f"-----BEGIN {label}-----\n{header}{lines}\n-----END {label}-----\n".encode()


# ---- keys

EC_PUBLIC_KEY = oid("1.2.840.10045.2.1")
P256 = oid("1.2.840.10045.3.1.7")
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ECDSA_SHA256 = seq(oid("1.2.840.10045.4.3.2"))
RSA_ENCRYPTION = seq(oid("1.2.840.113549.1.1.1"), NULL)


def spki(algorithm, public):
    return seq(algorithm, bits(public))


def pkcs8(algorithm, private, version=0, attributes=b""):
    return seq(integer(version), algorithm, octets(private), attributes)


class Key:
    """One of P-256, which signs."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        numbers = self.key.private_numbers()
        public = numbers.public_numbers
        self.point = b"\x04" + public.x.to_bytes(32, "big") + public.y.to_bytes(32, "big")
        self.scalar = numbers.private_value
        self.spki = spki(seq(EC_PUBLIC_KEY, P256), self.point)

    def sign(self, data):
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def sec1(self, scalar=None, point=None, parameters=b""):
        scalar = self.scalar.to_bytes(32, "big") if scalar is None else scalar
        return seq(integer(1), octets(scalar), parameters, explicit(1, bits(point or self.point)))

    def pkcs8(self, **fields):
        return pkcs8(seq(EC_PUBLIC_KEY, P256), self.sec1(), **fields)

    def pem(self):
        return pem("PRIVATE KEY", self.pkcs8())


def odd(n_bits):
    """A random odd number of exactly so many bits. No prime, which takes no time to find."""
    return int.from_bytes(os.urandom(n_bits // 8), "big") | 1 << (n_bits - 1) | 1


# ---- encryption by passphrase, RFC 8018

PASSPHRASE = "secret"
DATA = oid("1.2.840.113549.1.7.1")
HMAC_SHA256 = seq(oid("1.2.840.113549.2.9"), NULL)
HMAC_SHA512 = seq(oid("1.2.840.113549.2.11"), NULL)
AES256 = "2.16.840.1.101.3.4.1.42"
SALT, IV = b"saltsalt", bytes(range(16))


def pbkdf2(count, salt=SALT, prf=HMAC_SHA256, size=b""):
    return seq(oid("1.2.840.113549.1.5.12"), seq(octets(salt), integer(count), size, prf))


def scrypt(n, r, p, salt=SALT):
    return seq(oid("1.3.6.1.4.1.11591.4.11"), seq(octets(salt), integer(n), integer(r), integer(p)))


def pbes2(derivation, cipher=AES256, iv=IV):
    return seq(oid("1.2.840.113549.1.5.13"), seq(derivation, seq(oid(cipher), octets(iv))))


def pbes1(count, algorithm="1.2.840.113549.1.12.1.3", salt=SALT):
    return seq(oid(algorithm), seq(octets(salt), integer(count)))


_derived = {}


def aes(plain, count, digest="sha256"):
    """As pbes2(pbkdf2(count)) says."""
    if (count, digest) not in _derived:
        _derived[count, digest] = hashlib.pbkdf2_hmac(digest, PASSPHRASE.encode(), SALT, count, 32)
    padding = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(_derived[count, digest]), modes.CBC(IV)).encryptor()
    return encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()


def encrypted_key(algorithm, ciphertext):
    return seq(algorithm, octets(ciphertext))
