# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates (RFC 5280) in which any part can be replaced."""
import itertools

from der import (ECDSA_SHA256, TRUE, Key, bits, explicit, implicit, integer, octets, oid, pem, seq, set_of, tlv, utf8)

SAN, BASIC, USAGE, EXTENDED_USAGE = "2.5.29.17", "2.5.29.19", "2.5.29.15", "2.5.29.37"
NAME_CONSTRAINTS, POLICIES, POLICY_MAPPINGS = "2.5.29.30", "2.5.29.32", "2.5.29.33"
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
HOST = "www.example.com"

_serials = itertools.count(1000)


def rdn(value, kind="2.5.4.3"):
    return set_of(seq(oid(kind), value))


def name(text):
    return seq(rdn(utf8(text)))


def extension(kind, value, critical=False):
    return seq(oid(kind), TRUE if critical else b"", octets(value))


def dns(text):
    return implicit(2, text if isinstance(text, bytes) else text.encode())


def san(*names, critical=False):
    return extension(SAN, seq(*names), critical)


def utc(text):
    return tlv(0x17, text.encode())


def generalized(text):
    return tlv(0x18, text.encode())


VALIDITY = seq(utc("200101000000Z"), utc("491231235959Z"))
AUTHORITY = [extension(BASIC, seq(TRUE), True), extension(USAGE, b"\x03\x02\x01\x06", True)]
LEAF = [extension(EXTENDED_USAGE, seq(oid(SERVER_AUTH)))]


def certificate(subject, issuer, spki, signer, extensions, *, version=2, serial=None, validity=VALIDITY,
                algorithm=ECDSA_SHA256, outer=None, signature=None):
    tbs = seq(explicit(0, integer(version)),
              integer(next(_serials)) if serial is None else serial,
              algorithm, issuer, validity, subject, spki,
              explicit(3, seq(*extensions)) if extensions else b"")
    return seq(tbs, outer or algorithm, bits(signer.sign(tbs) if signature is None else signature))


ROOT_KEY, LEAF_KEY = Key(), Key()
ROOT_NAME = name("Root of the bombs")
ROOT = certificate(ROOT_NAME, ROOT_NAME, ROOT_KEY.spki, ROOT_KEY, AUTHORITY)


def authority(key, subject, issuer=ROOT_NAME, signer=ROOT_KEY, extensions=(), **fields):
    return certificate(subject, issuer, key.spki, signer, [*AUTHORITY, *extensions], **fields)


def leaf(extensions=None, subject=None, issuer=ROOT_NAME, signer=ROOT_KEY, spki=None, **fields):
    """Signed by the root. One that nothing is wrong with, but for what is given."""
    parts = LEAF + ([san(dns(HOST))] if extensions is None else list(extensions))
    return certificate(subject or name(HOST), issuer, spki or LEAF_KEY.spki, signer, parts, **fields)


def alone(extensions, subject=None, **fields):
    """Signed by itself: the smallest chain."""
    subject = subject or name(HOST)
    return certificate(subject, subject, LEAF_KEY.spki, LEAF_KEY, extensions, **fields)


def bundle(*certificates, key=None):
    """PEM: these, the root and the key of the leaf."""
    return b"".join(pem("CERTIFICATE", c) for c in [*certificates, ROOT]) + (LEAF_KEY.pem() if key is None else key)
