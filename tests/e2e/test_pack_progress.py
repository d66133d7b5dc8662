"""The line that says how far `train pack` is: on a terminal only, and gone at the end."""
import fcntl
import os
import random
import struct
import subprocess
import termios

import pytest

from jobs import BINARY, clean_env, make_tree, project, run

FILES = project() | {"big.bin": random.Random(4).randbytes(3_000_000), "small": "x"}


def on_terminal(*words, columns=80, env=None, cwd=None):
    """Exit code, stdout and what came out of a terminal that is stderr."""
    mine, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([BINARY, *words], env=clean_env(env=env or {}), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=theirs) as child:
        os.close(theirs)
        text = b""
        try:
            while part := os.read(mine, 65536):
                text += part
        except OSError:  # EIO: nobody has the other side any more
            pass
        finally:
            os.close(mine)
        out = child.stdout.read()
    return child.returncode, out.decode(), text.decode()


def screen(text):
    """The lines that are left to see: a carriage return goes back, what follows is written over what was there."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        seen = ""
        for part in line.split("\r"):
            seen = part + seen[len(part):]
        lines.append(seen.rstrip())
    return lines


@pytest.mark.parametrize("kind", ["tar.zst", "tar.gz", "tar", "zip"])
def test_a_bar_grows_on_a_terminal_and_goes_away(tmp_path, kind):
    folder = make_tree(tmp_path / "p", FILES)
    code, out, text = on_terminal("pack", folder, "-o", tmp_path / f"code.{kind}")
    assert code == 0 and out.startswith("TRAIN_CODE_SHA256=")
    assert "\rtrain: packing [........................]   0 % of 4 MB" in text
    assert "\rtrain: packing [########################] 100 % of 4 MB" in text
    assert "\x1b" not in text
    left = screen(text)
    assert left[0].startswith("train: packed 3 files") and not any("packing [" in line for line in left)


@pytest.mark.parametrize("columns, drawn", [(72, False), (73, True), (0, True)])
def test_a_line_that_would_wrap_is_not_drawn(tmp_path, columns, drawn):
    folder = make_tree(tmp_path / "p", FILES)
    code, _, text = on_terminal("pack", folder, "-o", tmp_path / "code.tar", columns=columns)
    assert code == 0 and ("packing [" in text) == drawn
    assert all(len(part) < 73 for part in text.split("\r") if "packing [" in part)


def test_no_colour_changes_nothing(tmp_path):
    folder = make_tree(tmp_path / "p", FILES)
    for env in {"NO_COLOR": 1, "TERM": "dumb"}, {"TERM": "xterm-256color"}:
        code, _, text = on_terminal("pack", folder, "-o", tmp_path / "code.tar", env=env)
        assert code == 0 and "packing [" in text and "\x1b" not in text


def test_a_failure_is_not_written_into_the_bar(tmp_path):
    folder = make_tree(tmp_path / "p", FILES | {f"pkg{chr(92)}x": ""})
    code, out, text = on_terminal("pack", folder, "-o", tmp_path / "code.zip")
    assert code == 65 and out == ""
    assert "packing [" in text
    assert screen(text)[0].startswith("train: error: cannot pack ")


def test_elsewhere_there_is_none(tmp_path):
    folder = make_tree(tmp_path / "p", FILES)
    result = run("pack", folder, "-o", tmp_path / "code.tar")
    assert result.code == 0 and "\r" not in result.err and "packing [" not in result.err


def test_packing_for_a_run_shows_it_too(tmp_path):
    folder = make_tree(tmp_path / "p", FILES | project(command=["true"]))
    code, _, text = on_terminal("run", "--packed", cwd=folder, env={"TMPDIR": tmp_path})
    assert code == 0, text
    assert "packing [" in text and not any("packing [" in line for line in screen(text))
