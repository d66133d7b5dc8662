#!/usr/bin/env python3
"""Writes Mozilla's root certificates as one C array of concatenated DER, squeezed: ca_bundle.py ROOTS OUT.

ROOTS is the unpacked package ca-certificates of Debian that the list beside this file names; the order is that of its file names.
"""
import base64
import glob
import hashlib
import sys
import zlib
from pathlib import Path


def pinned_version():
    row, = (line.split() for line in (Path(__file__).parent / "ROOTS").read_text(encoding="ascii").splitlines() if line[0] != "#")
    return row[1]


# Names as bytes: not all are ASCII, and no locale may have a say in their order.
def certificates(roots):
    for path in sorted(glob.glob(roots.encode() + b"/usr/share/ca-certificates/mozilla/*.crt")):
        text = open(path, encoding="ascii").read()
        body = text.split("-----BEGIN CERTIFICATE-----")[1].split("-----END CERTIFICATE-----")[0]
        yield base64.b64decode(body)


def main():
    roots, target = sys.argv[1:]
    each = list(certificates(roots))
    der = b"".join(each)
    if len(der) < 50000:
        sys.exit(f"ca_bundle: {roots} holds hardly any certificate")
    squeezed = zlib.compress(der, 9)
    rows = [",".join(map(str, squeezed[i : i + 24])) for i in range(0, len(squeezed), 24)]
    with open(target, "w", encoding="ascii") as out:
        out.write('#include "base/ca_bundle.h"\n\n')
        out.write("const unsigned char ca_bundle_squeezed[] = {\n" + ",\n".join(rows) + "};\n")
        out.write("const size_t ca_bundle_squeezed_bytes = sizeof(ca_bundle_squeezed);\n")
        out.write(f"const size_t ca_bundle_der_bytes = {len(der)};\n")
        out.write(f'const char ca_bundle_version[] = "{pinned_version()}";\n')
        out.write(f"const size_t ca_bundle_count = {len(each)};\n")
        out.write(f'const char ca_bundle_sha256[] = "{hashlib.sha256(der).hexdigest()}";\n')


main()
