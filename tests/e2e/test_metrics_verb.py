"""train metrics: the definitions that CreateTrainingJob wants (product §11)."""
import json
import os
import re
import signal

import pytest

from jobs import REPOSITORY, code, make_tree, processes, project, run, start, wait_until

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
    assert result.code == 64 and "train metrics [DIR] [--agent] [--from RUN]" in result.err
    assert run("metrics", "--from", "a", "--from", "b", cwd=tmp_path).code == 64
    result = run("metrics", "--agnet", cwd=tmp_path)
    assert result.code == 64 and "'--agent'" in result.err


# ---- from what a run emitted ----

RECORDS = '{"train:loss": 0.25, "a.b": 1}\na+b=-1e-09 step=3\naxb=7\ntrain:loss=nan\nonly:nan=nan\ntrain:loss=0.125\n'
EMITTED = ["train:loss", "a.b", "a+b", "axb"]


def emitting(records=RECORDS, **pipeline):
    return project(command=code(f"import os; open(os.environ['TRAIN_METRICS'], 'w').write({records!r})"), **pipeline)


def test_a_run_at_home_by_id_latest_or_path(tmp_path):
    folder = make_tree(tmp_path / "p", emitting())
    result = run("run", cwd=folder, env={"TMPDIR": tmp_path})
    assert result.code == 0, result.err
    runs = folder / ".train/runs"
    run_id, = os.listdir(runs)
    left = runs / run_id / "output/data/_train"
    for word in (run_id, "latest", ".train/latest", runs / run_id, left, left / "run-local.json", left / "metrics-local.jsonl"):
        assert names("--from", word, cwd=folder) == EMITTED
    assert names(folder, "--from", run_id) == names(f"--from={run_id}", folder, cwd="/") == EMITTED
    own = names(folder, "--from", "latest", "--agent")[len(EMITTED):]
    assert {"agent:startup_seconds", "agent:pipeline_seconds", "agent:peak_memory_bytes"} <= set(own) <= set(OWN)


def test_every_line_of_a_run_is_found_by_its_own_definition_and_no_other(job):
    tricky = ["a", "aa", "a.a", "a+a", "axa", "a:a", "a/a", "a@a", "a%a", "a-a", "a_a", "A", "x" * 200, "x" * 199, "metric", "1", "+", ".", "-1e5"]
    job.code(emitting("".join(f"{name}={n} step={n} time=17\n" for n, name in enumerate(tricky))))
    result = run(job=job)
    found = definitions("--from", job.path, "--agent")
    assert [row["Name"] for row in found][:len(tricky)] == tricky
    assert len(found) <= 40 and all(len(row["Regex"]) <= 500 for row in found)
    lines = result.metric_lines
    assert len(lines) == len(found)
    for line in lines:
        matching = [(row["Name"], match.group(1)) for row in found for match in re.finditer(row["Regex"], line)]
        name, value = re.fullmatch(r"#metric (\S+)=([^;]*);(?: step=\d+ time=17)?", line).groups()
        assert matching == [(name, value)]
        float(value)


def test_longest_names_of_letters_to_be_escaped_stay_below_the_limit(tmp_path):
    folder = a_project(tmp_path, command=["true"], metrics={"." * 200: {}, "+" * 200: {}})
    assert all(len(row["Regex"]) <= 500 for row in definitions(folder))


def test_an_unpacked_output_and_several_hosts(job):
    for host, records in (("algo-1", "a=1\nb=1\n"), ("algo-2", "b=1\nc=1\n")):
        job.hosts(host, ["algo-1", "algo-2"])
        job.code(emitting(records))
        assert run(job=job).code == 0
    assert names("--from", job.output / "data") == names("--from", job.output / "data/_train") == ["a", "b", "c"]


def test_a_run_whose_agent_was_killed_left_a_metric_file(job):
    job.code(project(command=code("import os, signal\nopen(os.environ['TRAIN_METRICS'], 'w').write('a=1\\nb=2\\n')\n"
                                  "print('written', flush=True)\nsignal.pause()")))
    with start(job=job) as running:
        running.wait_for("^#metric b=2;")
        wait_until(lambda: job.metrics_file.exists() and job.metrics_file.stat().st_size > 0, "the metric file, which gets what one reading brought at once")
        running.signal(signal.SIGKILL)
        assert running.process.wait(60) == -signal.SIGKILL
        wait_until(lambda: processes(str(job.tmp)) == [], "the end of the pipeline")
    assert not job.record_file.exists()
    with job.metrics_file.open("a") as file:
        file.write('{"name":"cut')
    assert names("--from", job.path) == ["a", "b"]


def test_more_than_forty_of_a_run_are_refused(job):
    job.code(emitting("".join(f"m{n}=1\n" for n in range(41))))
    assert run(job=job).code == 0
    result = run("metrics", "--from", job.path)
    assert result.code == 78 and "41 metric definitions" in result.err and result.out == ""
    job.code(emitting("".join(f"m{n}=1\n" for n in range(40))))
    assert run(job=job).code == 0
    assert len(names("--from", job.path)) == 40
    assert "'--agent'" in run("metrics", "--from", job.path, "--agent").err


def test_a_run_without_metrics_is_an_empty_list_and_a_word(job):
    assert run("--", "true", job=job).code == 0
    result = run("metrics", "--from", job.path)
    assert result.code == 0 and json.loads(result.out) == [] and "emitted no metrics" in result.err


@pytest.mark.parametrize("name, content, code, word", [
    ("run-x.json", "{}", 78, "no record"), ("run-x.json", "[1", 78, "run-x.json:1:"), ("run-x.json", '{"metrics": [{"name": "a b"}]}', 78, "no metric"),
    ("run-x.json", '{"metrics": [1]}', 78, "no metric"), ("metrics-x.jsonl", "x\n", 78, "no metric"), ("metrics-x.jsonl", '{"name":"a', 0, ""),
    ("metrics-x.jsonl", '{"name":"a\x1b[m","value":1}\n', 78, "no metric"), ("metrics-x.jsonl", "x" * 70000, 78, "no metric file"),
    ("other.json", "{}", 64, "no metric file")])
def test_files_that_are_no_runs(tmp_path, name, content, code, word):
    make_tree(tmp_path / "left", {name: content})
    result = run("metrics", "--from", tmp_path / "left" / (name if name.startswith("run") else ""))
    assert result.code == code and word in result.err and "\x1b" not in result.err
    assert json.loads(result.out or "[]") == []


def test_a_run_that_is_not_there(tmp_path):
    for word in ("nowhere", "no/where", "", "/dev/null/x"):
        result = run("metrics", "--from", word, cwd=tmp_path)
        assert result.code == 64 and f"no run '{word}'" in result.err and ".train/runs" in result.err and result.out == ""


def test_a_metric_file_that_is_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "metrics-x.jsonl")
    os.mkfifo(tmp_path / "run-x.json")
    for word in (tmp_path / "metrics-x.jsonl", tmp_path / "run-x.json", tmp_path):
        result = run("metrics", "--from", word)
        assert result.code == 74 and "no regular file" in result.err
