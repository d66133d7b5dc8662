"""Rules that ask a compiler, the formatter, the analyser or nm. What was found clean once is not asked again: kit.remembered."""

import os
import re
import subprocess

from tree import Finding, line_of

DIAGNOSTIC = re.compile(r"^(?P<path>[^:\n]+):(?P<line>\d+):(?:\d+:)? (?:error|warning|fatal error): (?P<words>.*)$", re.M)


def ask(tree, command, given=""):
    """What the command says, both streams, to what it is given; relative paths are the tree's."""
    done = subprocess.run(command, cwd=tree.root, input=given, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def told(m, words):
    """What a tool said, as a finding in our words."""
    return Finding(m.group("path"), int(m.group("line")), words)


def first_by_file(output):
    found = {}
    for m in DIAGNOSTIC.finditer(output):
        found.setdefault(m.group("path"), m)
    return found.values()


def look(tree, kit):
    """The look of every C file is what `make format` writes."""
    files = tree.c_files("agent", "tests/unit", "tests/bench", "tests/e2e")
    code, output = ask(tree, [kit.tool("clang-format"), "--dry-run", "--Werror", *files])
    found = [told(m, "not the agreed look: type 'make format'") for m in first_by_file(output)]
    if code != 0 and not found:
        raise RuntimeError(f"clang-format failed: {output}")
    return found


def headers(tree, kit):
    """Each header compiles alone."""

    def one(path):
        alone = f'#include "{path[len("agent/"):]}"\nextern int more;\n'
        code, output = ask(tree, ["gcc", *kit.flags, "-fsyntax-only", "-x", "c", "-"], alone)
        if code == 0:
            return []
        m = DIAGNOSTIC.search(output)
        if m is None:
            raise RuntimeError(f"gcc failed on {path}: {output}")
        return [told(m, f"{path} does not compile alone ({m.group('words')}): include what it uses")]

    return kit.each([path for path in tree.c_files("agent") if path.endswith(".h")], tree, "headers", one)


def analyser(tree, kit):
    """clang-tidy finds nothing; .clang-tidy says what it looks for."""
    flags = [flag for flag in kit.flags if not flag.startswith("-W")]
    config = os.path.join(kit.top, ".clang-tidy")

    def one(path):
        code, output = ask(tree, [kit.tool("clang-tidy"), "--quiet", f"--config-file={config}", path, "--", *flags])
        plain = output.replace(",-warnings-as-errors", "").replace(os.path.realpath(tree.root) + "/", "")
        found = {told(m, m.group("words")) for m in DIAGNOSTIC.finditer(plain)}
        if code != 0 and not found:
            raise RuntimeError(f"clang-tidy failed on {path}: {output}")
        return found

    return kit.each([path for path in tree.c_files("agent") if path.endswith(".c")], tree, "analyser", one)


def mutable(section):
    return section.startswith((".data", ".bss", ".tdata", ".tbss", "*COM*")) and not section.startswith(".data.rel.ro")


def mutable_globals(tree, kit):
    """No object file holds a global that may change, but those of tests/lint/globals."""
    objects = kit.objects(tree)
    for path in [path for path in tree.c_files("agent") if path.endswith(".c")]:
        target = os.path.join(objects, path[:-2] + ".o")
        if not os.path.exists(target):
            raise RuntimeError(f"no object file {target}: type 'make' first")
        _, output = ask(tree, ["nm", "--format=sysv", "--defined-only", target])
        for line in output.splitlines():
            columns = [column.strip() for column in line.split("|")]
            if len(columns) != 7 or columns[3] not in ("OBJECT", "TLS") or not mutable(columns[6]):
                continue
            name = columns[0].split(".")[0]
            if kit.globals.cover(path, name):
                continue
            m = re.search(rf"\b{name}\b", tree.code(path))
            words = f"'{name}' is a global that may change: pass it in a struct (the few exceptions stand in tests/lint/globals)"
            yield Finding(path, line_of(tree.code(path), m.start()) if m else 1, words)
