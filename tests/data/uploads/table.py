# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of cases, and the files that they are made of."""
import os

COLUMNS = ["id", "bundle", "key", "passphrase", "target", "expected", "failing checks", "certificates served", "anchor",
           "remark"]


class Table:
    def __init__(self, directory):
        self.directory = directory
        self.rows = []
        os.makedirs(directory, exist_ok=True)

    def taken(self, name, bundle, served, anchor, remark, **more):
        """served: how many certificates; anchor: whether the self-signed top is known."""
        self.add(name, bundle, ["ok", "-", str(served), "root" if anchor else "none", remark], **more)

    def refused(self, name, bundle, failing, remark, **more):
        """failing: check=Code, with commas between; the first is what an upload is answered."""
        code = failing.split(",")[0].split("=")[1]
        self.add(name, bundle, [code, failing, "-", "-", remark], **more)

    def add(self, name, bundle, expected, key=None, passphrase="-", target="-"):
        """bundle, key: bytes, or parts of them."""
        if any(row[0] == name for row in self.rows):
            raise SystemExit(f"there are two cases {name}")
        files = [self.write(name, bundle), "-" if key is None else self.write(f"{name}.key", key)]
        self.rows.append([name, *files, passphrase, target, *expected])

    def write(self, name, data):
        with open(os.path.join(self.directory, name), "wb") as file:
            file.write(data if isinstance(data, bytes) else b"".join(data))
        return name

    def finish(self):
        with open(os.path.join(self.directory, "cases.tsv"), "w", encoding="utf-8") as file:
            for row in [["# " + COLUMNS[0], *COLUMNS[1:]], *self.rows]:
                file.write("\t".join(row) + "\n")
