# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every test has: name server, bus and service; and what a chain that was issued has to be."""
import os
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from authority import Pebble, verify_chain
from daemon import Bus, Daemon, Refused, why_no_daemon
from machine import PATIENCE, Broken, Folder, own_etc, why_not
from nameserver import Challtestsrv
from pki import Pki

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../crash"))
# pylint: disable=wrong-import-position,unused-import
import sample  # noqa: E402
from tap import Tap, skip_all  # noqa: E402

MANAGEMENT_END = b"-----END CERTIFICATE-----\n"


def certificates_of(pem):
    return [x509.load_pem_x509_certificate(part + MANAGEMENT_END) for part in pem.split(MANAGEMENT_END) if part.strip()]


def expect(what, found, expected):
    return [] if found == expected else [f"{what}: {found!r} instead of {expected!r}"]


def common_name(pem):
    return certificates_of(pem)[0].subject.rfc4514_string().removeprefix("CN=")


class World:
    """Begun by "with"; arguments are those of a test program: the top of the source, certwrightd, what it starts."""

    def __init__(self, arguments, *programs):
        self.source, *self.programs = arguments
        obstacle = (why_not("dbus-daemon", "setpriv", "openssl", "pebble", "pebble-challtestsrv", *programs) or
                    why_no_daemon(self.source))
        if obstacle:
            skip_all(obstacle)
        self.tap = Tap()
        self.authorities = []
        self.pebbles = 0

    def __enter__(self):
        self.folder = Folder().__enter__()
        self.dns = self.bus = self.daemon = None
        try:
            own_etc(self.folder)
            if os.path.lexists("/etc/resolv.conf"):
                os.unlink("/etc/resolv.conf")
            with open("/etc/resolv.conf", "w") as f:
                f.write("nameserver 127.0.0.1\n")
            self.pki = Pki()
            self.dns = Challtestsrv(self.folder)
            self.bus = Bus(self.folder, self.source)
            self.daemon = Daemon(self.folder, self.bus, self.programs)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        if self.daemon and not kind:
            self.tap.check("the service ends well", self.daemon.stop())
        for thing in self.daemon, *self.authorities, self.bus, self.dns:
            if thing:
                thing.stop()
        self.folder.__exit__()

    def pebble(self, port=None, resolver=Challtestsrv.ADDRESS, **options):
        """One more Pebble, at a port of its own."""
        self.pebbles += 1
        pebble = Pebble(self.folder, self.pki, resolver, port=port or Pebble.PORT + 10 * self.pebbles, **options)
        pebble.name = f"pebble{self.pebbles}"
        self.authorities.append(pebble)
        return pebble

    def section(self, authority, *more, directory=None, name=None, public=False):
        """The [Authority] of it."""
        lines = [f"Directory={directory or authority.directory}", f"CAFile={authority.trust}",
                 "Contact=mailto:admin@example.net", f"Public={'yes' if public else 'no'}", *more]
        return name or authority.name, "\n".join(lines)

    def attempt(self, what, function, *arguments, **options):
        """One test: what the function returns, or why it came to nothing, is what is wrong."""
        try:
            wrong = function(self, *arguments, **options)
        except (Broken, Refused, OSError, subprocess.SubprocessError) as e:
            wrong = f"{type(e).__name__}: {e}".splitlines()
        if wrong and self.daemon.process:
            wrong = [*wrong, "the service said:", *self.daemon.messages().splitlines()[-25:]]
        self.tap.check(what, wrong)
        return not wrong

    def issue(self, pebble, name, root=0, patience=PATIENCE, **options):
        """A new certificate from it; what is wrong with it. It is gone afterwards."""
        path = self.daemon.register(name, **options)
        try:
            self.daemon.wait_for_source(path, "acme", patience)
            self.daemon.wait_for_rest()
            return self.wrong_with(path, pebble, pebble.root(root), [name, *options.get("names", [])])
        finally:
            self.daemon.unregister(name)

    def wrong_with(self, path, authority, root, names):
        """What is wrong with the chain that is served: on the bus, on disk, to openssl."""
        p = self.daemon.properties(path)
        files = self.daemon.files(path)
        chain = certificates_of(files["fullchain.pem"])
        key = serialization.load_pem_private_key(files["privkey.pem"], None)
        public = [k.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
                  for k in (key.public_key(), chain[0].public_key())]
        fingerprints = [c.fingerprint(hashes.SHA256()).hex() for c in chain]
        facts = {
            "Source is acme": p["Source"] == "acme",
            "State is valid": p["State"] == "valid",
            f"Authority is {authority.name}": p["Authority"] == authority.name,
            "LastError is empty": p["LastError"][:2] == ("", "") and p["LastError"][3] == 0,
            "NextRenewal is set": p["NextRenewal"] > 0,
            "there is no job": p["Job"] == "/",
            "the names are those asked for": set(p["Names"]) == set(names),
            "Fingerprint is that of the file": p["Fingerprint"] == fingerprints[0],
            "Serial is that of the file": int(p["Serial"], 16) == chain[0].serial_number,
            "Chain is that of the file": [c[5] for c in p["Chain"]] == fingerprints,
            "the key is that of the leaf": public[0] == public[1],
        }
        wrong = [f"{path}: it does not hold that {fact}" for fact, holds in facts.items() if not holds]
        for name in names:
            wrong += verify_chain(self.folder, root, files["fullchain.pem"], name)
        return wrong + ([self.daemon.describe(path)] if wrong else [])
