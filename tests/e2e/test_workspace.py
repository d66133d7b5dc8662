"""The working folder: where it is, what it links, what becomes of it (product §6)."""
import json
import os
import re
import stat

import pytest

from jobs import JobRoot, Link, TELL, code, in_mounts, listing, make_tar, make_tree, project, run, shell, told


@pytest.fixture
def job(tmp_path):
    return JobRoot(tmp_path, channels=("training", "validation"))


def tell(job, files=None, **pipeline):
    """Runs a project whose pipeline tells what it sees."""
    job.code({**project(command=code(TELL), **pipeline), **(files or {})})
    result = run(job=job)
    return told(result), result


# ---- where ----

def test_it_lies_under_tmpdir_and_is_removed(job):
    facts, _ = tell(job)
    assert re.fullmatch(re.escape(str(job.tmp)) + r"/train-[A-Za-z0-9]{6,}", facts["cwd"])
    assert job.leftovers() == set()


def test_the_setting_wins_over_tmpdir(job):
    (job.folder / "here").mkdir()
    job.extra["TRAIN_WORKSPACE"] = str(job.folder / "here")
    facts, _ = tell(job)
    assert facts["cwd"].startswith(f"{job.folder}/here/train-")


def test_a_tmpdir_that_is_noexec_is_passed_over(job):
    job.code(project(command=code(TELL)))
    result = run(job=job, before=in_mounts(f"mount -t tmpfs -o noexec none {job.tmp}"))
    cwd = told(result)["cwd"]
    assert not cwd.startswith(str(job.tmp))
    assert not os.path.exists(cwd)


def test_its_mode_is_exactly_0755_at_the_spawn(job):
    job.code(project(command=shell("stat -c %a .; umask")))
    result = run(job=job, umask=0o077)
    assert result.out.splitlines()[:2] == ["755", "0077"]


@pytest.mark.parametrize("keep, number, kept", [("never", 0, False), ("never", 3, False), ("on-failure", 0, False),
                                                ("on-failure", 3, True), ("always", 0, True), ("always", 3, True)])
def test_keeping_it(job, keep, number, kept):
    job.code(project(command=shell(f"echo made >here; exit {number}")))
    result = run(job=job, env={"TRAIN_KEEP_WORKSPACE": keep})
    assert result.code == number
    made = list(job.tmp.glob("train-*/here"))
    assert len(made) == kept
    if kept:
        assert str(made[0].parent) in result.said
    else:
        assert job.leftovers() == set()


# ---- links ----

def test_it_looks_like_the_project_at_home(job):
    facts, _ = tell(job, {"churn/__init__.py": ""})
    assert facts["tree"] == {"churn": ["__init__.py"], "checkpoints": [], "data": ["training", "validation"],
                             "model": str(job.model), "output": str(job.output / "data"), "pipeline.json": "file"}
    assert facts["data"] == {"training": str(job.data / "training"), "validation": str(job.data / "validation")}


def test_what_is_written_through_the_links_is_in_the_job(job):
    job.code(project(command=shell("cat data/training/training.csv >model/model.txt; echo x >output/plot.txt; "
                                   "echo y >checkpoints/last")))
    assert run(job=job).code == 0
    assert (job.model / "model.txt").read_text() == "1,2,3\n"
    assert (job.output / "data/plot.txt").read_text() == "x\n"


def test_checkpoints_lead_to_the_checkpoint_path(job):
    state = job.folder / "state"
    state.mkdir()
    (state / "restored").write_text("from before")
    job.config("checkpointconfig", {"LocalPath": str(state)})
    facts, _ = tell(job)
    assert facts["tree"]["checkpoints"] == str(state)
    assert facts["env"]["TRAIN_CHECKPOINT_DIR"] == str(state)
    assert (state / "restored").exists()


def test_checkpoints_have_their_default_place_when_the_config_names_none(job):
    job.config("checkpointconfig", {})
    (job.path / "checkpoints").mkdir()
    facts, _ = tell(job)
    assert facts["tree"]["checkpoints"] == str(job.path / "checkpoints")


@pytest.mark.parametrize("name, variable", [("model", "TRAIN_MODEL_DIR"), ("output", "TRAIN_OUTPUT_DIR"),
                                            ("checkpoints", "TRAIN_CHECKPOINT_DIR")])
def test_a_folder_of_the_project_is_not_replaced(job, name, variable):
    facts, result = tell(job, {f"{name}/mine.py": "mine"})
    assert facts["tree"][name] == ["mine.py"]
    lines = [line for line in result.agent if variable in line]
    assert len(lines) == 1 and name in lines[0]
    assert os.path.isabs(facts["env"][variable])
    if name != "checkpoints":
        assert facts["env"][variable].startswith(str(job.path))


def test_an_empty_folder_of_the_project_becomes_the_link(job):
    facts, result = tell(job, {"model": None, "output": None})
    assert facts["tree"]["model"] == str(job.model)
    assert facts["tree"]["output"] == str(job.output / "data")
    assert "TRAIN_MODEL_DIR" not in result.said


def test_links_can_be_renamed_and_left_out(job):
    facts, result = tell(job, {"model/mine.py": ""}, links={"model": "artifacts", "output": False, "checkpoints": "state"})
    assert facts["tree"]["artifacts"] == str(job.model)
    assert facts["tree"]["model"] == ["mine.py"]
    assert "output" not in facts["tree"] and "checkpoints" not in facts["tree"]
    assert facts["env"]["TRAIN_OUTPUT_DIR"] == str(job.output / "data")
    assert "TRAIN_MODEL_DIR" not in result.said


@pytest.mark.parametrize("name", ["..", ".", "../outside", "/etc/outside", ""])
def test_links_that_lead_out_are_refused(job, name):
    job.code(project(command=["true"], links={"model": name}))
    result = run(job=job).check(78, "settings")
    assert "pipeline.json:" in result.failure and "name of a folder" in result.failure


# ---- data ----

def test_data_can_be_renamed(job):
    facts, _ = tell(job, data={"labels": "validation", "raw": "training"})
    assert facts["data"]["labels"] == str(job.data / "validation")
    assert facts["data"]["raw"] == str(job.data / "training")


def test_data_from_a_channel_that_the_job_lacks(job):
    job.code(project(command=["true"], data={"labels": "labels-v2"}))
    result = run(job=job)
    if result.code == 0:
        assert "labels-v2" in result.said
    else:
        result.check(78, "settings")
        assert "labels-v2" in result.failure


def test_sample_data_of_a_folder_is_not_copied(job):
    facts, result = tell(job, {"data/training/sample.csv": "sample", "data/README": "about the data"})
    assert facts["data"] == {"training": str(job.data / "training"), "validation": str(job.data / "validation")}
    assert (job.folder / "project/data/training/sample.csv").exists()


def test_sample_data_in_an_archive_is_replaced_with_a_line(job):
    archive = make_tar(job.folder / "code.tar.gz", {**project(command=code(TELL)), "data/training/sample.csv": "sample",
                                                    "data/other/sample.csv": "kept"})
    result = run(job=job, env={"TRAIN_CODE": archive})
    facts = told(result)
    assert facts["data"] == {"training": str(job.data / "training"), "validation": str(job.data / "validation"),
                             "other": ["sample.csv"]}
    assert any("data/training" in line for line in result.agent)
    assert not any("data/other" in line for line in result.agent)


def test_a_pipe_channel_has_256_links_made_beforehand(job):
    job.channel("stream", mode="Pipe")
    facts, _ = tell(job)
    links = {name: target for name, target in facts["data"].items() if name.startswith("stream")}
    assert links == {f"stream_{n}": str(job.data / f"stream_{n}") for n in range(256)}


def test_a_pipe_channel_is_read_through_its_link(job):
    job.channel("stream", mode="Pipe")
    os.mkfifo(job.data / "stream_0")
    job.code(project(command=shell("(echo one >data/stream_0) & cat data/stream_0")))
    result = run(job=job)
    assert result.pipeline == ["one"]


def test_channels_come_from_the_config_and_not_from_the_folder(job):
    (job.data / "training-manifest").write_text("x")
    make_tree(job.data / "stray", {"a": "a"})
    facts, _ = tell(job)
    assert set(facts["data"]) == {"training", "validation"}


@pytest.mark.parametrize("name", [".", "..", "a/b", ""])
def test_bad_channel_names_are_refused(job, name):
    job.config("inputdataconfig", {name: {"TrainingInputMode": "File"}})
    job.code(project(command=["true"]))
    result = run(job=job)
    assert result.code == 78, result.err
    assert "inputdataconfig.json" in result.failure


@pytest.mark.parametrize("name", ["a.b-c_d", ".hidden", "-dash", "UPPER", "ch" * 32])
def test_odd_channel_names_are_links_like_others(job, name):
    job.channel(name, {"x": "x"})
    facts, _ = tell(job)
    assert facts["data"][name] == str(job.data / name)


def test_a_channel_without_a_folder_on_this_host_is_no_error(job):
    """ShardedByS3Key and instance groups leave hosts without one (C§3.3)."""
    job.channel("sharded", {})
    (job.data / "sharded").rmdir()
    facts, _ = tell(job)
    assert facts["data"]["sharded"] == str(job.data / "sharded")


def test_nothing_inside_a_channel_is_opened(job):
    """A channel whose files nobody may open: FIFOs would hang whoever tries."""
    os.mkfifo(job.data / "training" / "pipeline.json")
    os.mkfifo(job.data / "training" / "model.tar.gz")
    facts, _ = tell(job)
    assert facts["data"]["training"] == str(job.data / "training")


# ---- copying ----

def test_a_folder_is_copied_without_data_git_and_train(job):
    files = {"data/sample/x": "x", ".git/config": "x", ".train/runs/x": "x", "pkg/.git": "kept", "pkg/data/x": "kept", ".env": "kept",
             "link": Link("pkg"), "empty": None}
    facts, _ = tell(job, files)
    assert set(facts["tree"]) == {"pkg", ".env", "link", "empty", "pipeline.json", "data", "model", "output", "checkpoints"}
    assert facts["tree"]["pkg"] == [".git", "data"]
    assert facts["tree"]["link"] == "pkg"
    assert set(facts["data"]) == {"training", "validation"}


def test_the_project_itself_is_not_touched(job):
    folder = job.code({**project(command=shell("rm -rf pkg; echo changed >pipeline.json; echo new >new")), "pkg/x": "x"})
    before = listing(folder)
    assert run(job=job).code == 0
    assert listing(folder) == before
    assert json.loads((folder / "pipeline.json").read_text())["command"]


def test_modes_and_times_are_copied(job):
    folder = job.code({**project(command=shell("stat -c '%a %Y' run.sh")), "run.sh": "x"})
    (folder / "run.sh").chmod(0o750)
    os.utime(folder / "run.sh", (1500000000, 1500000000))
    mode, mtime = run(job=job).out.split()[:2]
    assert mode == "750" and mtime == "1500000000"


# ---- cleaning up ----

def test_cleaning_up_never_follows_a_link(job):
    precious = make_tree(job.folder / "precious", {"file": "x", "folder/file": "x"})
    job.code(project(command=shell(f"ln -s {precious} away; mkdir -p deep/er; ln -s {precious}/folder deep/er/away; ln -s .. up")))
    assert run(job=job).code == 0
    assert listing(precious) == {"file", "folder", "folder/file"}
    assert (job.data / "training/training.csv").exists()
    assert job.leftovers() == set()


def test_cleaning_up_manages_folders_without_permissions_and_deep_ones(job):
    job.code(project(command=shell("mkdir -p locked/inside; echo x >locked/inside/file; chmod 0 locked/inside locked; "
                                   "n=0; while [ $n -lt 300 ]; do mkdir deep-folder; cd deep-folder; n=$((n+1)); done")))
    assert run(job=job).code == 0
    assert job.leftovers() == set()


def test_a_mount_is_neither_removed_nor_written_through(job):
    precious = make_tree(job.folder / "precious", {"file": "x"})
    job.code(project(command=shell(f"mkdir here; mount --bind {precious} here; echo mounted")))
    result = run(job=job, before=in_mounts(":"))
    assert "mounted" in result.out
    assert result.code == 0
    assert listing(precious) == {"file"}
    assert any("here" in line or "mount" in line for line in result.agent)


# ---- in place ----

def test_in_place_nothing_is_made_in_the_working_directory(job):
    baked = make_tree(job.folder / "baked", {"run.py": TELL, "data/training/own.csv": "own"})
    result = run("--", "python3", "run.py", job=job, cwd=baked)
    facts = told(result)
    assert facts["cwd"] == str(baked)
    assert facts["data"] == {"training": ["own.csv"]}
    assert listing(baked) == {"run.py", "data", "data/training", "data/training/own.csv"}
    env = facts["env"]
    assert env["TRAIN_DATA_DIR"] == str(job.data)
    assert env["TRAIN_MODEL_DIR"] == str(job.model)
    assert env["TRAIN_OUTPUT_DIR"] == str(job.output / "data")
    assert env["TRAIN_CHECKPOINT_DIR"] == str(job.path / "checkpoints")
    for name in ("TRAIN_METRICS", "TRAIN_HYPERPARAMETERS"):
        assert env[name].startswith(f"{job.tmp}/")
    assert job.leftovers() == set()
    assert result.record["code"] is None or result.record["code"]["kind"] == "in place"


def test_in_place_needs_no_writable_working_directory(job):
    result = run("--", "pwd", job=job, cwd="/")
    assert result.out.splitlines()[0] == "/"


def test_files_beside_the_workspace_are_private(job):
    job.code(project(command=shell('stat -c %a "$TRAIN_HYPERPARAMETERS"; stat -c %F "$TRAIN_METRICS"; dirname "$TRAIN_HYPERPARAMETERS"')))
    result = run(job=job)
    mode, kind, folder = result.out.splitlines()[:3]
    assert mode == "600" and kind == "fifo"
    assert folder.startswith(str(job.tmp))
    assert job.leftovers() == set()
    assert stat.S_IMODE(job.tmp.stat().st_mode) == 0o755
