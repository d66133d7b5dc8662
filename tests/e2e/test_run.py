"""`train run`: the same at home (product §13)."""
import json
import os
import signal
from pathlib import Path

import pytest

from jobs import (IS_ROOT, NOBODY, TELL, as_nobody, code, give_away, listing, make_archive, make_tree, project, public_folder,
                  read_record, run, shell, start, told)


@pytest.fixture
def home(tmp_path):
    """A project folder with two channels, a folder for workspaces, and no job anywhere."""
    make_tree(tmp_path / "p", {**project(command=code(TELL)), "data/training/a.csv": "1\n", "data/labels/b.csv": "2\n", "pkg/x.py": "x = 1\n"})
    (tmp_path / "tmp").mkdir()
    return tmp_path / "p"


def at_home(home, *words, env=None, cwd=None, **more):
    base = {"TMPDIR": home.parent / "tmp", "SAGEMAKER_BASE_DIR": home.parent / "no-root"}
    return run("run", *words, env=base | (env or {}), cwd=cwd or home, **more)


def record(home):
    files = list((home / ".train/latest").resolve().rglob("run-local.json"))
    assert len(files) == 1
    return read_record(files[0])


# ---- in a folder ----

def test_in_a_folder(home):
    result = at_home(home)
    facts = told(result)
    run_folder = (home / ".train/latest").resolve()
    assert run_folder.parent == home / ".train/runs"
    assert facts["cwd"] == str(run_folder / "work")
    assert facts["tree"]["pkg"] == str(home / "pkg") and facts["tree"]["pipeline.json"] == str(home / "pipeline.json")
    assert {"model", "output", "checkpoints", "data"} <= set(facts["tree"])
    assert set(facts["data"]) == {"training", "labels"}
    assert os.path.realpath(os.path.join(facts["cwd"], "data/training")) == str(home / "data/training")
    assert facts["env"]["TRAIN_HOST"] == "local" and facts["env"]["TRAIN_RANK"] == "0"
    assert json.loads(facts["env"]["SM_CHANNELS"]) == ["labels", "training"]


def test_nothing_but_dot_train_is_written(home):
    before = listing(home)
    at_home(home)
    assert {path for path in listing(home) - before if not path.startswith(".train")} == set()
    assert (home / ".train/.gitignore").read_text().strip() == "*"
    assert listing(home.parent / "tmp") == set()
    assert not (home.parent / "no-root").exists()


def test_the_layout_of_runs(home):
    at_home(home)
    first = os.readlink(home / ".train/latest")
    at_home(home)
    second = os.readlink(home / ".train/latest")
    assert first != second and not os.path.isabs(second)
    runs = {path.name for path in (home / ".train/runs").iterdir()}
    assert runs == {Path(first).name, Path(second).name}
    assert record(home)["job"]["run_id"] == Path(second).name


def test_working_folders_of_old_runs_are_pruned_and_results_stay(home):
    """A link counts little, an unpacked archive much: ten are kept."""
    make_tree(home, project(command=shell("echo m >model/m")))
    for _ in range(12):
        assert at_home(home).code == 0
    runs = home / ".train/runs"
    assert len(list(runs.glob("*/model/m"))) == 12
    assert len(list(runs.glob("*/work"))) == 10 or len(list(runs.glob("*/work"))) == 11


def test_edits_apply_at_once(home):
    make_tree(home, project(command=shell("cat pkg/x.py")))
    at_home(home)
    (home / "pkg/x.py").write_text("edited\n")
    assert "edited" in at_home(home).out


def test_results_lie_in_the_run(home):
    make_tree(home, project(command=shell('echo m >model/m; echo o >output/o; echo c >checkpoints/c; echo loss=1 >"$TRAIN_METRICS"')))
    result = at_home(home)
    assert result.code == 0, result.err
    latest = home / ".train/latest"
    found = {path.name: path for path in latest.resolve().rglob("*") if path.is_file()}
    assert found["m"].read_text() == "m\n" and found["o"].read_text() == "o\n" and found["c"].read_text() == "c\n"
    assert "metrics-local.jsonl" in found and "run-local.json" in found
    assert "#metric loss=1;" in result.out
    assert str(latest) in result.err or str(latest.resolve()) in result.err


def test_the_folder_can_be_named(home):
    result = at_home(home, home, cwd=home.parent)
    assert told(result)["cwd"].startswith(f"{home}/.train/runs/")
    result = at_home(home, "p", cwd=home.parent)
    assert told(result)["cwd"].startswith(f"{home}/.train/runs/")


def test_a_command_stands_instead_of_the_pipelines(home):
    result = at_home(home, "--", "ls", "data")
    assert result.out.split()[:2] == ["labels", "training"]
    assert at_home(home, "--", "sh", "-c", "exit 5").code == 5


def test_hyperparameters_settings_and_channels(home, tmp_path):
    make_tree(home, project(command=code(TELL), arguments="--key value", hyperparameters={"depth": 1, "name": "x"}))
    other = make_tree(tmp_path / "other", {"c.csv": "3"})
    result = at_home(home, "--hp", "depth=6", "--hp", "rate=0.5", "--channel", f"extra={other}", "--set", "stop-grace=3")
    facts = told(result)
    assert facts["argv"] == ["--depth", "6", "--name", "x", "--rate", "0.5"]
    assert "extra" in facts["data"]
    assert os.path.realpath(os.path.join(facts["cwd"], "data/extra")) == str(other)
    settings = {row["name"]: row["value"] for row in record(home)["settings"]}
    assert settings["stop-grace"] == "3"


@pytest.mark.parametrize("words", [["--hp", "depth"], ["--hp", "=1"], ["--channel", "x"], ["--channel", "../x=/tmp"],
                                   ["--hp"], ["--pakced"], ["a", "b"]])
def test_words_of_another_form_are_64(home, words):
    result = at_home(home, *words)
    assert result.code in (64, 78)
    assert result.err.startswith("train: ") and len(result.err.splitlines()) <= 3
    assert not (home / ".train").exists()


def test_a_channel_that_is_not_there(home):
    result = at_home(home, "--channel", "x=/no/such/folder")
    assert result.code != 0 and "/no/such/folder" in result.err


def test_a_folder_that_is_not_there(home):
    result = at_home(home, "nowhere")
    assert result.code in (64, 66) and "nowhere" in result.err


def test_a_loose_file_under_data_is_linked_with_a_warning(home):
    (home / "data/loose.csv").write_text("4")
    result = at_home(home)
    facts = told(result)
    assert os.path.realpath(os.path.join(facts["cwd"], "data/loose.csv")) == str(home / "data/loose.csv")
    assert any("directly under 'data/'" in line and "channel" in line for line in result.agent)
    assert "loose.csv" not in json.loads(facts["env"]["SM_CHANNELS"])


def test_a_project_without_data(tmp_path):
    make_tree(tmp_path / "p", project(command=code(TELL)))
    (tmp_path / "tmp").mkdir()
    facts = told(at_home(tmp_path / "p"))
    assert facts["data"] == {} and "data" in facts["tree"]


def test_a_project_with_its_own_model_folder_keeps_it(home):
    make_tree(home, {"model/net.py": "x"})
    result = at_home(home)
    facts = told(result)
    assert facts["tree"]["model"] == str(home / "model")
    assert any("TRAIN_MODEL_DIR" in line for line in result.agent)
    assert facts["env"]["TRAIN_MODEL_DIR"].startswith(f"{home}/.train/runs/")


def test_no_pipeline_and_no_command(tmp_path):
    make_tree(tmp_path / "p", {"x.py": ""})
    (tmp_path / "tmp").mkdir()
    result = at_home(tmp_path / "p")
    assert result.code == 78
    assert '"command"' in result.err


def test_a_failure_is_told(home):
    make_tree(home, project(command=shell("echo why it failed >&2; exit 9")))
    result = at_home(home)
    assert result.code == 9
    assert "exit-9" in result.err
    assert record(home)["reason"] == "exit-9"


def test_a_stop_request(home):
    make_tree(home, project(command=shell("trap 'exit 7' TERM; echo ready; while :; do sleep 1000 & wait $!; done")))
    with start("run", env={"TMPDIR": home.parent / "tmp"}, cwd=home) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGINT)
        assert running.finish().code == 7
    assert record(home)["outcome"] == "stopped"


def test_files_belong_to_the_caller():
    with public_folder() as folder:
        home = make_tree(folder / "p", {**project(command=shell("echo m >model/m")), "data/training/a": "a"})
        (folder / "tmp").mkdir()
        give_away(folder)
        result = run("run", env={"TMPDIR": folder / "tmp", "HOME": folder}, cwd=home, binary=folder / "train", before=as_nobody())
        assert result.code == 0, result.err
        owner = NOBODY if IS_ROOT else os.getuid()
        assert {path.lstat().st_uid for path in (home / ".train").rglob("*")} == {owner}


def test_a_project_that_cannot_be_written():
    with public_folder() as folder:
        home = make_tree(folder / "p", project(command=["true"]))
        home.chmod(0o555)
        (folder / "tmp").mkdir()
        give_away(folder / "tmp")
        result = run("run", env={"TMPDIR": folder / "tmp"}, cwd=home, binary=folder / "train", before=as_nobody())
        assert result.code == 73
        assert ".train" in result.err


def test_a_job_of_the_environment_is_not_touched(home):
    """Inside a notebook or container: the root of a job is left alone."""
    root = make_tree(home.parent / "ml", {"input/config/hyperparameters.json": {"depth": "99"}, "output/data": None, "model": None})
    before = listing(root)
    result = at_home(home, env={"SAGEMAKER_BASE_DIR": root, "TRAINING_JOB_NAME": "somebody-elses"})
    assert "99" not in json.dumps({name: value for name, value in told(result)["env"].items() if name.startswith("SM_HP")})
    assert listing(root) == before


# ---- archives ----

@pytest.mark.parametrize("suffix", ["tar.gz", "tar.zst", "zip", "pex"])
def test_an_archive(home, suffix):
    files = {"__main__.py": "print('from the archive')\n"} if suffix == "pex" else project(command=["echo", "from the archive"])
    archive = make_archive(home.parent / f"code.{suffix}", files)
    elsewhere = home.parent / "elsewhere"
    elsewhere.mkdir()
    result = at_home(home, archive, cwd=elsewhere)
    assert result.code == 0, result.err
    assert "from the archive" in result.out
    assert {path.name for path in elsewhere.iterdir()} == {".train"}
    assert (elsewhere / ".train/latest").exists()


def test_a_file_that_is_no_archive(home):
    (home.parent / "notes.txt").write_text("not code")
    assert at_home(home, home.parent / "notes.txt").code == 65


# ---- packed ----

def test_packed_runs_what_would_be_published(home):
    make_tree(home, {".git/config": "x", "model": None})
    result = at_home(home, "--packed")
    facts = told(result)
    assert "pkg" in facts["tree"] and facts["tree"]["pkg"] == ["x.py"]
    assert ".git" not in facts["tree"] and ".train" not in facts["tree"]
    assert set(facts["data"]) == {"training", "labels"}
    assert len(facts["env"]["TRAIN_CODE_DIGEST"]) == 64
    assert record(home)["code"]["sha256"] == facts["env"]["TRAIN_CODE_DIGEST"]


def test_packed_refuses_what_could_not_be_published(home):
    (home / "python").symlink_to("/usr/bin/python3")
    result = at_home(home, "--packed")
    assert result.code in (65, 78) and "python" in result.err
    assert '{"cwd"' not in result.out


def test_unpacked_and_packed_give_the_same(home):
    make_tree(home, project(command=shell("cat data/training/a.csv pkg/x.py >model/m; echo done")))
    plain, packed = at_home(home), at_home(home, "--packed")
    assert plain.code == packed.code == 0

    assert plain.pipeline == packed.pipeline == ["done"]
