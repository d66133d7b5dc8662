"""docs/images.md and README.md are what runs: their lines, in their order, by a user who has only typed them.

`docker` is podman here, found first on PATH; `make image` gets this machine's bases by BASE and FLAGS, as public registries are not asked. The lines for AWS are held
against its API model and sent to moto.
"""
import json
import os
import re
import shlex
import shutil
import subprocess

import boto3
import botocore.session
import pytest
from botocore import xform_name
from moto import mock_aws

import bases
from jobs import REPOSITORY

PAGE = (REPOSITORY / "docs" / "images.md").read_text()
README = (REPOSITORY / "README.md").read_text()
CLIENT_ONLY = {("ecr", "get-login-password"), ("s3", "cp")}  # the command line's own, in no API model
CLIENT_FLAGS = {"cli-input-json"}
LINES_S = 1500  # a bound; the first build compiles all libraries


REQUEST = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL).group(1))


def blocks(text, mark):
    """The contents of the fenced blocks that stand right after the comment <!-- MARK -->."""
    return re.findall(rf"^<!-- {mark} -->\n```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def clone(tmp_path):
    """The repository's files as a new user has them, with `docker` on PATH."""
    folder = tmp_path / "clone"
    names = subprocess.run(["git", "-C", REPOSITORY, "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (REPOSITORY / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name, follow_symlinks=False)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").symlink_to(shutil.which("podman"))
    return folder


def typed(clone, lines):
    """Runs the lines by sh, as they are; what they printed."""
    env = bases.typing(PATH=f"{clone.parent / 'bin'}:{os.environ['PATH']}", ENGINE="podman", BASE=bases.debian(), FLAGS=f"--build-arg BUILD={bases.debian()}")
    with bases.alone("train-agent"):
        done = subprocess.run(["sh", "-euc", lines], cwd=clone, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=LINES_S)
    assert done.returncode == 0, f"{lines}\n{done.stdout}"
    return done.stdout


@pytest.mark.long
def test_from_pipeline_json_to_the_request(clone):
    laptop, job, publish = blocks(PAGE, "run")
    said = typed(clone, laptop)
    assert "accuracy on 45 unseen wines" in said and "train: completed" in said
    said = typed(clone, job)
    assert "train: completed" in said and said.endswith("model.json\n\njob/output/data:\n_train\nevaluation.json\n"), said
    said = typed(clone, publish)
    assert re.search(r"^TRAIN_CODE_SHA256=[0-9a-f]{64}$", said, re.MULTILINE), said
    assert REQUEST["AlgorithmSpecification"]["MetricDefinitions"] == json.loads(said[said.index("[\n"):said.rindex("]") + 1])


@pytest.mark.long
def test_the_readmes_image(clone):
    for lines in blocks(README, "run in a container"):
        said = typed(clone, lines)
    assert "train: completed" in said


def test_the_request_is_one_that_aws_takes():
    with mock_aws():
        client = boto3.client("sagemaker", region_name="eu-central-1", aws_access_key_id="A", aws_secret_access_key="S")
        client.create_training_job(**REQUEST)
        told = client.describe_training_job(TrainingJobName=REQUEST["TrainingJobName"])
    assert told["HyperParameters"] == REQUEST["HyperParameters"]


def aws_lines():
    lines = "".join(blocks(PAGE, "aws")).splitlines()
    words = [shlex.split(line.split("|")[0]) for line in lines if line.startswith("aws ")]
    return [line for line in words if (line[1], line[2]) not in CLIENT_ONLY]


@pytest.mark.parametrize("words", aws_lines(), ids=" ".join)
def test_an_aws_line_is_one_that_aws_knows(words):
    _, service, operation, *rest = words
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    members = {xform_name(name, "-") for name in model.operation_model(names[operation]).input_shape.members}
    flags = {word.removeprefix("--") for word in rest if word.startswith("--")}
    assert flags <= members | CLIENT_FLAGS
