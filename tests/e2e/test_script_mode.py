"""Jobs of the SageMaker toolkit, with `train` in its place (product §8, C§11)."""
import json

import pytest

from jobs import TELL, make_tar, make_tree, run, script, sha256, told


def scripted(job, program="train.py", encoded=False, where=None, **hyperparameters):
    values = {"sagemaker_program": program, "sagemaker_container_log_level": 20, "sagemaker_region": "us-east-1"} | hyperparameters
    if where is not None:
        values["sagemaker_submit_directory"] = str(where)
    job.hyperparameters({key: json.dumps(value) if encoded or not isinstance(value, str) else value for key, value in values.items()})


@pytest.mark.parametrize("encoded", [False, True])
def test_a_program_in_the_submit_directorys_archive(job, encoded):
    archive = make_tar(job.folder / "sourcedir.tar.gz", {"train.py": TELL})
    scripted(job, encoded=encoded, where=archive, epochs=3, lr=0.1, name="adam", shuffle=True)
    facts = told(run(job=job))
    assert facts["argv"] == ["--epochs", "3", "--lr", "0.1", "--name", "adam", "--shuffle", "True"]
    assert facts["env"]["SM_MODULE_NAME"] == "train"
    assert facts["env"]["SM_USER_ENTRY_POINT"] == "train.py"


def test_a_program_in_the_submit_directorys_folder(job):
    folder = make_tree(job.folder / "src", {"train.py": TELL, "lib/util.py": ""})
    scripted(job, where=folder)
    facts = told(run(job=job))
    assert facts["tree"]["lib"] == ["util.py"]


def test_script_mode_makes_no_links(job):
    folder = make_tree(job.folder / "src", {"train.py": TELL})
    scripted(job, where=folder)
    assert set(told(run(job=job))["tree"]) == {"train.py"}


def test_script_mode_makes_the_links_that_pipeline_json_asks_for(job):
    folder = make_tree(job.folder / "src", {"train.py": TELL, "pipeline.json": {"links": {"model": "artifacts"}}})
    scripted(job, where=folder)
    assert told(run(job=job))["tree"]["artifacts"] == str(job.model)


def test_the_environments_names_win(job):
    folder = make_tree(job.folder / "src", {"train.py": "print('hyperparameter')", "other.py": "print('environment')"})
    scripted(job, where=folder)
    assert run(job=job, env={"SAGEMAKER_PROGRAM": "other.py"}).out.splitlines()[0] == "environment"


def test_code_in_the_roots_code_folder(job):
    make_tree(job.path / "code", {"train.py": "print('from root/code')"})
    scripted(job)
    assert run(job=job).out.splitlines()[0] == "from root/code"


def test_the_channel_code_of_network_isolation(job):
    archive = make_tar(job.folder / "sourcedir.tar.gz", {"train.py": TELL})
    job.channel("code", {"sourcedir.tar.gz": archive.read_bytes()})
    scripted(job, epochs=1)
    facts = told(run(job=job))
    assert facts["argv"] == ["--epochs", "1"]


def test_a_shell_program_is_run_by_its_first_line(job):
    folder = make_tree(job.folder / "src", {"train.sh": f'#!/bin/sh -e\necho "$0 $*"\nfalse\necho not reached\n'})
    scripted(job, "train.sh", where=folder, epochs=3)
    result = run(job=job)
    result.check(1, "exit-1")
    assert result.out.splitlines()[0].endswith("train.sh --epochs 3")
    assert "not reached" not in result.out


def test_a_shell_program_without_first_line_is_run_by_sh(job):
    folder = make_tree(job.folder / "src", {"train.sh": 'echo "plain $*"\n'})
    scripted(job, "train.sh", where=folder, epochs="$(touch x)")
    result = run(job=job)
    assert result.out.splitlines()[0] == "plain --epochs $(touch x)"
    assert not (folder / "x").exists()


def test_an_executable_program(job):
    folder = make_tree(job.folder / "src", {"bin/fit": script('echo "fit $*"')})
    scripted(job, "bin/fit", where=folder, epochs=3)
    assert run(job=job).out.splitlines()[0] == "fit --epochs 3"


def test_a_program_that_is_not_there(job):
    folder = make_tree(job.folder / "src", {"other.py": ""})
    scripted(job, where=folder)
    result = run(job=job).check(127, "command")
    assert "train.py" in result.failure


def test_settings_and_the_objective_are_never_arguments(job):
    folder = make_tree(job.folder / "src", {"train.py": TELL})
    scripted(job, where=folder, epochs=3, _tuning_objective_metric="validation:rmse", **{"train:log-level": "info"})
    assert told(run(job=job))["argv"] == ["--epochs", "3"]


@pytest.mark.parametrize("switch", ["sagemaker_mpi_enabled", "sagemaker_torch_distributed_enabled", "sagemaker_parameter_server_enabled",
                                    "sagemaker_distributed_dataparallel_enabled"])
def test_launcher_switches_are_refused_by_name(job, switch):
    folder = make_tree(job.folder / "src", {"train.py": "print('ran')"})
    for encoded in (False, True):
        scripted(job, encoded=encoded, where=folder, **{switch: True})
        result = run(job=job).check(78, "settings")
        assert switch in result.failure and "ran" not in result.out
    scripted(job, where=folder, **{switch: False})
    assert run(job=job).out.splitlines()[0] == "ran"


def test_no_pin_is_asked_for_and_a_given_digest_holds(job):
    archive = make_tar(job.folder / "sourcedir.tar.gz", {"train.py": "print('ran')"})
    scripted(job, where=archive)
    result = run(job=job)
    assert result.out.splitlines()[0] == "ran"
    assert not any("pinned" in line for line in result.agent)
    run(job=job, env={"TRAIN_CODE_SHA256": "0" * 64}).check(65, "code-digest")
    assert run(job=job, env={"TRAIN_CODE_SHA256": sha256(archive)}).code == 0


def test_the_toolkits_folder_variables(job):
    folder = make_tree(job.folder / "src", {"train.py": TELL})
    scripted(job, where=folder, epochs=3)
    env = told(run(job=job))["env"]
    assert json.loads(env["SM_TRAINING_ENV"])["hyperparameters"] == {"epochs": 3}
    assert env["SM_MODULE_DIR"] and env["SM_MODEL_DIR"] == str(job.model)


def test_the_working_folder_is_also_root_code(job):
    folder = make_tree(job.folder / "src", {"train.py": f"import os\nprint(os.path.realpath('{job.path}/code') == os.getcwd())"})
    scripted(job, where=folder)
    assert run(job=job).out.splitlines()[0] == "True"
    assert not (job.path / "code").exists() or list((job.path / "code").iterdir()) == []


def test_a_root_code_that_holds_something_is_left_alone(job):
    make_tree(job.path / "code", {"mine": "mine"})
    folder = make_tree(job.folder / "src", {"train.py": "print('ran')"})
    scripted(job, where=folder)
    assert run(job=job).out.splitlines()[0] == "ran"
    assert (job.path / "code/mine").read_text() == "mine"
