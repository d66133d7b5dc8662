"""Rules that need nothing but the text."""

import os
import re

from tree import Finding, line_of, matches, room_of, rows

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
MAP_LINES_MAX = 150

TOP_FOLDERS = {"agent", "base-images", "docs", "examples", "tests", "build"}
TOP_FILES = {"ARCHITECTURE.md", "Dockerfile", "LICENSE", "Makefile", "README.md"}

# Returns, the hall speaks: what a room may not call or name.
SPEECH_CALLS = r"log_error|log_warn|log_info|v?printf|puts|putchar|perror|warnx?|errx|exit|_exit|_Exit|quick_exit|abort"
SPEECH = re.compile(rf"(?<![.>\w])(?:(?P<call>{SPEECH_CALLS})\s*\(|(?P<stream>stdout|stderr)\b)")
SPEAKERS = {"main", "cli", "job"}


def layers(tree, kit):
    """A room includes only the rooms that agent/LAYERS gives it."""
    allowed = {}
    for _, line in rows(os.path.join(TOP, "agent", "LAYERS")):
        room, below = line.split(":")
        allowed[room] = set(below.split()) | {room}
    for path in tree.c_files("agent", "tests/unit"):
        room = room_of(path)
        for include in tree.includes(path):
            if not include.ours:
                continue
            if "/" not in include.name:
                yield Finding(path, include.line, f'"{include.name}" does not name its room: write "room/{include.name}"')
                continue
            tests = path.startswith("tests/") and include.name.startswith("unit/")
            other = room_of(f"tests/{include.name}" if tests else f"agent/{include.name}")
            if room not in allowed:
                yield Finding(path, include.line, f"agent/LAYERS does not know room '{room}': add it there, and to ARCHITECTURE.md")
            elif other not in allowed[room]:
                words = f"room '{room}' includes '{other}': pass a type of base instead, through job (agent/LAYERS)"
                yield Finding(path, include.line, words)


def banned(tree, kit):
    """Calls that we do not make, each with what stands in its place."""
    advice = {}
    for _, line in rows(os.path.join(HERE, "banned")):
        names, words = line.split(" | ")
        advice.update((name, words) for name in names.split())
    calls = re.compile(rf"(?<![.>\w])({'|'.join(advice)})(?:\s*\(|(?<=goto)\s)")
    for path in tree.c_files("agent", "tests/unit", "tests/bench", "tests/e2e"):
        code = tree.code(path)
        for m in calls.finditer(code):
            if not kit.excuses.cover("banned", path, m.group(1)):
                yield Finding(path, line_of(code, m.start()), f"'{m.group(1)}' is banned: {advice[m.group(1)]}")


def length(tree, kit):
    """Functions of at most 70 lines, files of at most 600."""
    start = re.compile(r"^(\w+)\([^;{}]*?\)\s*\n\{$.*?^\}", re.M | re.S)
    for path in tree.c_files("agent", "tests/unit"):
        code = tree.code(path)
        for m in start.finditer(code):
            lines = m.group().count("\n") + 1
            if lines > FUNCTION_LINES_MAX:
                words = f"'{m.group(1)}' has {lines} lines, more than {FUNCTION_LINES_MAX}: give a part of it a name of its own"
                yield Finding(path, line_of(code, m.start()), words)
        lines = code.count("\n")
        if lines > FILE_LINES_MAX:
            words = f"{lines} lines, more than {FILE_LINES_MAX}: it holds two nouns, make two files of them"
            yield Finding(path, FILE_LINES_MAX + 1, words)


def libraries(tree, kit):
    """Only the files of tests/lint/libraries know foreign libraries."""
    table = [line.split() for _, line in rows(os.path.join(HERE, "libraries"))]
    for path in tree.c_files("agent"):
        for include in tree.includes(path):
            for words in table:
                headers = [word for word in words if not word.startswith("agent/")]
                files = [word for word in words if word.startswith("agent/")]
                if matches(include.name, headers) and not matches(path, files):
                    where = " or ".join(files) if files else "nowhere"
                    yield Finding(path, include.line, f"<{include.name}> belongs in {where}: call what that file offers")


def speech(tree, kit):
    """Rooms return, the hall speaks: nobody but main, cli and job logs, prints or exits."""
    for path in tree.c_files("agent"):
        if room_of(path) in SPEAKERS:
            continue
        code = tree.code(path)
        for m in SPEECH.finditer(code):
            word = m.group("call") or m.group("stream")
            if not kit.excuses.cover("speech", path, word):
                words = f"'{word}' in room '{room_of(path)}': return a struct err, the hall says it"
                yield Finding(path, line_of(code, m.start()), words)


def top(tree, kit):
    """The top level holds the agreed entries, and the map stays a map."""
    for name in sorted(os.listdir(tree.root)):
        if name not in TOP_FOLDERS | TOP_FILES and not name.startswith("."):
            yield Finding(name, 1, "not an entry of the top level: put it into a folder (house rules in ARCHITECTURE.md)")
    if os.path.exists(os.path.join(tree.root, "ARCHITECTURE.md")):
        lines = tree.text("ARCHITECTURE.md").count("\n")
        if lines > MAP_LINES_MAX:
            words = f"{lines} lines, more than {MAP_LINES_MAX}: a map, not a manual; the headers are that"
            yield Finding("ARCHITECTURE.md", MAP_LINES_MAX + 1, words)
