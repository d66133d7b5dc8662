"""What the pipeline finds in its environment (product §8, C§11)."""
import json
import os
import pwd
import shutil

import pytest

from jobs import DATA, JobRoot, TELL, as_nobody, code, give_away, make_tar, project, public_folder, run, sha256, shell, told


@pytest.fixture
def job(tmp_path):
    return JobRoot(tmp_path, hyperparameters={"epochs": "3", "name": "\"quoted\"", "flag": "true", "plain": "text"})


def environment(job, env=None, words=(), **pipeline):
    job.code(project(command=code(TELL), **pipeline))
    result = run(*words, job=job, env=env)
    return told(result)["env"], result


def test_the_names_of_its_own(job):
    job.arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/churn-2026-01-15"
    job.hosts("algo-10", ["algo-1", "algo-10", "algo-2"])
    env, result = environment(job)
    assert env["TRAIN_JOB_NAME"] == "churn-2026-01-15"
    assert env["TRAIN_JOB_ARN"] == job.arn
    assert env["TRAIN_HOST"] == "algo-10"
    assert env["TRAIN_HOSTS"] == "algo-1,algo-10,algo-2"
    assert env["TRAIN_RANK"] == "1"
    assert env["TRAIN_MASTER"] == "algo-1"
    assert env["TRAIN_MODEL_DIR"] == str(job.model)
    assert env["TRAIN_OUTPUT_DIR"] == str(job.output / "data")
    assert env["TRAIN_RUN_ID"] == result.record["job"]["run_id"]
    assert env.get("TRAIN_STEP", "") == ""
    assert os.path.isabs(env["TRAIN_METRICS"])


def test_the_digest_of_the_code(job):
    archive = make_tar(job.folder / "code.tar.gz", project(command=code(TELL)))
    env = told(run(job=job, env={"TRAIN_CODE": archive}))["env"]
    assert env["TRAIN_CODE_DIGEST"] == sha256(archive)


def test_hyperparameters_are_decoded_in_a_file(job):
    job.code(project(command=shell('cat "$TRAIN_HYPERPARAMETERS"')))
    assert json.loads("\n".join(run(job=job).pipeline)) == {"epochs": 3, "name": "quoted", "flag": True, "plain": "text"}


def test_settings_never_reach_the_pipeline_as_hyperparameters(job):
    job.hyperparameters({"a": "1", "train:log-level": "debug", "train:code-pin": "off"})
    job.code(project(command=code(TELL), arguments="--key value"))
    facts = told(run(job=job))
    assert facts["argv"] == ["-a", "1"]
    assert not any("train:" in value or "log-level" in value for name, value in facts["env"].items() if name.startswith("SM_"))


def test_the_toolkits_names(job):
    job.hosts("algo-2", ["algo-1", "algo-2"])
    job.channel("validation", {"a": "a"})
    env, _ = environment(job)
    assert json.loads(env["SM_HOSTS"]) == ["algo-1", "algo-2"]
    assert env["SM_CURRENT_HOST"] == "algo-2"
    assert env["SM_MODEL_DIR"] == str(job.model)
    assert env["SM_OUTPUT_DATA_DIR"] == str(job.output / "data")
    assert env["SM_OUTPUT_DIR"] == str(job.output)
    assert env["SM_INPUT_DIR"] == str(job.path / "input")
    assert env["SM_INPUT_CONFIG_DIR"] == str(job.path / "input/config")
    assert env["SM_CHANNEL_TRAINING"] == str(job.data / "training")
    assert env["SM_CHANNEL_VALIDATION"] == str(job.data / "validation")
    assert json.loads(env["SM_CHANNELS"]) == ["training", "validation"]
    assert json.loads(env["SM_HPS"]) == {"epochs": 3, "name": "quoted", "flag": True, "plain": "text"}
    assert env["SM_HP_EPOCHS"] == "3" and env["SM_HP_NAME"] == "quoted" and env["SM_HP_PLAIN"] == "text"
    assert env["SM_NUM_CPUS"] == str(os.cpu_count())
    assert env["SM_NETWORK_INTERFACE_NAME"] == "eth0"
    assert json.loads(env["SM_RESOURCE_CONFIG"])["current_host"] == "algo-2"
    assert set(json.loads(env["SM_INPUT_DATA_CONFIG"])) == {"training", "validation"}
    assert json.loads(env["SM_USER_ARGS"]) == ["--epochs", "3", "--flag", "True", "--name", "quoted", "--plain", "text"]


def test_what_the_container_had_is_there(job):
    env, _ = environment(job, {"MY_OWN": "value", "ODD": "a=b\nc", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x", "EMPTY": ""})
    assert env["MY_OWN"] == "value" and env["ODD"] == "a=b\nc" and env["EMPTY"] == ""
    assert env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] == "/v2/x"
    assert "AWS_ACCESS_KEY_ID" not in env


def test_region_and_unbuffered_are_filled_where_unset(job):
    env, _ = environment(job)
    assert env["AWS_DEFAULT_REGION"] == "us-east-1"
    assert env["PYTHONUNBUFFERED"] == "1"
    env = told(run(job=job, env={"AWS_DEFAULT_REGION": "eu-west-1", "PYTHONUNBUFFERED": "0"}))["env"]
    assert env["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert env["PYTHONUNBUFFERED"] == "0"


def test_home(job):
    assert environment(job, {"HOME": "/somewhere"})[0]["HOME"] == "/somewhere"
    mine = pwd.getpwuid(os.getuid()).pw_dir
    assert told(run(job=job, env={"HOME": None}))["env"]["HOME"] == mine
    assert told(run(job=job, env={"HOME": "/"}))["env"]["HOME"] == mine


def test_home_of_a_user_without_one_lies_beside_the_workspace():
    with public_folder() as folder:
        job = JobRoot(folder)
        job.code(project(command=shell('echo "$HOME"; echo x >"$HOME/x" && echo written')))
        give_away(folder)
        result = run(job=job, env={"HOME": None}, binary=folder / "train", before=as_nobody())
        assert result.code == 0, result.err
        home, written = result.out.splitlines()[:2]
        assert home.startswith(str(job.tmp)) and written == "written"
        assert job.leftovers() == set()


def test_an_output_name_that_was_set_is_replaced_with_one_line(job):
    env, result = environment(job, {"TRAIN_MODEL_DIR": "/elsewhere", "TRAIN_HOST": "other"})
    assert env["TRAIN_MODEL_DIR"] == str(job.model)
    assert env["TRAIN_HOST"] == "algo-1"
    assert sum("TRAIN_MODEL_DIR" in line for line in result.agent) == 1
    assert sum("TRAIN_HOST" in line for line in result.agent) == 1


def test_the_tokens_for_https_code_never_reach_the_pipeline(job):
    secrets = {"TRAIN_CODE_TOKEN": "t0psecret", "TRAIN_CODE_TOKEN_HOST": "artifacts.example", "TRAIN_CODE_INSECURE": "1"}
    env, _ = environment(job, secrets)
    assert not set(secrets) & set(env)


def test_a_set_that_does_not_fit_loses_duplicates_first(job):
    """A single string of the environment may have 128 KiB, all together a quarter of the stack limit."""
    job.hyperparameters({f"hp{n:03}": "x" * 2400 for n in range(100)})
    job.code(project(command=shell("env | cut -d= -f1 | grep -c ^SM_HP_HP; env | cut -d= -f1 | grep -E '^SM_(HPS|TRAINING_ENV)$' | wc -l")))
    result = run(job=job)
    assert result.code == 0, result.err
    assert result.out.split()[:2] == ["100", "0"]
    assert "SM_HPS" in result.said and "SM_TRAINING_ENV" in result.said


CAPTURED = ["training-2-hosts-2020", "training-2022-gpu", "training-2025-topology-null", "local-mode-sdk", "byo-hand-run",
            "heterogeneous"]


@pytest.mark.parametrize("case", CAPTURED)
def test_every_captured_job_root_is_read(case, tmp_path):
    """The captured files say /opt/ml; only the root moves."""

    source = DATA / "sagemaker" / case
    root = tmp_path / "ml"
    shutil.copytree(source / "opt-ml", root)
    for folder in (source / "empty-dirs").read_text().split() if (source / "empty-dirs").exists() else []:
        (tmp_path / folder.replace("opt-ml", "ml", 1)).mkdir(parents=True, exist_ok=True)
    env = dict(line.split("=", 1) for line in (source / "environment").read_text().splitlines() if "=" in line) \
        if (source / "environment").exists() else {}
    keep = {name: env[name] for name in ("TRAINING_JOB_NAME", "TRAINING_JOB_ARN", "AWS_REGION") if name in env}
    (tmp_path / "code").mkdir()
    keep |= {"TMPDIR": tmp_path, "TRAIN_TAGS": "off", "TRAIN_CODE": tmp_path / "code"}
    result = run("--set", f"root={root}", "--", *code(TELL), env=keep, cwd=tmp_path)
    facts = told(result)
    config = root / "input/config/resourceconfig.json"
    if config.exists():
        hosts = json.loads(config.read_text())
        assert facts["env"]["TRAIN_HOST"] == hosts["current_host"]
        assert facts["env"]["TRAIN_HOSTS"] == ",".join(hosts["hosts"])
    channels = root / "input/config/inputdataconfig.json"
    if channels.exists():
        assert set(json.loads(facts["env"]["SM_CHANNELS"])) == set(json.loads(channels.read_text()))
    assert not [line for line in result.agent if "error" in line.lower()]
