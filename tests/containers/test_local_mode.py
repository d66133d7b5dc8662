"""Local mode of the SageMaker Python SDK (C§12.1): its own Estimator writes the job's files and the compose file, has them run, judges the exit code and
packs model and output. `docker` is played by podman (sdk/docker); the network is one of the test's own, with nothing in it."""
import contextlib
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

import bases
import engine
from jobs import DEADLINE_S, RECORD_VALIDATOR, make_tar, make_tree, project, script, sha256
from servers.program import tool

SDK = Path(__file__).parent / "sdk"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
OFF = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"
ALONE = ["unshare", "-n", "--", "sh", "-ec", 'ip link set lo up; exec "$@"', "sh"]

PIPELINE = script("""
echo "rows $(cat data/training/training.csv)"
echo "host $TRAIN_HOST of $TRAIN_HOSTS, rank $TRAIN_RANK"
[ -t 0 ] || echo "stdin is no terminal"
cat "$TRAIN_HYPERPARAMETERS"; echo
echo "for people" >&2
echo weights >model/weights
echo report >output/report.txt
echo "train:loss=0.25" >"$TRAIN_METRICS"
exit "${CODE:-0}"
""")
FILES = {**project(command=["./pipeline"]), "pipeline": PIPELINE}


class Local:
    """fit() in a folder of the test's, and what is left of it."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "root"
        self.training = make_tree(folder / "training", {"training.csv": "1,2,3\n"})
        self.root.mkdir()
        (folder / "sdk.yaml").write_text(OFF)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        """The SDK leaves its containers behind."""
        for service in self.compose["services"].values() if self.compose else ():
            engine.podman("rm", "-f", "-t", "0", service["container_name"], check=False)

    @property
    def compose(self):
        files = list(self.root.glob("*/docker-compose.yaml"))
        return yaml.safe_load(files[0].read_text()) if files else None

    def words(self, inputs, **more):
        asked = {"image": bases.layered(), "root": str(self.root), "output": f"file://{self.folder}/out", "job": "churn-2026-01-15", "secret": SECRET,
                 "inputs": {"training": f"file://{self.training}", **inputs}, "hyperparameters": {}, "environment": {}, "more": {}, **more}
        return [*ALONE, tool("sdk"), SDK / "fit.py", json.dumps(asked)]

    def env(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_", "TRAIN_", "SM_"))}
        return kept | {"PATH": f"{SDK}:{Path(tool('sdk')).parent}:{os.environ['PATH']}", "AWS_EC2_METADATA_DISABLED": "true", "PYTHONWARNINGS": "ignore",
                       "SAGEMAKER_SUPPRESS_V2_WARNING": "1", "SAGEMAKER_USER_CONFIG_OVERRIDE": str(self.folder / "sdk.yaml")}

    def fit(self, inputs, **more):
        """(what fit() gave, what people saw)."""
        done = subprocess.run(list(map(str, self.words(inputs, **more))), env=self.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=3 * DEADLINE_S)
        assert done.returncode == 0, done.stdout.decode(errors="replace")
        lines = done.stdout.decode(errors="replace").splitlines()
        return json.loads(lines[-1]), Seen(done.stdout)

    def packed(self, name):
        """The files of <output>/NAME.tar.gz: a dict."""
        with tarfile.open(self.folder / "out" / f"{name}.tar.gz") as tar:
            return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


class Seen:
    """The container's lines as the terminal gave them, without what compose puts before each."""

    def __init__(self, raw):
        marked = re.findall(rb"^(?:\x1b\[[0-9;]*m)?\[(algo-1-[a-z0-9]{5})\] \|(?:\x1b\[[0-9;]*m)? (.*)\n", raw, re.MULTILINE)
        self.host = marked[0][0].decode()
        self.raw = [line for _, line in marked if b"syslog" not in line]  # a word of podman's own
        self.lines = [line.decode().removesuffix("\r") for line in self.raw]


@pytest.fixture
def local(tmp_path):
    with Local(tmp_path) as made:
        yield made


def record_of(packed, host):
    record = json.loads(packed[f"data/_train/run-{host}.json"])
    RECORD_VALIDATOR.validate(record)
    return record


def test_a_job_as_the_sdk_makes_it(local):
    """Hyperparameters, a data channel, the code as a channel; one CR before each LF, as a terminal has it, and none of the secrets."""
    archive = make_tar(local.folder / "code/app.tar.gz", FILES)
    given, seen = local.fit({"code": f"file://{local.folder}/code"}, hyperparameters={"epochs": 3, "optimizer": "adam"})
    assert given == {"model": f"file://{local.folder}/out/model.tar.gz"}
    service = local.compose["services"][seen.host]
    assert (service["command"], service["tty"], service["stdin_open"]) == ("train", True, True) and "entrypoint" not in service
    assert all(line.endswith(b"\r") and line.count(b"\r") == 1 and b"\x1b" not in line for line in seen.raw), seen.raw
    said = [line.removeprefix("train: ") for line in seen.lines if line.startswith("train: ")]
    assert said == [f"code: 'channel:code' (channel code), tar.gz, {archive.stat().st_size} bytes, SHA-256 {sha256(archive)}",
                    said[1], f"record: '/opt/ml/output/data/_train/run-{seen.host}.json'"]
    assert re.fullmatch("completed in [0-9.]+ s", said[1])
    told = [line for line in seen.lines if not line.startswith(("train: ", "#metric agent:"))]
    assert sorted(told) == sorted(["rows 1,2,3", f"host {seen.host} of {seen.host}, rank 0", "stdin is no terminal", '{"epochs":3,"optimizer":"adam"}',
                                   "for people", "#metric train:loss=0.25;"])
    assert local.packed("model") == {"weights": b"weights\n"}
    output = local.packed("output")
    assert set(output) == {"data/report.txt", f"data/_train/run-{seen.host}.json", f"data/_train/metrics-{seen.host}.jsonl"}
    record = record_of(output, seen.host)
    assert (record["exit_code"], record["outcome"], record["job"]["name"], record["job"]["host"]) == (0, "completed", "churn-2026-01-15", seen.host)
    assert SECRET not in "\n".join(seen.lines) + json.dumps(record)


def test_a_pipeline_that_fails(local):
    """The SDK judges by the exit code; the failure text is in the output that it packs all the same."""
    make_tar(local.folder / "code/app.tar.gz", FILES)
    given, seen = local.fit({"code": f"file://{local.folder}/code"}, environment={"CODE": "3"})
    assert given["raised"].endswith("Process exited with code: 3")
    assert [line for line in seen.lines if line.startswith("train: error:")] == ["train: error: [exit-3] the pipeline ended with exit code 3"]
    output = local.packed("output")
    assert output["failure"].decode().splitlines() == ["[exit-3] the pipeline ended with exit code 3.", "The pipeline's log says why.", "stderr: for people"]
    assert record_of(output, seen.host)["reason"] == "exit-3"


def test_script_mode_with_the_source_on_this_machine(local):
    """entry_point and source_dir with local_code: the folder is mounted at /opt/ml/code, the hyperparameters are JSON in JSON."""
    make_tree(local.folder / "source", {"train.sh": script('echo "arguments $*"; ls; echo weights >"$SM_MODEL_DIR/weights"')})
    given, seen = local.fit({}, hyperparameters={"epochs": 3, "optimizer": "adam"},
                            more={"entry_point": "train.sh", "source_dir": str(local.folder / "source")})
    assert given == {"model": f"file://{local.folder}/out/model.tar.gz"}, seen.lines
    assert "arguments --epochs 3 --optimizer adam" in seen.lines
    assert local.packed("model") == {"weights": b"weights\n"}
    assert record_of(local.packed("output"), seen.host)["outcome"] == "completed"
