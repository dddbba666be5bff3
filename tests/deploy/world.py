# SPDX-License-Identifier: LGPL-2.1-or-later
"""A store, a configuration and folders of services for certwright-deploy, in a folder that only root can change."""
import json
import os
import pwd
import shutil
import subprocess
import tempfile

NOBODY = pwd.getpwnam("nobody").pw_uid
NAME = "www.example.com"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, content, mode=0o600):
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)


class Pair:
    """A chain of a leaf and its issuer, and its key."""

    def __init__(self, folder, authority, name, days=30):
        key, request, leaf = (os.path.join(folder, f) for f in ("key", "request", "leaf"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", "/CN=" + name)
        extensions = os.path.join(folder, "extensions")
        write(extensions, "subjectAltName=DNS:" + name)
        openssl("x509", "-req", "-in", request, "-CA", authority.pem, "-CAkey", authority.key, "-out", leaf, "-extfile",
                extensions, "-days", str(days))
        self.leaf, self.key, self.issuer = read(leaf), read(key), read(authority.pem)
        self.chain = self.leaf + self.issuer
        found = subprocess.run(["openssl", "x509", "-in", leaf, "-noout", "-fingerprint", "-sha256"], check=True,
                               stdout=subprocess.PIPE)
        self.fingerprint = found.stdout.decode().split("=")[1].strip().replace(":", "").lower()


class Authority:
    def __init__(self, folder, name="authority"):
        self.pem, self.key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key,
                "-out", self.pem, "-subj", "/CN=Root", "-days", "100")


class World:
    def __init__(self, program, path=None):
        self.program = program
        self.path = path or tempfile.mkdtemp(prefix="certwright-deploy-", dir="/run")
        self.scratch = os.path.join(self.path, "scratch")
        os.mkdir(self.scratch)
        self.authority = Authority(self.scratch)
        self.environment = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "JOURNAL_STREAM")}
        self.reset()

    def reset(self):
        for folder in "config/modules.d", "store/certificates", "state", "locks", "files":
            top = os.path.join(self.path, folder.split("/")[0])
            if os.path.lexists(top):
                shutil.rmtree(top)
            os.makedirs(os.path.join(self.path, folder), 0o755)
        os.chown(self.at("store"), NOBODY, -1)
        os.chmod(self.at("store"), 0o700)

    def close(self):
        shutil.rmtree(self.path)

    def at(self, *path):
        return os.path.join(self.path, *path)

    def pair(self, name=NAME, **options):
        return Pair(self.scratch, self.authority, name, **options)

    def serve(self, pair, name=NAME, generation="1", **other):
        """Lets the store serve a pair; key=: of another one."""
        folder = self.at("store/certificates", name, generation)
        os.makedirs(folder, exist_ok=True)
        write(os.path.join(folder, "fullchain.pem"), other.get("chain", pair.chain))
        write(os.path.join(folder, "privkey.pem"), other.get("key", pair.key))
        current = self.at("store/certificates", name, "current")
        if os.path.lexists(current):
            os.unlink(current)
        os.symlink(generation, current)
        self.give_store()

    def record(self, name=NAME, **blocked):
        """Writes the record of a certificate. blocked: pairs that are not to be used again, by reason."""
        leaves = [{"fingerprint": pair.fingerprint, "reason": reason, "not-after": 4102444800}
                  for reason, pair in blocked.items()]
        text = json.dumps({"format": 1, "kind": "certificate", "name": name, "blocked": leaves})
        write(self.at("store/certificates", name, "record.json"), text)
        self.give_store()

    def serve_root(self, authority=None, generation="1"):
        folder, current = self.at("store/root", generation), self.at("store/root/current")
        os.makedirs(folder, exist_ok=True)
        shutil.copy((authority or self.authority).pem, os.path.join(folder, "certificate.pem"))
        if os.path.lexists(current):
            os.unlink(current)
        os.symlink(generation, current)
        self.give_store()

    def give_store(self):
        for top, _, files in os.walk(self.at("store")):
            for f in [top] + [os.path.join(top, f) for f in files]:
                os.lchown(f, NOBODY, -1)

    def configure(self, text, module="web"):
        write(self.at("config/modules.d", module + ".conf"), text.replace("FILES", self.at("files")), 0o644)

    def arguments(self, module="web"):
        return [self.program, "--config=" + self.at("config"), "--state=" + self.at("store"),
                "--deploy-state=" + self.at("state"), "--runtime=" + self.at("locks"), "--", module]

    def run(self, module="web"):
        """Returns the exit status and what was said."""
        done = subprocess.run(self.arguments(module), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=self.environment, timeout=120, check=False)
        return done.returncode, done.stdout.decode()

    def report(self, module="web"):
        with open(self.at("state", module, "report.json"), encoding="utf-8") as f:
            return {d["name"]: d for d in json.load(f)["deployments"]}

    def state(self, name=NAME, module="web"):
        return self.report(module).get(name, {}).get("state")

    def has(self, *path):
        return os.path.lexists(self.at("files", *path))

    def content(self, *path):
        return read(self.at("files", *path)) if self.has(*path) else None

    def leftovers(self):
        """What no run may leave behind."""
        found = []
        for top, folders, files in os.walk(self.path):
            found += [os.path.join(top, f) for f in folders + files
                      if f in (".certwright-deploy", "saved", "saved.new", "saved.old", "report.json.new")]
        return found
