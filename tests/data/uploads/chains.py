# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the certificates are and how they hang together: chain, validity, signatures, types of keys, purpose."""
from cryptography.hazmat.primitives import serialization

from uploads.workshop import AUTHORITY, LEAF, SERVER, pem_block

CA = "basicConstraints=critical,CA:TRUE"
SIGN = "keyUsage=critical,keyCertSign,cRLSign"


def add_cases(w, t, a):
    add_gaps(w, t, a)
    add_leaves(w, t, a)
    add_crosses(w, t, a)
    add_issuers(w, t, a)
    add_validity(w, t, a)
    add_signatures(w, t, a)
    add_key_types(w, t, a)
    add_purposes(w, t, a)
    add_several(w, t, a)


def add_gaps(w, t, a):
    leaf, deep, upper, lower, root, key = (x.pem for x in (a.plain, a.deep, a.upper, a.lower, a.root, a.leaf_key))
    gone = "chain=ChainIncomplete"
    t.refused("leaf-alone", leaf + key, gone, "the intermediate is missing")
    t.refused("leaf-and-root", leaf + root + key, gone, "the intermediate between them is missing")
    t.refused("lower-missing", deep + upper + root + key, gone, "the one above the leaf is missing")
    t.taken("upper-missing", deep + lower + key, 2, False, "the upper intermediate is missing, which cannot be told")
    t.refused("upper-missing-root", deep + lower + root + key, gone, "the one between intermediate and root is missing")
    t.refused("foreign-intermediate", leaf + upper + a.g_middle.pem + key, gone, "an intermediate of another authority")
    t.refused("foreign-root", leaf + upper + a.g_root.pem + key, gone, "a root of another authority")
    t.refused("foreign-leaf", leaf + upper + a.other.pem + key, gone, "the leaf of another key")
    t.refused("unneeded-lower", leaf + upper + lower + key, gone, "an intermediate that this leaf does not need")
    t.refused("other-alone", a.other.pem + a.other_key.pem, gone, "another leaf without its intermediate")
    t.taken("leaf-of-root", a.leaf(a.leaf_key, a.root).pem + root + key, 1, True, "no intermediate at all")
    t.refused("leaf-of-root-alone", a.leaf(a.leaf_key, a.root).pem + key, gone, "issued by a root that nobody has")


def add_leaves(w, t, a):
    upper, key = a.upper.pem, a.leaf_key.pem
    second = a.leaf(a.leaf_key, a.upper, "mail.example.com", "DNS:mail.example.com")
    authority = [CA, SIGN, SERVER]
    t.refused("two-leaves-one-key", a.plain.pem + second.pem + upper + key, "leaf=InvalidBundle",
              "two certificates of the same key")
    t.refused("two-leaves-no-key", a.plain.pem + a.other.pem + upper, "key=InvalidBundle,leaf=InvalidBundle",
              "two leaves and no key")
    t.refused("renewed-no-key", a.leaf(a.leaf_key, a.upper).pem + upper, "key=InvalidBundle",
              "signed anew for the same key, which is not sent again")
    t.refused("key-mismatch", a.plain.pem + upper + a.other_key.pem, "key-match=KeyMismatch", "the key of another")
    t.refused("key-mismatch-type", a.plain.pem + upper + a.rsa_key.pem, "key-match=KeyMismatch", "a key of another type")
    t.refused("key-mismatch-two", a.plain.pem + a.other.pem + upper + a.rsa_key.pem, "leaf=InvalidBundle,key-match=KeyMismatch",
              "two leaves and the key of neither")
    t.refused("key-of-intermediate", a.plain.pem + upper + a.upper_key.pem, "leaf=InvalidBundle",
              "the key of the intermediate, for a leaf")
    t.refused("authority-as-leaf", a.leaf(a.leaf_key, a.upper, extensions=authority).pem + upper + key,
              "leaf=InvalidBundle", "CA:TRUE, with names and serverAuth")
    t.refused("authority-alone-as-leaf", a.leaf(a.leaf_key, None, extensions=authority).pem + key, "purpose=InvalidBundle",
              "self-signed with CA:TRUE, and only for certificates")
    t.refused("authority-without-names-as-leaf", a.root.pem + a.root_key.pem, "leaf=InvalidBundle", "a root with its key")
    t.taken("self-signed-authority", a.leaf(a.leaf_key, None, extensions=[CA]).pem + key, 1, True,
            "self-signed with CA:TRUE: what openssl req -x509 makes")
    t.taken("self-signed-authority-common-name", a.leaf(a.leaf_key, None, names=None, extensions=[CA]).pem + key, 1, True,
            "the same, with the name as common name alone")
    t.taken("expired-and-renewed", a.leaf(a.leaf_key, a.upper, since=-400, until=-2).pem + a.plain.pem + upper + key, 2, False,
            "two certificates of the same key, one of which has expired")
    t.taken("expired-and-renewed-no-upper", a.plain.pem + a.leaf(a.leaf_key, a.lower, since=-400, until=-2).pem + upper +
            a.lower.pem + key, 2, False, "the same, of another intermediate")
    t.taken("self-signed", a.alone.pem + key, 1, True, "a leaf signed by itself")
    t.taken("self-signed-rsa", a.alone_rsa.pem + a.rsa_key.pem, 1, True, "the same with RSA")
    t.taken("self-signed-gnutls", a.g_alone.pem + a.g_key.pem, 1, True, "the same of certtool")
    t.taken("self-signed-no-extensions", a.leaf(a.leaf_key, None, names=None, extensions=[]).pem + key, 1, True,
            "version 1, the name is the common name")
    t.refused("self-signed-and-chain", a.alone.pem + a.upper.pem + key, "chain=ChainIncomplete",
              "an intermediate that is not of this leaf")
    t.refused("self-signed-and-leaf", a.alone.pem + a.plain.pem + a.upper.pem + key, "leaf=InvalidBundle",
              "the former self-signed one and its successor, of one key")
    t.taken("version-1-leaf", a.leaf(a.leaf_key, a.upper, names=None, extensions=[]).pem + upper + key, 2, False,
            "a leaf without extensions")


def add_crosses(w, t, a):
    cross = w.certificate("/O=Example Trust/CN=Example Root", a.root_key, a.g_root, extensions=AUTHORITY)
    new_root = a.authority("Example Root", w.key("new-root"), None)
    t.taken("cross", [a.plain.pem, a.upper.pem, cross.pem, a.leaf_key.pem], 3, False, "the root, signed by another root")
    t.taken("cross-root", [a.plain.pem, a.upper.pem, cross.pem, a.g_root.pem, a.leaf_key.pem], 3, True,
            "and that root is there")
    t.taken("root-of-same-name", [a.plain.pem, a.upper.pem, new_root.pem, a.leaf_key.pem], 2, False,
            "a root of the same name and another key, which is not served")
    add_ways(w, t, a)


def add_ways(w, t, a):
    """Several ways up, in different orders."""
    leaf, upper, root, key = a.plain.pem, a.upper.pem, a.root.pem, a.leaf_key.pem
    expired, later = {"since": -400, "until": -2}, {"since": 10, "until": 900}

    def again(name, key_of, issuer, **more):
        return w.certificate(f"/O=Example Trust/CN=Example {name}", key_of, issuer, **{"extensions": AUTHORITY, **more}).pem

    old_cross = again("Root", a.root_key, a.g_root, **expired)
    t.taken("cross-expired", leaf + upper + old_cross + key, 2, False, "an expired cross-certificate of the root")
    t.taken("cross-expired-root", old_cross + leaf + upper + root + key, 2, True, "the same, and the root is there")
    t.taken("cross-later", leaf + upper + again("Root", a.root_key, a.g_root, **later) + root + key, 2, True,
            "a cross-certificate that is not valid yet")
    for name, more in [("expired", expired), ("later", later), ("sha1", {"digest": "sha1"}),
                       ("constrained", {"extensions": [*AUTHORITY, "nameConstraints=critical,permitted;DNS:example.org"]}),
                       ("client", {"extensions": [*AUTHORITY, "extendedKeyUsage=clientAuth"]}),
                       ("no-ca", {"extensions": LEAF}),
                       ("no-sign", {"extensions": [CA, "keyUsage=critical,digitalSignature"]})]:
        bad = again("Upper", a.upper_key, a.root, **more)
        t.taken(f"issuer-first-{name}", leaf + bad + upper + key, 2, False, f"{name}, and a good one after it")
        t.taken(f"issuer-last-{name}", leaf + upper + bad + root + key, 2, True, f"{name}, and a good one before it")
        bad = again("Upper", a.upper_key, a.g_root, **more)
        t.taken(f"way-first-{name}", leaf + bad + a.g_root.pem + upper + root + key, 2, True, f"{name}, with its root")
    other_upper = again("Upper", a.upper_key, a.g_root)
    t.taken("both-ways", leaf + upper + root + other_upper + a.g_root.pem + key, 2, True, "two ways, each complete")
    t.taken("both-ways-mixed", a.g_root.pem + upper + other_upper + key + root + leaf, 2, True, "the same, in another order")
    for name, kind in [("ed25519", "ED25519"), ("rsa-1024", "RSA 1024"), ("rsa-8192", "RSA of modp_4096 ffdhe4096"),
                       ("dsa", "DSA"), ("brainpool", "brainpoolP256r1")]:
        digest = "default" if name == "ed25519" else "sha256"
        odd = a.authority(f"Root {name}", w.key(name, kind), None, digest=digest)
        below = a.authority(f"Below {name}", a.lower_key, odd, digest=digest)
        t.taken(f"root-key-{name}", a.leaf(a.leaf_key, below).pem + below.pem + odd.pem + key, 2,
                name != "dsa", f"the root's key: {kind}")


def add_issuers(w, t, a):
    key, bad = a.leaf_key.pem, "chain=ChainIncomplete"

    def chain(name, extensions, above=a.root, **more):
        issuer = a.authority(name, a.lower_key, above, extensions, **more)
        return [a.leaf(a.leaf_key, issuer).pem, issuer.pem, key]

    t.refused("issuer-no-ca", chain("No Authority", LEAF), bad, "CA:FALSE above the leaf")
    t.refused("issuer-no-extensions", chain("Old Authority", []), bad, "version 1 above the leaf")
    t.refused("issuer-no-basic-constraints", chain("Bare Authority", [SIGN]), bad, "no basic constraints")
    t.refused("issuer-no-sign", chain("Weak Authority", [CA, "keyUsage=critical,digitalSignature"]), bad,
              "without keyCertSign")
    t.taken("issuer-no-key-usage", chain("Free Authority", [CA]), 2, False, "no key usage: any")
    none = a.authority("No Levels", a.upper_key, a.root, ["basicConstraints=critical,CA:TRUE,pathlen:0", SIGN])
    t.refused("path-length", [*chain("Too Low", AUTHORITY, none), none.pem], bad, "pathlen 0 and an authority below")
    t.taken("path-length-leaf", [a.leaf(a.leaf_key, none).pem, none.pem, key], 2, False, "pathlen 0 above the leaf is fine")
    small = a.authority("Small Root", a.root_key, None, ["basicConstraints=critical,CA:TRUE,pathlen:0", SIGN])
    t.refused("path-length-root", [*chain("Below Small", AUTHORITY, small), small.pem], bad, "the root has pathlen 0")
    for name, constraint, ok in [("permitted", "permitted;DNS:example.com", True),
                                 ("not-permitted", "permitted;DNS:example.org", False),
                                 ("excluded", "excluded;DNS:www.example.com", False),
                                 ("excluded-other", "excluded;DNS:mail.example.com", True)]:
        parts = chain(f"Constraint {name}", [CA, SIGN, f"nameConstraints=critical,{constraint}"])
        if ok:
            t.taken(f"constraint-{name}", parts, 2, False, f"name constraint {constraint}")
        else:
            t.refused(f"constraint-{name}", parts, bad, f"name constraint {constraint}")
    narrow = a.authority("Narrow Root", a.root_key, None, [*AUTHORITY, "nameConstraints=critical,permitted;DNS:example.org"])
    t.refused("constraint-root", [*chain("Below Narrow", AUTHORITY, narrow), narrow.pem], bad, "the root's constraint")
    t.refused("issuer-unknown-critical", chain("Odd Authority", [*AUTHORITY, "1.2.3.4.5=critical,DER:0500"]), "chain=InvalidBundle",
              "a critical extension that nobody knows, of the intermediate")
    t.refused("leaf-unknown-critical", [a.leaf(a.leaf_key, a.upper, extensions=[
        *LEAF, SERVER, "1.2.3.4.5=critical,DER:0500"]).pem, a.upper.pem, key], "chain=InvalidBundle",
        "a critical extension that nobody knows, of the leaf")
    t.taken("leaf-unknown", [a.leaf(a.leaf_key, a.upper, extensions=[*LEAF, SERVER, "1.2.3.4.5=DER:0500"]).pem, a.upper.pem,
                             key], 2, False, "an extension that nobody knows, not critical")


def add_validity(w, t, a):
    upper, root, key = a.upper.pem, a.root.pem, a.leaf_key.pem
    expired = {"since": -400, "until": -2}
    later = {"since": 100, "until": 500}
    old = a.authority("Old Upper", a.upper_key, a.root, **expired)
    old_root = a.authority("Old Root", a.root_key, None, **expired)
    below_old = a.authority("Below Old", a.upper_key, old_root)
    new = a.authority("New Upper", a.upper_key, a.root, **later)
    t.refused("expired-leaf", a.leaf(a.leaf_key, a.upper, **expired).pem + upper + key, "validity=Expired", "the leaf")
    t.refused("expired-intermediate", a.leaf(a.leaf_key, old).pem + old.pem + key, "validity=Expired", "the intermediate")
    t.taken("expired-root", a.leaf(a.leaf_key, below_old).pem + below_old.pem + old_root.pem + key, 2, False,
            "the root, which is not served, and not what a client has to trust")
    t.refused("expired-root-of-leaf", a.leaf(a.leaf_key, old_root).pem + old_root.pem + key, "validity=Expired",
              "the root, directly above the leaf")
    t.refused("expired-self-signed", a.leaf(a.leaf_key, None, **expired).pem + key, "validity=Expired", "signed by itself")
    t.taken("later-leaf", a.leaf(a.leaf_key, a.upper, **later).pem + upper + key, 2, False, "the leaf is not valid yet")
    t.taken("later-root", a.leaf(a.leaf_key, a.upper, **later).pem + upper + root + key, 2, True, "the same with the root")
    t.taken("later-intermediate", a.leaf(a.leaf_key, new).pem + new.pem + key, 2, False,
            "the intermediate is not valid yet")
    t.taken("longest", a.leaf(a.leaf_key, a.upper, until=365 * 60).pem + upper + key, 2, False,
            "the end is a GeneralizedTime")
    t.refused("never-valid", a.leaf(a.leaf_key, a.upper, since=-1, until=-3).pem + upper + key, "validity=Expired",
              "ends before it begins")


def damage(certificate):
    """One bit of the signature's value."""
    der = bytearray(certificate.der)
    der[-1] ^= 1
    return pem_block("CERTIFICATE", bytes(der))


def add_signatures(w, t, a):
    key, weak = a.leaf_key.pem, "signatures=WeakKey"
    rsa_upper = a.authority("RSA Upper", a.rsa_key, a.root)
    for digest in ["md5", "sha1"]:
        t.refused(f"signature-{digest}", a.leaf(a.leaf_key, rsa_upper, digest=digest).pem + rsa_upper.pem + key, weak,
                  f"leaf signed with {digest} and RSA")
    t.refused("signature-sha1-ecdsa", a.leaf(a.leaf_key, a.upper, digest="sha1").pem + a.upper.pem + key, weak,
              "leaf signed with SHA-1 and ECDSA")
    t.refused("signature-sha1-pss", a.leaf(a.leaf_key, rsa_upper, digest="sha1", options=[
        "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_mgf1_md:sha1"]).pem + rsa_upper.pem + key, weak,
        "leaf signed with SHA-1 and RSASSA-PSS")
    weak_upper = a.authority("Weak Upper", a.upper_key, a.root, digest="sha1")
    t.refused("signature-sha1-intermediate", a.leaf(a.leaf_key, weak_upper).pem + weak_upper.pem + key, weak,
              "intermediate signed with SHA-1")
    weak_root = a.authority("Weak Root", a.rsa_key, None, digest="sha1")
    below = a.authority("Below Weak", a.upper_key, weak_root)
    t.taken("signature-sha1-root", a.leaf(a.leaf_key, below).pem + below.pem + weak_root.pem + key, 2, True,
            "root signed with SHA-1: nobody looks at that signature")
    t.refused("signature-sha1-self-signed", a.leaf(a.rsa_key, None, digest="sha1").pem + a.rsa_key.pem, weak,
              "leaf signed by itself with SHA-1")
    for digest in ["sha224", "sha384", "sha512"]:
        t.taken(f"signature-{digest}", a.leaf(a.leaf_key, rsa_upper, digest=digest).pem + rsa_upper.pem + key, 2, False,
                f"{digest} is good enough")
    t.taken("signature-pss", a.leaf(a.leaf_key, rsa_upper, options=["-sigopt", "rsa_padding_mode:pss"]).pem +
            rsa_upper.pem + key, 2, False, "RSASSA-PSS with SHA-256")
    wrong = "signatures=InvalidBundle"
    t.refused("signature-damaged", damage(a.plain) + a.upper.pem + key, wrong, "one bit of the leaf's signature")
    t.refused("signature-damaged-intermediate", a.plain.pem + damage(a.upper) + a.root.pem + key, wrong,
              "one bit of the intermediate's signature, the root is there")
    t.refused("signature-damaged-self-signed", damage(a.alone) + key, wrong, "one bit of a self-signed leaf's signature")
    forged = w.certificate("/O=Example Trust/CN=Example Upper", w.key("forger"), a.root, extensions=AUTHORITY)
    leaf = w.certificate("www.example.com", a.leaf_key, forged, names="DNS:www.example.com", extensions=LEAF)
    t.refused("signature-forged", leaf.pem + a.upper.pem + key, "chain=ChainIncomplete",
              "signed by another key of the same name")


def add_key_types(w, t, a):
    refused = [("rsa-1024", "RSA 1024"), ("rsa-1536", "RSA 1536"), ("rsa-6144", "RSA of modp_4096 modp_2048"),
               ("rsa-8192", "RSA of modp_4096 ffdhe4096"), ("dsa", "DSA"), ("ed25519", "ED25519"), ("ed448", "ED448"),
               ("x25519", "X25519"), ("secp256k1", "secp256k1"), ("secp224r1", "secp224r1"),
               ("brainpool", "brainpoolP256r1"), ("explicit", "explicit P-256"), ("rsa-pss", "RSA-PSS 2048"), ("sm2", "SM2"),
               ("dh", "DH")]
    for name, kind in refused:
        key = w.key(name, kind)
        leaf = w.certificate("www.example.com", key, a.upper, names="DNS:www.example.com",
                             foreign=kind in ("X25519", "DH", "SM2"))
        weak = "format=WeakKey" if name == "explicit" else "key=WeakKey"
        t.refused(f"type-{name}", leaf.pem + a.upper.pem + key.pem, weak, f"key and certificate: {kind}")
        if name in ("rsa-8192", "dsa", "explicit", "secp256k1"):
            t.refused(f"type-{name}-old", leaf.pem + a.upper.pem + w.traditional_pem(key), weak,
                      f"{kind} in its old form")
        if name in ("ed25519", "dsa", "rsa-8192"):
            t.refused(f"type-{name}-der", leaf.pem + a.upper.pem, weak, f"{kind} in a DER key file", key=key.der)
    ed25519 = w.loaded(w.key("ed25519"))
    t.refused("type-openssh", a.plain.pem + a.upper.pem + ed25519.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()), "key=WeakKey",
        "OPENSSH PRIVATE KEY")
    t.refused("type-openssh-good", a.plain.pem + a.upper.pem + w.loaded(a.leaf_key).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()), "key=WeakKey",
        "OPENSSH PRIVATE KEY, though of the right type")
    t.refused("type-encrypted-ed25519", a.plain.pem + a.upper.pem + w.openssl(
        "pkcs8", "-topk8", "-in", w.key("ed25519").path, "-passout", "pass:x"), "key=WeakKey", "found behind the encryption",
        passphrase="x")
    for name, kind in [("rsa-1024", "RSA of 1024 bits"), ("ed25519", "Ed25519"), ("secp256k1", "secp256k1")]:
        issuer = a.authority(f"Authority {name}", w.key(name), a.root)
        digest = "default" if name == "ed25519" else "sha256"
        leaf = a.leaf(a.leaf_key, issuer, digest=digest)
        t.refused(f"issuer-{name}", leaf.pem + issuer.pem + a.leaf_key.pem, "key=WeakKey", f"issuer's key: {kind}")


def add_purposes(w, t, a):
    upper, key, bad = a.upper.pem, a.leaf_key.pem, "purpose=InvalidBundle"
    for name, usage, ok in [("client", "extendedKeyUsage=clientAuth", False), ("server", "extendedKeyUsage=serverAuth", True),
                            ("any", "extendedKeyUsage=anyExtendedKeyUsage", False), ("none", None, True),
                            ("mail", "extendedKeyUsage=critical,emailProtection,codeSigning", False),
                            ("client-any", "extendedKeyUsage=clientAuth,anyExtendedKeyUsage", False)]:
        pem = a.leaf(a.leaf_key, a.upper, purpose=usage).pem + upper + key
        if ok:
            t.taken(f"purpose-{name}", pem, 2, False, usage or "no extended key usage")
        else:
            t.refused(f"purpose-{name}", pem, bad, usage)
    for name in ["keyEncipherment", "keyEncipherment,dataEncipherment", "keyAgreement"]:
        t.refused(f"purpose-{name.replace(',', '-')}", a.leaf(a.leaf_key, a.upper, extensions=[
            LEAF[0], f"keyUsage=critical,{name}", SERVER]).pem + upper + key, bad, f"{name} without digitalSignature")
    excluding = a.authority("Excluding", a.lower_key, a.root, [*AUTHORITY, "nameConstraints=critical,excluded;DNS:secret.example.com"])
    t.refused("constraint-wildcard", a.leaf(a.leaf_key, excluding, "*.example.com", "DNS:*.example.com").pem + excluding.pem + key,
              "chain=ChainIncomplete", "a wildcard that covers a name that is excluded")
    t.taken("constraint-wildcard-deeper", a.leaf(a.leaf_key, excluding, "*.www.example.com", "DNS:*.www.example.com").pem +
            excluding.pem + key, 2, False, "a wildcard that does not")
    t.refused("purpose-key-usage", a.leaf(a.leaf_key, a.upper, extensions=[
        LEAF[0], "keyUsage=critical,cRLSign", SERVER]).pem + upper + key, bad, "key usage that no server can use")
    client = a.authority("Client Upper", a.upper_key, a.root, [*AUTHORITY, "extendedKeyUsage=clientAuth"])
    t.refused("purpose-issuer", a.leaf(a.leaf_key, client).pem + client.pem + key, bad, "the intermediate is for clients only")


def add_several(w, t, a):
    """Everything that is wrong is told at once."""
    key = a.leaf_key.pem
    expired = {"since": -400, "until": -2}
    t.refused("several-expired-named", a.leaf(a.leaf_key, a.upper, **expired).pem + a.upper.pem + key,
              "validity=Expired,names=NameMismatch", "expired, and for another name", target="mail.example.com")
    t.refused("several-leaf", a.leaf(a.leaf_key, a.upper, digest="sha1", purpose="extendedKeyUsage=clientAuth",
                                     **expired).pem + a.upper.pem + key,
              "signatures=WeakKey,validity=Expired,names=NameMismatch,purpose=InvalidBundle",
              "SHA-1, expired, for clients, another name", target="mail.example.com")
    t.refused("several-chain", a.leaf(a.leaf_key, a.upper, **expired).pem + key, "chain=ChainIncomplete,validity=Expired",
              "expired, and the intermediate is missing")
    t.refused("several-no-key", a.leaf(a.leaf_key, a.upper, **expired).pem + a.upper.pem,
              "key=InvalidBundle,validity=Expired", "expired, and there is no key")
    t.refused("several-key", a.leaf(a.leaf_key, a.upper, **expired).pem + a.upper.pem + a.other_key.pem,
              "key-match=KeyMismatch,validity=Expired", "expired, and the key is another's")
