# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands of all documents, as a reader would copy them, and the files of which they show the content."""
import glob
import os
import re
from typing import NamedTuple

PROGRAMS = "busctl", "certwright", "gdbus", "install", "journalctl", "setpriv", "systemctl"


class Command(NamedTuple):
    document: str
    line: int
    text: str


def _complete(lines, at, unmark):
    """A command that goes on in the next lines, by a backslash or a here-document; and the line after it."""
    text = unmark(lines[at])
    while text.endswith("\\") and at + 1 < len(lines):
        at += 1
        text = text[:-1] + lines[at].strip()
    here = re.search(r"<<(\w+)$", text)
    while here and at + 1 < len(lines) and not text.endswith("\n" + here[1]):
        at += 1
        text += "\n" + lines[at].strip()
    return text, at + 1


def _of_text(document, lines):
    """Lines that are indented and begin with a prompt, or with sudo."""
    at = 0
    while at < len(lines):
        match = re.match(r"    (?:([$#]) |(?=sudo ))", lines[at])
        if not match or re.match(r"    # /etc/", lines[at]):
            at += 1
            continue
        begun = at
        text, at = _complete(lines, at, lambda line, skip=match.end(): re.sub(r"\s+# .*", "", line[skip:]))
        yield Command(document, begun + 1, text)


def _unescape(line):
    return (line.replace(r"\e", "\\").replace(r"\(dq", '"').replace(r"\(aq", "'").replace(r"\&", "")
            .removeprefix("# "))


def _of_page(document, lines):
    """Displays of one line, and those that begin with a program or a condition of the shell."""
    at = 0
    while at < len(lines):
        begun = at
        if lines[at].startswith(".Dl "):
            text, at = _complete(lines, at, lambda line: _unescape(line[len(".Dl "):]))
            if re.match("[a-z]", text):
                yield Command(document, begun + 1, text)
        elif lines[at].startswith(".Bd -literal"):
            end = lines.index(".Ed", at)
            block = [_unescape(line) for line in lines[at + 1:end]]
            at = end + 1
            if block[0].split(" ")[0] in PROGRAMS:
                yield Command(document, begun + 2, _complete(block, 0, str)[0])
            elif block[0].startswith("if "):
                yield Command(document, begun + 2, "\n".join(block))
        else:
            at += 1


def read(source):
    """Of README.md, what is beside it in data/doc, and the manual pages."""
    found = []
    for path in [os.path.join(source, "README.md"), *sorted(glob.glob(os.path.join(source, "data/doc/*.md"))),
                 *sorted(glob.glob(os.path.join(source, "data/man/*.[158]*")))]:
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        document = os.path.relpath(path, source)
        found += (_of_text if path.endswith(".md") else _of_page)(document, lines)
    return found


def files(source):
    """(path, content) of the configuration that documents show with its path above it."""
    found = []
    for path in [os.path.join(source, "README.md")]:
        with open(path, encoding="utf-8") as f:
            blocks = re.findall(r"^    # (/etc/certwright/\S+\.conf)\n((?:    [^#$\n].*\n)+)", f.read(), re.M)
        found += [(name, re.sub("^    ", "", text, flags=re.M)) for name, text in blocks]
    return found
