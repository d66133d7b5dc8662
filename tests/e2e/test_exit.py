"""Exit codes and reasons, each provoked for real (product §12)."""
import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs import (BINARY, HOOKS_BINARY, JobRoot, as_nobody, code, give_away, in_mounts, make_tar, make_tree, pid1, processes,
                  project, public_folder, run, script, sha256, shell, start, wait_until)

BOTH = pytest.mark.parametrize("before", [[], pid1()], ids=["plain", "pid1"])


@pytest.fixture
def silent():
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/code.tar", server


def started(server):
    """Waits until somebody asked the silent server something."""
    server.settimeout(60)
    connection, _ = server.accept()
    connection.settimeout(60)
    assert connection.recv(4) == b"GET "
    return connection


# ---- the pipeline's own ----

@BOTH
def test_every_exit_code_of_the_pipeline_is_passed_through(tmp_path, before):
    """Sixteen jobs at a time: each waits a little for late metrics."""
    def one(number):
        job = JobRoot(tmp_path / str(number))
        result = run("--", "sh", "-c", f"exit {number}", job=job, before=before)
        record = json.loads(job.record_file.read_text())
        return result.code, record["exit_code"], record["reason"], record["ended_by"]

    with ThreadPoolExecutor(16) as pool:
        ends = list(pool.map(one, range(256)))
    assert ends == [(n, n, f"exit-{n}" if n else None, "pipeline") for n in range(256)]


# What a process without handlers survives, or is only stopped by.
HARMLESS = [signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU]


@BOTH
def test_every_signal_that_kills_the_pipeline_is_128_and_its_number(tmp_path, before):
    """The real-time ones too, and those that the C library keeps for itself."""
    def one(number):
        job = JobRoot(tmp_path / str(number))
        result = run("--", "sh", "-c", f"ulimit -c 0; kill -{number} $$", job=job, before=before)
        name = signal.Signals(number).name if number < 32 else f"SIGRTMIN+{number - 32}"
        result.check(128 + number, f"signal-{name}")
        return name in result.failure and result.record["outcome"] == "failed" and result.record["ended_by"] == "pipeline"

    deadly = [number for number in range(1, 65) if number not in HARMLESS]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, deadly)) == [True] * 56


def test_a_likely_cause_stands_beside_sigill_and_sigbus(job):
    assert "CPU" in run("--", "sh", "-c", "ulimit -c 0; kill -ILL $$", job=job).failure
    assert "/dev/shm" in run("--", "sh", "-c", "ulimit -c 0; kill -BUS $$", job=job).failure


def test_success_leaves_no_failure_and_a_record(job):
    result = run("--", "true", job=job)
    assert result.code == 0
    assert result.failure is None
    assert (result.record["outcome"], result.record["reason"]) == ("completed", None)
    assert not (job.output / ".failure.reserved").exists()


# ---- 64 ----

def test_without_job_code_or_command_it_says_how_to_run_the_folder(tmp_path):
    result = run(env={"SAGEMAKER_BASE_DIR": tmp_path / "nothing"}, cwd=tmp_path)
    assert result.code == 64
    assert "no job here; to run this folder: `train run`" in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "nothing").exists()


def test_serve_says_that_this_image_only_trains(job, tmp_path):
    for result in (run("serve", job=job), run("serve", env={"SAGEMAKER_BASE_DIR": tmp_path / "nothing"})):
        assert result.code == 64
        assert "this image only trains" in result.err


def test_a_processing_root_says_that_this_image_only_trains(tmp_path):
    make_tree(tmp_path, {"ml/config/processingjobconfig.json": {"ProcessingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:"
                                                                "processing-job/x"}, "ml/config/resourceconfig.json": {}})
    result = run("--", "true", env={"SAGEMAKER_BASE_DIR": tmp_path / "ml"})
    assert result.code == 64
    assert "this image only trains" in result.err


# ---- 65, 66 ----

def test_a_wrong_digest_runs_nothing(job, tmp_path):
    archive = make_tar(tmp_path / "code.tar.gz", {**project(command=["./main"]), "main": script("touch ran; echo ran")})
    wrong = "0" * 64
    result = run(job=job, env={"TRAIN_CODE": archive, "TRAIN_CODE_SHA256": wrong})
    result.check(65, "code-digest")
    assert wrong in result.failure and sha256(archive) in result.failure
    assert "ran" not in result.out
    assert job.leftovers() == set()


def test_a_broken_archive_runs_nothing(job, tmp_path):
    archive = make_tar(tmp_path / "code.tar.gz", {**project(command=["./main"]), "main": script("echo ran")})
    archive.write_bytes(archive.read_bytes()[:-1] + b"\xff")
    result = run(job=job, env={"TRAIN_CODE": archive})
    result.check(65, "code-archive")
    assert "ran" not in result.out
    assert job.leftovers() == set()


def test_code_that_is_not_there(job, tmp_path):
    run(job=job, env={"TRAIN_CODE": tmp_path / "missing.tar.gz"}).check(66, "code-not-found")
    assert str(tmp_path / "missing.tar.gz") in (job.output / "failure").read_text()


def test_a_channel_that_is_not_there(job):
    result = run(job=job, env={"TRAIN_CODE": "channel:nowhere"})
    assert result.code in (66, 78)
    assert "nowhere" in result.failure


# ---- 70 ----

@BOTH
@pytest.mark.parametrize("phase", "start read tags fetch verify link run finish".split())
def test_a_failed_check_ends_with_70_and_says_so(job, tmp_path, phase, before):
    archive = make_tar(tmp_path / "code.tar", {**project(command=["true"])})
    result = run(job=job, env={"TRAIN_CODE": archive, "TRAIN_TEST_CRASH": phase}, binary=HOOKS_BINARY, before=before)
    assert result.code == 70
    assert (job.output / "failure").read_text().startswith("[agent-bug] a mistake in train itself")
    assert "a mistake in train itself" in result.err


def test_the_hook_is_not_in_the_release(job):
    assert run("--", "true", job=job, env={"TRAIN_TEST_CRASH": "read"}).code == 0


# ---- 71 ----

def test_a_container_without_room_for_a_process_is_71():
    with public_folder() as folder:
        job = JobRoot(folder)
        give_away(folder)
        result = run("--", "true", job=job, binary=folder / "train", before=[*as_nobody(), "prlimit", "--nproc=1", "--"])
        result.check(71, "system")
        assert "true" in result.failure


# ---- 73 ----

def test_a_full_disk_while_unpacking(job, tmp_path):
    archive = make_tar(tmp_path / "code.tar.gz", {"big": b"\0" * (4 << 20), **project(command=["true"])})
    result = run(job=job, env={"TRAIN_CODE": archive}, before=in_mounts(f"mount -t tmpfs -o size=1m none {job.tmp}"))
    result.check(73, "disk-full")


def test_no_inode_left_while_unpacking(job, tmp_path):
    archive = make_tar(tmp_path / "code.tar.gz", {f"file-{n}": "x" for n in range(200)} | project(command=["true"]))
    result = run(job=job, env={"TRAIN_CODE": archive}, before=in_mounts(f"mount -t tmpfs -o nr_inodes=50 none {job.tmp}"))
    result.check(73, "disk-full")


def test_a_volume_that_fills_up_during_the_job_is_no_success(job, tmp_path):
    """The reserved failure file needs no room, so the reason still gets out."""
    saved = tmp_path / "saved"
    keep = ["sh", "-c", f'"$@"; code=$?; cp {job.output}/failure {saved}; exit $code', "sh"]
    fill = 'import os\nfill = open("output/fill", "wb", 0)\ntry:\n    while True: fill.write(b"x" * 4096)\nexcept OSError: pass'
    job.code(project(command=code(fill)))
    result = run(job=job, before=[*in_mounts(f"mount -t tmpfs -o size=256k none {job.output}"), *keep])
    assert result.code == 73, result.err
    assert saved.read_text().startswith("[disk-full] ")


def test_a_failed_pipeline_on_a_full_volume_keeps_its_own_code(job, tmp_path):
    saved = tmp_path / "saved"
    keep = ["sh", "-c", f'"$@"; code=$?; cp {job.output}/failure {saved}; exit $code', "sh"]
    job.code(project(command=shell("head -c 1000000 /dev/zero >output/fill; echo no room for this >&2; exit 9")))
    result = run(job=job, before=[*in_mounts(f"mount -t tmpfs -o size=256k none {job.output}"), *keep])
    assert result.code == 9
    assert saved.read_text().startswith("[exit-9] ")
    assert "no room for this" in saved.read_text()


def test_an_output_that_is_a_file_ends_a_job_before_anything_runs(job):
    for part in ("data", ""):
        (job.output / part).rmdir()
    job.output.write_text("")
    result = run("--", "sh", "-c", "echo ran", job=job)
    assert result.code == 73
    assert "[output-write]" in result.err and str(job.output) in result.err
    assert "ran" not in result.out


def test_an_output_that_may_not_be_written_ends_a_job_before_anything_runs():
    with public_folder() as folder:
        job = JobRoot(folder)
        give_away(job.tmp)
        job.output.chmod(0o555)
        (job.output / "data").chmod(0o555)
        result = run("--", "sh", "-c", "echo ran", job=job, binary=folder / "train", before=as_nobody())
        assert result.code == 73
        assert "[output-write]" in result.err
        assert "ran" not in result.out


def test_outside_a_job_an_output_that_may_not_be_written_is_a_warning():
    with public_folder() as folder:
        job = JobRoot(folder, sagemaker=False)
        give_away(job.tmp)
        job.output.chmod(0o555)
        (job.output / "data").chmod(0o555)
        result = run("--", "sh", "-c", "echo ran", job=job, binary=folder / "train", before=as_nobody())
        assert result.code == 0, result.err
        assert "ran" in result.out
        assert str(job.output) in result.said
        assert result.record is None


def test_a_workspace_that_is_noexec_is_named_with_the_advice(job):
    job.code(project(command=["true"]))
    result = run(job=job, env={"TRAIN_WORKSPACE": job.tmp}, before=in_mounts(f"mount -t tmpfs -o noexec none {job.tmp}"))
    result.check(73, "workspace")
    assert "noexec" in result.failure and "--tmpfs /tmp:exec" in result.failure and str(job.tmp) in result.failure


def test_a_workspace_that_is_read_only(job):
    job.code(project(command=["true"]))
    result = run(job=job, env={"TRAIN_WORKSPACE": job.tmp}, before=in_mounts(f"mount -t tmpfs -o ro none {job.tmp}"))
    result.check(73, "workspace")
    assert str(job.tmp) in result.failure


def test_no_folder_at_all_can_hold_the_workspace(job):
    """Everything noexec but the place of the binary itself."""
    job.code(project(command=["true"]))
    place = job.folder / "bin"
    place.mkdir()
    mounts = f"""
        mount --bind /tmp /tmp
        mount -o remount,bind,noexec /tmp
        mount --bind {job.folder} {job.folder}
        mount -o remount,bind,noexec {job.folder}
        for folder in /var/tmp /dev/shm; do mount -t tmpfs -o noexec none $folder; done
        mount -t tmpfs none {place}
        cat /proc/self/fd/9 >{place}/train
        chmod 755 {place}/train
    """
    with open(BINARY, "rb") as binary:
        handed = [*in_mounts(mounts)]
        result = run(job=job, binary=place / "train", before=["sh", "-c", f'exec 9<"/proc/$PPID/fd/{binary.fileno()}"; exec "$@"', "sh", *handed])
    result.check(73, "workspace")
    assert "--tmpfs /tmp:exec" in result.failure


# ---- 74 ----

def test_code_that_cannot_be_read_for_an_io_error(job):
    """The first page of a process is never mapped: reading it is EIO."""
    result = run(job=job, env={"TRAIN_CODE": "/proc/self/mem"})
    result.check(74, "io")
    assert "/proc/self/mem" in result.failure


# ---- 78 ----

def test_nothing_says_what_to_run(job):
    job.code({"README": "no pipeline.json"})
    result = run(job=job)
    result.check(78, "settings")
    assert "pipeline.json" in result.failure
    assert '"command"' in result.err


def test_a_setting_of_the_wrong_form(job):
    result = run("--", "true", job=job, env={"TRAIN_STOP_GRACE": "soon"})
    result.check(78, "settings")
    assert "TRAIN_STOP_GRACE" in result.failure and "soon" in result.failure


# ---- 124 ----

@BOTH
@pytest.mark.parametrize("ending", ["exit 0", "exit 5", "kill -KILL $$"])
def test_a_timeout_is_124_however_the_pipeline_ended(job, before, ending):
    text = f"trap '{ending}' TERM; while :; do sleep 1000 & wait $!; done"
    result = run("--", "sh", "-c", text, job=job, env={"TRAIN_TIMEOUT": 1}, before=before)
    result.check(124, "timeout")
    assert result.record["ended_by"] == "timeout"


def test_a_timeout_of_a_pipeline_that_ignores_it(job):
    result = run("--", "sh", "-c", "trap '' TERM; sleep 1000 & wait; sleep 1000", job=job,
                 env={"TRAIN_TIMEOUT": 1, "TRAIN_STOP_GRACE": 1})
    result.check(124, "timeout")


# ---- 126, 127 ----

@BOTH
def test_a_command_that_does_not_exist_is_127(job, before):
    result = run("--", "no-such-program-anywhere", job=job, before=before).check(127, "command")
    assert "no-such-program-anywhere" in result.failure


@BOTH
def test_a_command_that_is_not_executable_is_126(job, before):
    plain = job.folder / "plain"
    plain.write_text("#!/bin/sh\n")
    plain.chmod(0o644)
    result = run("--", plain, job=job, before=before).check(126, "command")
    assert str(plain) in result.failure


def test_a_folder_as_command_is_126(job):
    run("--", job.folder, job=job).check(126, "command")


def test_a_missing_interpreter_names_the_interpreter(job):
    job.code({**project(command=["./main"]), "main": script("", interpreter="/no/such/python3.99")})
    result = run(job=job)
    assert result.code in (126, 127)
    assert "/no/such/python3.99" in result.failure


def test_a_script_without_first_line_says_so(job):
    plain = job.folder / "plain"
    plain.write_text("echo hello\n")
    plain.chmod(0o755)
    result = run("--", plain, job=job).check(126, "command")
    assert "#!" in result.failure


def test_a_pipeline_that_ends_with_126_or_127_itself_has_its_own_reason(job):
    for number in (126, 127):
        run("--", "sh", "-c", f"exit {number}", job=job).check(number, f"exit-{number}")


def test_a_pipeline_may_use_the_agents_numbers(job):
    for number in (64, 65, 70, 73, 78, 124):
        result = run("--", "sh", "-c", f"exit {number}", job=job).check(number, f"exit-{number}")
        assert result.record["ended_by"] == "pipeline"


# ---- agent-killed ----

@BOTH
def test_the_stub_stands_when_the_agent_is_killed(job, silent, before):
    address, server = silent
    env = {"TRAIN_CODE": address, "TRAIN_CODE_SHA256": "0" * 64}
    with start(job=job, env=env, before=before) as running:
        connection = started(server)
        running.signal(signal.SIGKILL)
        result = running.finish()
        connection.close()
    assert result.failure.splitlines()[0] == "[agent-killed] train was killed in phase fetch"
    assert (job.output / "failure").stat().st_size <= 960


def test_a_killed_agent_leaves_no_pipeline_behind_as_pid_1(job):
    with start("--", "sh", "-c", "echo ready; exec sleep 1000", job=job, before=pid1(), env={"MARK": job.folder}) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGKILL)
        running.finish()
    wait_until(lambda: not processes(str(job.folder)), "the pipeline's end")


# ---- stopped before anything ran ----

@BOTH
@pytest.mark.parametrize("name", "TERM INT QUIT HUP".split())
def test_a_stop_before_the_child_exists_is_128_and_its_number(job, silent, before, name):
    address, server = silent
    number = getattr(signal, f"SIG{name}")
    env = {"TRAIN_CODE": address, "TRAIN_CODE_SHA256": "0" * 64}
    with start("--", "sh", "-c", "echo ran", job=job, env=env, before=before) as running:
        connection = started(server)
        running.signal(number)
        result = running.finish()
        connection.close()
    result.check(128 + number, "stopped")
    assert "ran" not in result.out
    assert result.record["outcome"] == "stopped" and result.record["ended_by"] == "stop"
    assert f"SIG{name}" in result.failure
    assert job.leftovers() == set()


def test_signals_for_the_pipeline_are_dropped_before_it_exists(job, silent):
    address, server = silent
    env = {"TRAIN_CODE": address, "TRAIN_CODE_SHA256": "0" * 64}
    with start("--", "true", job=job, env=env) as running:
        connection = started(server)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCONT):
            running.signal(number)
        running.signal(signal.SIGTERM)
        result = running.finish()
        connection.close()
    result.check(143, "stopped")
