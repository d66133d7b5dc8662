"""`podman run -it`: a terminal of the container's own, joined to one of the test's (product §9, §10)."""
import os
import shutil

import pytest

import bases
import engine
from jobs import make_tree, project, read_record, script
from terminal import Terminal

# Tells what it gets; 2 lines, so that one CR before each LF shows.
LISTEN = script("""
trap 'echo got TERM; exit 7' TERM
trap 'echo got INT; exit 8' INT
trap 'echo "got WINCH"; [ ! -t 0 ] || stty size' WINCH
[ -t 0 ] && echo "stdin is a terminal" || echo "stdin is none"
[ -t 1 ] && echo "stdout is a terminal" || echo "stdout is none"
echo "for people" >&2
echo ready
while :; do sleep 0.1; done
""")


def at_terminal(job, mode, command="./listen"):
    make_tree(job.path / "code", {**project(command=[command]), "listen": LISTEN, "ask": script('read -r word; echo "read $word"; exit 5')})
    words = engine.words(bases.layered(), "train", job=job, env={"TRAIN_LOG": mode}, flags=["-it"])
    return Terminal([shutil.which(words[0]), *words[1:]], dict(os.environ), job.folder)


def record_of(job):
    return read_record(job.record_file)


def test_with_lines_ctrl_c_is_a_stop_request(job):
    """The pipeline has pipes and /dev/null; the terminal makes CR LF of each line's end, once; no colours, no other escape sequences."""
    with at_terminal(job, "lines") as terminal:
        terminal.wait_for("^ready")
        terminal.type("\x03")
        assert terminal.finish() == 7
    lines = terminal.text.split("\r\n")
    assert "\r" not in "".join(lines).replace("^C", "") and "\n" not in "".join(lines) and "\x1b" not in terminal.text, terminal.text
    for line in ("stdin is none", "stdout is none", "for people", "ready", "got TERM"):
        assert line in lines, terminal.text
    assert "train: SIGINT: stopping the pipeline, it has 100 s" in "\n".join(lines)
    record = record_of(job)
    assert (record["exit_code"], record["outcome"], record["reason"], record["ended_by"]) == (7, "stopped", "stopped", "stop")
    assert (job.output / "failure").read_text().splitlines()[0] == "[stopped] a stop was asked for by SIGINT and the pipeline ended with exit code 7."


def test_with_raw_the_terminal_is_the_pipelines(job):
    """Ctrl-C is its own then: no stop was asked for."""
    with at_terminal(job, "raw") as terminal:
        terminal.wait_for("^ready")
        terminal.type("\x03")
        assert terminal.finish() == 8
    lines = terminal.text.split("\r\n")
    assert "stdin is a terminal" in lines and "stdout is a terminal" in lines and "\x1b" not in terminal.text, terminal.text
    assert any(line.endswith("got INT") for line in lines) and "got TERM" not in terminal.text
    record = record_of(job)
    assert (record["exit_code"], record["outcome"], record["reason"]) == (8, "failed", "exit-8")


def test_with_raw_the_pipeline_reads_what_is_typed(job):
    with at_terminal(job, "raw", "./ask") as terminal:
        terminal.type("typed\n")
        assert terminal.finish() == 5
    assert "read typed\r\n" in terminal.text


@pytest.mark.parametrize("mode", ["lines", "raw"])
def test_the_windows_size_reaches_the_pipeline(job, mode):
    with at_terminal(job, mode) as terminal:
        terminal.wait_for("^ready")
        terminal.resize(33, 77)
        terminal.wait_for("^got WINCH")
        if mode == "raw":
            terminal.wait_for("^33 77")
        terminal.type("\x03")
        assert terminal.finish() in (7, 8)
