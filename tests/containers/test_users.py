"""Who runs it, and where it may write: users that nobody knows, read-only images, no job root, a job root that cannot be written (product §6, §12, §13; C§1.3)."""
import os
import re
import shutil

import pytest

import bases
import engine
from jobs import listing, make_tree, shell
from projects import coded, completed, failed, give, owners

UNKNOWN = 1000  # in no passwd file of the image
CALLER = 1234
WHO = 'id -u; echo "home $HOME"; touch "$HOME/file" model/file output/file && echo written'
READ_ONLY = ["--read-only", "--read-only-tmpfs=false"]


def homes(result):
    return [line.removeprefix("home ") for line in result.pipeline if line.startswith("home ")]


# ---- users ----

@pytest.mark.parametrize("home", [None, "/"], ids=["unset", "root folder"])
def test_a_user_without_a_passwd_entry(job, home):
    env = {} if home is None else {"HOME": home}
    result = engine.run(bases.layered(), "train", job=give(coded(job, WHO), UNKNOWN), env=env, flags=["--user", UNKNOWN])
    completed(result, str(UNKNOWN), "written")
    (home,) = homes(result)
    assert re.fullmatch(r"/tmp/train-[0-9a-f]+-private/home", home), "a home of its own, beside the working folder"
    assert owners(job.path) == {UNKNOWN}


def test_the_images_own_user(job):
    """USER by name, with a home that it may write."""
    image = bases.layered(bases.derived("with-user", f"RUN useradd --uid {UNKNOWN} --create-home worker\nUSER worker"))
    result = completed(engine.run(image, "train", job=give(coded(job, WHO), UNKNOWN)), str(UNKNOWN), "written")
    assert homes(result) == ["/home/worker"]


def test_root_without_any_capability(job):
    flags = ["--cap-drop", "all", "--security-opt", "no-new-privileges"]
    completed(engine.run(bases.layered(), "train", job=coded(job, "grep CapEff /proc/self/status"), flags=flags), "CapEff:\t0000000000000000")


def test_a_user_who_may_not_write_the_output_of_a_job(job):
    result = engine.run(bases.layered(), "train", job=coded(job, WHO), flags=["--user", UNKNOWN])
    assert (result.code, result.out) == (73, "")
    assert result.agent[0].startswith("error: [output-write] ") and "'/opt/ml/output" in result.agent[0]


def test_the_caller_runs_a_folder_by_docker(tmp_path):
    """docker run --user $(id -u):$(id -g) -v "$PWD":/src -w /src IMAGE run: as the README has it for macOS and Windows."""
    here = make_tree(tmp_path / "project", {"pipeline.json": {"command": shell("id -u; id -g; cat text; echo x >model/file")}, "text": "edited here\n",
                                            "data/training/a.csv": "1,2\n"})
    for path in [here, *here.rglob("*")]:
        os.chown(path, CALLER, CALLER)
    before = listing(here)
    result = engine.run(bases.layered(), "run", flags=["--user", f"{CALLER}:{CALLER}", "-v", f"{here}:/src", "-w", "/src"])
    assert result.code == 0, result.err
    assert result.pipeline == [str(CALLER), str(CALLER), "edited here"]
    assert {name.split("/")[0] for name in listing(here) - before} == {".train"}
    assert (here / ".train/latest/model/file").read_text() == "x\n"
    assert owners(here) == {CALLER}
    assert "'/src/.train/" in result.agent[-1] or "'.train/" in result.agent[-1], result.said


# ---- read-only images ----

def test_a_read_only_image(job):
    """As docker and podman make it: podman adds its own tmpfs on /tmp."""
    completed(engine.run(bases.layered(), "train", job=coded(job, "pwd; touch /usr/x 2>/dev/null || echo read-only"), flags=["--read-only"]), "read-only")


def test_a_read_only_image_with_a_tmpfs_that_programs_may_run_from(job):
    result = engine.run(bases.layered(), "train", job=coded(job, "pwd"), flags=[*READ_ONLY, "--tmpfs", "/tmp:exec"])
    assert completed(result).pipeline[0].startswith("/tmp/train-")


def test_a_read_only_image_with_nothing_to_write_but_the_job_root(job):
    result = engine.run(bases.layered(), "train", job=coded(job, "pwd"), flags=READ_ONLY)
    assert completed(result).pipeline[0].startswith("/opt/ml/train-")
    assert not [name for name in listing(job.path) if name.startswith("train-")], "nothing is left in the job root"


def test_a_read_only_image_with_a_noexec_tmpfs_still_has_the_job_root(job):
    result = engine.run(bases.layered(), "train", job=coded(job, "pwd"), flags=[*READ_ONLY, "--tmpfs", "/tmp:noexec"])
    assert completed(result).pipeline[0].startswith("/opt/ml/train-")


NOEXEC = ["--tmpfs", "/tmp:noexec", "--tmpfs", "/var/tmp:noexec"]
ADVICE = "with docker run add --tmpfs /tmp:exec"


def test_no_folder_that_programs_may_run_from(job):
    """The job root noexec too: then the advice is what helps."""
    flags = [*READ_ONLY, *NOEXEC, "-v", f"{job.path}:/opt/ml:noexec"]
    result = engine.run(bases.layered(), "train", job=coded(job, "pwd"), mount=False, flags=flags)
    failed(result, 73, "workspace", "no folder to work in", "'/tmp' (mounted noexec)", "'/opt/ml' (mounted noexec)", ADVICE)
    flags[flags.index("/tmp:noexec")] = "/tmp:exec"
    completed(engine.run(bases.layered(), "train", job=job, mount=False, flags=flags))


def test_a_read_only_image_where_only_the_job_roots_folders_are_mounted(job):
    """As the SDK's local mode mounts them: /opt/ml itself belongs to the image."""
    flags = [*READ_ONLY, "--tmpfs", "/tmp:noexec"]
    for part in ("input", "output", "model", "code"):
        (job.path / part).mkdir(exist_ok=True)
        flags += ["-v", f"{job.path / part}:/opt/ml/{part}"]
    failed(engine.run(bases.layered(), "train", job=coded(job, "pwd"), mount=False, flags=flags), 73, "workspace",
           "'/tmp' (mounted noexec)", "'/opt/ml' (", ADVICE)


# ---- the job root ----

def test_no_job_root_at_all():
    result = engine.run(bases.layered(), "--", "sh", "-c", 'echo ran; cd "$TRAIN_OUTPUT_DIR" && pwd')
    assert result.code == 0, result.err
    assert result.pipeline == ["ran", "/opt/ml/output/data"]
    assert not [line for line in result.agent if line.startswith("warning")], result.said


def test_no_job_root_in_a_read_only_image():
    result = engine.run(bases.layered(), "--", "echo", "ran", flags=["--read-only"])
    assert (result.code, result.pipeline) == (0, ["ran"])
    assert result.agent[0] == ("warning: cannot make the output folder '/opt/ml': Read-only file system: "
                               "no failure text, record or metric file will be written")


@pytest.mark.parametrize("in_job", [True, False], ids=["in a job", "by hand"])
def test_a_read_only_job_root(job, in_job):
    """In a job nobody could learn how it ended: nothing is run. By hand it is what was asked for."""
    job.sagemaker = in_job
    shutil.rmtree(job.output)
    flags = ["-v", f"{job.path}:/opt/ml:ro"]
    result = engine.run(bases.layered(), "train", job=coded(job, "echo ran"), mount=False, flags=flags)
    assert (result.code, result.pipeline) == ((73, []) if in_job else (0, ["ran"]))
    assert "cannot make the output folder '/opt/ml/output': Read-only file system" in result.agent[0]
    assert not in_job or result.agent[0].startswith("error: [output-write] ")


def test_a_config_folder_that_only_root_may_enter(job):
    """Mode 0644, as the platform has made it (C§1.3): root can enter, nobody else, and without it channels and hyperparameters are unknown."""
    give(coded(job, "ls data"), UNKNOWN)
    config = job.path / "input/config"
    os.chown(config, 0, 0)
    config.chmod(0o644)
    completed(engine.run(bases.layered(), "train", job=job), "training")
    for path in [job.output, *job.output.rglob("*")]:
        os.chown(path, UNKNOWN, UNKNOWN)
    job.host = "local"
    result = failed(engine.run(bases.layered(), "train", job=job, flags=["--user", UNKNOWN]), 78, "settings",
                    f"user {UNKNOWN} may not enter '/opt/ml/input/config': its mode is for root alone, so let the image run as root")
    assert result.pipeline == [] and len(result.agent) == 2, result.said
