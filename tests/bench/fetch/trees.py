"""Trees to pack, made from nothing but a seed: the same bytes on every machine, and about as compressible as what people publish.

Three kinds of files. Text is a stream of words, most of them from a small vocabulary of the file's own, as in source code (gzip makes a
fifth of it). Machine code is the same with shorter and less regular words (a third). Packed data, as images and wheels are, does not get
smaller.
"""
import random
from dataclasses import dataclass

ROOTS = ["import", "return", "self", "value", "array", "dtype", "shape", "tensor", "index", "range", "error", "config", "model", "layer",
         "train", "batch", "data", "frame", "column", "buffer", "stream", "result", "kernel", "module", "name", "path", "test", "assert"]


@dataclass(frozen=True)
class Part:
    """'count' files of 'least' to 'most' bytes, evenly spread on a logarithmic scale."""
    kind: str
    count: int
    least: int
    most: int


@dataclass(frozen=True)
class Tree:
    name: str
    words: str
    parts: tuple


TREES = {tree.name: tree for tree in (
    Tree("small", "a project with its compiled helpers",
         (Part("text", 571, 600, 60_000), Part("code", 27, 250_000, 2_400_000), Part("packed", 2, 300_000, 900_000))),
    Tree("pex", "a project with all its dependencies",
         (Part("text", 17_300, 300, 75_000), Part("code", 640, 60_000, 4_300_000), Part("packed", 60, 100_000, 600_000))),
    Tree("large", "few and large files: a framework's libraries",
         (Part("text", 4_700, 500, 80_000), Part("code", 292, 400_000, 18_500_000), Part("packed", 8, 1_000_000, 8_000_000))),
)}


def _number(rng, least, most):
    return least + rng.getrandbits(48) * (most - least) // (1 << 48)


def _size(rng, part):
    return int(part.least * (part.most / part.least) ** (rng.getrandbits(32) / (1 << 32)))


def _word(rng, length):
    return bytes(97 + byte % 26 for byte in rng.randbytes(length))


def _with_phrases(rng, words):
    """256 in all: the rest are idioms, words that come together."""
    return words + [b"".join(words[_number(rng, 0, len(words))] for _ in range(2 + rng.getrandbits(2))) for _ in range(256 - len(words))]


def _text_words(rng, shared):
    """A file's 256 words: blanks and line ends often, names shared by all, and a few of its own."""
    layout = [b" ", b" ", b"(", b")\n", b", ", b" = ", b".", b":\n        ", b"\n    ", b"\n\n", b"'", b"_"] * 6
    own = [_word(rng, 3 + rng.getrandbits(3)) for _ in range(40)]
    return _with_phrases(rng, layout + own + [shared[_number(rng, 0, len(shared))] for _ in range(112)])


def _code_words(rng, shared):
    """Opcodes: short sequences of bytes, some known from everywhere; and bare bytes, which are the operands."""
    known = [shared[_number(rng, 0, len(shared))] for _ in range(124)]
    return _with_phrases(rng, known + [rng.randbytes(1 + rng.getrandbits(1)) for _ in range(100)])


def _content(rng, kind, size, vocabulary):
    if kind == "packed":
        return rng.randbytes(size)
    words = (_text_words if kind == "text" else _code_words)(rng, vocabulary[kind])
    average = sum(map(len, words)) / len(words)
    content = b"".join(map(words.__getitem__, rng.randbytes(int(size / average) + 16)))
    return content[:size]


def make(tree, folder):
    """Writes 'tree' under 'folder'; returns (files, bytes)."""
    rng = random.Random(f"train bench {tree.name}")
    vocabulary = {"text": [root.encode() + b"_" + _word(rng, 4) for root in ROOTS for _ in range(120)],
                  "code": [rng.randbytes(3) + bytes(1 + rng.getrandbits(2)) for _ in range(4000)]}
    files = total = 0
    for part in tree.parts:
        suffix = {"text": ".py", "code": ".so", "packed": ".bin"}[part.kind]
        for number in range(part.count):
            where = folder / f"package{number % 37:02d}" / f"{part.kind}{number % 11:02d}"
            where.mkdir(parents=True, exist_ok=True)
            content = _content(rng, part.kind, _size(rng, part), vocabulary)
            (where / f"{_word(rng, 6).decode()}{number}{suffix}").write_bytes(content)
            files, total = files + 1, total + len(content)
    return files, total
