# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two authorities: Pebble and Caddy."""
import http.client
import json
import os
import re
import ssl
import subprocess

from machine import Broken, Process


def _request(host, port, path, trust):
    context = ssl.create_default_context(cafile=trust)
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=20)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


class Pebble:
    """pebble -strict without its pauses; what is in upper case goes into its environment as PEBBLE_..."""

    PORT, MANAGEMENT = 14000, 15000

    def __init__(self, folder, pki, resolver, eab=None, blocked=(), port=PORT, validity=0, **options):
        """validity: of what it issues, seconds; 0: its own."""
        self.folder, self.resolver, self.port = folder, resolver, port
        chain, key = pki.issue("localhost", "127.0.0.1")
        self.trust = folder.write("pebble/trust.pem", pki.pem)
        settings = {
            "listenAddress": f"127.0.0.1:{port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": folder.write("pebble/chain.pem", chain),
            "privateKey": folder.write("pebble/key.pem", key, 0o600),
            "httpPort": 80, "tlsPort": 443, "externalAccountBindingRequired": bool(eab),
            "externalAccountMACKeys": eab or {}, "domainBlocklist": list(blocked)}
        if validity:
            settings["certificateValidityPeriod"] = validity
        self.config = folder.write(f"pebble/config-{port}.json", json.dumps({"pebble": settings}))
        self.log = folder.of(f"pebble/log-{port}")
        self.options = {"WFE_NONCEREJECT": "0", "AUTHZREUSE": "0", "VA_NOSLEEP": "1"}
        self.process = None
        self.start(**options)

    @property
    def management(self):
        return self.port + self.MANAGEMENT - self.PORT

    @property
    def directory(self):
        return f"https://localhost:{self.port}/dir"

    def start(self, **options):
        """Begins with nothing but its address: other roots, no accounts, an empty log."""
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.options.update({name: str(value) for name, value in options.items()})
        environment = {f"PEBBLE_{name}": value for name, value in self.options.items()}
        # two threads that make orders of one account at the same time lock each other out for good (Pebble 2.4)
        environment["GOMAXPROCS"] = "1"
        self.process = Process(["pebble", "-config", self.config, "-strict", "-dnsserver", self.resolver], self.log,
                               environment)
        self.process.wait_for_port("127.0.0.1", self.management)
        self.process.wait_for_port("127.0.0.1", self.port)

    def stop(self):
        if self.process:
            self.process.end()
            self.process = None

    def get(self, path):
        status, body = _request("localhost", self.management, path, self.trust)
        if status != 200:
            raise Broken(f"Pebble: {path}: {status} {body[:500]}")
        return body

    def root(self, number=0):
        return self.get(f"/roots/{number}")

    def serial_status(self, serial):
        """"Valid" or "Revoked"."""
        digits = f"{int(serial, 16):x}"
        return json.loads(self.get(f"/cert-status-by-serial/{'0' * (len(digits) % 2)}{digits}"))["Status"]

    def count(self, pattern):
        return len(re.findall(pattern, self.process.said()))

    def orders(self):
        return self.count(r'Added order "')

    def certificates(self):
        """Leaf certificates issued."""
        return self.count(r"Issued certificate serial")

    def requests(self):
        return self.count(r" -> calling handler\(\)")


CADDYFILE = """{{
    admin off
    storage file_system {storage}
    skip_install_trust
    local_certs
    http_port 8080
    https_port 8443
    pki {{
        ca acme {{
            name "Caddy of the test"
        }}
    }}
}}
https://localhost:8443 {{
    tls internal
    acme_server {{
        ca acme
    }}
}}
"""


class Caddy:
    """Caddy's acme_server with an internal authority of its own. It looks for proofs at the ports 80 and 443 alone."""

    directory = "https://localhost:8443/acme/acme/directory"

    def __init__(self, folder):
        self.storage = folder.of("caddy/storage")
        config = folder.write("caddy/Caddyfile", CADDYFILE.format(storage=self.storage))
        self.trust = os.path.join(self.storage, "pki/authorities/local/root.crt")
        self.process = Process(["caddy", "run", "--config", config, "--adapter", "caddyfile"], folder.of("caddy/log"),
                               {"HOME": folder.of("caddy"), "XDG_DATA_HOME": folder.of("caddy"),
                                "XDG_CONFIG_HOME": folder.of("caddy")})
        self.process.wait_for("its certificate", self._answers)
        self.trust = folder.write("caddy/trust.pem", open(self.trust, "rb").read())

    def _answers(self):
        try:
            return _request("localhost", 8443, "/acme/acme/directory", self.trust)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def root(self, _number=0):
        with open(os.path.join(self.storage, "pki/authorities/acme/root.crt"), "rb") as f:
            return f.read()

    def stop(self):
        self.process.end()


def verify_chain(folder, root, full_chain, name):
    """What openssl says is wrong with a chain for a name, [] when nothing is."""
    folder.write("verify/root.pem", root)
    leaf_end = full_chain.index(b"-----END CERTIFICATE-----") + 26
    folder.write("verify/leaf.pem", full_chain[:leaf_end])
    folder.write("verify/rest.pem", full_chain[leaf_end:] or b"\n")
    argv = ["openssl", "verify", "-purpose", "sslserver", "-no-CApath", "-no-CAstore",
            "-CAfile", folder.of("verify/root.pem")]
    if b"CERTIFICATE" in full_chain[leaf_end:]:
        argv += ["-untrusted", folder.of("verify/rest.pem")]
    is_address = re.fullmatch(r"[0-9.]+|.*:.*", name)
    argv += ["-verify_ip" if is_address else "-verify_hostname", name.replace("*.", "any.")]
    argv.append(folder.of("verify/leaf.pem"))
    result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return [] if result.returncode == 0 else [f"{name}: openssl verify: {line}" for line in result.stdout.splitlines()]

