"""Which linear algebra numpy runs on here: what it really loaded, not what it was built for."""

import re

KINDS = [("mkl", "Intel MKL"), ("openblas", "OpenBLAS"), ("blis", "BLIS"), ("blas", "reference BLAS")]


def libraries(maps="/proc/self/maps"):
    """The libraries of BLAS and LAPACK in this process, sorted; none where the system does not tell."""
    try:
        with open(maps, encoding="utf-8", errors="replace") as file:
            paths = {line.split(maxsplit=5)[5].strip() for line in file if line.count("/")}
    except FileNotFoundError:
        return []
    return sorted(path for path in paths if re.search(r"/lib[^/]*(blas|lapack|mkl|blis)[^/]*\.so", path))


def name(paths):
    for word, kind in KINDS:
        if any(word in path.rsplit("/", 1)[-1] for path in paths):
            return kind
    return "unknown"
