"""A record of every way to end (product §12): it is there, it is whole, and a real JSON Schema validator takes it by the published schema.

Reading a record checks it (jobs.read_record); here it is seen that the check is a strict one, and that nobody ever finds half a record.
"""
import copy
import json
import random
import signal
import threading

import jsonschema
import pytest

from disk import Disk
from jobs import (RECORD_SCHEMA, RECORD_VALIDATOR, JobRoot, make_tar, make_tree, make_zip, pid1, project, read_record, run, shell,
                  start)
from servers.aws import SESSION, s3_error
from servers.faults import Bucket
from servers.httpd import stall

RUNS = project(command=["true"])
PHASES = "start read tags fetch verify unpack link run finish".split()


@pytest.fixture
def bucket():
    with Bucket() as server:
        yield server


def check_record(job, result, exit_code, outcome, reason, ended_by):
    """The record says how it ended, and agrees with whatever else was left."""
    record = read_record(job.record_file)
    assert (record["exit_code"], record["outcome"], record["reason"], record["ended_by"]) == (exit_code, outcome, reason, ended_by), record["failure"]
    assert result.code == exit_code
    assert record["failure"] == (result.failure.splitlines()[0] if result.failure is not None else None)
    names = [phase["name"] for phase in record["phases"]]
    assert names == [name for name in PHASES if name in names] and {"start", "finish"} <= set(names)
    assert sum(phase["seconds"] for phase in record["phases"]) <= record["seconds"] + 0.1 and record["started"] <= record["ended"]
    assert str(job.record_file) in result.err.splitlines()[-1]
    assert {path.name for path in job.record_file.parent.iterdir()} <= {job.record_file.name, job.metrics_file.name}
    return record


# ---- it went well ----

def test_of_nothing_but_a_command(job):
    record = check_record(job, run("--", "true", job=job), 0, "completed", None, "pipeline")
    assert record["code"]["kind"] == "in place" and record["code"]["fetch"] is None


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.zst"])
def test_of_an_archive(job, kind):
    archive = make_tar(job.folder / f"code.{kind}", RUNS)
    record = check_record(job, run(job=job, env={"TRAIN_CODE": archive}), 0, "completed", None, "pipeline")
    assert record["code"]["kind"] == kind and record["code"]["fetch"]["connections"] == 0
    assert 0 < record["code"]["fetch"]["buffers"]["peak_bytes"] <= record["code"]["fetch"]["buffers"]["max_bytes"]


def test_of_a_zip_and_of_one_that_is_executable(job):
    archive = make_zip(job.folder / "code.zip", RUNS)
    assert check_record(job, run(job=job, env={"TRAIN_CODE": archive}), 0, "completed", None, "pipeline")["code"]["kind"] == "zip"
    archive = make_zip(job.folder / "app.zip", {"__main__.py": "print('main')"})
    assert check_record(job, run(job=job, env={"TRAIN_CODE": archive}), 0, "completed", None, "pipeline")["code"]["kind"] == "executable zip"


def test_of_a_folder(job):
    job.code(RUNS)
    assert check_record(job, run(job=job), 0, "completed", None, "pipeline")["code"]["kind"] == "folder"


def test_of_code_from_s3(job, bucket):
    bucket.put("code.tar.gz", make_tar(job.folder / "code.tar.gz", RUNS).read_bytes(), {"x-amz-version-id": "v1"})
    record = check_record(job, run(job=job, env=bucket.env("code.tar.gz")), 0, "completed", None, "pipeline")
    assert record["code"]["version"] == "v1" and record["code"]["etag"] and record["code"]["fetch"]["connections"] == 1


def test_of_a_run_at_home(tmp_path):
    folder = make_tree(tmp_path / "project", project([{"name": "only", "command": ["true"]}]))
    result = run("run", folder)
    assert result.code == 0, result.err
    record = read_record(folder / ".train/latest/output/data/_train/run-local.json")
    assert (record["exit_code"], record["outcome"], record["steps"][0]["name"]) == (0, "completed", "only")


# ---- the pipeline failed ----

@pytest.mark.parametrize("words, code, reason, ended_by", [
    (["sh", "-c", "exit 3"], 3, "exit-3", "pipeline"),
    (["sh", "-c", "ulimit -c 0; kill -SEGV $$"], 139, "signal-SIGSEGV", "pipeline"),
    (["no-such-program"], 127, "command", "agent"),
    (["/etc/passwd"], 126, "command", "agent")])
def test_of_a_pipeline_that_failed(job, words, code, reason, ended_by):
    check_record(job, run("--", *words, job=job), code, "failed", reason, ended_by)


def test_of_a_pipeline_whose_second_step_failed(job):
    job.code(project([{"name": "one", "command": ["true"]}, {"name": "two", "command": ["false"]}, {"name": "three", "command": ["true"]}]))
    record = check_record(job, run(job=job), 1, "failed", "exit-1", "pipeline")
    assert [step["exit_code"] for step in record["steps"]] == [0, 1, None]


@pytest.mark.parametrize("setting, reason", [("TRAIN_TIMEOUT", "timeout"), ("TRAIN_SILENCE_TIMEOUT", "silence")])
def test_of_a_pipeline_that_took_too_long(job, setting, reason):
    check_record(job, run("--", "sleep", "1000", job=job, env={setting: "1"}), 124, "failed", reason, reason)


# ---- a stop was asked for ----

@pytest.mark.parametrize("before", [[], pid1()], ids=["plain", "pid1"])
def test_of_a_pipeline_that_was_stopped(job, before):
    with start("--", "sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 1000 & wait; done", job=job, before=before) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        check_record(job, running.finish(), 0, "stopped", "stopped", "stop")


def test_of_a_pipeline_that_did_not_stop(job):
    with start("--", "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000 & wait; done", job=job, env={"TRAIN_STOP_GRACE": "0"}) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        check_record(job, running.finish(), 137, "stopped", "stopped", "stop")


def test_of_a_job_that_was_stopped_while_it_fetched(job, bucket):
    bucket.put("code.tar.gz", random.Random(1).randbytes(100_000))
    bucket.rule = stall(1000)
    with start(job=job, env=bucket.env("code.tar.gz")) as running:
        bucket.wait_until_stalled()
        running.signal(signal.SIGTERM)
        record = check_record(job, running.finish(), 143, "stopped", "stopped", "stop")
    assert record["phases"][-2]["name"] == "fetch" and record["steps"] == []


# ---- the code did not come ----

def test_of_code_that_is_not_there(job, bucket):
    check_record(job, run(job=job, env={"TRAIN_CODE": job.folder / "code.tar"}), 66, "failed", "code-not-found", "agent")
    check_record(job, run(job=job, env=bucket.env("missing")), 66, "failed", "code-not-found", "agent")


def test_of_code_that_is_denied(job, bucket):
    bucket.rule = s3_error(403, "AccessDenied", "Access Denied")
    check_record(job, run(job=job, env=bucket.env("code")), 77, "failed", "code-denied", "agent")


def test_of_a_job_without_credentials(job, bucket):
    check_record(job, run(job=job, env=bucket.env("code", None)), 77, "failed", "credentials", "agent")


def test_of_a_server_that_is_not_there(job):
    env = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "TRAIN_CODE": "s3://bucket/key", "AWS_ACCESS_KEY_ID": SESSION.access_key,
           "AWS_SECRET_ACCESS_KEY": SESSION.secret_key, "TRAIN_FETCH_TIMEOUT": "1"}
    result = run(job=job, env=env)
    assert result.code in (69, 75)  # whether the time or the attempts end first
    check_record(job, result, result.code, "failed", "fetch-failed" if result.code == 69 else "fetch-timeout", "agent")


def test_of_a_fetch_that_took_too_long(job, bucket):
    bucket.put("code", bytes(100_000))
    bucket.rule = stall(10)
    check_record(job, run(job=job, env={**bucket.env("code"), "TRAIN_FETCH_TIMEOUT": "1"}), 75, "failed", "fetch-timeout", "agent")


def test_of_other_bytes_than_asked_for(job):
    archive = make_tar(job.folder / "code.tar.gz", RUNS)
    result = run(job=job, env={"TRAIN_CODE": archive, "TRAIN_CODE_SHA256": "0" * 64})
    record = check_record(job, result, 65, "failed", "code-digest", "agent")
    assert record["code"]["sha256"] != "0" * 64
    archive.write_bytes(archive.read_bytes()[:-9])
    check_record(job, run(job=job, env={"TRAIN_CODE": archive}), 65, "failed", "code-archive", "agent")


def test_of_an_address_that_may_not_be_asked(job):
    check_record(job, run(job=job, env={"TRAIN_CODE": "http://192.0.2.1/code.tar"}), 78, "failed", "settings", "agent")


def test_of_a_disk_without_room(job):
    archive = make_tar(job.folder / "code.tar.gz", {**RUNS, "large": bytes(4 << 20)})
    mount = f"mkdir {job.folder}/small && mount -t tmpfs -o size=1m tmpfs {job.folder}/small"
    result = run(job=job, env={"TRAIN_CODE": archive, "TRAIN_WORKSPACE": job.folder / "small"},
                 before=["unshare", "-m", "--", "sh", "-ec", mount + '\nexec "$@"', "sh"])
    check_record(job, result, 73, "failed", "disk-full", "agent")


def test_of_a_job_without_a_place_to_work(job):
    check_record(job, run("--", "true", job=job, env={"TRAIN_WORKSPACE": job.folder / "missing"}), 73, "failed", "workspace", "agent")


# ---- settings ----

@pytest.mark.parametrize("env", [{"TRAIN_STOP_GRACE": "soon"}, {"TRAIN_RECORD": "perhaps"}, {"TRAIN_CODE": "ftp://host/x"}, {"TRAIN_LOG": "loud"}],
                         ids=lambda env: next(iter(env)))
def test_of_a_setting_that_is_wrong(job, env):
    check_record(job, run("--", "true", job=job, env=env), 78, "failed", "settings", "agent")


def test_of_a_pipeline_json_that_is_wrong(job):
    job.code({"pipeline.json": {"command": ["true"], "timeout": "later"}})
    check_record(job, run(job=job), 78, "failed", "settings", "agent")
    job.code({"pipeline.json": "{"})
    check_record(job, run(job=job), 78, "failed", "settings", "agent")


def test_of_a_job_that_says_nothing_of_what_to_run(job):
    job.code({"README": "no command"})
    check_record(job, run(job=job), 78, "failed", "settings", "agent")


@pytest.mark.parametrize("name", ["hyperparameters", "inputdataconfig", "resourceconfig"])
def test_of_a_file_of_the_platform_that_is_broken(job, name):
    job.config(name, '{"a": ')
    result = run("--", "true", job=job)
    assert result.code == 78, result.err
    job.host = read_record(next(job.record_file.parent.glob("run-*.json")))["job"]["host"]
    check_record(job, result, 78, "failed", "settings", "agent")


def test_of_a_name_that_is_no_setting(job):
    check_record(job, run("--set", "no-such=1", "--", "true", job=job), 78, "failed", "settings", "agent")


# ---- the check is a strict one ----

def objects(schema, path="record"):
    """Every schema of an object with members, and where it is."""
    if isinstance(schema, dict):
        if "properties" in schema and "type" in schema:
            yield path, schema
        for key, value in schema.items():
            if key not in ("allOf", "$defs"):
                yield from objects(value, f"{path}.{key}")


def test_the_schema_is_one_and_leaves_nothing_open():
    jsonschema.Draft202012Validator.check_schema(RECORD_SCHEMA)
    found = list(objects(RECORD_SCHEMA))
    assert len(found) >= 13
    for path, schema in found:
        assert schema["additionalProperties"] is False, path
        assert sorted(schema["required"]) == sorted(schema["properties"]), path


def inside(record, path):
    for step in path:
        record = record[step]
    return record


def test_the_validator_sees_what_is_wrong(job, bucket):
    """Each change of a right record is refused: a member too many, one too few, another type."""
    bucket.put("code.tar.gz", make_tar(job.folder / "code.tar.gz", project([{"name": "a", "command": shell('echo loss=1 >"$TRAIN_METRICS"')}])).read_bytes())
    right = run(job=job, env=bucket.env("code.tar.gz")).record

    def changed(change, *path):
        record = copy.deepcopy(right)
        change(inside(record, path))
        return record

    places = [(), ("agent",), ("job",), ("settings", 0), ("code",), ("code", "fetch"), ("code", "fetch", "buffers"), ("code", "fetch", "stages"),
              ("code", "fetch", "retries"), ("channels", 0), ("phases", 0), ("steps", 0), ("metrics", 0), ("metrics_lost",)]
    for place in places:
        assert not RECORD_VALIDATOR.is_valid(changed(lambda at: at.update(more=1), *place)), place
        for name in inside(right, place):
            assert not RECORD_VALIDATOR.is_valid(changed(lambda at, name=name: at.pop(name), *place)), (place, name)
            assert not RECORD_VALIDATOR.is_valid(changed(lambda at, name=name: at.update({name: [[]]}), *place)), (place, name)
    for change in ({"reason": "exit-1"}, {"outcome": "failed"}, {"exit_code": 1}, {"reason": "because"}, {"ended_by": "stop"}, {"exit_code": 256}):
        assert not RECORD_VALIDATOR.is_valid({**right, **change}), change


# ---- nobody finds half of one ----

@pytest.fixture
def recorded(job):
    """A job that was run and has a large record; 'is_record' tells its write from others."""
    job.hyperparameters({f"h{n}": "x" * 200 for n in range(1000)})
    assert run("--", "true", job=job).code == 0
    job.is_record = lambda write: write.path.startswith(str(job.record_file)) and write.bytes > 200_000
    return job


def test_every_write_of_the_job_leaves_the_earlier_record_or_the_new_one(recorded):
    """The kernel holds each write of the agent until the record has been looked at."""
    earlier = recorded.record_file.read_bytes()
    seen = []

    def look(write):
        seen.append((recorded.is_record(write), recorded.record_file.read_bytes()))

    with Disk(look) as disk:
        assert run("--", "false", job=recorded, **disk.under()).code == 1
    assert {content for _, content in seen} <= {earlier, recorded.record_file.read_bytes()}
    assert [content for own, content in seen if own] == [earlier]
    assert read_record(recorded.record_file)["exit_code"] == 1


def test_a_job_that_is_killed_while_it_writes_its_record_leaves_the_earlier_one(recorded):
    earlier = recorded.record_file.read_bytes()
    held, go_on = threading.Event(), threading.Event()

    def hold(write):
        if recorded.is_record(write):
            held.set()
            assert go_on.wait(60)

    with Disk(hold) as disk, start("--", "true", job=recorded, **disk.under()) as running:
        assert held.wait(60)
        running.signal(signal.SIGKILL)
        go_on.set()
        assert running.process.wait(60) == -signal.SIGKILL
    assert recorded.record_file.read_bytes() == earlier
