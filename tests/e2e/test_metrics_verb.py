"""train metrics: the definitions that CreateTrainingJob wants (product §11)."""
import json
import os
import re

import pytest

from jobs import REPOSITORY, code, make_tree, project, run

OWN = ["agent:startup_seconds", "agent:tags_seconds", "agent:fetch_seconds", "agent:fetch_bytes", "agent:unpack_seconds",
       "agent:pipeline_seconds", "agent:peak_memory_bytes"]


def definitions(*words, **options):
    result = run("metrics", *words, **options)
    assert result.code == 0 and result.err == "", result.err
    return json.loads(result.out)


def names(*words, **options):
    return [definition["Name"] for definition in definitions(*words, **options)]


def a_project(tmp_path, **pipeline):
    return make_tree(tmp_path / "project", project(**pipeline))


def test_the_example():
    assert names(REPOSITORY / "examples/wine") == ["test:accuracy", "train:loss", "train:accuracy"]


def test_the_order_is_that_of_the_file_and_the_folder_is_the_current_one(tmp_path):
    wanted = ["z", "a:b/c@d%e", "m.x+y-1", "Z"]
    folder = a_project(tmp_path, command=["true"], metrics={name: {} for name in wanted}, objective="m.x+y-1")
    assert names(folder) == names(cwd=folder) == names(".", cwd=folder) == wanted


def test_the_regexes_find_the_lines_of_a_job(job):
    """What the verb prints is what the service would search the log with."""
    lines = "a.b=0.25 step=3\na+b=-1e-09\naxb=7\n"
    files = project(command=code(f"import os; open(os.environ['TRAIN_METRICS'], 'w').write({lines!r})"),
                    metrics={"a.b": {}, "a+b": {"unit": "None"}, "axb": {}})
    folder = job.code(files)
    result = run(job=job)
    assert result.code == 0, result.err
    found = {definition["Name"]: re.findall(definition["Regex"], result.out) for definition in definitions(folder)}
    assert {name: [float(value) for value in values] for name, values in found.items()} == {
        "a.b": [0.25], "a+b": [-1e-09], "axb": [7.0]}


def test_agent_adds_its_own_and_those_of_the_steps(tmp_path):
    steps = [{"name": "first", "command": ["true"]}, {"name": "second-1", "call": "m:f"}]
    folder = a_project(tmp_path, steps=steps, metrics={"loss": {}})
    assert names(folder) == ["loss"]
    assert names(folder, "--agent") == ["loss", *OWN, "agent:step_seconds:first", "agent:step_seconds:second-1"]
    assert names("--agent", folder) == names(folder, "--agent")
    assert names(a_project(tmp_path / "single", command=["true"], metrics={"loss": {}}), "--agent") == ["loss", *OWN]


def test_no_metrics_are_an_empty_list_and_a_word(tmp_path):
    folder = a_project(tmp_path, command=["true"])
    result = run("metrics", folder)
    assert result.code == 0 and json.loads(result.out) == []
    assert "names no metrics" in result.err
    result = run("metrics", folder, "--agent")
    assert result.code == 0 and [row["Name"] for row in json.loads(result.out)] == OWN


def test_forty_is_the_service_s_limit(tmp_path):
    forty = a_project(tmp_path / "forty", command=["true"], metrics={f"m{i}": {} for i in range(40)})
    more = a_project(tmp_path / "more", command=["true"], metrics={f"m{i}": {} for i in range(41)})
    assert len(names(forty)) == 40
    for words in ([more], [forty, "--agent"]):
        result = run("metrics", *words)
        assert result.code == 78 and "at most 40" in result.err and result.out == ""
    assert "'--agent'" in run("metrics", forty, "--agent").err


def test_the_objective_is_one_of_them(tmp_path):
    folder = a_project(tmp_path, command=["true"], metrics={"loss": {}}, objective="accuracy")
    result = run("metrics", folder)
    assert result.code == 78 and "'accuracy'" in result.err and result.out == ""


@pytest.mark.parametrize("name", ["agent:loss", "two words", "", "x" * 201, "tab\there"])
def test_names_that_no_metric_may_have(tmp_path, name):
    folder = a_project(tmp_path, command=["true"], metrics={name: {}})
    result = run("metrics", folder)
    assert result.code == 78 and "pipeline.json:" in result.err and result.out == ""


def test_no_pipeline(tmp_path):
    for words in ([], [tmp_path], [tmp_path / "nowhere"]):
        result = run("metrics", *words, cwd=tmp_path)
        assert result.code == 78 and "pipeline.json'" in result.err and result.out == ""


def test_a_pipeline_that_is_no_json_names_the_place(tmp_path):
    folder = make_tree(tmp_path / "project", {"pipeline.json": '{\n  "metrics": {"loss": }\n}\n'})
    result = run("metrics", folder)
    assert result.code == 78 and re.search(r"pipeline\.json:2:\d+", result.err) and result.out == ""


def test_every_mistake_of_the_pipeline_is_told(tmp_path):
    folder = a_project(tmp_path, command=["true"], metrics={"loss": {}, "bad name": {}}, stop_grace="soon", name="no/name")
    result = run("metrics", folder)
    assert result.code == 78 and result.out == ""
    assert result.agent[-1].endswith("pipeline.json' has 3 mistakes")
    for word in ("stop_grace", "'name' has", "pipeline.json:"):
        assert word in result.said
    assert len(result.agent) == 4


def test_an_unknown_key_warns_and_does_not_spoil_the_data(tmp_path):
    folder = a_project(tmp_path, command=["true"], metrics={"loss": {}}, objektive="loss")
    result = run("metrics", folder)
    assert result.code == 0 and [row["Name"] for row in json.loads(result.out)] == ["loss"]
    assert "'objektive'" in result.err and "'objective'" in result.err


def test_a_pipeline_that_is_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipeline.json")
    result = run("metrics", tmp_path)
    assert result.code == 74 and "pipeline.json" in result.err and "no regular file" in result.err


def test_it_wants_at_most_one_folder(tmp_path):
    result = run("metrics", "a", "b", cwd=tmp_path)
    assert result.code == 64 and "train metrics [DIR] [--agent]" in result.err
    result = run("metrics", "--agnet", cwd=tmp_path)
    assert result.code == 64 and "'--agent'" in result.err
