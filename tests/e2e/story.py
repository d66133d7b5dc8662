"""The complete story: a published archive, tags that name it, two channels, two steps, metrics, a model; and what has to be true at its end."""
import json
import re
import subprocess

from jobs import BINARY, PYTHON, REPOSITORY, JobRoot, clean_env, make_tar, make_tree, project, run, sha256

FEATURIZE = """
import csv, json
rows = list(csv.reader(open("data/training/wine.csv")))
labels = json.load(open("data/labels/names.json"))
with open("features.json", "w") as out:
    json.dump({"rows": len(rows), "classes": labels}, out)
print(f"featurized {len(rows)} rows of {len(labels)} classes")
"""

TRAIN = """
import json, os, sys
features = json.load(open("features.json"))
with open(os.environ["TRAIN_METRICS"], "w", buffering=1) as metrics:
    for epoch, loss in enumerate([0.75, 0.5, 0.125], 1):
        print(json.dumps({"train:loss": loss, "epoch": epoch}), file=metrics)
    print("validation:rmse=1.5e-05", file=metrics)
print("a line for people", file=sys.stderr)
with open("model/model.json", "w") as out:
    json.dump({"rows": features["rows"], "step": os.environ["TRAIN_STEP"]}, out)
with open("output/aws.json", "w") as out:
    json.dump(sorted(name for name in os.environ if name.startswith(("AWS_", "TRAIN_CODE"))), out)
print("trained")
"""

PIPELINE = project(name="churn", steps=[{"name": "featurize", "command": [PYTHON, "featurize.py"]},
                                        {"name": "train", "command": [PYTHON, "train.py"]}],
                   metrics={"train:loss": {}, "validation:rmse": {}})
FILES = {**PIPELINE, "featurize.py": FEATURIZE, "train.py": TRAIN}
OTHER_FILES = {**FILES, "train.py": "print('other code ran')\n"}


class Story:
    """Publishes the code to 'gateway' and makes the job; 'tags' are for whoever serves them."""

    def __init__(self, folder, gateway, bucket):
        self.gateway = gateway
        self.bucket = bucket
        self.project = make_tree(folder / "project", FILES)
        self.archive = make_tar(folder / "churn-1.2.tar.gz", FILES)
        self.digest = sha256(self.archive)
        self.key = "team/churn-1.2.tar.gz"
        self.version = gateway.put(bucket, self.key, self.archive.read_bytes())
        # What is newest is not what the version names.
        self.other = make_tar(folder / "other.tar.gz", OTHER_FILES)
        self.other_digest = sha256(self.other)
        self.other_version = gateway.put(bucket, self.key, self.other.read_bytes())

        self.job = JobRoot(folder, name="Churn-2026-01-15", channels=())
        self.job.channel("training", {"wine.csv": (REPOSITORY / "examples/wine/data/training/wine.csv").read_text()})
        self.job.channel("labels", {"names.json": '["barolo", "grignolino", "barbera"]'})

    @property
    def address(self):
        return f"s3://{self.bucket}/{self.key}"

    @property
    def tags(self):
        return {"team": "churn", "train:code": self.address, "train:code-version": self.version, "train:code-sha256": self.digest}

    def run(self, env, **more):
        return run(job=self.job, env=env, **more)

    def check(self, result):
        """All of it went right."""
        result.check(0, None)
        assert result.failure is None
        self._check_log(result)
        self._check_metrics(result)
        self._check_outputs(result)
        self._check_record(result)
        return result

    def check_nothing_ran(self, result):
        assert "featurized" not in result.out and "trained" not in result.out and "other code ran" not in result.out
        assert list(self.job.model.iterdir()) == []
        assert self.job.leftovers() == set()

    def _check_log(self, result):
        lines = result.out.splitlines()
        rows = len((self.job.data / "training/wine.csv").read_text().splitlines())
        assert lines.index(f"featurized {rows} rows of 3 classes") < lines.index("trained")
        assert result.pipeline_err == ["a line for people"]
        assert self.digest in result.said
        assert str(self.job.record_file) in result.agent[-1]

    def _check_metrics(self, result):
        """SageMaker finds in the log, by the definitions that `train metrics` prints, exactly what was emitted."""
        printed = subprocess.run([BINARY, "metrics", self.project], env=clean_env(), stdout=subprocess.PIPE, check=True).stdout
        definitions = {each["Name"]: each["Regex"] for each in json.loads(printed)}
        assert list(definitions) == ["train:loss", "validation:rmse"]
        found = {name: [float(match) for line in result.out.splitlines() for match in re.findall(regex, line)]
                 for name, regex in definitions.items()}
        assert found == {"train:loss": [0.75, 0.5, 0.125], "validation:rmse": [1.5e-05]}
        kept = [(row["name"], row["value"], row.get("epoch")) for row in result.metrics if not row["name"].startswith("agent:")]
        assert kept == [("train:loss", 0.75, 1), ("train:loss", 0.5, 2), ("train:loss", 0.125, 3), ("validation:rmse", 1.5e-05, None)]

    def _check_outputs(self, result):
        model = json.loads((self.job.model / "model.json").read_text())
        assert model["step"] == "train" and model["rows"] > 100
        assert sorted(path.name for path in self.job.output.rglob("*") if path.is_file()) == [
            "aws.json", "metrics-algo-1.jsonl", "run-algo-1.json"]
        assert self.job.leftovers() == set()

    def _check_record(self, result):
        record = result.record
        assert (record["exit_code"], record["outcome"], record["ended_by"], record["failure"]) == (0, "completed", "pipeline", None)
        assert record["job"]["name"] == self.job.name and record["job"]["host"] == "algo-1" and record["job"]["rank"] == 0
        code = record["code"]
        assert (code["address"], code["version"], code["sha256"], code["kind"]) == (self.address, self.version, self.digest, "tar.gz")
        assert code["size"] == self.archive.stat().st_size and code["etag"].startswith('"')
        assert {channel["name"] for channel in record["channels"]} == {"training", "labels"}
        assert [(step["name"], step["exit_code"]) for step in record["steps"]] == [("featurize", 0), ("train", 0)]
        metrics = {metric["name"]: metric for metric in record["metrics"]}
        loss = metrics["train:loss"]
        assert (loss["count"], loss["last"], loss["min"], loss["max"]) == (3, 0.125, 0.125, 0.75)
        assert [phase["name"] for phase in record["phases"]] == ["start", "read", "tags", "fetch", "verify", "unpack", "link", "run", "finish"]
