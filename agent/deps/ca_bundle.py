#!/usr/bin/env python3
"""Writes Mozilla's root certificates, from Debian's package ca-certificates, as one C array of concatenated DER, squeezed: ca_bundle.py OUT."""
import base64
import glob
import hashlib
import subprocess
import sys
import zlib

FOLDER = "/usr/share/ca-certificates/mozilla"


def certificates():
    for path in sorted(glob.glob(FOLDER + "/*.crt")):
        text = open(path, encoding="ascii").read()
        body = text.split("-----BEGIN CERTIFICATE-----")[1].split("-----END CERTIFICATE-----")[0]
        yield base64.b64decode(body)


def main():
    each = list(certificates())
    der = b"".join(each)
    if len(der) < 50000:
        sys.exit(f"ca_bundle: {FOLDER} holds hardly any certificate")
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "ca-certificates"], check=True, capture_output=True, text=True).stdout
    squeezed = zlib.compress(der, 9)
    rows = [",".join(map(str, squeezed[i : i + 24])) for i in range(0, len(squeezed), 24)]
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write('#include "base/ca_bundle.h"\n\n')
        out.write("const unsigned char ca_bundle_squeezed[] = {\n" + ",\n".join(rows) + "};\n")
        out.write("const size_t ca_bundle_squeezed_bytes = sizeof(ca_bundle_squeezed);\n")
        out.write(f"const size_t ca_bundle_der_bytes = {len(der)};\n")
        out.write(f'const char ca_bundle_version[] = "{version}";\n')
        out.write(f"const size_t ca_bundle_count = {len(each)};\n")
        out.write(f'const char ca_bundle_sha256[] = "{hashlib.sha256(der).hexdigest()}";\n')


main()
