# SPDX-License-Identifier: LGPL-2.1-or-later
"""DER, encrypted keys, keys in a file of their own."""
import base64

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from uploads.workshop import der, der_integer, der_oid, pem_block

SECRET = "correct horse"
LETTERS = "pässwörter-€-Ω"
PBKDF2, PBES2, SCRYPT = "1.2.840.113549.1.5.12", "1.2.840.113549.1.5.13", "1.3.6.1.4.1.11591.4.11"
HMAC_SHA256, AES256 = "1.2.840.113549.2.9", "2.16.840.1.101.3.4.1.42"


def add_cases(w, t, a):
    add_der(w, t, a)
    add_der_keys(w, t, a)
    add_encrypted_pem(w, t, a)
    add_encrypted_pkcs8(w, t, a)
    add_costs(w, t, a)
    add_key_files(w, t, a)
    add_passphrases(w, t, a)


def add_der(w, t, a):
    alone, key = a.alone.der, a.leaf_key.pem
    t.taken("der", alone, 1, True, "one DER certificate of openssl, signed by itself", key=key)
    gnutls = w.certtool("-i", "--outder", "--infile", a.g_alone.path)
    t.taken("der-gnutls", gnutls, 1, True, "one DER certificate of certtool", key=a.g_key.pem)
    t.taken("der-base64", base64.encodebytes(alone), 1, True, "DER in BASE64 without armour", key=key)
    t.taken("der-base64-crlf", base64.b64encode(alone) + b"\r\n", 1, True, "the same in one line", key=key)
    t.refused("der-issued", a.plain.der, "chain=ChainIncomplete", "a DER certificate whose issuer nobody has", key=key)
    t.refused("der-no-key", alone, "key=InvalidBundle", "a DER certificate, and no key anywhere")
    t.taken("der-one-after-other", a.plain.der + a.upper.der, 2, False, "several DER certificates in a file", key=key)


def add_der_keys(w, t, a):
    both = a.plain.pem + a.upper.pem
    rsa = a.rsa.pem + a.upper.pem
    gnutls = a.g_leaf.pem + a.g_middle.pem
    gnutls_rsa = a.g_rsa.pem + a.g_middle.pem
    t.taken("key-der-pkcs8", both, 2, False, "key file: PKCS#8, EC", key=a.leaf_key.der)
    t.taken("key-der-pkcs8-rsa", rsa, 2, False, "key file: PKCS#8, RSA", key=a.rsa_key.der)
    t.taken("key-der-sec1", both, 2, False, "key file: SEC1", key=w.traditional(a.leaf_key))
    t.taken("key-der-pkcs1", rsa, 2, False, "key file: PKCS#1", key=w.traditional(a.rsa_key))
    t.taken("key-der-gnutls-sec1", gnutls, 2, False, "key file: SEC1 of certtool", key=gnutls_der(w, a.g_key))
    t.taken("key-der-gnutls-pkcs1", gnutls_rsa, 2, False, "key file: PKCS#1 of certtool", key=gnutls_der(w, a.g_rsa_key))
    t.taken("key-der-gnutls-pkcs8", gnutls, 2, False, "key file: PKCS#8 of certtool",
            key=w.certtool("--to-p8", "--outder", "--load-privkey", a.g_key.path, "--password="))
    t.taken("key-der-gnutls-pkcs8-rsa", gnutls_rsa, 2, False, "key file: PKCS#8 of certtool, RSA",
            key=w.certtool("--to-p8", "--outder", "--load-privkey", a.g_rsa_key.path, "--password="))
    t.taken("key-base64", both, 2, False, "key file: BASE64 without armour", key=base64.encodebytes(a.leaf_key.der))


def gnutls_der(w, key):
    return w.certtool("-k", "--outder", "--infile", key.path)


def add_encrypted_pem(w, t, a):
    chains = {"ec": a.plain.pem + a.upper.pem, "rsa": a.rsa.pem + a.upper.pem}
    keys = {"ec": a.leaf_key, "rsa": a.rsa_key}
    for cipher, kind in [("aes128", "ec"), ("aes256", "rsa"), ("des3", "ec"), ("des3", "rsa")]:
        encrypted = w.openssl(kind, "-in", keys[kind].path, f"-{cipher}", "-passout", f"pass:{SECRET}",
                              *(["-traditional"] if kind == "rsa" else []))
        t.taken(f"dek-{cipher}-{kind}", chains[kind] + encrypted, 2, False,
                f"DEK-Info of openssl with {cipher}", passphrase=SECRET)
    python = w.loaded(a.rsa_key).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL,
                                               BestAvailableEncryption(SECRET.encode()))
    t.taken("dek-python", chains["rsa"] + python, 2, False, "DEK-Info of python3-cryptography", passphrase=SECRET)
    t.taken("dek-key-file-crlf", chains["rsa"], 2, False, "DEK-Info, in a key file with CRLF",
            key=python.replace(b"\n", b"\r\n"), passphrase=SECRET)
    t.refused("dek-wrong", chains["rsa"] + python, "key=PassphraseRequired", "DEK-Info, wrong passphrase",
              passphrase="wrong horse")
    t.refused("dek-missing", chains["rsa"] + python, "key=PassphraseRequired", "DEK-Info, no passphrase")


def encrypt_pkcs8(w, key, *options, secret=SECRET, form="PEM"):
    return w.openssl("pkcs8", "-topk8", "-in", key.path, "-passout", f"pass:{secret}", "-outform", form, *options)


def encrypt_gnutls(w, key, cipher, *options, secret=SECRET):
    return w.certtool("--to-p8", "--load-privkey", key.path, f"--pkcs-cipher={cipher}", f"--password={secret}", *options)


def add_encrypted_pkcs8(w, t, a):
    chain, gnutls = a.plain.pem + a.upper.pem, a.g_leaf.pem + a.g_middle.pem
    for name, options in [("pbes1-3des", ["-v1", "PBE-SHA1-3DES"]), ("pbes1-rc2-40", ["-v1", "PBE-SHA1-RC2-40",
                           "-provider", "legacy", "-provider", "default"]),
                          ("aes128-sha1", ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"]),
                          ("aes256-sha256", ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256"]),
                          ("aes256-sha512", ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"]),
                          ("aes192-sha384", ["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA384"]),
                          ("des3-sha256", ["-v2", "des3"]), ("scrypt", ["-scrypt"])]:
        t.taken(f"pkcs8-{name}", chain + encrypt_pkcs8(w, a.leaf_key, *options), 2, False,
                f"openssl pkcs8 {' '.join(options)}", passphrase=SECRET)
    for cipher in ["3des", "3des-pkcs12", "aes-128", "aes-192", "aes-256", "rc2-40"]:
        t.taken(f"pkcs8-gnutls-{cipher}", gnutls + encrypt_gnutls(w, a.g_key, cipher), 2, False,
                f"certtool --to-p8 --pkcs-cipher={cipher}", passphrase=SECRET)
    python = w.loaded(a.leaf_key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8,
                                                BestAvailableEncryption(SECRET.encode()))
    t.taken("pkcs8-python", chain + python, 2, False, "python3-cryptography", passphrase=SECRET)
    t.refused("pkcs8-wrong", chain + python, "key=PassphraseRequired", "wrong passphrase", passphrase="wrong")
    t.refused("pkcs8-missing", chain + python, "key=PassphraseRequired", "no passphrase")
    t.refused("pkcs8-empty-given", chain + python, "key=PassphraseRequired", "the empty one is not it", passphrase="")


def pbes2(derivation, parameters):
    """An encrypted key whose derivation nobody should begin with."""
    scheme = der(0x30, der_oid(PBES2), der(0x30, der(0x30, der_oid(derivation), der(0x30, *parameters)),
                                           der(0x30, der_oid(AES256), der(4, bytes(16)))))
    return pem_block("ENCRYPTED PRIVATE KEY", der(0x30, scheme, der(4, bytes(160))))


def add_costs(w, t, a):
    chain = a.plain.pem + a.upper.pem
    sha256 = der(0x30, der_oid(HMAC_SHA256), der(5))
    t.taken("pkcs8-iterations-limit", chain + encrypt_pkcs8(w, a.leaf_key, "-iter", "600000"), 2, False,
            "as many iterations as may be", passphrase=SECRET)
    for count in [600001, 10000000, 2**40]:
        t.refused(f"pkcs8-iterations-{count}", chain + pbes2(PBKDF2, [der(4, bytes(8)), der_integer(count), sha256]),
                  "key=LimitsExceeded", "more iterations than may be", passphrase=SECRET)
    t.refused("pkcs8-scrypt-memory", chain + pbes2(SCRYPT, [der(4, bytes(8)), der_integer(2**20), der_integer(8),
                                                            der_integer(1)]),
              "key=LimitsExceeded", "scrypt that wants 1 GiB", passphrase=SECRET)


def add_key_files(w, t, a):
    both, key = a.plain.pem + a.upper.pem, a.leaf_key
    encrypted = encrypt_pkcs8(w, key)
    t.taken("key-file-pkcs8", both, 2, False, "PRIVATE KEY", key=key.pem)
    t.taken("key-file-sec1", both, 2, False, "EC PRIVATE KEY", key=w.traditional_pem(key))
    t.taken("key-file-pkcs1", a.rsa.pem + a.upper.pem, 2, False, "RSA PRIVATE KEY", key=w.traditional_pem(a.rsa_key))
    t.taken("key-file-gnutls", a.g_leaf.pem + a.g_middle.pem, 2, False, "key in words and PEM", key=a.g_key.pem)
    t.taken("key-file-bom", both, 2, False, "with byte order mark and CRLF",
            key=b"\xef\xbb\xbf" + key.pem.replace(b"\n", b"\r\n"))
    t.taken("key-file-encrypted", both, 2, False, "ENCRYPTED PRIVATE KEY", key=encrypted, passphrase=SECRET)
    t.taken("key-file-encrypted-der", both, 2, False, "encrypted PKCS#8, DER",
            key=encrypt_pkcs8(w, key, form="DER"), passphrase=SECRET)
    t.taken("key-file-encrypted-gnutls-der", a.g_leaf.pem + a.g_middle.pem, 2, False, "encrypted PKCS#8 of certtool, DER",
            key=encrypt_gnutls(w, a.g_key, "aes-256", "--outder"), passphrase=SECRET)
    t.refused("key-file-encrypted-missing", both, "key=PassphraseRequired", "and no passphrase", key=encrypted)
    t.refused("key-file-encrypted-der-wrong", both, "key=PassphraseRequired", "and a wrong passphrase",
              key=encrypt_pkcs8(w, key, form="DER"), passphrase="wrong")
    t.taken("key-file-same", both + key.pem, 2, False, "the same key in both files", key=w.traditional_pem(key))
    t.refused("key-file-another", both + key.pem, "key=InvalidBundle", "another key in each file", key=a.other_key.pem)
    t.refused("key-file-foreign", both, "key-match=KeyMismatch", "the key of another certificate", key=a.other_key.pem)
    t.refused("key-file-certificate", both, "key=InvalidBundle", "a certificate where the key should be", key=a.plain.pem)
    t.refused("key-file-empty", both, "key=InvalidBundle", "nothing where the key should be", key=b"")
    t.refused("key-file-public", both, "key=InvalidBundle", "the public key only", key=w.public_pem(key))
    t.refused("key-file-too-large", both, "format=LimitsExceeded", "65,537 bytes", key=key.pem.rjust(65537, b"\n"))
    t.taken("key-file-limit", both, 2, False, "65,536 bytes", key=key.pem.rjust(65536, b"\n"))


def add_passphrases(w, t, a):
    both = a.plain.pem + a.upper.pem
    t.taken("passphrase-not-needed", both + a.leaf_key.pem, 2, False, "there is nothing to decrypt", passphrase=SECRET)
    t.taken("passphrase-letters", both + encrypt_pkcs8(w, a.leaf_key, secret=LETTERS), 2, False,
            "of more than ASCII", passphrase=LETTERS)
    t.taken("passphrase-letters-gnutls", a.g_leaf.pem + a.g_middle.pem + encrypt_gnutls(w, a.g_key, "aes-256",
            secret=LETTERS), 2, False, "of more than ASCII, by certtool", passphrase=LETTERS)
    t.taken("passphrase-long", both + encrypt_pkcs8(w, a.leaf_key, secret="0123456789abcdef" * 64), 2, False,
            "of 1024 letters", passphrase="0123456789abcdef" * 64)
