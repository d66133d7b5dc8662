"""The hall: what holds whichever way a job takes: what an early end leaves, whose words it uses, who wins."""
import io
import os
import shutil
import tarfile

import pytest

from jobs import (PYTHON, JobRoot, code, in_mounts, listing, make_tar, make_tree, make_zip, project, run, script, sha256, shell, start,
                  told, TELL)
from servers.httpd import Httpd, Reply

RUNS = project(command=["echo", "ran"])


# ---- an early end ----

def broken_archive(job):
    return make_tar(job.folder / "code.tar.gz", {"../x": "out"})


EARLY = {
    "settings": (78, "settings", lambda job: {"TRAIN_STOP_GRACE": "soon"}),
    "no code": (78, "settings", lambda job: {}),
    "code not there": (66, "code-not-found", lambda job: {"TRAIN_CODE": job.folder / "nowhere"}),
    "broken archive": (65, "code-archive", lambda job: {"TRAIN_CODE": broken_archive(job)}),
    "wrong digest": (65, "code-digest", lambda job: {"TRAIN_CODE": make_tar(job.folder / "code.tar", RUNS), "TRAIN_CODE_SHA256": "0" * 64}),
    "no zip behind the script": (65, "code-archive", lambda job: {"TRAIN_CODE": make_tree(job.folder, {"app": script("echo")}) / "app"}),
    "broken pipeline.json": (78, "settings", lambda job: {"TRAIN_CODE": make_tree(job.folder / "p", {"pipeline.json": "{"})}),
    "no command": (78, "settings", lambda job: {"TRAIN_CODE": make_tree(job.folder / "p", {"x.py": ""})}),
    "no program": (127, "command", lambda job: {"TRAIN_CODE": make_tree(job.folder / "p", project(command=["./nowhere"]))}),
    "no workspace": (73, "workspace", lambda job: {"TRAIN_CODE": make_tar(job.folder / "code.tar", RUNS), "TRAIN_WORKSPACE": "/proc"}),
}


@pytest.mark.parametrize("way", EARLY)
def test_an_early_end_leaves_failure_and_record_and_nothing_else(job, way):
    number, reason, env = EARLY[way]
    result = run(job=job, env=env(job)).check(number, reason)
    assert result.failure.startswith(f"[{reason}] ") and len(result.failure.encode()) <= 960
    assert (result.record["outcome"], result.record["ended_by"]) == ("failed", "agent")
    assert result.record["failure"] == result.failure.splitlines()[0]
    assert "ran" not in result.out
    assert job.leftovers() == set()
    assert listing(job.output) == {"failure", "data", "data/_train", "data/_train/run-algo-1.json", "data/_train/metrics-algo-1.jsonl"} or \
        listing(job.output) == {"failure", "data", "data/_train", "data/_train/run-algo-1.json"}


@pytest.mark.parametrize("keep", ["on-failure", "always"])
def test_what_was_never_whole_is_not_kept(job, keep):
    run(job=job, env={"TRAIN_CODE": broken_archive(job), "TRAIN_KEEP_WORKSPACE": keep}).check(65, "code-archive")
    assert job.leftovers() == set()


def test_without_descriptors_it_ends_with_71_and_writes_nowhere(job):
    """The job has no root yet: there is no place for failure and record."""
    before = listing(job.folder)
    result = run("--", "true", job=job, before=["prlimit", "--nofile=4", "--"], cwd=job.folder)
    assert result.code == 71, result.err
    assert listing(job.folder) == before


# ---- whose words ----

def test_what_is_wrong_in_the_code_names_the_code(job):
    archive = broken_archive(job)
    result = run(job=job, env={"TRAIN_CODE": archive}).check(65, "code-archive")
    assert result.failure.startswith(f"[code-archive] the code '{archive}': entry 1 '../x': ")


def test_a_full_disk_names_the_folder_that_is_full(job):
    archive = make_tar(job.folder / "code.tar.gz", RUNS | {"big": bytes(1 << 20)})
    result = run(job=job, env={"TRAIN_CODE": archive}, before=in_mounts(f"mount -t tmpfs -o size=64k none {job.tmp}"))
    result.check(73, "disk-full")
    assert f"the code '{archive}' does not fit into '{job.tmp}/train-" in result.failure
    assert job.leftovers() == set()


def test_a_deadline_names_the_setting_and_its_seconds(job):
    class Silent(Httpd):
        def answer(self, request):
            self.closing.wait()
            return Reply(503)
    with Silent() as server:
        env = {"TRAIN_CODE": f"{server.url}/code.tar", "TRAIN_CODE_SHA256": "0" * 64, "TRAIN_FETCH_TIMEOUT": "1"}
        result = run(job=job, env=env).check(75, "fetch-timeout")
    assert f"the code '{server.url}/code.tar' was not here within 1 s (fetch-timeout)" in result.failure


def test_a_stop_wins_over_an_archive_that_is_refused_while_its_digest_is_looked_for(job):
    """The first bytes are no archive, and there is a digest: the rest is read to say which of the two is wrong."""
    with Httpd() as server:
        server.default = None
        server.answer = lambda request: Reply(200, b"no archive of any kind " * 50_000, stall_after=200_000)
        with start(job=job, env={"TRAIN_CODE": f"{server.url}/code.tar", "TRAIN_CODE_SHA256": "0" * 64}) as running:
            server.wait_until_stalled()
            running.signal(15)
            result = running.finish().check(143, "stopped")
    assert "SIGTERM" in result.failure and "phase fetch" in result.failure
    assert job.leftovers() == set()


# ---- digests ----

def test_a_digest_of_the_request_binds_besides_the_codes_own_and_is_named(job):
    archive = make_tar(job.folder / "code.tar", RUNS)
    good = {"TRAIN_CODE": archive, "TRAIN_CODE_SHA256": sha256(archive)}
    assert run("--set", f"code-sha256={sha256(archive)}", job=job, env=good).code == 0
    result = run("--set", f"code-sha256={'0' * 64}", job=job, env=good).check(65, "code-digest")
    assert f"is {sha256(archive)}, but command line --set code-sha256 says {'0' * 64}" in result.failure
    result = run("--set", f"code-sha256={sha256(archive)}", job=job, env=good | {"TRAIN_CODE_SHA256": "0" * 64}).check(65, "code-digest")
    assert f"but environment TRAIN_CODE_SHA256 says {'0' * 64}" in result.failure


def test_a_digest_binds_an_archive_that_is_found(job):
    """The channel `code` is named by nobody; the digest stands alone."""
    archive = make_tar(job.folder / "code.tar", RUNS)
    job.channel("code")
    shutil.copy(archive, job.data / "code/sourcedir.tar")
    assert run(job=job, env={"TRAIN_CODE_SHA256": sha256(archive)}).code == 0
    result = run(job=job, env={"TRAIN_CODE_SHA256": "0" * 64}).check(65, "code-digest")
    assert "but environment TRAIN_CODE_SHA256 says" in result.failure


@pytest.mark.parametrize("words", [[], ["--", "echo", "ran"]])
def test_code_that_is_no_archive_cannot_be_bound_wherever_it_lies(job, words):
    """A folder, and the working directory in place."""
    if not words:
        make_tree(job.path / "code", RUNS)
    result = run(*words, job=job, env={"TRAIN_CODE_SHA256": "0" * 64}).check(78, "settings")
    assert "code-sha256 binds an archive" in result.failure
    assert "ran" not in result.out


# ---- the words of the command line ----

@pytest.mark.parametrize("words", [["train", "train"], ["train", "train", "train"], ["--set", "stop-grace=7", "train"],
                                   ["train", "--set", "stop-grace=7", "train", "--set", "stop-grace=7"]])
def test_the_word_train_is_never_the_command(job, words):
    """An entrypoint that has SageMaker's word already, or settings, gets it once more."""
    job.code(RUNS)
    result = run(*words, job=job, env={"PATH": "/bin:/usr/bin"})
    assert result.code == 0, result.err
    assert result.out.splitlines()[0] == "ran"
    assert result.setting("stop-grace")[0] == ("7" if "--set" in words else "100")


def test_a_root_that_is_set_makes_it_a_job(job):
    env = {"SAGEMAKER_BASE_DIR": job.folder / "elsewhere", "TRAINING_JOB_NAME": None}
    result = run("--set", f"root={job.path}/", "echo", "ran", job=job, env=env)
    assert result.code == 0, result.err
    assert result.out.splitlines()[0] == "ran"
    assert result.record["job"]["root"] == str(job.path)
    assert not (job.folder / "elsewhere").exists()


def test_relative_folders_of_the_environment(job):
    """SAGEMAKER_BASE_DIR counts from where we stand; a TMPDIR that does not say where it is is passed over."""
    job.code(project(command=code(TELL)))
    result = run(job=job, env={"SAGEMAKER_BASE_DIR": "ml", "TMPDIR": "tmp"}, cwd=job.folder)
    facts = told(result)
    assert facts["tree"]["model"] == str(job.model)
    assert facts["env"]["TRAIN_HYPERPARAMETERS"].startswith("/") and not facts["cwd"].startswith(str(job.tmp))


# ---- the code ----

@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_first_line_with_blanks_starts_its_interpreter(job, blank):
    app = make_zip(job.folder / "app", {"__main__.py": "print('helped')"}, shebang=f"{blank}{PYTHON} ")
    assert run(job=job, env={"TRAIN_CODE": app}).out.splitlines()[0] == "helped"
    job.channel("code")
    shutil.copy(app, job.data / "code/app")
    assert run(job=job).out.splitlines()[0] == "helped"


def test_one_leading_folder_is_stripped_if_the_program_lies_in_it(job):
    """However the program is named: by a setting, or as the toolkit does."""
    archive = make_tar(job.folder / "code.tar.gz", {"app-1.0/fit.py": "print('ran')", "app-1.0/run": script("echo ran")})
    env = {"TRAIN_CODE": archive}
    assert run(job=job, env=env | {"TRAIN_COMMAND": "./run"}).out.splitlines()[0] == "ran"
    assert run(job=job, env=env | {"SAGEMAKER_PROGRAM": "fit.py"}).out.splitlines()[0] == "ran"


def test_the_folder_for_workspaces_may_lie_in_the_project(job):
    """A container whose image keeps the code in /app and whose TMPDIR is /app/tmp."""
    folder = job.code(project(command=code(TELL)) | {"tmp/other": "x"})
    result = run(job=job, env={"TMPDIR": folder / "tmp"})
    assert set(os.listdir(folder / "tmp")) == {"other"}
    assert told(result)["tree"]["tmp"] == ["other"] or set(told(result)["tree"]["tmp"]) >= {"other"}


def test_archives_made_by_others_keep_their_number(job):
    """A damaged header is entry 3, a damaged member the one that is damaged."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("a", "b", "c"):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"abc"))
    data = bytearray(out.getvalue())
    data[2 * 1024 + 148] ^= 0x08  # the checksum of the third header
    path = job.folder / "code.tar"
    path.write_bytes(data)
    assert "entry 3" in run(job=job, env={"TRAIN_CODE": path}).check(65, "code-archive").failure


# ---- at home ----

@pytest.fixture
def home(tmp_path):
    make_tree(tmp_path / "p", project(command=code(TELL)) | {"fit.py": "import os\nprint(os.getcwd())"})
    (tmp_path / "tmp").mkdir()
    return tmp_path / "p"


def at_home(home, *words, env=None):
    return run("run", *words, env={"TMPDIR": home.parent / "tmp"} | (env or {}), cwd=home)


def test_at_home_script_mode_runs_in_the_working_folder(home):
    """Not wherever the caller stands."""
    result = run("run", home, "--hp", "sagemaker_program=fit.py", env={"TMPDIR": home.parent / "tmp"}, cwd=home.parent)
    assert result.code == 0, result.err
    assert result.out.splitlines()[0] == str((home / ".train/latest").resolve() / "work")


def test_at_home_a_folder_cannot_be_bound(home):
    result = at_home(home, "--set", f"code-sha256={'0' * 64}")
    assert result.code == 78 and "--packed" in result.err
    assert '{"cwd"' not in result.out
    result = at_home(home, "--packed", "--set", f"code-sha256={'0' * 64}")
    assert result.code == 65 and "--set code-sha256 says" in result.err


def test_at_home_the_folder_wins_over_code_of_the_environment(home):
    result = at_home(home, env={"TRAIN_CODE": "s3://somebody/elses.tar.gz", "TRAIN_CODE_SHA256": "0" * 64})
    assert told(result)["tree"]["fit.py"] == str(home / "fit.py")
    assert any("TRAIN_CODE is ignored" in line and str(home) in line for line in result.agent)


def test_at_home_code_that_is_set_is_what_runs(home):
    archive = make_tar(home.parent / "code.tar.gz", RUNS)
    result = at_home(home, "--set", f"code={archive}")
    assert result.code == 0, result.err
    assert result.out.splitlines()[0] == "ran"
    for words in ([home], ["--packed"], [archive]):
        result = at_home(home, *words, "--set", f"code={archive}")
        assert result.code == 64 and "both name the code" in result.err


def test_a_pipeline_that_fails_tells_that_its_metric_file_is_not_whole_either(job):
    """Its own code stays; that the volume was full must not be silent."""
    job.code(project(command=code("""
import os, sys
with open('output/big', 'wb') as big:
    try:
        big.write(bytes(100000))
    except OSError:
        pass
with open(os.environ['TRAIN_METRICS'], 'w', buffering=1) as metrics:
    for step in range(2000):
        metrics.write(f'loss={step} step={step}\\n')
sys.exit(3)
""")))
    mounts = f"mount -t tmpfs -o size=64k none {job.output}\nmkdir {job.output}/data"
    result = run(job=job, before=in_mounts(mounts))
    assert result.code == 3
    assert any("cannot write the metric file" in line and "No space left" in line for line in result.agent), result.err


def test_a_job_root_without_model_and_output_gets_them(tmp_path):
    job = JobRoot(tmp_path)
    shutil.rmtree(job.model)
    shutil.rmtree(job.output)
    job.code(project(command=shell("echo m >model/m && echo o >output/o && ls data/training")))
    result = run(job=job)
    assert result.code == 0, result.err
    assert (job.model / "m").read_text() == "m\n" and (job.output / "data/o").read_text() == "o\n"
