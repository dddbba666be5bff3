# SPDX-License-Identifier: LGPL-2.1-or-later
"""The authority behind the TLS certificates of the ACME servers themselves, and chains to be uploaded."""
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
CRITICAL = x509.BasicConstraints, x509.KeyUsage, x509.SubjectAlternativeName  # the last because there is no subject
SIGNS = x509.KeyUsage(False, False, False, False, False, True, True, False, False)


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class Pki:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the test")])
        self.certificate = self._sign(self.name, self.key, [x509.BasicConstraints(True, None), SIGNS])
        self.pem = self.certificate.public_bytes(PEM)

    def _sign(self, subject, key, extensions):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1))
                   .not_valid_after(now + datetime.timedelta(days=90)))
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        for extension in [*extensions, own, above]:
            builder = builder.add_extension(extension, isinstance(extension, CRITICAL))
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, *names):
        """Chain and key for these names, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._sign(x509.Name([]), key, [
            x509.BasicConstraints(False, None), x509.SubjectAlternativeName([_alternative(n) for n in names]),
            x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])])
        return leaf.public_bytes(PEM) + self.pem, _key_pem(key)
