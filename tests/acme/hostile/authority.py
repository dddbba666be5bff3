# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ACME authority as RFC 8555 says, which a fault may lead astray in one way. What a client does wrong is noted."""
import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections import Counter

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from server import Reply

ERROR = "urn:ietf:params:acme:error:"
BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")
ISSUING = 0.03  # seconds that an order is processed


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    if not isinstance(text, str) or not BASE64URL.match(text) or len(text) % 4 == 1:
        raise Refusal(400, "malformed", "that is not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(jwk):
    members = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}[jwk["kty"]]
    text = json.dumps({m: jwk[m] for m in members}, separators=(",", ":"), sort_keys=True)
    return encode(hashlib.sha256(text.encode()).digest())


class Refusal(Exception):
    """wrong: a right client would not have asked so."""

    def __init__(self, status, kind, detail, wrong=True):
        super().__init__(detail)
        self.status, self.kind, self.detail, self.wrong = status, kind, detail, wrong

    def reply(self):
        return problem_reply(self.status, ERROR + self.kind, self.detail)


def problem_reply(status, kind, detail, **more):
    body = dict({"type": kind, "detail": detail, "status": status}, **more)
    return Reply(status, json.dumps({k: v for k, v in body.items() if v is not None}).encode(),
                 [("Content-Type", "application/problem+json")])


def json_reply(body, status=200, **fields):
    headers = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return Reply(status, json.dumps(body).encode(), [("Content-Type", "application/json")] + headers)


# ---- signatures

CURVES = {"ES256": ("P-256", ec.SECP256R1, hashes.SHA256, 32), "ES384": ("P-384", ec.SECP384R1, hashes.SHA384, 48)}


def public_key(jwk, algorithm):
    if algorithm in CURVES and jwk.get("kty") == "EC" and jwk.get("crv") == CURVES[algorithm][0]:
        x, y = (int.from_bytes(decode(jwk[c]), "big") for c in "xy")
        return ec.EllipticCurvePublicNumbers(x, y, CURVES[algorithm][1]()).public_key()
    if algorithm == "RS256" and jwk.get("kty") == "RSA":
        e, n = (int.from_bytes(decode(jwk[c]), "big") for c in "en")
        return rsa.RSAPublicNumbers(e, n).public_key()
    raise Refusal(400, "badSignatureAlgorithm", f"{algorithm} is no algorithm for this key")


def verify(jwk, algorithm, data, signature):
    key = public_key(jwk, algorithm)
    try:
        if algorithm == "RS256":
            return key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        size = CURVES[algorithm][3]
        if len(signature) != 2 * size:
            raise Refusal(400, "malformed", "R and S have a length of their own")
        r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
        return key.verify(encode_dss_signature(r, s), data, ec.ECDSA(CURVES[algorithm][2]()))
    except InvalidSignature:
        raise Refusal(403, "unauthorized", "the signature is not that of the key") from None


class Jws:
    """The parts of a flattened JWS; nothing is verified yet."""

    def __init__(self, text):
        try:
            outer = json.loads(text)
            if set(outer) != {"protected", "payload", "signature"}:
                raise Refusal(400, "malformed", f"a JWS does not have the members {sorted(outer)}")
            self.protected = json.loads(decode(outer["protected"]))
            self.signature = decode(outer["signature"])
            self.empty = outer["payload"] == ""
            self.payload = None if self.empty else json.loads(decode(outer["payload"]))
        except (ValueError, TypeError) as e:
            raise Refusal(400, "malformed", f"a JWS that cannot be parsed: {e}") from None
        self.data = f"{outer['protected']}.{outer['payload']}".encode()

    def get(self, name):
        return self.protected.get(name)

    def verify(self, jwk):
        verify(jwk, self.get("alg"), self.data, self.signature)


# ---- objects

class Account:
    def __init__(self, url, jwk, contact):
        self.url, self.jwk, self.contact, self.status, self.orders = url, jwk, contact, "valid", []


class Order:
    def __init__(self, number, identifiers, account):
        self.number, self.identifiers, self.account = number, identifiers, account
        self.authorizations, self.request, self.pem, self.error, self.done_at = [], None, None, None, 0
        self.profile = None
        account.orders.append(self)

    def names(self):
        return [i["value"] for i in self.identifiers]

    def status(self):
        states = {a.status for a in self.authorizations}
        if "invalid" in states or self.error:
            return "invalid"
        if self.pem:
            return "valid" if time.monotonic() >= self.done_at else "processing"
        return "ready" if states == {"valid"} else "pending"


class Authorization:
    """With its one challenge, http-01."""

    def __init__(self, number, order, identifier):
        self.number, self.order, self.identifier = number, order, identifier
        self.status, self.challenge_status, self.error = "pending", "pending", None
        self.token = encode(secrets.token_bytes(24))


class Situation:
    """What a fault gets to see: n counts the requests of this kind from 0 on."""

    def __init__(self, authority, request, where, n):
        self.authority, self.request, self.where, self.n = authority, request, where, n
        self.order = None


class Authority:
    """One, with all its URLs below base. http_port: where names are proved, None: they are taken as proved.
    profiles: those it has (draft-ietf-acme-profiles), None: it knows of none and takes no notice of the member."""

    def __init__(self, name, pki, base, fault=None, http_port=None, binding=None, profiles=None):
        self.name, self.pki, self.base, self.fault = name, pki, base, fault
        self.http_port, self.binding, self.profiles = http_port, binding, profiles
        self.nonces, self.used_nonces = set(), set()
        self.accounts, self.orders, self.authorizations = {}, [], []
        self.revoked = []
        self.counts, self.fired = Counter(), 0
        self.requests = []       # (when, where)
        self.wrong = []          # what the client did that it should not
        self.reused_nonces = 0

    def url(self, *parts):
        return "/".join([self.base, *map(str, parts)])

    def route(self, path):
        """(where, what answers, its argument)"""
        kind, _, rest = path.partition("/")
        number = int(rest) if rest.isdigit() else -1
        fixed = {"dir": ("directory", self.directory), "nonce": ("nonce", self.new_nonce),
                 "new-account": ("account", self.new_account), "new-order": ("new-order", self.new_order),
                 "revoke": ("revoke", self.revoke), "key-change": ("key-change", self.change_key)}
        lists = {"account": ("my-account", self.update_account, list(self.accounts.values())),
                 "orders": ("orders", self.list_orders, list(self.accounts.values())),
                 "order": ("order", self.show_order, self.orders),
                 "finalize": ("finalize", self.finalize, self.orders),
                 "certificate": ("certificate", self.certificate, self.orders),
                 "authorization": ("authorization", self.show_authorization, self.authorizations),
                 "challenge": ("challenge", self.answer_challenge, self.authorizations)}
        if kind in fixed and not rest:
            return fixed[kind] + (None,)
        if kind in lists and 0 <= number < len(lists[kind][2]):
            return lists[kind][:2] + (lists[kind][2][number],)
        return ("elsewhere", self.nothing, None)

    async def handle(self, request, path):
        where, handler, argument = self.route(path)
        situation = Situation(self, request, where, self.counts[where])
        self.counts[where] += 1
        self.requests.append((time.monotonic(), where))
        self.check_manners(request, where)
        fault = self.fault if self.fault and self.fault.concerns(situation) else None
        reply = fault.refuse(situation) if fault else None
        if not reply:
            try:
                reply = handler(situation, argument)
            except Refusal as e:
                if e.wrong:
                    self.wrong.append(f"{where}: {e.kind}: {e}")
                reply = e.reply()
        self.complete(reply, where)
        if fault:
            self.fired += 1
            await fault.spoil(reply, situation)
        return reply

    def complete(self, reply, where):
        if where != "directory":
            reply.headers += [("Replay-Nonce", self.make_nonce()), ("Link", f'<{self.url("dir")}>;rel="index"')]
        reply.headers.append(("Cache-Control", "no-store"))

    def check_manners(self, request, where):
        """RFC 8555 section 6.1, and what is asked for here: nothing packed."""
        if not request.header("user-agent"):
            self.wrong.append(f"{where}: there is no User-Agent")
        if request.header("accept-encoding") not in ("", "identity"):
            self.wrong.append(f"{where}: Accept-Encoding is {request.header('accept-encoding')}")
        for name in "cookie", "authorization", "referer":
            if request.header(name):
                self.wrong.append(f"{where}: there is a field {name}")

    def make_nonce(self):
        nonce = encode(secrets.token_bytes(16))
        self.nonces.add(nonce)
        return nonce

    # ---- requests

    def check_nonce(self, nonce):
        if nonce in self.nonces:
            self.nonces.discard(nonce)
            self.used_nonces.add(nonce)
            return
        self.reused_nonces += nonce in self.used_nonces
        raise Refusal(400, "badNonce", "this nonce is not one of those that wait", wrong=False)

    def read(self, situation, by_key=False):
        """(JWS, account or None), verified. by_key: may be signed by a key that no account has."""
        request = situation.request
        if request.method != "POST":
            raise Refusal(405, "malformed", f"{request.method} is not allowed here")
        if request.header("content-type") != "application/jose+json":
            raise Refusal(415, "malformed", f"Content-Type is {request.header('content-type')}")
        jws = Jws(request.body)
        if (jws.get("jwk") is None) == (jws.get("kid") is None):
            raise Refusal(400, "malformed", "there has to be one of jwk and kid")
        if jws.get("kid") is None and not by_key:
            raise Refusal(400, "malformed", "there is a jwk where a kid should be")
        self.check_nonce(jws.get("nonce"))
        if jws.get("url") != self.base + situation.request.target[len("/" + self.name):]:
            raise Refusal(403, "unauthorized", f"the url in the JWS is {jws.get('url')}")
        account = self.find_account(jws)
        jws.verify(account.jwk if jws.get("kid") is not None else jws.get("jwk"))
        if account and account.status != "valid":
            raise Refusal(403, "unauthorized", f"the account is {account.status}", wrong=False)
        return jws, account

    def find_account(self, jws):
        if jws.get("kid") is None:
            same = [a for a in self.accounts.values() if thumbprint(a.jwk) == thumbprint(jws.get("jwk"))]
            return same[0] if same else None
        if jws.get("kid") not in self.accounts:
            raise Refusal(400, "accountDoesNotExist", "there is no such account", wrong=False)
        return self.accounts[jws.get("kid")]

    def read_empty(self, situation, owner):
        """POST-as-GET of what belongs to an account."""
        jws, account = self.read(situation)
        if not jws.empty:
            raise Refusal(400, "malformed", "a POST-as-GET has an empty payload")
        if account is not owner:
            raise Refusal(403, "unauthorized", "that is another account's")

    def nothing(self, situation, _):
        known = situation.request.target.endswith("/missing")
        raise Refusal(404, "malformed", f"there is nothing at {situation.request.target[:100]}", wrong=not known)

    def directory(self, situation, _):
        if situation.request.method != "GET":
            raise Refusal(405, "malformed", "the directory is for GET")
        meta = {"termsOfService": "https://authority.example/terms", "website": "https://authority.example/"}
        if self.binding:
            meta["externalAccountRequired"] = True
        if self.profiles is not None:
            meta["profiles"] = {name: f"The profile {name}" for name in self.profiles}
        return json_reply({"newNonce": self.url("nonce"), "newAccount": self.url("new-account"),
                           "newOrder": self.url("new-order"), "revokeCert": self.url("revoke"),
                           "keyChange": self.url("key-change"), "meta": meta})

    def new_nonce(self, situation, _):
        if situation.request.method not in ("HEAD", "GET"):
            raise Refusal(405, "malformed", "newNonce is for HEAD and GET")
        return Reply(200 if situation.request.method == "HEAD" else 204)

    # ---- accounts

    def account_reply(self, account, status=200):
        number = list(self.accounts).index(account.url)
        return json_reply({"status": account.status, "contact": account.contact, "orders": self.url("orders", number),
                           "termsOfServiceAgreed": True}, status, Location=account.url)

    def new_account(self, situation, _):
        jws, account = self.read(situation, by_key=True)
        if jws.get("jwk") is None:
            raise Refusal(400, "malformed", "newAccount is signed with a jwk")
        if account:
            return self.account_reply(account)
        if jws.payload.get("onlyReturnExisting"):
            raise Refusal(400, "accountDoesNotExist", "there is no account with this key", wrong=False)
        if jws.payload.get("termsOfServiceAgreed") is not True:
            raise Refusal(400, "userActionRequired", "the terms have to be agreed to")
        self.check_binding(jws)
        url = self.url("account", len(self.accounts))
        self.accounts[url] = Account(url, jws.get("jwk"), jws.payload.get("contact", []))
        return self.account_reply(self.accounts[url], 201)

    def check_binding(self, jws):
        if not self.binding:
            return
        if "externalAccountBinding" not in jws.payload:
            raise Refusal(403, "externalAccountRequired", "an account of the authority's own has to be named")
        identifier, secret, algorithm = self.binding
        inner = Jws(json.dumps(jws.payload["externalAccountBinding"]))
        mac = hmac.digest(secret, inner.data, {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[algorithm])
        if inner.protected != {"alg": algorithm, "kid": identifier, "url": jws.get("url")}:
            raise Refusal(400, "malformed", f"the binding's header is {inner.protected}")
        if inner.payload != jws.get("jwk") or not hmac.compare_digest(mac, inner.signature):
            raise Refusal(403, "unauthorized", "the binding is not right")

    def update_account(self, situation, account):
        jws, signer = self.read(situation)
        if signer is not account:
            raise Refusal(403, "unauthorized", "that is another account")
        if not jws.empty:
            if jws.payload.get("status") == "deactivated":
                account.status = "deactivated"
            account.contact = jws.payload.get("contact", account.contact)
        return self.account_reply(account)

    def list_orders(self, situation, account):
        self.read_empty(situation, account)
        return json_reply({"orders": [self.url("order", o.number) for o in account.orders]})

    def change_key(self, situation, _):
        outer, account = self.read(situation)
        inner = Jws(json.dumps(outer.payload))
        inner.verify(inner.get("jwk"))
        if inner.get("url") != outer.get("url") or inner.get("nonce") is not None:
            raise Refusal(400, "malformed", "the inner JWS has the outer's url and no nonce")
        if inner.payload != {"account": account.url, "oldKey": account.jwk}:
            raise Refusal(400, "malformed", f"the inner payload is {inner.payload}")
        taken = self.find_account(inner)
        if taken:
            refused = problem_reply(409, ERROR + "malformed", "that key is another account's")
            refused.set("Location", taken.url)
            return refused
        account.jwk = inner.get("jwk")
        return self.account_reply(account)

    # ---- orders

    def order_body(self, order):
        body = {"status": order.status(), "expires": "2099-01-01T00:00:00Z", "identifiers": order.identifiers,
                "authorizations": [self.url("authorization", a.number) for a in order.authorizations],
                "finalize": self.url("finalize", order.number)}
        if order.profile:
            body["profile"] = order.profile
        if body["status"] == "valid":
            body["certificate"] = self.url("certificate", order.number)
        if order.status() == "invalid":
            body["error"] = order.error or next(a.error for a in order.authorizations if a.error)
        return body

    def order_reply(self, situation, order, status=200):
        situation.order = order
        reply = json_reply(self.order_body(order), status)
        if status == 201:
            reply.set("Location", self.url("order", order.number))
        return reply

    def new_order(self, situation, _):
        jws, account = self.read(situation)
        identifiers = jws.payload.get("identifiers") if isinstance(jws.payload, dict) else None
        if not identifiers or any(set(i) != {"type", "value"} or i["type"] not in ("dns", "ip") for i in identifiers):
            raise Refusal(400, "malformed", f"an order for {identifiers}")
        order = Order(len(self.orders), identifiers, account)
        profile = jws.payload.get("profile")
        if self.profiles is not None and profile is not None:
            if profile not in self.profiles:
                raise Refusal(400, "invalidProfile", f"there is no profile {profile}")
            order.profile = profile
        self.orders.append(order)
        for identifier in identifiers:
            authorization = Authorization(len(self.authorizations), order, identifier)
            self.authorizations.append(authorization)
            order.authorizations.append(authorization)
        return self.order_reply(situation, order, 201)

    def show_order(self, situation, order):
        self.read_empty(situation, order.account)
        return self.order_reply(situation, order)

    def challenge_body(self, authorization):
        body = {"type": "http-01", "url": self.url("challenge", authorization.number), "token": authorization.token,
                "status": authorization.challenge_status}
        return dict(body, error=authorization.error) if authorization.error else body

    def show_authorization(self, situation, authorization):
        self.read_empty(situation, authorization.order.account)
        situation.order = authorization.order
        return json_reply({"status": authorization.status, "expires": "2099-01-01T00:00:00Z",
                           "identifier": authorization.identifier, "challenges": [self.challenge_body(authorization)]})

    def answer_challenge(self, situation, authorization):
        jws, account = self.read(situation)
        situation.order = authorization.order
        if account is not authorization.order.account or (not jws.empty and jws.payload != {}):
            raise Refusal(400, "malformed", "a challenge is answered with {}")
        if not jws.empty and authorization.challenge_status == "pending":
            authorization.challenge_status = "processing"
            task = asyncio.get_running_loop().create_task(self.validate(authorization))
            task.add_done_callback(lambda t: t.cancelled() or t.result())
            authorization.task = task
        return json_reply(self.challenge_body(authorization), 200,
                          Link=f'<{self.url("authorization", authorization.number)}>;rel="up"')

    async def fetch_patiently(self, authorization):
        """A listener may close a connection that this machine was too slow to use."""
        for _ in range(3):
            try:
                return await asyncio.wait_for(self.fetch(authorization), 5)
            except (OSError, asyncio.TimeoutError) as e:
                problem = repr(e)
        return problem

    async def validate(self, authorization):
        expected = f"{authorization.token}.{thumbprint(authorization.order.account.jwk)}"
        got = expected
        if self.http_port:
            got = await self.fetch_patiently(authorization)
        right = got.strip() == expected
        if not right:
            detail = f"what was found is {got[:200]!r}"
            authorization.error = {"type": ERROR + "unauthorized", "detail": detail, "status": 403}
            if not self.fired:  # an order that failed for the fault is over, and its proof gone
                self.wrong.append(f"challenge: {detail}")
        authorization.challenge_status = authorization.status = "valid" if right else "invalid"

    async def fetch(self, authorization):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.http_port)
        path = "/.well-known/acme-challenge/" + authorization.token
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {authorization.identifier['value']}\r\n"
                     "Connection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode("latin-1").partition("\r\n\r\n")
        writer.close()
        return body if " 200 " in head.split("\r\n")[0] else head

    def finalize(self, situation, order):
        jws, account = self.read(situation)
        situation.order = order
        if account is not order.account:
            raise Refusal(403, "unauthorized", "that is another account's")
        if order.status() != "ready":
            raise Refusal(403, "orderNotReady", f"the order is {order.status()}", wrong=False)
        try:
            request = x509.load_der_x509_csr(decode(jws.payload["csr"]))
            names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, KeyError, x509.ExtensionNotFound) as e:
            raise Refusal(400, "badCSR", f"it cannot be read: {e!r}") from None
        found = [str(n.value) for n in names]
        if not request.is_signature_valid or sorted(found) != sorted(order.names()):
            raise Refusal(400, "badCSR", f"it is for {found}")
        order.request = request
        order.pem = self.pki.chain(order.names(), request.public_key())
        order.done_at = time.monotonic() + ISSUING
        return self.order_reply(situation, order)

    def certificate(self, situation, order):
        self.read_empty(situation, order.account)
        situation.order = order
        if order.status() != "valid":
            raise Refusal(404, "malformed", "there is no certificate yet")
        return Reply(200, order.pem.encode(), [("Content-Type", "application/pem-certificate-chain")])

    def revoke(self, situation, _):
        jws, account = self.read(situation, by_key=True)
        encoded = serialization.Encoding.DER
        try:
            der = decode(jws.payload["certificate"])
            certificate = x509.load_der_x509_certificate(der)
        except (ValueError, KeyError) as e:
            raise Refusal(400, "malformed", f"a certificate to revoke: {e!r}") from None
        order = next((o for o in self.orders
                      if o.pem and x509.load_pem_x509_certificate(o.pem.encode()) == certificate), None)
        if not order:
            raise Refusal(404, "malformed", "that certificate is not from here")
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        if order.account is not account and (jws.get("jwk") is None or certificate.public_key().public_bytes(
                encoded, info) != public_key(jws.get("jwk"), jws.get("alg")).public_bytes(encoded, info)):
            raise Refusal(403, "unauthorized", "neither the account's key nor the certificate's")
        if der in [d for d, _ in self.revoked]:
            raise Refusal(400, "alreadyRevoked", "it has been revoked before", wrong=False)
        self.revoked.append((der, jws.payload.get("reason")))
        return Reply(200)


class Authorities:
    """All of them, told apart by the first part of the path: what a Server's requests are handed to."""

    def __init__(self):
        self.all = {}

    def add(self, authority):
        self.all[authority.name] = authority
        return authority

    async def handle(self, request):
        name, _, path = request.target[1:].partition("/")
        if name not in self.all:
            return Refusal(404, "malformed", "there is no such authority").reply()
        return await self.all[name].handle(request, path)
