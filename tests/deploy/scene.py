# SPDX-License-Identifier: LGPL-2.1-or-later
"""A module with three certificates, a store with their chains, and runs of certwright-deploy."""
import datetime
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections import namedtuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../crash"))
from tap import skip_all  # noqa: E402

PATIENCE = 60  # seconds
MODULE = "web"
ALPHA, BETA, GAMMA = "alpha.example.test", "beta.example.test", "gamma.example.test"
STORE_OWNER = 61234
STAGE = ".certwright-deploy"

# Attributes differ, so that each has to be kept or restored.
CONFIG = """[Module]
Description=Web server
[Certificate {alpha}]
[Deploy {alpha}]
FullChainFile={targets}/one/alpha.pem
KeyFile={targets}/one/alpha.key
[Certificate {beta}]
[Deploy {beta}]
CertificateFile={targets}/one/beta.pem
ChainFile={targets}/one/beta-chain.pem
KeyFile={targets}/two/beta.key
[Certificate {gamma}]
[Deploy {gamma}]
FullChainFile={targets}/two/gamma.pem
CombinedFile={targets}/two/gamma-all.pem
CombinedOrder=key-chain
Owner=4321
Group=8765
Mode=0640
"""

Chain = namedtuple("Chain", "leaf issuers key")
Entry = namedtuple("Entry", "kind content owner group mode")  # of a target; kind: file, link, absent
Ended = namedtuple("Ended", "status signal calls messages")
ABSENT = Entry("absent", b"", 0, 0, 0)


def make_folder():
    """Below root's directories alone; certwright-deploy writes nowhere else."""
    for place in "/run", "/var/lib", "/var/cache":
        try:
            return tempfile.TemporaryDirectory(prefix="certwright-deploy-", dir=place)
        except OSError:
            continue
    return skip_all("there is no directory for files of root")


class Issuer:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the test")])
        self.pem = self._sign(self.name, self.key, [x509.BasicConstraints(True, None)])

    def _sign(self, subject, key, extensions, days=90):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=9))
                   .not_valid_after(now + datetime.timedelta(days=days)))
        for extension in extensions:
            builder = builder.add_extension(extension, True)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, name, days=90):
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._sign(x509.Name([]), key, [x509.BasicConstraints(False, None),
                                               x509.SubjectAlternativeName([x509.DNSName(name)])], days)
        return Chain(leaf, self.pem, key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def write(path, content, mode=0o600, owner=0, group=0):
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "wb") as f:
        f.write(content)
    os.chown(path, owner, group)
    os.chmod(path, mode)


def look(path):
    """What is there, an Entry."""
    try:
        st = os.lstat(path)
        if stat.S_ISLNK(st.st_mode):
            return Entry("link", os.readlink(path).encode(), st.st_uid, st.st_gid, 0)
        with open(path, "rb") as f:
            return Entry("file", f.read(), st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode))
    except FileNotFoundError:
        return ABSENT


class Store:
    """The files of the service, of another user."""

    def __init__(self, path, owner=STORE_OWNER):
        self.path, self.owner = path, owner
        self.n = 0
        self._make(path)
        self._make(os.path.join(path, "certificates"))

    def _make(self, path):
        os.mkdir(path, 0o700)
        os.chown(path, self.owner, self.owner)

    def put(self, name, chain):
        self.n += 1
        certificate = os.path.join(self.path, "certificates", name)
        if not os.path.isdir(certificate):
            self._make(certificate)
        generation = os.path.join(certificate, str(self.n))
        self._make(generation)
        for file, content in ("fullchain.pem", chain.leaf + chain.issuers), ("privkey.pem", chain.key):
            write(os.path.join(generation, file), content, 0o600, self.owner, self.owner)
        current = os.path.join(certificate, "current")
        os.symlink(str(self.n), current + ".new")
        os.lchown(current + ".new", self.owner, self.owner)
        os.rename(current + ".new", current)


class Scene:
    """Everything in one folder, "now", which reset() makes as it was at first."""

    def __init__(self, folder, program, gate=None, logs=None, former_days=90):
        self.logs, self.program, self.gate = logs or folder, program, gate
        self.now = os.path.join(folder, "now")
        self.first = os.path.join(folder, "first")
        self.targets = os.path.join(self.now, "targets")
        self.state = os.path.join(self.now, "deploy-state")
        self.store_path = os.path.join(self.now, "store")
        issuer = Issuer()
        names = ALPHA, BETA, GAMMA
        self.old = {name: issuer.issue(name, former_days) for name in names}
        self.new = {name: issuer.issue(name) for name in names}
        os.mkdir(self.now, 0o755)
        self._write_former()
        self.former = {name: self.sets()[name] for name in names}
        store = Store(self.store_path)
        for name in names:
            store.put(name, self.new[name])
        write(os.path.join(self.now, "config/modules.d", MODULE + ".conf"),
              CONFIG.format(alpha=ALPHA, beta=BETA, gamma=GAMMA, targets=self.targets).encode(), 0o644)
        self.next = self._next()
        os.rename(self.now, self.first)

    def _path(self, name):
        return os.path.join(self.targets, name)

    def _write_former(self):
        alpha, beta = self.old[ALPHA], self.old[BETA]
        write(self._path("one/alpha.pem"), alpha.leaf + alpha.issuers, 0o640, 1234, 5678)
        write(self._path("one/alpha.key"), alpha.key, 0o400, 0, 5678)
        write(self._path("elsewhere/real.pem"), beta.leaf, 0o604)
        os.symlink(self._path("elsewhere/real.pem"), self._path("one/beta.pem"))
        os.lchown(self._path("one/beta.pem"), 77, 88)
        write(self._path("two/beta.key"), beta.key, 0o660, 99, 0)

    def _next(self):
        """What is to be delivered."""
        alpha, beta, gamma = (self.new[name] for name in (ALPHA, BETA, GAMMA))
        full = gamma.leaf + gamma.issuers
        return {
            ALPHA: (Entry("file", alpha.leaf + alpha.issuers, 1234, 5678, 0o640),
                    Entry("file", alpha.key, 0, 5678, 0o400)),
            BETA: (Entry("file", beta.leaf, 0, 0, 0o644), Entry("file", beta.issuers, 0, 0, 0o644),
                   Entry("file", beta.key, 99, 0, 0o660)),
            GAMMA: (Entry("file", full, 4321, 8765, 0o640), Entry("file", gamma.key + full, 4321, 8765, 0o640)),
        }

    def files(self):
        return {ALPHA: ("one/alpha.pem", "one/alpha.key"), BETA: ("one/beta.pem", "one/beta-chain.pem", "two/beta.key"),
                GAMMA: ("two/gamma.pem", "two/gamma-all.pem")}

    def sets(self):
        return {name: tuple(look(self._path(file)) for file in files) for name, files in self.files().items()}

    def reset(self):
        shutil.rmtree(self.now, ignore_errors=True)
        subprocess.run(["cp", "-a", self.first, self.now], check=True)

    # ---- runs

    def _command(self):
        return [self.program, "--config=" + os.path.join(self.now, "config"), "--state=" + self.store_path,
                "--deploy-state=" + self.state, "--runtime=" + os.path.join(self.now, "runtime"), MODULE]

    def run(self):
        done = subprocess.run(self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
        return Ended(done.returncode, 0, [], done.stdout.decode(errors="replace"))

    def run_gated(self, order):
        """Behind the gate (tests/crash/gate.c)."""
        log = os.path.join(self.logs, "gate.log")
        messages = os.path.join(self.logs, "messages")
        if os.path.exists(log):
            os.unlink(log)
        with open(messages, "wb") as f, subprocess.Popen([self.gate, self.now, log, *self._command()],
                                                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                                         stderr=f) as process:
            process.stdin.write(order.encode() + b"\n")
            process.stdin.flush()
            process.wait(PATIENCE)
        with open(log) as f:
            lines = [line.rstrip("\n") for line in f]
        calls = [(int(n), call, path) for n, call, path in
                 (line.split(" ", 2) for line in lines if not line.startswith("#"))]
        ending = [line.split() for line in lines if line.startswith("# ended")][-1]
        value = int(ending[-1])
        with open(messages, errors="replace") as f:
            return Ended(0 if ending[2] == "by" else value, value if ending[2] == "by" else 0, calls, f.read())

    def run_without_store(self):
        """Nothing can be delivered, so what is there afterwards is what an interrupted run is put back to."""
        aside = self.store_path + ".aside"
        os.rename(self.store_path, aside)
        ended = self.run()
        os.rename(aside, self.store_path)
        return ended

    # ---- what is wrong; lists of sentences

    def has_saved(self):
        return os.path.isdir(os.path.join(self.state, MODULE, "saved"))

    def torn(self):
        """Each file has to be a former or a new one, and a set may be mixed while its former files are saved."""
        wrong = []
        for name, entries in self.sets().items():
            for path, now, former, following in zip(self.files()[name], entries, self.former[name], self.next[name]):
                if now not in (former, following):
                    wrong.append(f"{path} is neither the former nor the new file: {now}")
            if entries not in (self.former[name], self.next[name]) and not self.has_saved():
                wrong.append(f"{name} has files of both, and there is no saved set")
        return wrong + self._strangers(stages=True)

    def mixed(self):
        return [f"{name} is neither in its former nor in its new state: {entries}"
                for name, entries in self.sets().items() if entries not in (self.former[name], self.next[name])]

    def not_delivered(self):
        return [f"{name} does not have its new files: {entries}"
                for name, entries in self.sets().items() if entries != self.next[name]]

    def _strangers(self, stages=False):
        """Files where services look that are nobody's."""
        known = {os.path.join(self.targets, f) for files in self.files().values() for f in files}
        known.add(self._path("elsewhere/real.pem"))
        wrong = []
        for place, folders, files in os.walk(self.targets):
            if STAGE in folders and stages:
                folders.remove(STAGE)
                st = os.lstat(os.path.join(place, STAGE))
                if st.st_uid != 0 or stat.S_IMODE(st.st_mode) != 0o700:
                    wrong.append(f"{place}/{STAGE} is not root's alone")
            wrong += [f"{place}/{f} was left behind" for f in files + folders
                      if os.path.join(place, f) not in known and f not in ("one", "two", "elsewhere")]
        return wrong

    def leftovers(self):
        module = os.path.join(self.state, MODULE)
        there = set(os.listdir(module)) if os.path.isdir(module) else set()
        return self._strangers() + [f"{module}/{f} was left behind" for f in there - {"report.json"}]

    def report(self):
        """State by certificate; {} if there is none."""
        try:
            with open(os.path.join(self.state, MODULE, "report.json")) as f:
                return {d["name"]: d["state"] for d in json.load(f)["deployments"]}
        except FileNotFoundError:
            return {}

    def unhealed(self):
        """Runs once more, undisturbed: then everything has to be delivered, and reported."""
        ended = self.run()
        wrong = [] if ended.status == 0 else [f"the next run exited with status {ended.status}: {ended.messages}"]
        wrong += self.not_delivered() + self.leftovers()
        states = self.report()
        wrong += [f"{name} is reported as {states.get(name)}" for name in self.files() if states.get(name) != "written"]
        return wrong


def why_not(gate=None):
    """Why tests cannot be run here, None if they can."""
    if os.geteuid() != 0:
        return "only root writes files of services"
    if gate is None:
        return None
    with subprocess.Popen([gate, "/nowhere", "/dev/null", "/bin/true"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        process.stdin.write(b"pass\n")
        process.stdin.flush()
        status = process.wait(PATIENCE)
    return "no process can watch another's system calls here (seccomp_unotify)" if status == 77 else None
