"""The record of a run (product §12). Reading it checks it against docs/record.schema.json."""
import json
import signal

import pytest

from jobs import JobRoot, make_tar, project, run, sha256, shell, start


@pytest.fixture
def job(tmp_path):
    return JobRoot(tmp_path, hyperparameters={"epochs": "3", "password": "topsecret-1"})


def test_of_a_job_that_went_well(job):
    archive = make_tar(job.folder / "code.tar.gz", project([{"name": "a", "command": shell('echo loss=0.5 >"$TRAIN_METRICS"')},
                                                            {"name": "b", "command": ["true"]}]))
    job.channel("stream", mode="Pipe")
    job.config("init-config", {"inputMode": "FILE", "channels": {"training": {"s3DataSource": {
        "s3DataType": "S3_PREFIX", "s3Uri": "s3://bucket/churn/"}}}})
    result = run(job=job, env={"TRAIN_CODE": archive, "TRAIN_IMAGE": "123.dkr.ecr/image:1", "TRAIN_STOP_GRACE": "90"})
    record = result.record
    version = json.loads(run("version", "--json").out)
    assert record["agent"] == {key: version[key] for key in ("version", "commit", "build_id", "sha256")}
    assert record["job"] == {"name": job.name, "arn": None, "run_id": record["job"]["run_id"], "root": str(job.path), "host": "algo-1",
                             "hosts": ["algo-1"], "rank": 0}
    assert record["image"] == "123.dkr.ecr/image:1"
    assert record["code"]["address"] == str(archive) and record["code"]["kind"] == "tar.gz"
    assert record["code"]["sha256"] == sha256(archive) and record["code"]["size"] == archive.stat().st_size
    assert "TRAIN_CODE" in record["code"]["found_by"]
    assert {row["name"]: (row["mode"], row["s3_uri"]) for row in record["channels"]} == \
        {"training": ("File", "s3://bucket/churn/"), "stream": ("Pipe", None)}
    assert record["hyperparameters"] == {"epochs": 3} and record["masked"] == ["password"]
    assert {"PATH", "TRAIN_METRICS", "SM_MODEL_DIR", "TRAIN_IMAGE"} <= set(record["variables"])
    assert [step["name"] for step in record["steps"]] == ["a", "b"]
    assert next(row for row in record["metrics"] if row["name"] == "loss") == {"name": "loss", "count": 1, "last": 0.5, "min": 0.5,
                                                                               "max": 0.5}
    assert (record["exit_code"], record["outcome"], record["reason"], record["ended_by"]) == (0, "completed", None, "pipeline")
    assert record["failure"] is None and record["peak_memory_bytes"] > 0 and record["log_bytes_lost"] == 0
    names = [phase["name"] for phase in record["phases"]]
    assert names == [name for name in "start read tags fetch verify unpack link run finish".split() if name in names]
    assert {"start", "read", "fetch", "unpack", "link", "run", "finish"} <= set(names)
    assert record["started"] <= record["ended"]
    value, source = result.setting("stop-grace")
    assert value == "90" and "TRAIN_STOP_GRACE" in source or source == "environment"


def test_every_setting_stands_in_it_with_its_source(job):
    job.code(project(command=["true"], timeout=50))
    job.hyperparameters({"train:stop-grace": "60"})
    result = run("--set", "log-level=warn", job=job, env={"TRAIN_RECORD": "on"})
    names = {row["name"] for row in result.record["settings"]}
    assert names >= {"code", "code-version", "code-sha256", "code-pin", "code-from", "code-owner", "tags", "command", "wrapper",
                     "python", "workspace", "keep-workspace", "fetch-timeout", "fetch-memory", "unpack-max-bytes",
                     "unpack-max-entries", "stop-signal", "stop-grace", "timeout", "silence-timeout", "log", "log-level", "redact", "failure-tail",
                     "metrics-hosts", "metrics-emf", "record", "cache", "root"}
    for name, value, word in (("log-level", "warn", "command line"), ("stop-grace", "60", "hyperparameter"),
                              ("record", "on", "environment"), ("timeout", "50", "pipeline.json"), ("log", "lines", "default")):
        assert result.setting(name)[0] == value
        assert word in result.setting(name)[1]


@pytest.mark.parametrize("env, words, code_, outcome, ended_by", [
    ({"TRAIN_CODE": "/nowhere/code.tar"}, [], 66, "failed", "agent"),
    ({"TRAIN_STOP_GRACE": "soon"}, ["--", "true"], 78, "failed", "agent"),
    ({}, ["--", "no-such-program"], 127, "failed", "agent"),
    ({}, ["--", "false"], 1, "failed", "pipeline"),
    ({"TRAIN_TIMEOUT": "1"}, ["--", "sleep", "1000"], 124, "failed", "timeout")])
def test_of_a_job_that_failed(job, env, words, code_, outcome, ended_by):
    result = run(*words, job=job, env=env)
    record = result.record
    assert (record["exit_code"], record["outcome"], record["ended_by"]) == (code_, outcome, ended_by)
    assert record["failure"] == result.failure.splitlines()[0]


def test_of_a_job_that_was_stopped(job):
    with start("--", "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 1000 & wait; done", job=job) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        record = running.finish().record
    assert (record["exit_code"], record["outcome"], record["reason"], record["ended_by"]) == (5, "stopped", "stopped", "stop")


def test_its_name_has_the_host_and_the_last_log_line_names_it(job):
    job.hosts("algo-2", ["algo-1", "algo-2"])
    result = run("--", "false", job=job)
    assert job.record_file.name == "run-algo-2.json"
    assert result.record["job"]["rank"] == 1
    assert str(job.record_file) in result.err.splitlines()[-1]


def test_it_can_be_left_out(job):
    result = run("--", "sh", "-c", 'echo loss=1 >"$TRAIN_METRICS"', job=job, env={"TRAIN_RECORD": "off"})
    assert result.code == 0
    assert result.record is None and not job.metrics_file.exists()
    assert "#metric loss=1;" in result.metric_lines


def test_warnings_stand_in_it(job):
    job.code({**project(command=["true"]), "model/x": "x"})
    result = run(job=job)
    assert any("TRAIN_MODEL_DIR" in warning for warning in result.record["warnings"])


def test_an_earlier_record_is_replaced(job):
    run("--", "false", job=job)
    first = json.loads(job.record_file.read_text())["job"]["run_id"]
    result = run("--", "true", job=job)
    assert result.record["exit_code"] == 0 and result.record["job"]["run_id"] != first
    assert all(row["name"].startswith("agent:") for row in result.metrics)


def test_what_the_pipeline_has_put_in_its_place_is_not_followed(job):
    """The folder is the pipeline's to write: a link there must not lead the agent elsewhere."""
    elsewhere = job.folder / "elsewhere"
    elsewhere.write_text("not ours")
    job.code(project(command=shell(f"rm -f {job.record_file}; ln -s {elsewhere} {job.record_file}")))
    run(job=job)
    assert elsewhere.read_text() == "not ours"


def test_a_secret_stands_nowhere(job):
    secret = "planted-secret-42"
    job.hyperparameters({"my_secret": secret, "url": f"https://me:{secret}@host/x", "sagemaker_job_name": "x"})
    env = {"API_KEY": secret, "DB_PASSWORD": secret, "SOME_URL": f"https://me:{secret}@host/", "TRAIN_LOG_LEVEL": "debug"}
    job.code(project([{"name": "one", "command": ["sh", "-c", "exit 3", f"--password={secret}", f"https://me:{secret}@host/y"]}],
                     env={"OTHER_TOKEN": secret}, hyperparameters={"access_key": secret}))
    result = run(job=job, env=env)
    result.check(3, "exit-3")
    assert secret not in result.everything
