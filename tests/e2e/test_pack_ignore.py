"""What .gitignore and .trainignore leave out of an archive (gitignore(5)); git itself is the judge."""
import os
import random
import subprocess
import tarfile
from pathlib import Path

import pytest

from jobs import File, Link, clean_env, make_tree, project, run

NEED = Path(__file__).parents[2] / "agent/deps/need"


@pytest.fixture(scope="module")
def git(tmp_path_factory):
    """Runs git without anybody's settings."""
    subprocess.run([NEED, "git"], check=True)
    home = tmp_path_factory.mktemp("home")
    env = clean_env(env={"HOME": home, "GIT_CONFIG_NOSYSTEM": 1, "XDG_CONFIG_HOME": home})

    def call(folder, *words, text=b""):
        done = subprocess.run(["git", *words], cwd=folder, env=env, input=text, capture_output=True, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout
    return call


def names_in(archive):
    with tarfile.open(archive, errors="surrogateescape") as opened:
        return {os.fsencode(name) for name in opened.getnames()}


def pack(folder, archive, **options):
    result = run("pack", folder, "-o", archive, **options)
    assert result.code == 0, result.err
    return result


OWN = b".trainignore"  # always packed, so that there is something to pack


def entries(folder):
    """All names below the folder but git's own and ours."""
    found = []
    for place, folders, files in os.walk(os.fsencode(folder)):
        if place == os.fsencode(folder):
            folders.remove(b".git")
        found += [os.path.relpath(os.path.join(place, name), os.fsencode(folder)) for name in folders + files]
    found.remove(OWN)
    return found


def judged(git, folder):
    """{name: the rule that leaves it out, as `train pack` says it, or None}"""
    names = entries(folder)
    fields = git(folder, "check-ignore", "--no-index", "-v", "-n", "-z", "--stdin", text=b"".join(name + b"\0" for name in names))
    rows = fields.split(b"\0")[:-1]
    assert len(rows) == 4 * len(names)
    found = {}
    for at in range(0, len(rows), 4):
        source, line, pattern, name = rows[at:at + 4]
        found[name] = source + b":" + line if pattern and not pattern.startswith(b"!") else None
    return found


def compare(git, folder, archive):
    (folder / os.fsdecode(OWN)).write_bytes(b"!/" + OWN)
    expected = judged(git, folder)
    result = pack(folder, archive)
    kept = {name for name, rule in expected.items() if rule is None}
    packed = names_in(archive) - {OWN}
    rules = "\n".join(f"{path.relative_to(folder)}: {path.read_bytes()!r}" for path in sorted(folder.rglob(".gitignore")))
    assert packed == kept, f"only packed {packed - kept}, only kept by git {kept - packed}\n{rules}"

    # Also by which rule; what lies in a folder that is left out is counted with it.
    top = [rule for name, rule in expected.items() if rule is not None and expected.get(os.path.dirname(name)) is None]
    for rule in set(top):
        mine = [line for line in result.agent if line.startswith(f"left out by the rule '{os.fsdecode(rule)}: ")]
        assert len(mine) == 1 and mine[0].endswith(f": {top.count(rule)}"), f"{rule}: {mine} {result.agent}\n{rules}"
    return len(expected) - len(kept)


NAMES = ["a", "b", "foo", "bar", "foobar", "a.o", "b.o", "foo.c", "x y", "x ", "#a", "!a", "a]", "-", "[a]", "a*b", "*", "a\\b", "é", "B", "a-c",
         "1", "a1"]


def random_tree(dice, depth=0):
    files = {}
    for name in dice.sample(NAMES, dice.randint(2, 9)):
        kind = dice.random()
        if depth < 3 and kind < 0.5:
            below = random_tree(dice, depth + 1)
            files |= {f"{name}/{path}": content for path, content in below.items()} or {name: None}
        else:
            files[name] = Link("nowhere") if kind > 0.95 else ""
    return files


PIECES = ["a", "b", "foo", "bar", "*", "**", "?", ".o", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[]-a]", "[[:alpha:]]", "[[:digit:][:upper:]]",
          "[[:nope:]]", "[a", "[\\]a]", "[a-]", "[--a]", "[[:a]", "[[:]", "[a/b]", "\\*", "\\a", "\\[", "\\\\", "\\#", "\\!", "x y", "\\ ", " ", "#a", "!a",
          "***", "é", "[é]", "c", "-", "1"]
SEPARATORS = ["", "", "", "/", "/", "/**/", "**/", "/**", "/*/", "\\/"]


def random_pattern(dice):
    text = "".join(dice.choice(PIECES) + dice.choice(SEPARATORS) for _ in range(dice.choice([1, 1, 2, 2, 3, 4])))
    text = dice.choice(["", "", "", "/", "**/", "!", "!", "!/", "# ", "#"]) + text
    return text + dice.choice(["", "", "", "/", "/", " ", "  ", "\\ ", "\t", "\\", "\r", "/**", "/*"])


def random_rules(dice):
    lines = [dice.choice(["", "  ", random_pattern(dice), random_pattern(dice), random_pattern(dice), dice.choice(NAMES)])
             for _ in range(dice.randint(1, 9))]
    return dice.choice(["", "\ufeff"]) + "\n".join(lines) + dice.choice(["", "\n", "\r\n"])


@pytest.mark.parametrize("seed", range(8))
def test_git_and_pack_agree_on_what_is_ignored(git, tmp_path, seed):
    ignored = 0
    for number in range(25):
        dice = random.Random(1000 * seed + number)
        files = random_tree(dice)
        folders = [""] + [f"{path}/" for path in sorted({os.path.dirname(path) for path in files} - {""})]
        ignores = {f"{folder}.gitignore": random_rules(dice) for folder in folders if not folder or dice.random() < 0.3}
        folder = make_tree(tmp_path / str(number), files | ignores)
        git(folder, "init", "-q")
        ignored += compare(git, folder, tmp_path / f"{number}.tar")
    assert ignored > 100


CASES = {
    "comments and blank lines": ("# a\n\n   \n#b\n", ["a", "b", "# a", "#b", "   "]),
    "escaped beginnings": ("\\#a\n\\!b\n", ["#a", "!b", "a", "b"]),
    "blanks at the end": ("a  \nb\\ \nc \\ \n", ["a", "a  ", "b", "b ", "c", "c  "]),
    "the last one wins": ("*.o\n!a.o\n*.o\n!b.o\n", ["a.o", "b.o", "c.o"]),
    "below an ignored folder nothing comes back": ("out/\n!out/keep\n!keep\n", ["out/keep", "out/x", "in/keep"]),
    "but below a folder's content it does": ("out/*\n!out/keep\n", ["out/keep", "out/x", "out/deep/keep"]),
    "anchored": ("/a\nb/c\n", ["a", "x/a", "b/c", "x/b/c"]),
    "folders only": ("a/\n", ["a/x", "b/a", "c/a/x"]),
    "a star stops at a slash": ("x/*.o\n", ["x/a.o", "x/y/b.o"]),
    "two stars": ("**/a\nb/**\nc/**/d\ne**f\n", ["a", "x/a", "x/y/a", "b/x/y", "b1", "c/d", "c/x/d", "c/x/y/d", "cd", "exf", "e/f"]),
    "two stars behind letters": ("x/a**/b\nx/c**\n", ["x/ab", "x/a/b", "x/a1/2/b", "x/a1/b", "x/c1/2", "x/c"]),
    "sets": ("[a-c]1\n[!a]2\n[]]3\n[[:digit:]]4\n", ["a1", "d1", "a2", "b2", "]3", "a3", "14", "a4"]),
    "white lists": ("/*\n!/src/\n/src/*\n!/src/*.py\n", ["a", "src/a.py", "src/b.c", "src/d/e.py", "x/y"]),
}


@pytest.mark.parametrize("name", CASES)
def test_git_and_pack_agree_on(git, tmp_path, name):
    rules, files = CASES[name]
    folder = make_tree(tmp_path / "p", {".gitignore": rules} | {path: "" for path in files})
    git(folder, "init", "-q")
    compare(git, folder, tmp_path / "code.tar")


def test_a_link_to_a_folder_is_no_folder_and_an_ignore_file_that_is_a_link_is_not_read(git, tmp_path):
    folder = make_tree(tmp_path / "p", {".gitignore": "a/\n", "a": Link("b"), "b/x": "", "b/.gitignore": Link("../rules"), "rules": "x\n"})
    git(folder, "init", "-q")
    compare(git, folder, tmp_path / "code.tar")
    assert {b"a", b"b/x"} <= names_in(tmp_path / "code.tar")


# ---- .trainignore ----

def test_trainignore_has_the_last_word(tmp_path):
    folder = make_tree(tmp_path / "p", project() | {
        ".gitignore": "*.bin\n/secret\n", "pkg/.gitignore": "*.txt\n", "weights.bin": "w", "old.bin": "", "secret": "", "notes.md": "", "pkg/a.txt": "",
        "pkg/b.txt": "", ".trainignore": "!weights.bin\n*.md\n!/pkg/a.txt\n", "pkg/deep/.trainignore": "x\n", "pkg/deep/x": "", "pkg/x": ""})
    result = pack(folder, tmp_path / "code.tar")
    assert names_in(tmp_path / "code.tar") == {name.encode() for name in (
        "pipeline.json", ".gitignore", ".trainignore", "weights.bin", "pkg", "pkg/.gitignore", "pkg/a.txt", "pkg/x", "pkg/deep", "pkg/deep/.trainignore")}
    for rule in (".gitignore:1: *.bin", ".gitignore:2: /secret", ".trainignore:2: *.md", "pkg/.gitignore:1: *.txt", "pkg/deep/.trainignore:1: x"):
        assert f"left out by the rule '{rule}': 1" in result.agent


def test_trainignore_takes_back_the_default_rules_and_gitignore_does_not(tmp_path):
    defaults = {"data/a.csv": "1", "model/b.bin": "", "__pycache__/c.pyc": "", "pkg/__pycache__/d.pyc": "", ".git/HEAD": ""}
    folder = make_tree(tmp_path / "p", project() | defaults | {".gitignore": "!/data/\n!__pycache__/\n"})
    pack(folder, tmp_path / "code.tar")
    assert names_in(tmp_path / "code.tar") == {b"pipeline.json", b".gitignore", b"pkg"}

    make_tree(folder, {".trainignore": "!/data/\n!/pkg/__pycache__/\n"})
    result = pack(folder, tmp_path / "code.tar")
    assert names_in(tmp_path / "code.tar") == {name.encode() for name in (
        "pipeline.json", ".gitignore", ".trainignore", "data", "data/a.csv", "pkg", "pkg/__pycache__", "pkg/__pycache__/d.pyc")}
    assert "left out by the rule '/model/': 1" in result.agent and "left out by the rule '__pycache__/': 1" in result.agent


def test_a_folder_with_source_in_it_can_be_left_out_all_the_same(tmp_path):
    folder = make_tree(tmp_path / "p", project() | {"model/net.py": "", "output/x.py": "", ".trainignore": "/model/\n", ".gitignore": "output\n"})
    result = pack(folder, tmp_path / "code.tar")
    assert names_in(tmp_path / "code.tar") == {b"pipeline.json", b".gitignore", b".trainignore"}
    assert not any("holds source" in line for line in result.agent)


def test_what_would_be_refused_may_be_left_out(tmp_path):
    folder = make_tree(tmp_path / "p", project() | {".venv/bin/python": Link("/usr/bin/python3"), ".venv/.gitignore": "*\n"})
    os.mkfifo(folder / "pipe")
    (folder / ".trainignore").write_text("pipe\n")
    pack(folder, tmp_path / "code.tar")
    assert names_in(tmp_path / "code.tar") == {b"pipeline.json", b".trainignore", b".venv"}


def test_the_archive_itself_cannot_be_taken_back(tmp_path):
    folder = make_tree(tmp_path / "p", project() | {".trainignore": "!*.tar\n"})
    for _ in range(2):
        pack(folder, folder / "code.tar")
        assert names_in(folder / "code.tar") == {b"pipeline.json", b".trainignore"}


@pytest.mark.parametrize("page", ["help", "README"])
def test_what_is_left_out_is_told_beforehand(page):
    text = run("help", "pack").out if page == "help" else (NEED.parents[2] / "README.md").read_text()
    for word in ("/data/", "/model/", "/output/", "/checkpoints/", "/.train/", "/.git/", "__pycache__/", ".gitignore", ".trainignore", "!/data/",
                 "SOURCE_DATE_EPOCH"):
        assert word in text


# ---- bounds ----

@pytest.mark.parametrize("rules, words", [(b"#" * (1 << 20) + b"\n", "over 1048576 bytes"), (b"a\n" * 10001, "more than 10000 patterns"),
                                          (b"a\n" + b"b" * 4097, "line 2 is over 4096 bytes")])
def test_rules_beyond_the_bounds_are_refused_by_name(tmp_path, rules, words):
    folder = make_tree(tmp_path / "p", project() | {"pkg/.trainignore": rules})
    result = run("pack", folder, "-o", tmp_path / "code.tar")
    assert result.code == 78 and "'pkg/.trainignore'" in result.err and words in result.err
    assert not (tmp_path / "code.tar").exists()


def test_a_trainignore_that_is_a_link_is_refused(tmp_path):
    folder = make_tree(tmp_path / "p", project() | {"rules": "secret\n", ".trainignore": Link("rules"), "secret": ""})
    result = run("pack", folder, "-o", tmp_path / "code.tar")
    assert result.code == 78 and "'.trainignore' is a link" in result.err


def test_patterns_that_make_others_backtrack(tmp_path):
    """Each of them takes a backtracking matcher longer than the world will last."""
    name = "a" * 250
    hostile = ["*a" * 100 + "b", "**/" * 100 + "b", "a*" * 1000 + "b", "[a-z]*" * 100 + "b", "/" + "**/a*" * 100 + "b", "*?" * 200 + "b"]
    folder = make_tree(tmp_path / "p", project() | {".gitignore": "\n".join(hostile), f"{name}/{name}/{name}": File("x", 0o644), name + "c": ""})
    pack(folder, tmp_path / "code.tar")
    assert f"{name}/{name}/{name}".encode() in names_in(tmp_path / "code.tar")
