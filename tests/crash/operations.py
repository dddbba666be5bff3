# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service is doing when it is interrupted, and what must hold afterwards."""
import datetime
import os
import shutil
import time
from collections import namedtuple

import dbus
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service import CERTIFICATE, MANAGER, PATH, PATIENCE, Gone, Refused, Service
from state import State, leads_to

Programs = namedtuple("Programs", "gate certwrightd")

NAMES = ["one.example.test", "two.example.test", "*.three.example.test"]
MANY = [f"n{i}.example.test" for i in range(12)]  # more than are flushed one by one
REGISTERED = "registered.example.test"
ROOT = ("root", "root")


class Chains:
    """Two chains of an authority of their own, to be uploaded for the first name."""

    def __init__(self):
        self.pems, self.fingerprints = [], []
        now = datetime.datetime.utcnow()
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the test")])
        for i, key in enumerate(keys):
            subject = issuer if i == 0 else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Leaf {i}")])
            builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
                       .public_key(key.public_key()).serial_number(x509.random_serial_number())
                       .not_valid_before(now - datetime.timedelta(days=1))
                       .not_valid_after(now + datetime.timedelta(days=100 + i))
                       .add_extension(x509.BasicConstraints(i == 0, None), True))
            if i > 0:
                builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAMES[0])]), False)
            certificate = builder.sign(keys[0], hashes.SHA256())
            if i == 0:
                authority = certificate
            else:
                self.fingerprints.append(certificate.fingerprint(hashes.SHA256()).hex())
                parts = [c.public_bytes(serialization.Encoding.PEM) for c in (certificate, authority)]
                self.pems.append((b"".join(parts) + key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption())).decode())


class View:
    """What the bus shows at a moment."""

    def __init__(self, service):
        self.certificates = {}
        self.jobs = 0
        self.root = {}
        objects = service.call(PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        for path, interfaces in objects.items():
            properties = interfaces.get(CERTIFICATE)
            if properties is None:
                self.jobs += CERTIFICATE.rsplit(".", 1)[0] + ".Job" in interfaces
            elif properties["Role"] == "root":
                self.root = properties
            else:
                self.certificates[str(properties["Name"])] = dict(properties, path=path)
        self.jobs += sum(p["Job"] != "/" for p in [self.root, *self.certificates.values()])

    def fingerprints(self):
        found = {("certificate", n): str(p["Fingerprint"]) for n, p in self.certificates.items()}
        found[ROOT] = str(self.root["Fingerprint"])
        return {key: fingerprint for key, fingerprint in found.items() if fingerprint}

    def is_settled(self, names):
        return (self.jobs == 0 and self.root.get("State") == "valid" and
                all(n in self.certificates and self.is_good(self.certificates[n]) for n in names))

    def is_good(self, certificate):
        return certificate["State"] == "valid" and (
            certificate["Source"] != "local" or certificate["Issuer"] == self.root["Subject"])


class Seen:
    """What the service showed or acknowledged: that must not be lost, nor come back when it was replaced."""

    def __init__(self):
        self.last, self.older = {}, {}
        self.modules = {}   # name -> whether the module "caller" has it registered
        self.uploads = {}   # fingerprint -> whether it is there

    def note(self, fingerprints):
        for key, fingerprint in fingerprints.items():
            if self.last.get(key, fingerprint) != fingerprint:
                self.older.setdefault(key, set()).add(self.last[key])
            self.last[key] = fingerprint

    def lost(self, fingerprints, where):
        wrong = []
        for key in self.last:
            if where == "bus" and key[0] == "upload":
                continue
            if key not in fingerprints:
                wrong.append(f"{where}: {key} has no chain any more")
            elif fingerprints[key] in self.older.get(key, ()):
                wrong.append(f"{where}: {key} is back at a chain that had been replaced")
        return wrong

    def lost_on_bus(self, service, view):
        wrong = self.lost(view.fingerprints(), "bus")
        for name, registered in self.modules.items():
            there = "caller" in view.certificates.get(name, {"Modules": []})["Modules"]
            if there != registered:
                wrong.append(f"bus: {name} is {'registered' if there else 'not registered'} against what was replied")
        if self.uploads:
            listed = [u[0] for u in service.call(PATH, MANAGER, "ListUploads")]
            served = {str(p["Fingerprint"]) for p in view.certificates.values()}
            for fingerprint, there in self.uploads.items():
                if (fingerprint in listed) != there or (fingerprint in served) != there:
                    wrong.append(f"bus: upload {fingerprint} is not {'there' if there else 'gone'} as was replied")
        return wrong


def wait_until(service, seen, condition):
    end = time.monotonic() + PATIENCE
    while True:
        view = View(service)
        seen.note(view.fingerprints())
        if condition(view):
            return view
        if time.monotonic() > end:
            raise RuntimeError("nothing came of it in time:\n" + service.messages())
        time.sleep(0.002)


class Operation:
    """template: prepared folder that it begins with, None for nothing. run() is the story, told by calls."""

    def __init__(self, what, template, names, run, chains=None):
        self.what, self.template, self.names, self.run = what, template, names, run
        self.chains = chains

    def perform(self, service, seen, end="terminate"):
        """From the start of the service to its end, which is an order for the gate, or before."""
        try:
            service.wait_for_name()
            view = View(service)
            seen.note(view.fingerprints())
            self.run(self, service, seen, view)
            service.order(end)
            service.wait()
        except Gone:
            service.wait()


def first_issue(operation, service, seen, view):
    wait_until(service, seen, lambda v: v.is_settled(operation.names))


def reissue_leaf(operation, service, seen, view):
    leaf = view.certificates[NAMES[0]]
    service.call(leaf["path"], CERTIFICATE, "Reissue", "a{sv}", {})
    wait_until(service, seen, lambda v: v.jobs == 0 and
               v.certificates[NAMES[0]]["Fingerprint"] != leaf["Fingerprint"])


def reissue_root(operation, service, seen, view):
    former = view.root["Fingerprint"]
    service.call(PATH + "/root", CERTIFICATE, "Reissue", "a{sv}", {})
    wait_until(service, seen, lambda v: v.jobs == 0 and v.root["Fingerprint"] != former and
               v.is_settled(operation.names))


def register(operation, service, seen, view):
    service.call(PATH, MANAGER, "Register", "ssa{sv}", "caller", REGISTERED, {})
    seen.modules[REGISTERED] = True
    seen.note(View(service).fingerprints())
    if ("certificate", REGISTERED) not in seen.last:
        raise RuntimeError("Register was answered before there was a chain")


def unregister(operation, service, seen, view):
    seen.last.pop(("certificate", REGISTERED), None)  # from now on it may be gone
    service.call(PATH, MANAGER, "Unregister", "ss", "caller", REGISTERED)
    seen.modules[REGISTERED] = False


def upload(operation, service, seen, view):
    pem, fingerprint = operation.chains.pems[1], operation.chains.fingerprints[1]
    service.call(PATH, MANAGER, "Upload", "sa{sv}", pem, dbus.Dictionary({}, signature="sv"))
    seen.note({("upload", fingerprint): fingerprint})
    seen.uploads[fingerprint] = True
    seen.note(View(service).fingerprints())


def remove_upload(operation, service, seen, view):
    fingerprint = operation.chains.fingerprints[0]
    service.call(PATH, MANAGER, "RemoveUpload", "s", fingerprint)
    seen.uploads[fingerprint] = False
    seen.note(View(service).fingerprints())


class Workshop:
    """Everything that a test works with: bus, programs, configurations, and folders to begin with."""

    def __init__(self, folder, bus, programs):
        self.folder, self.bus, self.programs = folder, bus, programs
        self.chains = Chains()
        self.few = self.write_config("few", NAMES)
        self.many = self.write_config("many", MANY)
        self.templates = {}
        self.operations = [
            Operation("the first issue", None, NAMES, first_issue),
            Operation("a reissue", "few", NAMES, reissue_leaf),
            Operation("a reissue of the root", "few", NAMES, reissue_root),
            Operation("Register", "few", NAMES, register),
            Operation("Unregister", "registered", NAMES, unregister),
            Operation("Upload", "few", NAMES, upload, self.chains),
            Operation("RemoveUpload", "uploaded", NAMES, remove_upload, self.chains),
            Operation("the first issue of many", None, MANY, first_issue),
            Operation("a reissue of the root of many", "many", MANY, reissue_root),
        ]
        self.prepare("few", None, self.operations[0])
        self.prepare("many", None, self.operations[7])
        self.prepare("registered", "few", self.operations[3])
        first = Operation("Upload", "few", NAMES, self.upload_first, self.chains)
        self.prepare("uploaded", "few", first)

    def upload_first(self, operation, service, seen, view):
        service.call(PATH, MANAGER, "Upload", "sa{sv}", self.chains.pems[0], dbus.Dictionary({}, signature="sv"))

    def write_config(self, which, names):
        path = os.path.join(self.folder, "config-" + which)
        os.makedirs(os.path.join(path, "modules.d"))
        with open(os.path.join(path, "modules.d", "test.conf"), "w") as f:
            f.write("[Module]\nDescription=Test\n")
            for name in names:
                f.write(f"[Certificate {name}]\n")
        return path

    def config(self, operation):
        return self.many if operation.names is MANY else self.few

    def prepare(self, which, begin, operation):
        """Makes a folder to begin with, by letting the service do it undisturbed."""
        path = os.path.join(self.folder, "template-" + which)
        if begin:
            shutil.copytree(self.templates[begin], path, symlinks=True)
        service = self.start(path, operation)
        seen = Seen()
        operation.perform(service, seen)
        state = State(path)
        if service.ending() != ["# ended with status 0"] or state.wrong:
            raise RuntimeError(f"{operation.what}, undisturbed: {service.ending()} {state.wrong}\n{service.messages()}")
        self.templates[which] = path

    def begin(self, operation, path):
        """Puts the folder that the operation begins with to path."""
        if operation.template:
            shutil.copytree(self.templates[operation.template], path, symlinks=True)

    def start(self, path, operation, first_order="pass"):
        return Service(self.bus, self.programs, path, self.config(operation), first_order)

    def local_chains(self, state):
        return [(key, generation) for key, generation in state.served.items()
                if key[0] == "certificate" and generation.fingerprint not in self.chains.fingerprints]

    def find_strangers(self, state):
        """Chains that the root did not sign."""
        return [key for key, generation in self.local_chains(state)
                if ROOT not in state.served or not leads_to(generation, state.served[ROOT].leaf)]

    def recover(self, operation, path, seen, old_root=None):
        """Starts the service again on what an interruption left. Returns (wrong, seconds until all is well)."""
        begin = time.monotonic()
        service = self.start(path, operation)
        wrong = []
        try:
            service.wait_for_name()
            view = View(service)
            wrong += seen.lost_on_bus(service, view)
            names = operation.names + [n for n, registered in seen.modules.items() if registered]
            while not view.is_settled(names) or self.find_strangers(State(path)):
                if time.monotonic() - begin > PATIENCE:
                    wrong.append("it does not heal: " + repr(
                        {n: (str(p["State"]), str(p["Issuer"])) for n, p in view.certificates.items()}))
                    break
                time.sleep(0.01)
                view = View(service)
            seconds = time.monotonic() - begin
            wrong += seen.lost_on_bus(service, view)
            service.terminate()
        except Gone as e:
            service.wait()
            wrong.append(f"the service went: {e}")
            seconds = PATIENCE
        except Refused as e:
            service.terminate()
            wrong.append(f"the service refuses: {e}")
            seconds = PATIENCE
        if service.ending() != ["# ended with status 0"]:
            wrong.append(f"the service after it: {service.ending()}")
        after = State(path)
        wrong += [f"after healing: {w}" for w in after.wrong] + seen.lost(after.fingerprints(), "after healing")
        wrong += [f"after healing: {key} is not signed by the root" for key in self.find_strangers(after)]
        if old_root:
            wrong += [f"after healing: {key} is not accepted by those who trust the former root alone"
                      for key, generation in self.local_chains(after) if not leads_to(generation, old_root)]
        if wrong:
            wrong.append("messages: " + service.messages().replace("\n", " | "))
        return wrong, seconds, after
