# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is in the service's folder, read without the service, and whether it is whole."""
import functools
import os
import re
import stat

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

LEAF_FILES = {"certificate.pem": "l", "chain.pem": "i", "privkey.pem": "k", "fullchain.pem": "li",
              "combined.pem": "lik"}
ROOT_FILES = {"certificate.pem": "l", "key.pem": "k", "cross.pem": "i"}
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", re.S)


class Broken(Exception):
    pass


class Generation:
    """The parsed files of one generation."""

    def __init__(self, path, kind):
        files = ROOT_FILES if kind == "root" else LEAF_FILES
        self.number = int(os.path.basename(path))
        self.texts = {}
        for name in files:
            try:
                with open(os.path.join(path, name)) as f:
                    self.texts[name] = f.read()
                    mode = stat.S_IMODE(os.fstat(f.fileno()).st_mode)
            except (OSError, UnicodeDecodeError) as e:
                raise Broken(f"{path}/{name} cannot be read: {e}") from None
            if mode != 0o600:
                raise Broken(f"{path}/{name} is not of mode 0600")
        parts = {part: self.texts[name] for name, part in files.items() if len(part) == 1}
        for name, order in files.items():
            if self.texts[name] != "".join(parts[part] for part in order):
                raise Broken(f"{path}/{name} is not put together from the other files")
        self.leaf, self.issuers, wrong = parse(parts["l"], parts["i"], parts["k"])
        if wrong:
            raise Broken(f"{path}: {wrong}")
        self.fingerprint = self.leaf.fingerprint(hashes.SHA256()).hex()

    def names(self):
        names = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.DNSName)


@functools.lru_cache(10000)
def parse(leaf, issuers, key):
    """(leaf, issuers, what is wrong)"""
    blocks = BLOCK.findall(issuers)
    if "".join(blocks) != issuers:
        return None, None, "there is more than certificates among the issuers"
    try:
        certificate = x509.load_pem_x509_certificate(leaf.encode())
        above = [x509.load_pem_x509_certificate(pem.encode()) for pem in blocks]
        private = serialization.load_pem_private_key(key.encode(), None)
    except ValueError as e:
        return None, None, f"it cannot be parsed: {e}"
    if encoded(private.public_key()) != encoded(certificate.public_key()):
        return None, None, "the key is not the certificate's"
    return certificate, above, None


def encoded(public_key):
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@functools.lru_cache(10000)
def is_signed_by(certificate, issuer):
    key = issuer.public_key()
    try:
        if certificate.issuer != issuer.subject:
            return False
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(certificate.signature, certificate.tbs_certificate_bytes,
                       ec.ECDSA(certificate.signature_hash_algorithm))
        else:
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(),
                       certificate.signature_hash_algorithm)
    except InvalidSignature:
        return False
    return True


def leads_to(generation, anchor):
    """Whether a client that trusts anchor alone accepts the chain."""
    todo, seen = [generation.leaf], []
    while todo:
        certificate = todo.pop()
        if certificate == anchor or is_signed_by(certificate, anchor):
            return True
        seen.append(certificate)
        todo += [c for c in generation.issuers if c not in seen and is_signed_by(certificate, c)]
    return False


class State:
    """All that there is. What should never be seen goes to .wrong."""

    def __init__(self, path):
        self.path = path
        self.wrong = []
        self.served = {}       # (kind, name) -> Generation that "current" names
        self.generations = {}  # (kind, name) -> {fingerprint: number} of all that are whole
        self.leftovers = []
        self.journal = ""
        if not os.path.isdir(path):
            return
        for name in "journal.1", "journal":
            if os.path.exists(os.path.join(path, name)):
                with open(os.path.join(path, name), errors="replace") as f:
                    self.journal += f.read()
        self.read("root", "root", os.path.join(path, "root"))
        for kind, folder in ("certificate", "certificates"), ("upload", "uploads"):
            folder = os.path.join(path, folder)
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
                if name.startswith("."):
                    self.leftovers.append(os.path.join(folder, name))
                else:
                    self.read(kind, name.replace("_.", "*.", 1), os.path.join(folder, name))
        self.leftovers += [os.path.join(path, n) for n in os.listdir(path) if n.endswith(".new")]

    def read(self, kind, name, folder):
        if not os.path.isdir(folder):
            return
        current = os.path.join(folder, "current")
        whole = self.generations[kind, name] = {}
        for entry in os.listdir(folder):
            if entry.isdigit():
                try:
                    generation = Generation(os.path.join(folder, entry), kind)
                    whole[generation.fingerprint] = generation.number
                except Broken:
                    self.leftovers.append(os.path.join(folder, entry))
            elif entry.endswith(".new"):
                self.leftovers.append(os.path.join(folder, entry))
        if not os.path.lexists(current):
            self.leftovers += [os.path.join(folder, e) for e in os.listdir(folder)]
            return
        try:
            target = os.readlink(current)
            if not target.isdigit():
                raise Broken(f"{current} leads to {target}")
            generation = Generation(os.path.join(folder, target), kind)
            if kind == "certificate" and name not in generation.names():
                raise Broken(f"{current} is for {generation.names()}")
            if generation.fingerprint not in self.journal:
                raise Broken(f"{current} serves a certificate that the journal does not know")
            self.served[kind, name] = generation
        except (Broken, OSError) as e:
            self.wrong.append(str(e))

    def fingerprints(self):
        return {key: generation.fingerprint for key, generation in self.served.items()}
