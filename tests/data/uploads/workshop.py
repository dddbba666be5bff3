# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keys and certificates of every kind, made by openssl and certtool. Each is made once and has a name."""
import base64
import datetime
import math
import os
import re
import subprocess

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_parameters

CURVES = {"P-256", "P-384", "P-521", "secp224r1", "secp256k1", "brainpoolP256r1"}
SERVER = "extendedKeyUsage=serverAuth,clientAuth"
LEAF = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"]
AUTHORITY = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]

CA_CONFIG = """
[ca]
default_ca = all
[all]
dir = {path}
database = {path}/index
new_certs_dir = {path}/issued
unique_subject = no
rand_serial = yes
policy = any
[any]
organizationName = optional
commonName = optional
[req]
distinguished_name = dn
prompt = no
string_mask = utf8only
[dn]
CN = request
"""


def pem_block(label, der, width=64, end="\n"):
    """RFC 7468, but with lines of any width."""
    text = base64.b64encode(der).decode()
    lines = [text[i:i + width] for i in range(0, len(text), width)]
    return "".join(line + end for line in [f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"]).encode()


def pem_blocks(pem):
    """Its labels and what they hold, as DER."""
    found = re.findall(rb"-----BEGIN ([^-]+)-----\n(.*?)-----END \1-----", pem, re.S)
    return [(label.decode(), base64.b64decode(text)) for label, text in found]


def der(tag, *parts):
    """X.690, of what is not too long for two bytes of length."""
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    if size < 256:
        return bytes([tag, 0x81, size]) + body
    return bytes([tag, 0x82]) + size.to_bytes(2, "big") + body


def der_integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def der_oid(text):
    first, second, *rest = (int(part) for part in text.split("."))
    out = [40 * first + second]
    for arc in rest:
        digits = [arc & 127]
        while arc := arc >> 7:
            digits.insert(0, arc & 127 | 128)
        out += digits
    return der(6, bytes(out))


class Key:
    def __init__(self, path):
        self.path = path
        self.public = path.replace(".key", ".pub")
        self.request = path.replace(".key", ".csr")
        with open(path, "rb") as file:
            self.pem = file.read()
        self.der = pem_blocks(self.pem)[-1][1]


class Certificate:
    def __init__(self, path, key, issuer):
        self.path, self.key, self.issuer = path, key, issuer
        self.has_extensions = True
        with open(path, "rb") as file:
            self.pem = file.read()
        self.der = pem_blocks(self.pem)[0][1]

    def text(self):
        """As people paste it: everything in words, then the block."""
        return subprocess.run(["openssl", "x509", "-text", "-in", self.path], check=True, capture_output=True).stdout


class Workshop:
    def __init__(self, directory):
        self.directory = directory
        self.keys = {}
        self.now = datetime.datetime.now(datetime.timezone.utc)
        self.count = 0
        os.makedirs(self.path("issued"), exist_ok=True)
        self.write("index", b"")
        self.write("ca.conf", CA_CONFIG.format(path=directory).encode())

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def scratch(self, data):
        """A file for a moment."""
        return self.write("scratch", data)

    def run(self, *command, data=b""):
        """What it wrote; every command has to succeed."""
        done = subprocess.run(command, input=data, capture_output=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    def openssl(self, *arguments, data=b""):
        return self.run("openssl", *arguments, data=data)

    def certtool(self, *arguments, data=b""):
        return self.run("certtool", *arguments, data=data)

    # Keys.

    def key(self, name, kind="P-256"):
        """The key of this name; made when it is asked for first."""
        if name not in self.keys:
            path = self.path(f"{name}.key")
            self.make_key(path, kind)
            self.keys[name] = Key(path)
        return self.keys[name]

    def make_key(self, path, kind):
        if kind.startswith("explicit "):
            options = ["EC", "-pkeyopt", f"ec_paramgen_curve:{kind[9:]}", "-pkeyopt", "ec_param_enc:explicit"]
        elif kind in CURVES:
            options = ["EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"]
        elif kind.startswith("RSA of "):
            self.write(os.path.basename(path), self.rsa_of(*kind[7:].split()))
            return
        elif kind.startswith(("RSA ", "RSA-PSS ")):
            algorithm, bits = kind.split()
            options = [algorithm, "-pkeyopt", f"rsa_keygen_bits:{bits}"]
        elif kind == "DSA":
            self.openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", path)
            self.openssl("genpkey", "-paramfile", path, "-out", path)
            return
        elif kind == "DH":
            options = ["DH", "-pkeyopt", "group:ffdhe2048"]
        else:
            options = [kind]
        self.openssl("genpkey", "-algorithm", *options, "-out", path)

    def rsa_of(self, *groups):
        """A large key at once, of two primes that everybody knows: those of Diffie-Hellman groups."""
        p, q = (self.group_prime(group) for group in groups)
        n, e = p * q, 65537
        d = pow(e, -1, math.lcm(p - 1, q - 1))
        numbers = [0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)]
        inner = der(0x30, *(der_integer(x) for x in numbers))
        algorithm = der(0x30, der_oid("1.2.840.113549.1.1.1"), der(5))
        return pem_block("PRIVATE KEY", der(0x30, der_integer(0), algorithm, der(4, inner)))

    def group_prime(self, group):
        pem = self.openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", f"group:{group}")
        return load_pem_parameters(pem).parameter_numbers().p

    def loaded(self, key, password=None):
        return serialization.load_pem_private_key(key.pem, password)

    def traditional(self, key):
        """PKCS#1 or SEC1, DER."""
        return self.openssl("pkey", "-in", key.path, "-traditional", "-outform", "DER")

    def traditional_pem(self, key):
        return self.openssl("pkey", "-in", key.path, "-traditional")

    def public_pem(self, key):
        return self.openssl("pkey", "-in", key.path, "-pubout")

    # Certificates.

    def date(self, days):
        return (self.now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")

    def request(self, key):
        """Nothing of it comes into the certificate but the key."""
        if not os.path.exists(key.request):
            self.openssl("req", "-new", "-config", self.path("ca.conf"), "-key", key.path, "-out", key.request)
        return key.request

    def certificate(self, subject, key, issuer=None, *, extensions=None, names=None, since=-1, until=3650,
                    digest="sha256", options=(), foreign=False):
        """subject: as openssl's -subj, or only the common name. issuer None: self-signed. names: what follows
        "subjectAltName=". since, until: days from now. foreign: the key cannot sign a request of its own."""
        self.count += 1
        if foreign:
            return self.foreign_certificate(subject, key, issuer, extensions or [*LEAF, SERVER], names)
        stem = f"{self.count:03}"
        lines = list(LEAF + [SERVER] if extensions is None else extensions)
        if names:
            lines.append(f"subjectAltName={names}")
        if lines:
            lines.append("subjectKeyIdentifier=hash")
        if lines and (not issuer or issuer.has_extensions):
            lines.append("authorityKeyIdentifier=keyid")
        conf = self.write(f"{stem}.ext", "\n".join([*lines, ""]).encode())
        by = ["-cert", issuer.path, "-keyfile", issuer.key.path] if issuer else ["-selfsign", "-keyfile", key.path]
        self.openssl("ca", "-batch", "-notext", "-utf8", "-config", self.path("ca.conf"), "-in", self.request(key), *by,
                     "-md", digest, "-startdate", self.date(since), "-enddate", self.date(until), "-extfile", conf,
                     "-subj", subject if "=" in subject or subject == "/" else f"/CN={subject}", *options,
                     "-out", self.path(f"{stem}.pem"))
        made = Certificate(self.path(f"{stem}.pem"), key, issuer)
        made.has_extensions = bool(lines)
        return made

    def foreign_certificate(self, subject, key, issuer, extensions, names):
        lines = [*extensions, f"subjectAltName={names}", ""]
        conf = self.write(f"{self.count:03}.ext", "\n".join(lines).encode())
        out = self.path(f"{self.count:03}.pem")
        with open(key.public, "wb") as file:
            file.write(self.public_pem(key))
        self.openssl("x509", "-new", "-force_pubkey", key.public, "-subj", f"/CN={subject}", "-CA", issuer.path,
                     "-CAkey", issuer.key.path, "-extfile", conf, "-days", "3650", "-sha256", "-out", out)
        return Certificate(out, key, issuer)

    def gnutls_key(self, name, *options):
        """As certtool writes it: in words first, in the old form of its type."""
        path = self.path(f"{name}.key")
        if name not in self.keys:
            self.certtool("--generate-privkey", *options, "--outfile", path)
            self.keys[name] = Key(path)
        return self.keys[name]

    def gnutls_certificate(self, template, key, issuer=None, options=()):
        self.count += 1
        conf = self.write(f"{self.count:03}.template", "\n".join([*template, "expiration_days = 3650", ""]).encode())
        out = self.path(f"{self.count:03}.pem")
        by = ["--generate-certificate", "--load-ca-certificate", issuer.path, "--load-ca-privkey", issuer.key.path] \
            if issuer else ["--generate-self-signed"]
        self.certtool(*by, "--load-privkey", key.path, "--template", conf, "--outfile", out, *options)
        return Certificate(out, key, issuer)
