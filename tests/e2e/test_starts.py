"""Ways in which a container is started, without archive work and with (product §2, §5; C§1, C§3.4, C§12)."""
import os

import pytest

from jobs import (IS_ROOT, JobRoot, NOBODY, PYTHON, TELL, as_nobody, code, give_away, in_mounts, make_archive, make_tar, make_tree, make_zip, pid1,
                  project, public_folder, run, script, sha256, shell, told)

BOTH = pytest.mark.parametrize("before", [[], pid1()], ids=["plain", "pid1"])


# ---- argv ----

@pytest.mark.parametrize("words", [[], ["train"]])
@BOTH
def test_with_and_without_the_word_train(job, words, before):
    job.code(project(command=["echo", "ran"]))
    assert run(*words, job=job, before=before).out.splitlines()[0] == "ran"


def test_train_twice_is_a_verb_and_a_command(job):
    """docker run IMAGE train CMD: SageMaker's own word first, a command behind it."""
    result = run("train", "--", "echo", "ran", job=job)
    assert result.out.splitlines()[0] == "ran"


def test_set_may_stand_before_the_command(job):
    result = run("train", "--set", "log-level=warn", "--set", "stop-grace=7", "--", "echo", "--set", job=job)
    assert result.out.splitlines()[0] == "--set"
    assert result.setting("stop-grace")[0] == "7"


def test_a_first_word_that_is_no_verb_is_the_command_where_there_is_a_job(job):
    """ContainerArguments that an image without this entrypoint was given."""
    result = run("echo", "--flag", "-x", "word", job=job)
    assert result.out.splitlines()[0] == "--flag -x word"
    assert any("echo" in line for line in result.agent)


def test_such_a_word_that_is_nowhere_is_127(job):
    result = run("trian-model", "--epochs", "3", job=job).check(127, "command")
    assert "trian-model" in result.failure


def test_such_a_word_in_the_code(job):
    job.code({"main": script('echo "main $1"')})
    result = run("main", "x", job=job)
    assert result.code in (0, 127)
    if result.code == 0:
        assert result.out.splitlines()[0] == "main x"


# ---- no archive ----

@BOTH
def test_a_command_in_a_working_directory_with_baked_code(job, before):
    baked = make_tree(job.folder / "app", {"train.py": "import os\nprint(os.getcwd(), sorted(os.listdir('.')))\n"})
    result = run("--", PYTHON, "train.py", job=job, cwd=baked, before=before)
    assert result.out.splitlines()[0] == f"{baked} ['train.py']"


def test_code_in_the_roots_code_folder(job):
    make_tree(job.path / "code", project(command=["echo", "from root/code"]))
    assert run(job=job).out.splitlines()[0] == "from root/code"


def test_an_empty_code_folder_of_the_root_is_no_find(job):
    (job.path / "code").mkdir()
    assert run("--", "pwd", job=job).out.splitlines()[0] == str(job.folder)


def test_a_file_address(job):
    archive = make_tar(job.folder / "my code.tar", project(command=["echo", "ran"]))
    assert run(job=job, env={"TRAIN_CODE": f"file://{archive}"}).out.splitlines()[0] == "ran" or \
        run(job=job, env={"TRAIN_CODE": f"file://{str(archive).replace(' ', '%20')}"}).out.splitlines()[0] == "ran"


def test_a_folder_that_holds_exactly_one_archive_is_that_archive(job):
    folder = job.folder / "published"
    archive = make_tar(folder / "code.tar.gz", project(command=["echo", "from the archive"]))
    result = run(job=job, env={"TRAIN_CODE": folder})
    assert result.out.splitlines()[0] == "from the archive"
    assert result.record["code"]["sha256"] == sha256(archive)


@pytest.mark.parametrize("beside", [{".env": "x"}, {"README": "x"}, {"folder/x": "x"}, {"empty": None}])
def test_anything_beside_it_makes_it_a_project(job, beside):
    folder = make_tree(job.folder / "p", beside)
    make_tar(folder / "data.tar.gz", {"x": "x"})
    result = run("--", "ls", "-A", job=job, env={"TRAIN_CODE": folder})
    assert "data.tar.gz" in result.out.split()


# ---- executable zips ----

PEX = {"__main__.py": "import os, sys\nprint('pex', sys.argv[1:], os.getcwd())\nimport helper\n", "helper.py": "print('helped')\n"}


@BOTH
def test_a_pex_named_by_path_is_used_in_place(job, before):
    pex = make_zip(job.folder / "app.pex", PEX, shebang=PYTHON)
    result = run(job=job, env={"TRAIN_CODE": pex}, before=before)
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].startswith("pex []") and lines[1] == "helped"
    assert sha256(pex) in result.said


def test_a_pex_can_be_given_a_command(job):
    pex = make_zip(job.folder / "app.pex", PEX, shebang=PYTHON)
    result = run("--", pex, "--epochs", "3", job=job, env={"TRAIN_CODE": pex})
    assert "['--epochs', '3']" in result.out


def test_a_pex_in_a_channel_is_placed_as_pipeline_pex(job):
    pex = make_zip(job.folder / "app.pex", PEX, shebang=PYTHON)
    job.channel("code", {"app.pex": pex.read_bytes()})
    result = run(job=job)
    assert result.code == 0, result.err
    assert "pex []" in result.out and "helped" in result.out
    result = run("--", "ls", job=job)
    assert "pipeline.pex" in result.out.split()


def test_a_zip_with_main_but_no_first_line_is_run_by_python(job):
    archive = make_zip(job.folder / "app.zip", PEX)
    job.channel("code", {"app.zip": archive.read_bytes()})
    result = run(job=job)
    assert result.code == 0, result.err
    assert "helped" in result.out


def test_a_pex_is_checked_member_by_member(job):
    pex = make_zip(job.folder / "app.pex", PEX | {"data": os.urandom(3000)}, shebang=PYTHON)
    data = bytearray(pex.read_bytes())
    data[data.index(b"data") + 1500] ^= 1
    job.channel("code", {"app.pex": bytes(data)})
    result = run(job=job).check(65, "code-archive")
    assert "data" in result.failure
    assert "helped" not in result.out


# ---- channels ----

@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_a_channel_code_that_holds_the_sdks_archive(job, suffix):
    """V2 estimators with network isolation."""
    archive = make_archive(job.folder / f"sourcedir.{suffix}", project(command=code(TELL)))
    job.channel("code", {f"sourcedir.{suffix}": archive.read_bytes()})
    facts = told(run(job=job))
    assert set(facts["data"]) == {"training"}
    assert facts["env"]["TRAIN_CODE_DIGEST"] == sha256(archive)


def test_a_channel_code_that_holds_the_project(job):
    job.channel("code", project(command=code(TELL)) | {"data/x": "x", "pkg/a": "a"})
    facts = told(run(job=job))
    assert facts["tree"]["pkg"] == ["a"] and set(facts["data"]) == {"training"}


def test_an_empty_channel_code_is_no_find(job):
    job.channel("code", {})
    assert run("--", "pwd", job=job).out.splitlines()[0] == str(job.folder)


def test_a_path_in_a_channel(job):
    archive = make_tar(job.folder / "x.tar", project(command=["echo", "from the channel"]))
    job.channel("artifacts", {"v2/code.tar": archive.read_bytes(), "v1/code.tar": b"old"})
    assert run(job=job, env={"TRAIN_CODE": "channel:artifacts/v2/code.tar"}).out.splitlines()[0] == "from the channel"
    assert run(job=job, env={"TRAIN_CODE": "channel:artifacts/v2"}).out.splitlines()[0] == "from the channel"


def test_a_path_out_of_a_channel_is_refused(job):
    make_tar(job.data / "code.tar", project(command=["echo", "ran"]))
    result = run(job=job, env={"TRAIN_CODE": "channel:training/../code.tar"})
    assert result.code in (66, 78) and "ran" not in result.out


def test_pipe_mode_is_refused_for_code(job):
    job.channel("code", mode="Pipe")
    result = run(job=job, env={"TRAIN_CODE": "channel:code"}).check(78, "settings")
    assert "Pipe" in result.failure


# ---- hand-made roots ----

@BOTH
def test_a_hand_made_root_without_inputdataconfig(tmp_path, before):
    """docker run -v $PWD/test_dir:/opt/ml IMAGE train, as AWS's own sample shows it."""
    root = make_tree(tmp_path / "test_dir", {"input/config/hyperparameters.json": '{\n  "depth": "5"\n}\n', "input/data/training/a.csv": "1",
                                             "model": None, "output": None})
    project_ = make_tree(tmp_path / "p", project(command=code(TELL)))
    result = run("train", env={"SAGEMAKER_BASE_DIR": root, "TMPDIR": tmp_path, "TRAIN_CODE": project_}, before=before)
    facts = told(result)
    assert facts["env"]["SM_HP_DEPTH"] == "5"
    assert facts["data"] == {}
    assert (root / "output/data/_train").is_dir()


def test_a_root_with_nothing_in_it(tmp_path):
    (tmp_path / "ml").mkdir()
    result = run("--", "sh", "-c", 'echo x >"$TRAIN_MODEL_DIR/m"', env={"SAGEMAKER_BASE_DIR": tmp_path / "ml", "TMPDIR": tmp_path})
    assert result.code == 0, result.err
    assert (tmp_path / "ml/model/m").exists()


def test_no_root_at_all_but_a_command(tmp_path):
    """docker run IMAGE -- CMD: nothing is mounted; it runs, with a warning at most."""
    result = run("--", "echo", "ran", env={"SAGEMAKER_BASE_DIR": tmp_path / "none", "TMPDIR": tmp_path})
    assert result.code == 0, result.err
    assert "ran" in result.out


def test_any_uid():
    with public_folder() as folder:
        job = JobRoot(folder)
        job.code(project(command=shell("id -u; echo x >model/x")))
        give_away(folder)
        result = run(job=job, binary=folder / "train", before=as_nobody())
        assert result.code == 0, result.err
        assert (job.model / "x").exists()


@pytest.mark.skipif(not IS_ROOT, reason='nobody else can give a folder to root')
def test_a_config_folder_that_only_root_may_enter():
    """Seen on the platform (C§1.3): without it nobody knows channels and hyperparameters. One mistake, not one for each file."""
    with public_folder() as folder:
        job = JobRoot(folder)
        job.code(project(command=shell("echo ran")))
        job.host = "local"
        give_away(folder)
        (job.path / "input/config").chmod(0o644)
        os.chown(job.path / "input/config", 0, 0)
        result = run(job=job, binary=folder / "train", before=as_nobody()).check(78, "settings")
        config = job.path / "input/config"
        words = f"user {NOBODY} may not enter '{config}': its mode is for root alone, so let the image run as root"
        assert result.failure.splitlines()[0] == f"[settings] {words}."
        assert [line for line in result.agent if words in line] == [f"error: [settings] {words} (exit code 78)"]
        assert len(result.agent) == 2, "the rest is the record's line"


def test_a_read_only_root_file_system(job):
    """docker run --read-only: only the job root and one folder for workspaces can be written."""
    job.code(project(command=["echo", "ran"]))
    mounts = f"""
        mount --bind {job.folder} {job.folder}
        mount -o remount,bind,ro {job.folder}
        mount -t tmpfs none {job.tmp}
        mount -t tmpfs none {job.output}
    """
    result = run(job=job, before=in_mounts(mounts))
    assert result.code == 0, result.err
    assert "ran" in result.out


def test_no_proc(job):
    """A container without /proc mounted still trains."""
    job.code(project(command=["echo", "ran"]))
    result = run(job=job, before=[*in_mounts("mount -t tmpfs none /proc")])
    assert "ran" in result.out or result.code in (71, 73)


# ---- the complete local story ----

def test_two_channels_two_steps_metrics_model_and_record(job):
    job.channel("labels", {"labels.csv": "a\nb\n"})
    archive = make_tar(job.folder / "code.tar.gz", {
        **project([{"name": "featurize", "command": ["./featurize"]}, {"name": "train", "call": "churn:train", "arguments": "--key value"}],
                  metrics={"validation:rmse": {}}, objective="validation:rmse"),
        "featurize": script("cat data/training/*.csv data/labels/*.csv >features.txt"),
        "churn.py": "import json, os, sys\ndef train():\n    print('training with', *sys.argv[1:])\n"
                    "    with open(os.environ['TRAIN_METRICS'], 'w', buffering=1) as m:\n"
                    "        for step in range(3): m.write(json.dumps({'validation:rmse': 1 / (1 + step), 'step': step}) + '\\n')\n"
                    "    open('model/model.txt', 'w').write(open('features.txt').read())\n"})
    job.hyperparameters({"epochs": "3"})
    result = run(job=job, env={"TRAIN_CODE": archive, "TRAIN_CODE_SHA256": sha256(archive)})
    assert result.code == 0, result.err
    assert "training with --epochs 3" in result.out
    assert [line for line in result.metric_lines if "rmse" in line][-1] == "#metric validation:rmse=0.3333333333333333; step=2"
    assert (job.model / "model.txt").read_text() == "1,2,3\na\nb\n"
    assert [step["exit_code"] for step in result.record["steps"]] == [0, 0]
