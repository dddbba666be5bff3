# SPDX-License-Identifier: LGPL-2.1-or-later
"""The chains that most cases are about: of openssl (root, upper, lower, leaf) and of certtool (root, middle, leaf)."""
from uploads.workshop import AUTHORITY, LEAF, SERVER

NAMES = "DNS:www.example.com,DNS:example.com"


class Authorities:
    def __init__(self, w):
        self.workshop = w
        self.root_key, self.upper_key, self.lower_key = w.key("root"), w.key("upper"), w.key("lower", "P-384")
        self.root = w.certificate("/O=Example Trust/CN=Example Root", self.root_key, extensions=AUTHORITY)
        self.upper = self.authority("Example Upper", self.upper_key, self.root)
        self.lower = self.authority("Example Lower", self.lower_key, self.upper)
        self.leaf_key, self.rsa_key = w.key("leaf"), w.key("rsa", "RSA 2048")
        # two intermediates above it, then one, then one and RSA
        self.deep = self.leaf(self.leaf_key, self.lower)
        self.plain = self.leaf(self.leaf_key, self.upper)
        self.rsa = self.leaf(self.rsa_key, self.upper)
        self.other_key = w.key("other")
        self.other = self.leaf(self.other_key, self.upper, "other.example.com", "DNS:other.example.com")
        self.alone = self.leaf(self.leaf_key, None)
        self.alone_rsa = self.leaf(self.rsa_key, None)
        self.make_gnutls(w)

    def authority(self, name, key, issuer, extensions=None, **more):
        return self.workshop.certificate(f"/O=Example Trust/CN={name}", key, issuer,
                                         extensions=AUTHORITY if extensions is None else extensions, **more)

    def leaf(self, key, issuer, subject="www.example.com", names=NAMES, *, purpose=SERVER, **more):
        extensions = [*LEAF, purpose] if purpose else LEAF
        return self.workshop.certificate(subject, key, issuer, names=names, **{"extensions": extensions, **more})

    def make_gnutls(self, w):
        authority = ["ca", "cert_signing_key", "crl_signing_key"]
        leaf = ['cn = "www.example.com"', 'dns_name = "www.example.com"', "signing_key", "tls_www_server"]
        self.g_root = w.gnutls_certificate(
            ['cn = "Second Root"', *authority], w.gnutls_key("g-root", "--key-type=ecdsa", "--curve=secp384r1"))
        self.g_middle = w.gnutls_certificate(
            ['cn = "Second Middle"', "path_len = 0", *authority],
            w.gnutls_key("g-middle", "--key-type=rsa", "--bits=2048"), self.g_root)
        self.g_key = w.gnutls_key("g-leaf", "--key-type=ecdsa", "--curve=secp256r1")
        self.g_leaf = w.gnutls_certificate(leaf, self.g_key, self.g_middle)
        self.g_rsa_key = w.gnutls_key("g-rsa", "--key-type=rsa", "--bits=2048")
        self.g_rsa = w.gnutls_certificate(leaf, self.g_rsa_key, self.g_middle)
        self.g_alone = w.gnutls_certificate(leaf, self.g_key)
