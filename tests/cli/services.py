# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services of a machine that doctor looks at: their certificates, and servers that present them."""
import datetime
import os
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


# ---- certificates

class Issued:
    """A certificate with its key, signed by another one or by itself."""

    def __init__(self, name, issuer=None, names=(), days=60, kind="ec"):
        self.key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.issuer = issuer or self
        now = datetime.datetime.utcnow().replace(microsecond=0)
        builder = (x509.CertificateBuilder().subject_name(self.subject).issuer_name(self.issuer.subject)
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=9)).not_valid_after(now + datetime.timedelta(days=days))
                   .add_extension(x509.BasicConstraints(not names, None), True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        self.certificate = builder.sign(self.issuer.key, hashes.SHA256())

    def pem(self):
        return self.certificate.public_bytes(PEM)

    def key_pem(self):
        return self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def serial(self):
        text = f"{self.certificate.serial_number:X}"
        return "0" * (len(text) % 2) + text

    def fingerprint(self):
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def link(self):
        """As in the property Chain."""
        begin, end = (int(t.replace(tzinfo=datetime.timezone.utc).timestamp())
                      for t in (self.certificate.not_valid_before, self.certificate.not_valid_after))
        return (self.certificate.subject.rfc4514_string(), self.certificate.issuer.rfc4514_string(), self.serial(), begin, end,
                self.fingerprint())


class Certificates:
    """new is served now; each has a file of its name for servers: key, leaf and what follows it."""

    def __init__(self, directory, name):
        self.directory = directory
        root = Issued("Root of the test")
        self.middle = Issued("Middle authority", root)
        names = [name, "b." + name]
        self.issued = {
            "new": Issued(name, self.middle, names), "old": Issued(name, self.middle, names, days=20),
            "rsa": Issued(name, self.middle, names, kind="rsa"), "expired": Issued(name, self.middle, names, days=-2),
            "other": Issued("other", self.middle, ["other.example.org"]), "nameless": Issued("A server", None),
        }
        for file, leaf in self.issued.items():
            self.write(file, leaf, self.middle)
        self.write("bare", self.issued["new"])
        self.write("whole", self.issued["new"], self.middle, root)
        self.write("wrong-issuer", self.issued["new"], root)

    def write(self, file, leaf, *issuers):
        with open(f"{self.directory}/{file}", "wb") as f:
            f.write(leaf.key_pem() + b"".join(i.pem() for i in (leaf, *issuers)))

    def chain(self, which="new"):
        return [self.issued[which].link(), self.middle.link()]


# ---- servers

TALKS = {
    "smtp": [("220 mail\r\n", "EHLO"), ("250-mail\r\n250 STARTTLS\r\n", "STARTTLS"), ("220 go\r\n", None)],
    "imap": [("* OK ready\r\n", "a STARTTLS"), ("a OK go\r\n", None)],
    "pop3": [("+OK ready\r\n", "STLS"), ("+OK go\r\n", None)],
}


def context_of(directory, files):
    """Several files are for different kinds of keys."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for file in files.split("+"):
        context.load_cert_chain(f"{directory}/{file}")
    return context


def serve_one(scheme, connection, context):
    with connection:
        try:
            if scheme == "silent":
                connection.recv(65536)
                threading.Event().wait()
            if scheme == "plain":
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            for line, answer in TALKS.get(scheme, []):
                connection.sendall(line.encode())
                if answer and not connection.recv(1000).decode().startswith(answer):
                    return
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(100)
        except OSError:
            pass


def listen(directory, scheme, address, what):
    """what: files, and perhaps ",NAME=FILES" for clients that ask for it."""
    context = None
    if what:
        first, *named = what.split(",")
        context = context_of(directory, first)
        others = {name: context_of(directory, files) for name, files in (n.split("=") for n in named)}

        def choose(connection, name, _):
            connection.context = others.get(name, connection.context)

        context.sni_callback = choose
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host or "127.0.0.1", int(port)), family=family) as server:
        yield
        while True:
            threading.Thread(target=serve_one, args=(scheme, server.accept()[0], context), daemon=True).start()


def serve(*specifications):
    """SCHEME:[ADDRESS:]PORT[=FILES[,NAME=FILES]] each."""
    for s in specifications:
        place, _, what = s.partition("=")
        scheme, _, address = place.partition(":")
        running = listen(os.environ["certificates"], scheme, address, what)
        next(running)
        threading.Thread(target=lambda r=running: next(r, None), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()
