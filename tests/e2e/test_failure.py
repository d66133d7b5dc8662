"""output/failure: the 1,024 characters that SageMaker shows (product §12)."""
import shutil

import pytest

from jobs import PYTHON, project, run, shell


def raw(job):
    return (job.output / "failure").read_bytes()


def test_the_reason_stands_first_then_what_to_do_then_the_tail(job):
    result = run("--", "sh", "-c", "echo first >&2; echo the last words >&2; exit 3", job=job)
    lines = result.failure.splitlines()
    assert lines[0].startswith("[exit-3] ")
    assert "3" in lines[0].removeprefix("[exit-3]")
    assert len(lines) >= 3
    assert lines[-1].endswith("the last words")


@pytest.mark.parametrize("text", ["x" * 5000, "\u20ac" * 3000, "line\n" * 2000, "a\u00e9\U0001f600" * 1000 + "\n"])
def test_it_is_at_most_960_bytes_of_utf_8(job, text):
    run("--", PYTHON, "-c", f"import sys\nsys.stderr.write({text!r}[:90000])\nsys.exit(1)", job=job)
    assert len(raw(job)) <= 960
    raw(job).decode()


def test_bytes_that_are_not_utf_8_do_not_get_in(job):
    run("--", PYTHON, "-c", "import os\nos.write(2, bytes(range(256)) * 10)\nos._exit(1)", job=job)
    assert len(raw(job)) <= 960
    text = raw(job).decode()
    assert not [c for c in text if ord(c) < 32 and c != "\n"]


def test_it_reads_well_when_newlines_become_blanks(job):
    result = run("--", "sh", "-c", "echo on stderr >&2; exit 3", job=job)
    head, advice = result.failure.splitlines()[:2]
    assert head.endswith((".", "!", "?", ":")) and advice.endswith((".", "!", "?", ":"))


def test_the_host_is_named_only_where_there_are_several(job):
    assert "algo-1" not in run("--", "false", job=job).failure
    job.hosts("algo-2", ["algo-1", "algo-2"])
    assert run("--", "false", job=job).failure.startswith("[exit-1] algo-2: ")


def test_an_earlier_failure_is_kept(job):
    (job.output / "failure").write_text("what was wrong yesterday")
    (job.output / "failure.previous").write_text("older still")
    result = run("--", "false", job=job)
    assert result.failure.startswith("[exit-1] ")
    assert (job.output / "failure.previous").read_text() == "what was wrong yesterday"


def test_an_earlier_failure_is_no_failure_of_a_job_that_succeeds(job):
    (job.output / "failure").write_text("what was wrong yesterday")
    assert run("--", "true", job=job).code == 0
    assert not (job.output / "failure").exists()
    assert (job.output / "failure.previous").read_text() == "what was wrong yesterday"


def test_an_empty_earlier_failure_counts_as_absent(job):
    (job.output / "failure").write_text("")
    assert run("--", "false", job=job).failure.startswith("[exit-1] ")
    assert not (job.output / "failure.previous").exists()


def test_a_failure_that_is_a_link_is_left_alone_with_a_warning(job):
    elsewhere = job.folder / "elsewhere"
    elsewhere.write_text("not ours")
    (job.output / "failure").symlink_to(elsewhere)
    result = run("--", "false", job=job)
    assert result.code == 1
    assert elsewhere.read_text() == "not ours" and (job.output / "failure").is_symlink()
    assert any("failure" in line and "left alone" in line for line in result.agent)


def test_a_failure_that_is_a_folder_is_left_alone_with_a_warning(job):
    (job.output / "failure").mkdir()
    result = run("--", "false", job=job)
    assert result.code == 1
    assert (job.output / "failure").is_dir()
    assert any("failure" in line and "left alone" in line for line in result.agent)



def test_the_pipelines_own_failure_stays(job):
    job.code(project(command=shell(f"echo 'my own words' >{job.output}/failure; exit 4")))
    result = run(job=job)
    assert result.code == 4
    assert raw(job) == b"my own words\n"
    assert not (job.output / ".failure.reserved").exists()


def test_an_empty_failure_of_the_pipeline_counts_as_absent(job):
    job.code(project(command=shell(f": >{job.output}/failure; exit 4")))
    assert run(job=job).failure.startswith("[exit-4] ")


def test_while_the_pipeline_runs_there_is_a_reserve_and_no_failure(job):
    job.code(project(command=shell(f"ls -A {job.output}; stat -c '%s %b' {job.output}/.failure.reserved")))
    result = run(job=job)
    lines = result.out.split()
    assert ".failure.reserved" in lines and "failure" not in lines
    size, blocks = lines[lines.index("4096"):][:2]
    assert int(blocks) * 512 >= 4096


def test_the_tail_can_be_left_out(job):
    result = run("--", "sh", "-c", "echo words of the pipeline >&2; exit 3", job=job, env={"TRAIN_FAILURE_TAIL": "off"})
    assert "words of the pipeline" not in result.failure


def test_stdout_is_not_the_tail(job):
    assert "to stdout" not in run("--", "sh", "-c", "echo to stdout; exit 3", job=job).failure


def test_pythons_exception_stands_before_its_traceback(job):
    text = "def fit():\n    raise ValueError('no rows in data/training')\nfit()"
    result = run("--", PYTHON, "-c", text, job=job)
    lines = result.failure.splitlines()
    exception = lines.index("ValueError: no rows in data/training")
    assert exception < next(n for n, line in enumerate(lines) if "Traceback" in line)


def test_the_exception_survives_a_long_traceback(job):
    text = "def f(n):\n    if n == 0: raise RuntimeError('deep down')\n    f(n - 1) if n % 2 else f(n - 1 + 0)\nf(500)"
    result = run("--", PYTHON, "-c", text, job=job)
    assert "RuntimeError: deep down" in result.failure.splitlines()
    assert len(raw(job)) <= 960


def test_progress_and_colour_do_not_get_in(job):
    text = r"import os; os.write(2, b'\r10%\r20%\r30%\n\x1b[31mred\x1b[0m error\n'); os._exit(1)"
    result = run("--", PYTHON, "-c", text, job=job)
    assert "red error" in result.failure and "\x1b" not in result.failure
    assert "20%" not in result.failure  # of progress updates one a second is kept, and the last


def test_a_job_without_an_output_folder_gets_one(job):
    shutil.rmtree(job.output)
    assert run("--", "false", job=job).failure.startswith("[exit-1] ")


def test_the_agents_own_failures_say_what_to_do(job):
    result = run(job=job, env={"TRAIN_CODE": job.folder / "missing.tar.gz"})
    lines = result.failure.splitlines()
    assert lines[0].startswith("[code-not-found] ") and str(job.folder / "missing.tar.gz") in lines[0]
    assert len(lines) >= 2 and lines[1]
