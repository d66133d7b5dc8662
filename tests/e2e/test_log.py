"""What becomes of the pipeline's output (product §10)."""
import array
import fcntl
import json
import os
import pty
import signal
import subprocess
import termios
from pathlib import Path

import pytest

from jobs import BINARY, PYTHON, clean_env, project, run, shell, start, wait_until

F_SETPIPE_SZ, F_GETPIPE_SZ = 1031, 1032  # <fcntl.h>; Python 3.11 does not name them


def program(job, text, **more):
    """Runs Python text as the pipeline, in place; 'out' and 'err' write bytes at once."""
    head = "import os, sys, time\nout = lambda b: os.write(1, b)\nerr = lambda b: os.write(2, b)\n"
    return run("--", PYTHON, "-c", head + text, job=job, **more)


def lines(raw):
    """Lines of the pipeline in raw bytes: neither the agent's nor its metrics."""
    return [line for line in raw.split(b"\n")[:-1] if not line.startswith((b"train: ", b"#metric agent:"))]


# ---- lines ----

def test_stdout_and_stderr_stay_apart_and_in_order(job):
    result = program(job, "for n in range(1000):\n    out(b'out %d\\n' % n); err(b'err %d\\n' % n)")
    assert lines(result.raw_out) == [b"out %d" % n for n in range(1000)]
    assert lines(result.raw_err) == [b"err %d" % n for n in range(1000)]


def test_lines_of_several_writers_are_not_torn_on_one_sink(job, tmp_path):
    """stdout and stderr are the same file, as in a container's log."""
    text = """
if os.fork():
    stream, letter = 1, b'a'
else:
    stream, letter = 2, b'b'
for n in range(2000):
    line = letter * (1 + n % 200) + b'.\\n'
    cut = n % len(line)
    os.write(stream, line[:cut]); os.write(stream, line[cut:])
if letter == b'a':
    os.wait()
"""
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.run([BINARY, "--", PYTHON, "-c", "import os\n" + text], env=clean_env(job), cwd=tmp_path,
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=60)
    assert process.returncode == 0
    got = lines((tmp_path / "log").read_bytes())
    assert all(set(line[:-1]) <= {ord("a")} or set(line[:-1]) <= {ord("b")} for line in got if line), "a torn line"
    for letter in (b"a", b"b"):
        assert [len(line) for line in got if line.startswith(letter)] == [2 + n % 200 for n in range(2000)]


def test_a_last_line_without_newline_is_not_lost(job):
    result = program(job, "out(b'whole\\nrest')")
    assert result.raw_out.startswith(b"whole\nrest")
    assert lines(result.raw_out + b"\n")[:2] == [b"whole", b"rest"]


def test_a_last_line_before_a_kill_is_not_lost(job):
    result = program(job, "import signal\nerr(b'last words'); os.kill(os.getpid(), signal.SIGKILL)")
    assert b"last words" in result.raw_err
    assert result.code == 137


def test_an_unterminated_line_is_passed_on_meanwhile(job):
    """A prompt that the pipeline waits behind must be seen: the reader answers it."""
    with start("--", PYTHON, "-c", "import sys\nsys.stdout.write('name? '); sys.stdout.flush()\nprint('hello', sys.stdin.readline())",
               job=job, stdin=subprocess.PIPE) as running:
        running.wait_for(r"name\? ")
        running.process.stdin.write(b"you\n")
        running.process.stdin.close()
        result = running.finish()
    assert "name? hello you" in result.out


def test_cr_lf_is_one_line_end(job):
    result = program(job, "out(b'one\\r\\ntwo\\r\\n')")
    assert lines(result.raw_out)[:2] == [b"one", b"two"]
    assert b"\r" not in result.raw_out


def test_of_progress_updates_the_last_stays(job):
    """tqdm redraws ten times a second with a CR before its text; one a second is kept, and always the last."""
    result = program(job, "for n in range(500):\n    err(b'\\r%d%%' % n)\nerr(b'\\rdone\\n')\nout(b'after\\n')")
    got = lines(result.raw_err)
    assert got[-1] == b"done"
    assert len(got) <= 10
    assert b"\r" not in result.raw_err


def test_escape_sequences_are_dropped_without_a_terminal(job):
    text = r"out(b'\x1b[31mred\x1b[0m \x1b]0;title\x07plain \x1b[2Kx\n')"
    assert lines(program(job, text).raw_out)[0] == b"red plain x"


def test_escape_sequences_stay_on_a_terminal(job):
    master, slave = pty.openpty()
    process = subprocess.Popen([BINARY, "--", PYTHON, "-c", r"print('\x1b[31mred\x1b[0m')"], env=clean_env(job), cwd=job.folder,
                               stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE)
    os.close(slave)
    got = b""
    try:
        while part := os.read(master, 4096):
            got += part
    except OSError:
        pass  # EIO: the other side is closed
    process.communicate(timeout=60)
    os.close(master)
    assert b"\x1b[31mred\x1b[0m" in got


def pieces(raw, before):
    """What stood in front of the line 'before', pieces of lines joined again."""
    got = lines(raw)
    got = got[:got.index(before)]
    for first, second in zip(got, got[1:]):
        assert first.endswith(b"[...]") and second.startswith(b"[...]")
    return len(got), b"".join(got).replace(b"[...][...]", b"")


@pytest.mark.parametrize("size", [65535, 65536, 65537, 200000, 1 << 20])
def test_long_lines_are_split_and_nothing_is_lost(job, size):
    result = program(job, f"data = (b'0123456789' * 104858)[:{size}]\nwhile data:\n    data = data[os.write(1, data):]\nout(b'\\nnext\\n')")
    count, text = pieces(result.raw_out, b"next")
    assert text == (b"0123456789" * 104858)[:size]
    assert count == (size + 65535) // 65536


def test_long_lines_are_split_at_character_borders(job):
    result = program(job, "data = ('\\u20ac' * 60000).encode()\nwhile data:\n    data = data[os.write(1, data):]\nout(b'\\nnext\\n')")
    count, text = pieces(result.raw_out, b"next")
    assert count > 1 and text.decode() == "\u20ac" * 60000
    assert "\ufffd" not in result.out
    assert result.out.count("\u20ac") == 60000


def test_bytes_that_are_not_utf_8_pass_unharmed(job):
    """All but newline, CR, and ESC with what follows."""
    result = program(job, "out(bytes(b for b in range(256) if b not in (10, 13, 27)) + b'\\n')")
    assert lines(result.raw_out)[0] == bytes(b for b in range(256) if b not in (10, 13, 27))


def test_empty_lines_and_nul_pass(job):
    assert lines(program(job, "out(b'\\n\\n\\x00\\n')").raw_out)[:3] == [b"", b"", b"\0"]


def test_much_output_is_whole(job):
    result = program(job, "block = b''.join(b'%07d\\n' % n for n in range(8192))\nfor _ in range(200):\n    view = block\n"
                     "    while view:\n        view = view[os.write(1, view):]\n")
    block = b"".join(b"%07d\n" % n for n in range(8192))
    assert result.raw_out.startswith(block * 200)


def test_descriptors_keep_their_flags(job):
    """A pipe that others share must not become non-blocking behind their backs."""
    reading, writing = os.pipe()
    before = fcntl.fcntl(writing, fcntl.F_GETFL)
    process = subprocess.Popen([BINARY, "--", "sh", "-c", "echo ready; exec cat"], env=clean_env(job), cwd=job.folder,
                               stdin=subprocess.PIPE, stdout=writing, stderr=writing)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(reading, 4096)
    assert fcntl.fcntl(writing, fcntl.F_GETFL) == before
    process.communicate(timeout=60)
    assert fcntl.fcntl(writing, fcntl.F_GETFL) == before
    os.close(reading)
    os.close(writing)


def test_descriptors_keep_their_size(job):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 8192)
    subprocess.run([BINARY, "--", "echo", "x"], env=clean_env(job), cwd=job.folder, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing,
                   check=True, timeout=60)
    assert fcntl.fcntl(writing, F_GETPIPE_SZ) == 8192
    os.close(reading)
    os.close(writing)


# ---- progress bars ----

def test_of_a_real_progress_bar_few_updates_stay_and_the_last(job):
    text = """
from tqdm import tqdm
for n in tqdm(range(2000), desc='epoch', mininterval=0, miniters=1):
    if n % 500 == 499:
        tqdm.write(f'note {n}')
print('after')
"""
    result = run("--", PYTHON, "-c", text, job=job)
    assert lines(result.raw_out) == [b"note 499", b"note 999", b"note 1499", b"note 1999", b"after"]
    got = result.pipeline_err
    assert got[-1].startswith("epoch: 100%|") and "2000/2000" in got[-1]
    assert len(got) < 50 and all(line.startswith("epoch: ") for line in got)
    assert b"\r" not in result.raw_err


def test_bars_of_several_processes_do_not_tear_each_other(job):
    text = """
import os
from tqdm import tqdm
if os.fork():
    bar = tqdm(range(3000), desc='parent', mininterval=0, miniters=1)
else:
    os.dup2(1, 2)
    bar = tqdm(range(3000), desc='child', mininterval=0, miniters=1)
for n in bar:
    pass
bar.close()
if bar.desc.startswith('parent'):
    os.wait()
"""
    reading, writing = os.pipe()
    process = subprocess.Popen([BINARY, "--", PYTHON, "-c", text], env=clean_env(job), cwd=job.folder, stdin=subprocess.DEVNULL, stdout=writing,
                               stderr=writing)
    os.close(writing)
    with open(reading, "rb") as log:
        got = lines(log.read())
    assert process.wait(60) == 0
    for name in (b"parent", b"child"):
        last = [line for line in got if line.startswith(name)][-1]
        assert last.startswith(name + b": 100%|") and b"3000/3000" in last
    assert all(line.startswith((b"parent: ", b"child: ")) for line in got)


# ---- readers ----

def test_a_reader_that_closes_kills_nothing(job):
    reading, writing = os.pipe()
    text = "import os, sys\nfor n in range(20000):\n    print('x' * 100)\nsys.stdout.flush()\nopen('done', 'w').close()\nsys.exit(4)"
    process = subprocess.Popen([BINARY, "--", PYTHON, "-c", text], env=clean_env(job), cwd=job.folder, stdin=subprocess.DEVNULL,
                               stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    os.read(reading, 10)
    os.close(reading)
    process.communicate(timeout=60)
    assert process.returncode == 4
    assert (job.folder / "done").exists()
    assert json.loads(job.record_file.read_text())["log_bytes_lost"] > 1000000


def test_a_closed_stdout_from_the_start_kills_nothing(job):
    result = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&- 2>&-', BINARY, "--", "sh", "-c", "echo x; echo y >&2; exit 6"],
                            env=clean_env(job), cwd=job.folder, stdin=subprocess.DEVNULL, timeout=60)
    assert result.returncode == 6


def test_a_stop_request_comes_through_while_the_reader_is_stalled(job):
    """The log's pipe is full and nobody reads; the pipeline notes the signal in a file and ends."""
    reading, writing = os.pipe()
    text = ("import os, signal, sys\ndef stop(*_):\n    open('stopped', 'w').close()\n    os._exit(8)\n"
            "signal.signal(signal.SIGTERM, stop)\nopen('ready', 'w').close()\nwhile True:\n    os.write(1, b'x' * 1000 + b'\\n')")
    process = subprocess.Popen([BINARY, "--", PYTHON, "-c", text], env=clean_env(job), cwd=job.folder, stdin=subprocess.DEVNULL,
                               stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    wait_until((job.folder / "ready").exists, "the pipeline")
    wait_until(lambda: full(reading), "a full pipe")
    process.send_signal(signal.SIGTERM)
    wait_until((job.folder / "stopped").exists, "the stop signal in the pipeline")
    while os.read(reading, 65536):
        pass
    assert process.wait(60) == 8
    os.close(reading)


def full(reading):
    """Whether a pipe of the common size cannot take a page more."""

    waiting = array.array("i", [0])
    fcntl.ioctl(reading, termios.FIONREAD, waiting)
    return waiting[0] > 60000


def test_a_slow_reader_slows_the_pipeline_and_loses_nothing(job):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    text = "for n in range(20000): print('%06d' % n)"
    process = subprocess.Popen([BINARY, "--", PYTHON, "-c", text], env=clean_env(job), cwd=job.folder, stdin=subprocess.DEVNULL,
                               stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    got = b""
    while part := os.read(reading, 512):
        got += part
    os.close(reading)
    assert process.wait(60) == 0
    assert lines(got) == [b"%06d" % n for n in range(20000)]


@pytest.fixture
def many_lines(tmp_path):
    """The program that writes numbered lines from many processes, and checks them."""
    program = tmp_path / "lines"
    subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", Path(__file__).parent / "programs/lines.c", "-o", program], check=True)
    return program


def test_ten_million_lines_of_sixteen_writers_come_whole_through_two_streams(job, many_lines):
    """stdout and stderr end in one small pipe, read slowly; each line was one write. The checker knows every byte of them."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    words = ["16", "625000"]
    process = subprocess.Popen([BINARY, "--", many_lines, "write", *words], env=clean_env(job), cwd=job.folder, stdin=subprocess.DEVNULL,
                               stdout=writing, stderr=writing)
    os.close(writing)
    checked = subprocess.run([many_lines, "check", *words], stdin=reading, stderr=subprocess.PIPE, text=True, timeout=300)
    os.close(reading)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert process.wait(60) == 0
    assert json.loads(job.record_file.read_text())["log_bytes_lost"] == 0


def test_a_grandchild_that_holds_the_pipe_keeps_nobody_and_its_words_come(job):
    text = """
if os.fork() == 0:
    os.setsid()
    out(b'from the grandchild\\n'); err(b'unfinished')
    os.write(4, b'x')
    while True:
        time.sleep(100)
os.read(3, 1)
"""
    result = program(job, "assert os.pipe() == (3, 4)\n" + text)
    assert result.code == 0
    assert lines(result.raw_out)[0] == b"from the grandchild"
    assert b"unfinished\n" in result.raw_err


# ---- masking ----

SECRET = "s3cr3t-value-1234"


def test_secrets_never_leave_in_what_the_agent_writes(job):
    """In names that say so and in text that looks so: nothing but the pipeline itself may print them."""
    job.hyperparameters({"db_password": SECRET + "-hp", "max_tokens": "777777", "api.key": SECRET + "-key"})
    env = {"MY_TOKEN": SECRET + "-env", "AWS_SECRET_ACCESS_KEY": SECRET + "-aws", "TRAIN_LOG_LEVEL": "debug",
           "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}
    job.code(project(command=shell(f"echo failed with {SECRET}-hp and AKIAIOSFODNN7EXAMPLE and max 777777 >&2; exit 3"),
                     arguments="--key value"))
    result = run(job=job, env=env)
    result.check(3, "exit-3")
    agent = "\n".join(result.agent) + result.failure + job.record_file.read_text() + "".join(result.metric_lines)
    assert SECRET not in agent
    assert "AKIAIOSFODNN7EXAMPLE" not in agent
    assert "777777" in agent
    assert "***" in result.failure
    assert set(result.record["masked"]) == {"db_password", "api.key"}
    assert result.record["hyperparameters"] == {"max_tokens": 777777}


def test_a_secret_in_a_setting_or_an_address_is_masked(job):
    address = f"https://user:{SECRET}@artifacts.invalid/code.tar.gz?X-Amz-Signature={SECRET}&X-Amz-Credential={SECRET}"
    result = run(job=job, env={"TRAIN_CODE": address, "TRAIN_LOG_LEVEL": "debug"})
    assert result.code == 78
    assert SECRET not in result.everything


def test_the_pipelines_own_log_is_its_own_unless_redact_says_so(job):
    env = {"MY_TOKEN": SECRET, "PLAIN_NAME": "plain-secret-99"}
    words = ["--", "sh", "-c", f"echo {SECRET}; echo plain-secret-99 >&2"]
    result = run(*words, job=job, env=env)
    assert SECRET in result.out and "plain-secret-99" in result.err
    result = run(*words, job=job, env=env | {"TRAIN_REDACT": "MY_TOKEN PLAIN_NAME"})
    assert SECRET not in result.everything and "plain-secret-99" not in result.everything
    assert result.out.splitlines()[0] == "***"


def test_redact_finds_a_secret_that_is_written_in_pieces(job):
    text = f"import os, sys\nfor part in {[SECRET[n:n + 1] for n in range(len(SECRET))]!r}:\n    os.write(1, part.encode())\nos.write(1, b'\\n')"
    result = run("--", PYTHON, "-c", text, job=job, env={"MINE": SECRET, "TRAIN_REDACT": "MINE"})
    assert SECRET not in result.out


def test_redact_names_a_hyperparameter(job):
    job.hyperparameters({"customer": "Miller and Sons"})
    result = run("--", "echo", "for Miller and Sons", job=job, env={"TRAIN_REDACT": "customer"})
    assert result.out.splitlines()[0] == "for ***"


def test_short_values_are_not_masked_inside_other_text(job):
    result = run("--", "echo", "the abc of it", job=job, env={"MY_PASSWORD": "abc", "TRAIN_REDACT": "MY_PASSWORD"})
    assert result.out.splitlines()[0] == "the abc of it"


# ---- raw ----

def test_raw_hands_the_descriptors_to_the_pipeline(job):
    result = program(job, r"out(b'\x1b[31mred\r\nrest')", env={"TRAIN_LOG": "raw"})
    assert result.raw_out.startswith(b"\x1b[31mred\r\nrest")


def test_raw_gives_the_pipeline_the_very_descriptors_and_leaves_them_alone(job):
    """No pipe stands between: the same files, in their size and with their flags."""
    ends = [os.pipe(), os.pipe()]
    writing = [end[1] for end in ends]
    before = [(fcntl.fcntl(fd, fcntl.F_GETFL), fcntl.fcntl(fd, F_GETPIPE_SZ)) for fd in writing]
    process = subprocess.Popen([BINARY, "--", PYTHON, "-c", "import json, os\n"
                                "json.dump([(os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in (1, 2)], open('seen', 'w'))"],
                               env=clean_env(job, {"TRAIN_LOG": "raw"}), cwd=job.folder, stdin=subprocess.DEVNULL, stdout=writing[0],
                               stderr=writing[1])
    assert process.wait(60) == 0
    assert json.loads((job.folder / "seen").read_text()) == [[os.fstat(fd).st_dev, os.fstat(fd).st_ino] for fd in writing]
    assert [(fcntl.fcntl(fd, fcntl.F_GETFL), fcntl.fcntl(fd, F_GETPIPE_SZ)) for fd in writing] == before
    for end in ends:
        os.close(end[0])
        os.close(end[1])


def test_raw_has_no_tail_and_warns_of_masks(job):
    result = run("--", "sh", "-c", "echo on stderr >&2; exit 3", job=job, env={"TRAIN_LOG": "raw", "TRAIN_REDACT": "HOME"})
    result.check(3, "exit-3")
    assert "on stderr" in result.err and "on stderr" not in result.failure
    assert sum("redact" in line for line in result.agent) == 1


def test_raw_still_publishes_metrics(job):
    result = run("--", "sh", "-c", 'echo loss=1 >"$TRAIN_METRICS"', job=job, env={"TRAIN_LOG": "raw"})
    assert "#metric loss=1;" in result.metric_lines


# ---- the agent's own lines ----

def test_the_agents_lines_are_few_and_on_stderr(job):
    result = run("--", "true", job=job)
    assert "train: " not in result.out
    assert 1 <= len(result.agent) <= 6
    assert str(job.record_file) in result.agent[-1]


def test_the_level_of_its_lines(job):
    quiet = run("--", "true", job=job, env={"TRAIN_LOG_LEVEL": "error"})
    assert quiet.err == ""
    loud = run("--", "true", job=job, env={"TRAIN_LOG_LEVEL": "debug"})
    assert len(loud.agent) > len(run("--", "true", job=job).agent)


def test_no_colour_when_the_output_is_no_terminal(job):
    assert "\x1b" not in run("--", "false", job=job).err
