"""A source tree as the rules see it: its C files, their text with comments and strings blanked, the lists of tests/lint."""

import fnmatch
import os
import re
from typing import NamedTuple

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">\n]+)[">]', re.M)


class Finding(NamedTuple):
    path: str
    line: int
    words: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.words}"


class Include(NamedTuple):
    line: int
    ours: bool
    name: str


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def rows(path):
    """The lines of a list, with their numbers; empty ones and comments are left out. No file, no rows."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip() and not line.startswith("#"):
                yield number, line.strip()


class Tree:
    def __init__(self, root):
        self.root = root
        self.texts = {}

    def c_files(self, *folders):
        """C files under these folders, relative to the root, sorted."""
        found = []
        for folder in folders:
            for where, _, names in os.walk(os.path.join(self.root, folder)):
                found += [os.path.relpath(os.path.join(where, name), self.root) for name in names if name.endswith((".c", ".h"))]
        return sorted(found)

    def text(self, path):
        if path not in self.texts:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                self.texts[path] = file.read()
        return self.texts[path]

    def code(self, path):
        """The text with comments and strings blanked, every line in its place."""
        return TOKEN.sub(lambda m: blank(m.group()), self.text(path))

    def includes(self, path):
        plain = TOKEN.sub(lambda m: blank(m.group()) if m.group().startswith("/") else m.group(), self.text(path))
        return [Include(line_of(plain, m.start()), m.group(1) == '"', m.group(2)) for m in INCLUDE.finditer(plain)]

    def closure(self, path, seen=None):
        """The file and every header of ours that it includes, at any depth."""
        seen = {} if seen is None else seen
        seen[path] = True
        for include in self.includes(path):
            header = os.path.join("agent", include.name)
            if include.ours and header not in seen and os.path.exists(os.path.join(self.root, header)):
                self.closure(header, seen)
        return sorted(seen)


def room_of(path):
    """agent/net/http.c and tests/unit/net/test_http.c are of room net, agent/main.c is main, tests/unit/scratch.h is for all: base."""
    parts = path.split("/")
    if parts[0] == "agent":
        return parts[1] if len(parts) > 2 else "main"
    return parts[2] if len(parts) > 3 else "base"


class Excuses:
    """A list of 'KEY... why' lines, the first COUNT words being the key; remembers which were needed."""

    def __init__(self, tree, path, count):
        self.path = path
        self.lines = {}
        self.silent = []
        self.used = set()
        for number, line in rows(os.path.join(tree.root, path)):
            words = line.split()
            self.lines[tuple(words[:count])] = number
            if len(words) <= count:
                self.silent.append(number)

    def cover(self, *key):
        self.used.add(key)
        return key in self.lines

    def leftover(self):
        """Lines without a reason, and lines that no rule needed."""
        for number in self.silent:
            yield Finding(self.path, number, "it does not say why: add the reason")
        for key, number in self.lines.items():
            if key not in self.used:
                yield Finding(self.path, number, f"'{' '.join(key)}' excuses nothing: remove the line")


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
