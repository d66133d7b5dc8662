"""metrics-emf: documents from which CloudWatch Logs makes metrics (product §11, C§6.3), checked against the published format."""
import json
import subprocess
import time

import jsonschema
import pytest

from jobs import DATA, PYTHON, code, project, run, start

SCHEMA = json.loads((DATA / "emf.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
NAMESPACE = "team/churn v1"
LINE_MAX = 4096  # bytes of one write that nothing tears


def writer(*records):
    """A pipeline that writes the records, a line each."""
    return f"import os\nfifo = os.open(os.environ['TRAIN_METRICS'], os.O_WRONLY)\nfor record in {list(records)!r}: os.write(fifo, record.encode() + b'\\n')\n"


def no_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def check(line):
    """A document as CloudWatch would read it: the schema, and that every name is a member of the root."""
    assert len(line.encode()) < LINE_MAX and line.isascii()
    document = json.loads(line, object_pairs_hook=no_duplicates)
    VALIDATOR.validate(document)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        assert all(isinstance(document[metric["Name"]], (int, float)) for metric in directive["Metrics"])
        assert all(isinstance(document[key], str) for dimension in directive["Dimensions"] for key in dimension)
    return document


def documents(result):
    return [check(line) for line in result.out.splitlines() if line.startswith('{"_aws"')]


def metrics(document):
    """name -> value, of those that it makes metrics of."""
    return {metric["Name"]: document[metric["Name"]] for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]}


def publish(job, *records, env=None, setting=NAMESPACE):
    return run("--", PYTHON, "-c", writer(*records), job=job, env={"TRAIN_METRICS_EMF": setting} | (env or {}))


def test_a_document_a_record(job):
    before = time.time()
    result = publish(job, '{"train:loss": 0.25, "train:accuracy": 1e-7, "step": 100, "epoch": 2}', "train:loss=-3")
    first, second = documents(result)
    assert metrics(first) == {"train:loss": 0.25, "train:accuracy": 1e-7} and metrics(second) == {"train:loss": -3}
    directive = first["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == NAMESPACE and directive["Dimensions"] == [["Host"]]
    assert (first["Host"], first["TrainingJobName"], first["step"], first["epoch"]) == ("algo-1", job.name, 100, 2)
    assert "step" not in second and "step" not in metrics(first)
    assert before - 1 <= first["_aws"]["Timestamp"] / 1000 <= time.time() + 1
    assert "#metric train:loss=0.25; step=100 epoch=2" in result.metric_lines
    assert result.setting("metrics-emf")[0] == NAMESPACE


def test_off_is_the_default_and_a_word(job):
    assert documents(publish(job, "a=1", setting="off")) == [] == documents(publish(job, "a=1", setting=None))


def test_units_are_those_of_pipeline_json(job):
    job.code(project(command=code(writer('{"size": 7, "plain": 1, "share": 0.5}')), metrics_emf=NAMESPACE,
                     metrics={"size": {"unit": "Bytes/Second"}, "share": {"unit": "Percent"}, "plain": {}}))
    document, = documents(run(job=job))
    assert document["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [
        {"Name": "size", "Unit": "Bytes/Second"}, {"Name": "plain"}, {"Name": "share", "Unit": "Percent"}]


def test_the_time_is_the_records_own_where_cloudwatch_would_take_it(job):
    hour_ago = int(time.time()) - 3600
    result = publish(job, f"a=1 time={hour_ago}.5", "b=1 time=1000000000", "c=1 time=99999999999")
    first, *others = [document["_aws"]["Timestamp"] for document in documents(result)]
    assert first == hour_ago * 1000 + 500
    assert all(abs(other / 1000 - time.time()) < 3600 for other in others)


def test_a_record_of_many_values_makes_documents_that_fit(job):
    many = {f"m{n}": n for n in range(330)}
    long = {"x" * 190 + str(n): n for n in range(20)}
    result = publish(job, json.dumps(many), json.dumps(long))
    found = documents(result)
    assert all(len(metrics(document)) <= 100 for document in found)
    assert [name for document in found for name in metrics(document)] == [*many, *long]
    assert {name: value for document in found for name, value in metrics(document).items()} == many | long
    assert len({document["_aws"]["Timestamp"] for document in found}) == 2


def test_a_name_that_stands_twice_in_a_record_is_a_member_once(job):
    document, = documents(publish(job, "a=1 a=2 b=3"))
    assert metrics(document) == {"a": 2, "b": 3}


def test_what_no_document_may_hold_is_left_out_and_told(job):
    result = publish(job, '{"_aws": 1, "Host": 2, "TrainingJobName": 3, "big": 1e200, "small": 1e-300, "NaN": NaN}', "Host=5")
    document, = documents(result)
    assert metrics(document) == {"small": 1e-300} and document["Host"] == "algo-1"
    assert any("no EMF document may hold" in line and line.endswith(": 5") for line in result.agent)
    assert "#metric Host=5;" in result.metric_lines


def test_the_agents_own_are_no_documents(job):
    result = publish(job, "a=1")
    assert any(line.startswith("#metric agent:") for line in result.metric_lines)
    assert [metrics(document) for document in documents(result)] == [{"a": 1}]


def test_values_that_were_held_back_keep_their_record(job):
    """The last of many comes as a document of its own, with the labels and the time of its record."""
    records = [f"x={n} y={n} step={n}" for n in range(50)] + ["z=1 x=50 step=50"]
    result = publish(job, *records)
    found = documents(result)
    assert [metrics(document) for document in found[:10]] == [{"x": n, "y": n} for n in range(10)]
    last = {name: (value, document["step"]) for document in found for name, value in metrics(document).items()}
    assert last == {"x": (50, 50), "y": (49, 49), "z": (1, 50)}
    assert len(found) < 45


@pytest.mark.parametrize("host, setting, count", [("algo-2", "first", 0), ("algo-2", "all", 1), ("algo-1", "first", 1)])
def test_the_host_that_publishes_is_the_dimension(job, host, setting, count):
    job.hosts(host, ["algo-1", "algo-2"])
    found = documents(publish(job, "a=1", env={"TRAIN_METRICS_HOSTS": setting}))
    assert [document["Host"] for document in found] == [host] * count


def test_raw_prints_none_and_warns(job):
    result = publish(job, "a=1", env={"TRAIN_LOG": "raw"})
    assert result.code == 0 and documents(result) == [] and "#metric a=1;" in result.metric_lines
    assert any("log=raw" in line and "metrics-emf" in line for line in result.agent)


def test_documents_come_while_the_pipeline_runs(job):
    with start("--", "sh", "-c", 'echo live=1 >"$TRAIN_METRICS"; read answer', job=job, stdin=subprocess.PIPE,
               env={"TRAIN_METRICS_EMF": NAMESPACE}) as running:
        running.wait_for(r'^\{"_aws".*"live":1\}$')
        running.process.stdin.close()
        running.finish()


def test_a_job_without_a_name_has_none(job):
    job.sagemaker = False
    document, = documents(publish(job, "a=1"))
    assert "TrainingJobName" not in document


def test_a_strange_job_name_stays_inside_its_string(job):
    document, = documents(publish(job, "a=1", env={"TRAINING_JOB_NAME": 'a"b\\c' + "x" * 500}))
    assert document["TrainingJobName"].startswith('a"b\\cxxx') and len(document["TrainingJobName"]) <= 250
