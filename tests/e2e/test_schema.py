"""docs/pipeline.schema.json beside the agent that reads pipeline.json, and docs/third-party.md beside the list of what is built in.

That the schema has exactly the code's keys, choices, ranges and defaults is tests/unit/config/test_pipeline_schema.c's business.
"""
import json
import re

import jsonschema
import pytest

from jobs import REPOSITORY, make_tree, run
from provenance import certificates, roots

SCHEMA = json.loads((REPOSITORY / "docs/pipeline.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# The example of the agreement on pipeline.json, with every member it names.
AGREED = {
    "name": "churn",
    "steps": [{"name": "featurize", "command": ["./featurize"]},
              {"name": "train", "call": "churn.pipeline:train", "arguments": "--key value"}],
    "data": {"labels": "labels-v2"},
    "links": {"model": "artifacts"},
    "env": {"OMP_NUM_THREADS": "4"},
    "hyperparameters": {"epochs": 3},
    "metrics": {"validation:rmse": {"unit": "None"}},
    "objective": "validation:rmse",
    "stop_grace": 90,
    "job": {"instance_type": "ml.m5.xlarge", "instance_count": 1, "volume_gb": 30, "max_runtime": 86400, "spot": False,
            "channels": {"training": "s3://bucket/churn/"}, "output": "s3://bucket/models/", "role": "arn:aws:iam::123456789012:role/r",
            "request": {}},
}


def mistakes(value):
    return [error.message for error in VALIDATOR.iter_errors(value)]


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_agreed_example():
    assert mistakes(AGREED) == []


def test_the_example_project():
    assert mistakes(json.loads((REPOSITORY / "examples/wine/pipeline.json").read_text())) == []


def test_the_readmes_example():
    readme = (REPOSITORY / "README.md").read_text()
    blocks = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    assert blocks
    for block in blocks:
        assert mistakes(json.loads(block)) == []


# ---- the schema and the agent agree ----

GOOD = [
    {},
    AGREED,
    {"$schema": "https://example.com/pipeline.schema.json", "name": "a.b_c-9"},
    {"comand": ["a key that nobody knows"], "steps": [{"name": "a", "command": "b", "timeout": 1}]},
    {"command": ["python3", "train.py", ""]},
    {"command": "python3 train.py", "arguments": "key=value"},
    {"command": " x"},
    {"call": "a:b"},
    {"call": "_a1.b_2:C.d", "arguments": "--key=value"},
    {"call": "café.größe:日本"},
    {"steps": [{"name": f"s{i}", "command": ["x"]} for i in range(64)]},
    {"arguments": "none"},
    {"data": {}},
    {"data": {"my folder": "channel.1"}},
    {"links": {"model": False, "output": "out", "checkpoints": "c h"}},
    {"env": {"A": "", "_B9": 4, "C": 0.5, "D": "x" * 32768}},
    {"hyperparameters": {"a": 1, "b": "x", "c": True, "d": None, "e": [1, {"f": 2}], "_tuning_objective_metric": "x"}},
    {"metrics": {"a:b/c.d@e%f+g-h_I9": {}, "x": {"unit": "Seconds", "later": 1}}},
    {"metrics": {"m" * 200: {}}},
    {"metrics": {"a": {"unit": "Bytes/Second"}, "b": {"unit": "Percent"}}, "metrics_emf": "team/churn #1"},
    {"metrics_emf": "off"},
    {"stop_grace": 0, "timeout": 2592000, "stop_signal": "SIGINT", "log": "raw", "log_level": "debug"},
    {"stop_grace": "30", "stop_signal": 15, "record": False, "failure_tail": "off", "metrics_hosts": "all"},
    {"wrapper": "nice -n 5", "redact": ["A", "B"], "python": "/opt/my env/python"},
    {"wrapper": [], "redact": ""},
    {"job": {"later": 1}},
]

BAD = [
    [],
    {"name": "a b"},
    {"name": ""},
    {"name": "n" * 129},
    {"name": 7},
    {"$schema": 1},
    {"command": []},
    {"command": ""},
    {"command": " \t"},
    {"command": [""]},
    {"command": ["x", 1]},
    {"command": [1]},
    {"command": ["a\0b"]},
    {"command": {}},
    {"command": "x", "call": "a:b"},
    {"command": "x", "steps": [{"name": "a", "command": "x"}]},
    {"call": "a"},
    {"call": "a:b:c"},
    {"call": "1a:b"},
    {"call": "a.:b"},
    {"call": "a-b:c"},
    {"call": "a b:c"},
    {"call": ["a:b"]},
    {"steps": []},
    {"steps": {}},
    {"steps": [{"name": f"s{i}", "command": "x"} for i in range(65)]},
    {"steps": ["x"]},
    {"steps": [{"command": "x"}]},
    {"steps": [{"name": "a"}]},
    {"steps": [{"name": "a b", "command": "x"}]},
    {"steps": [{"name": "a", "command": "x", "call": "a:b"}]},
    {"steps": [{"name": "a", "command": "x", "arguments": "--k v"}]},
    {"arguments": True},
    {"data": []},
    {"data": {"a/b": "c"}},
    {"data": {"..": "c"}},
    {"data": {"a": "."}},
    {"data": {"a": 1}},
    {"data": {f"d{i}": "c" for i in range(65)}},
    {"links": {"data": "x"}},
    {"links": {"model": True}},
    {"links": {"model": "a/b"}},
    {"links": {"model": None}},
    {"env": {"9A": "x"}},
    {"env": {"A-B": "x"}},
    {"env": {"": "x"}},
    {"env": {"A": True}},
    {"env": {"A": "x" * 32769}},
    {"env": {f"V{i}": "x" for i in range(257)}},
    {"hyperparameters": []},
    {"hyperparameters": {"train:code": "x"}},
    {"hyperparameters": {"sagemaker_program": "x"}},
    {"hyperparameters": {"": 1}},
    {"hyperparameters": {"h" * 257: 1}},
    {"metrics": []},
    {"metrics": {"a b": {}}},
    {"metrics": {"agent:x": {}}},
    {"metrics": {"step": {}}},
    {"metrics": {"m" * 201: {}}},
    {"metrics": {"a": 1}},
    {"metrics": {"a": {"unit": 1}}},
    {"objective": "epoch", "metrics": {"a": {}}},
    {"objective": 1},
    {"job": []},
    {"stop_grace": -1},
    {"stop_grace": 86401},
    {"stop_grace": 1.5},
    {"stop_grace": "soon"},
    {"stop_grace": True},
    {"timeout": 2592001},
    {"timeout": None},
    {"log": "loud"},
    {"log_level": "warning"},
    {"metrics_hosts": "none"},
    {"metrics": {"a": {"unit": "percent"}}},
    {"metrics": {"a": {"unit": "Percent/Second"}}},
    {"metrics_emf": ""},
    {"metrics_emf": "   "},
    {"metrics_emf": "AWS/SageMaker"},
    {"metrics_emf": ":a"},
    {"metrics_emf": "a\"b"},
    {"metrics_emf": "n" * 256},
    {"metrics_emf": True},
    {"record": 1},
    {"record": "yes"},
    {"failure_tail": None},
    {"stop_signal": True},
    {"wrapper": 5},
    {"redact": [1]},
    {"python": ""},
    {"python": "p" * 1025},
]


def title(value):
    return json.dumps(value, ensure_ascii=True)[:60]


def read(tmp_path, value):
    """The agent's word: `train metrics` reads the whole file and tells every mistake in it."""
    return run("metrics", make_tree(tmp_path / "project", {"pipeline.json": value}))


@pytest.mark.parametrize("value", GOOD, ids=title)
def test_what_both_take(tmp_path, value):
    assert mistakes(value) == []
    result = read(tmp_path, value)
    assert result.code == 0, result.err


@pytest.mark.parametrize("value", BAD, ids=title)
def test_what_neither_takes(tmp_path, value):
    assert mistakes(value) != []
    result = read(tmp_path, value)
    assert result.code == 78, result.err
    assert re.search(r"pipeline\.json:\d+:\d+'", result.err), result.err


# What a schema cannot say, or what it would only say in a way that nobody reads.
@pytest.mark.parametrize("value", [
    {"steps": [{"name": "a", "command": "x"}, {"name": "a", "command": "y"}]},
    {"links": {"model": "output"}},
    {"links": {"model": "data"}},
    {"stop_signal": "SIGKILL"},
    {"stop_grace": "99999999"},
    {"command": "[\"x\""},
], ids=title)
def test_what_only_the_agent_refuses(tmp_path, value):
    assert mistakes(value) == []
    result = read(tmp_path, value)
    assert result.code == 78 and "pipeline.json:" in result.err


def test_settings_that_a_project_may_not_make_are_refused_by_the_agent(tmp_path):
    """To the schema they are keys that it does not know: it lets them pass, as keys of later versions."""
    value = {"code": "s3://b/k", "workspace": "/tmp", "root": "/x"}
    assert mistakes(value) == []
    result = read(tmp_path, value)
    assert result.code == 78
    assert result.err.count("may not be set here") == len(value)


# ---- what is built in ----

def test_third_party_lists_what_is_built_in():
    page = (REPOSITORY / "docs/third-party.md").read_text()
    section = page.split("## Linked into the binary")[1].split("\n## ")[0]
    table = section.split("\n\n")[1:]
    rows = next(block for block in table if block.startswith("| library |")).splitlines()[2:]
    said = [tuple(cell.strip() for cell in row.strip("|").split("|")[:4]) for row in rows]
    sources = [line.split() for line in (REPOSITORY / "agent/deps/SOURCES").read_text().splitlines() if line and line[0] != "#"]
    assert said == [(name, version, licence, patched) for name, version, _, patched, licence, _ in sources]
    for name, _, _, _, licence, _ in sources:
        heading = next(line for line in page.splitlines() if line.startswith("### ") and re.search(rf"\b{re.escape(name)}\b", line))
        assert licence in heading or licence == "curl", f"the notice of {name} is not that of {licence}"


def test_third_party_lists_the_pinned_roots():
    page = (REPOSITORY / "docs/third-party.md").read_text()
    block = next(block for block in page.split("\n\n") if block.startswith("| data |"))
    said, = ([cell.strip() for cell in row.strip("|").split("|")] for row in block.splitlines()[2:])
    assert said[:3] == [roots().name, roots().version, roots().licence]
    assert f" {certificates()[0]}, " in said[3]
    assert f"root certificates: {roots().licence}" in page
