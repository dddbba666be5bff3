# SPDX-License-Identifier: LGPL-2.1-or-later
"""The smallest client that gets a certificate: the check of the authority, which is the check of the service."""
import hashlib
import http.client
import json
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from authority import encode
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pki import named, new_key, san_of


class Failure(Exception):
    """type: of the problem document, "" when there is none."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body[:300]!r}")
        try:
            self.type = json.loads(body)["type"].rsplit(":", 1)[-1]
        except (ValueError, TypeError, KeyError, AttributeError):
            self.type = ""


class Client:
    def __init__(self, directory, ca_file, patience=2.0):
        self.directory_url, self.patience = directory, patience
        self.context = ssl.create_default_context(cafile=ca_file)
        self.connections = {}
        self.key, self.account, self.nonce = new_key(), None, None
        self.headers = {}

    def jwk(self, key=None):
        numbers = (key or self.key).public_key().public_numbers()
        x, y = (encode(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}

    def thumbprint(self):
        text = json.dumps(self.jwk(), separators=(",", ":"), sort_keys=True)
        return encode(hashlib.sha256(text.encode()).digest())

    def connection(self, parts):
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        options = {"context": self.context} if parts.scheme == "https" else {}
        return kind(parts.hostname, parts.port, timeout=self.patience, **options)

    def request(self, method, url, body=None, content_type="application/jose+json"):
        parts = urlsplit(url)
        connection = self.connections.pop(parts.netloc, None) or self.connection(parts)
        headers = {"User-Agent": "test", "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = content_type
        end = time.monotonic() + self.patience
        connection.connect() if connection.sock is None else None
        cutter = threading.Timer(2 * self.patience, self.cut, [connection.sock])
        cutter.start()
        try:
            connection.request(method, parts.path, body, headers)
            reply = connection.getresponse()
        finally:
            cutter.cancel()
        text = b""
        while len(text) < 20 * 1024 * 1024 and time.monotonic() < end:
            chunk = reply.read1(65536)
            if not chunk:
                break
            text += chunk
        else:
            raise TimeoutError("the reply does not end")
        reply.close()
        self.headers = {n.lower(): v for n, v in reply.getheaders()}
        self.nonce = self.headers.get("replay-nonce", self.nonce)
        self.connections[parts.netloc] = connection
        return reply.status, text

    @staticmethod
    def cut(connected):
        """A head that does not end is waited for, however slow it is: its socket has a limit for each part alone."""
        try:
            connected.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def sign(self, key, protected, payload):
        first = encode(json.dumps(protected).encode())
        second = "" if payload is None else encode(json.dumps(payload).encode())
        r, s = decode_dss_signature(key.sign(f"{first}.{second}".encode(), ec.ECDSA(hashes.SHA256())))
        signature = encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return {"protected": first, "payload": second, "signature": signature}

    def post(self, url, /, payload=None, by_jwk=None, tries=5, **protected):
        """payload None: POST-as-GET. by_jwk: a key whose public half goes along. protected: what shall be different."""
        for _ in range(tries):
            header = {"alg": "ES256", "nonce": self.take_nonce(), "url": url}
            header.update({"jwk": self.jwk(by_jwk)} if by_jwk else {"kid": self.account})
            header.update(protected)
            body = json.dumps(self.sign(by_jwk or self.key, {k: v for k, v in header.items() if v is not None}, payload))
            status, text = self.request("POST", url, body.encode())
            if status < 300:
                return text
            failure = Failure(status, text)
            if failure.type != "badNonce":
                break
        raise failure

    def take_nonce(self):
        if not self.nonce:
            self.request("HEAD", self.directory["newNonce"])
        nonce, self.nonce = self.nonce, None
        return nonce

    def open(self):
        status, text = self.request("GET", self.directory_url)
        if status != 200:
            raise Failure(status, text)
        self.directory = json.loads(text)

    def register(self, **more):
        payload = dict({"termsOfServiceAgreed": True}, **more)
        text = self.post(self.directory["newAccount"], payload, by_jwk=self.key)
        self.account = self.headers["location"]
        return json.loads(text)

    def wait(self, url, states):
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            body = json.loads(self.post(url))
            if body["status"] in states:
                return body
            time.sleep(0.01)
        raise TimeoutError(f"{url} does not change any more")

    def order(self, names, key, answer=lambda token, text: None, profile=None):
        """The chain, PEM. answer is told each token and what is to be found there."""
        wanted = {"identifiers": [{"type": "dns", "value": n} for n in names]}
        order = json.loads(self.post(self.directory["newOrder"], dict(wanted, profile=profile) if profile else wanted))
        url = self.headers["location"]
        for authorization in order["authorizations"] if order["status"] == "pending" else []:
            challenge = next(c for c in json.loads(self.post(authorization))["challenges"] if c["type"] == "http-01")
            answer(challenge["token"], f"{challenge['token']}.{self.thumbprint()}")
            self.post(challenge["url"], {})
        order = self.wait(url, ("ready", "valid", "invalid"))
        if order["status"] == "ready":
            request = (x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
                       .add_extension(x509.SubjectAlternativeName([san_of(n) for n in names]), False)
                       .sign(key, hashes.SHA256()))
            self.post(order["finalize"], {"csr": encode(request.public_bytes(serialization.Encoding.DER))})
            order = self.wait(url, ("valid", "invalid"))
        if order["status"] != "valid":
            raise Failure(400, json.dumps(order.get("error", {})))
        return self.post(order["certificate"]).decode()
