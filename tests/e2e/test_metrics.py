"""Metrics from the FIFO to stdout, file and record (product §11)."""
import json
import math
import os
import re
import signal
import subprocess

import pytest

from jobs import (BINARY, IS_ROOT, JobRoot, NOBODY, PYTHON, as_nobody, clean_env, make_tar, make_tree, project, public_folder, run, start,
                  wait_until)


def publish(job, *records, env=None, after=""):
    """Runs a pipeline that writes the records, a line each, and ends."""
    text = (f"import os\nfifo = os.open(os.environ['TRAIN_METRICS'], os.O_WRONLY)\nfor record in {list(records)!r}:\n"
            f"    os.write(fifo, record if isinstance(record, bytes) else record.encode() + b'\\n')\n{after}")
    return run("--", PYTHON, "-c", text, job=job, env=env)


def own(result):
    """The pipeline's metric lines: without the agent's."""
    return [line for line in result.metric_lines if not line.startswith("#metric agent:")]


def values(result):
    return [(row["name"], row["value"]) for row in result.metrics if not row["name"].startswith("agent:")]


# ---- forms ----

def test_json_and_short_form(job):
    result = publish(job, '{"train:loss": 0.25, "step": 100}', "train:loss=0.125", "validation:rmse=3 step=200 epoch=2",
                     '{"a": 1, "b": 2.5, "epoch": 1}')
    assert own(result) == ["#metric train:loss=0.25; step=100", "#metric train:loss=0.125;", "#metric validation:rmse=3; step=200 epoch=2",
                           "#metric a=1; epoch=1", "#metric b=2.5; epoch=1"]
    assert values(result) == [("train:loss", 0.25), ("train:loss", 0.125), ("validation:rmse", 3), ("a", 1), ("b", 2.5)]
    assert result.metrics[0]["step"] == 100


def test_the_file_has_name_value_time_and_labels(job):
    result = publish(job, '{"loss": 0.5, "step": 1, "epoch": 2, "time": 1700000000.5}', "loss=1")
    first, second = [row for row in result.metrics if row["name"] == "loss"]
    assert first["value"] == 0.5 and first["step"] == 1 and first["epoch"] == 2
    assert first["time"] == 1700000000.5
    assert set(second) == {"name", "value", "time"}
    assert second["time"] > 1.7e9


@pytest.mark.parametrize("text, number", [("1e-5", 1e-5), ("-0.5", -0.5), ("1E+300", 1e300), ("12345678901234567890", 12345678901234567890),
                                          ("0", 0), ("-0", 0), ("1.7976931348623157e308", 1.7976931348623157e308), ("5e-324", 5e-324)])
def test_numbers_keep_their_value_and_match_the_definition(job, text, number):
    result = publish(job, f'{{"x": {text}}}')
    match = re.search(r"#metric x=([-+]?[0-9][-+0-9.eE]*);", result.out)
    assert float(match.group(1)) == float(number)
    assert ("x", float(number)) in values(result)


@pytest.mark.parametrize("text", ["x=+5", "x=.5", "x=5.", "x=1e5"])
def test_numbers_in_short_form_always_have_a_digit_after_the_sign(job, text):
    result = publish(job, text)
    if own(result):
        assert re.fullmatch(r"#metric x=[-+]?[0-9][-+0-9.eE]*;", own(result)[0])
        assert values(result) == [("x", float(text.split("=")[1]))]
    else:
        assert "not understood" in result.said or text in result.said


def test_all_letters_of_names(job):
    name = "aZ09_:./@%+-"
    result = publish(job, json.dumps({name: 1, "x" * 200: 2}))
    assert f"#metric {name}=1;" in own(result)
    assert f"#metric {'x' * 200}=2;" in own(result)


def test_the_printed_definitions_find_the_values(job, tmp_path):
    make_tree(tmp_path / "p", {"pipeline.json": {"command": ["true"], "metrics": {"train:loss": {}, "a.b+c": {}}}})
    definitions = json.loads(run("metrics", tmp_path / "p").out)
    result = publish(job, '{"train:loss": 0.25, "a.b+c": -1e-7, "step": 3}', '{"aXb+c": 5}')
    found = {row["Name"]: re.findall(row["Regex"], result.out) for row in definitions}
    assert {name: [float(text) for text in texts] for name, texts in found.items()} == {"train:loss": [0.25], "a.b+c": [-1e-7]}


# ---- several writers, ways ----

def test_several_processes_write(job):
    text = ("import os\nfor n in range(8):\n    if os.fork() == 0:\n        fifo = os.open(os.environ['TRAIN_METRICS'], os.O_WRONLY)\n"
            "        for m in range(200): os.write(fifo, b'm%d=%d step=%d\\n' % (n, m, m))\n        os._exit(0)\n"
            "for n in range(8): os.wait()")
    result = run("--", PYTHON, "-c", text, job=job)
    rows = [row for row in result.metrics if row["name"].startswith("m")]
    assert len(rows) == 1600
    for n in range(8):
        assert [row["value"] for row in rows if row["name"] == f"m{n}"] == list(range(200))
    summary = {row["name"]: row for row in result.record["metrics"]}
    assert summary["m3"] == {"name": "m3", "count": 200, "last": 199, "min": 0, "max": 199}


def test_sh_writes_metrics(job):
    result = run("--", "sh", "-c", 'echo loss=0.5 >"$TRAIN_METRICS"; echo loss=0.25 >>"$TRAIN_METRICS"', job=job)
    assert values(result) == [("loss", 0.5), ("loss", 0.25)]


def test_a_pipeline_that_never_opens_it_is_fine(job):
    result = run("--", "true", job=job)
    assert result.code == 0 and own(result) == []


def test_the_last_record_before_the_end_counts(job):
    result = publish(job, "early=1", after="os.write(fifo, b'late=2\\n'); os._exit(0)")
    assert ("late", 2) in values(result) and "#metric late=2;" in own(result)


def test_a_process_that_is_left_behind_has_the_last_word(job):
    """It is asked to end when the pipeline has, and writes a record then: after the pipeline's end, before the job's."""
    text = ("import os, signal\nreading, writing = os.pipe()\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
            "if os.fork() == 0:\n    os.close(reading)\n    os.write(writing, b'ready')\n    signal.sigwait([signal.SIGTERM])\n"
            "    open(os.environ['TRAIN_METRICS'], 'w').write('late=2\\n')\n    os._exit(0)\n"
            "os.read(reading, 5)\nopen(os.environ['TRAIN_METRICS'], 'w').write('early=1\\n')\n")
    result = run("--", PYTHON, "-c", text, job=job)
    assert result.code == 0 and own(result) == ["#metric early=1;", "#metric late=2;"] and values(result) == [("early", 1), ("late", 2)]


def test_a_record_without_newline_at_the_end_is_read_or_reported(job):
    result = publish(job, b"unfinished=1")
    assert ("unfinished", 1) in values(result) or "unfinished" in result.said


def test_metrics_flow_while_the_pipeline_runs(job):
    with start("--", "sh", "-c", 'echo live=1 >"$TRAIN_METRICS"; read answer; echo "$answer"', job=job, stdin=subprocess.PIPE) as running:
        running.wait_for("^#metric live=1;")
        running.process.stdin.write(b"go on\n")
        running.process.stdin.close()
        assert "go on" in running.finish().out


def test_a_stalled_reader_of_the_log_does_not_hold_the_metrics(job):
    """Nobody reads stdout, yet the pipeline gets 10,000 records out, 2 MB of lines; what found no room is in the file and counted."""
    reading, writing = os.pipe()
    text = ("import os\nfifo = os.open(os.environ['TRAIN_METRICS'], os.O_WRONLY)\n"
            "for n in range(10):\n    for name in range(990): os.write(fifo, b'%0180d=%d step=%d\\n' % (name, n, n))\n"
            "open('done', 'w').close()\n")
    process = subprocess.Popen([BINARY, "--", PYTHON, "-c", text], env=clean_env(job), cwd=job.folder, stdin=subprocess.DEVNULL,
                               stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    wait_until((job.folder / "done").exists, "all records in the FIFO")
    got = b""
    while part := os.read(reading, 65536):
        got += part
    os.close(reading)
    assert process.wait(60) == 0
    rows = [json.loads(line) for line in job.metrics_file.read_text().splitlines()]
    assert sum(row["name"].startswith("0") for row in rows) == 9900
    assert all(b"#metric %0180d=9; step=9\n" % name in got for name in range(990))
    dropped = json.loads(job.record_file.read_text())["metrics_lost"]["dropped"]
    assert dropped > 0 and dropped + got.count(b"#metric 0") == 9900


def test_writers_do_not_hang_when_the_agent_is_killed(job):
    """The kernel tells the pipeline; whoever writes then gets an error."""
    text = ("import errno, os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
            "path = os.environ['TRAIN_METRICS']\nfifo = os.open(path, os.O_WRONLY)\nos.write(fifo, b'x=1\\n')\n"
            "signal.sigwait([signal.SIGTERM])\nsaid = []\n"
            "for way in (lambda: os.write(fifo, b'y=1\\n'), lambda: os.open(path, os.O_WRONLY | os.O_NONBLOCK)):\n"
            "    try: way()\n    except OSError as error: said.append(errno.errorcode[error.errno])\n"
            "open('told', 'w').write(' '.join(said)); os.rename('told', 'said')\n")
    process = subprocess.Popen([BINARY, "--", PYTHON, "-c", text], env=clean_env(job), cwd=job.folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process:
        assert process.stdout.readline() == b"#metric x=1;\n"
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
        wait_until((job.folder / "said").exists, "the pipeline's words")
    assert (job.folder / "said").read_text() == "EPIPE ENXIO"


SU = ["su", "nobody", "-s", "/bin/sh", "-c", 'exec "$@"', "--", "su"] if IS_ROOT else []


@pytest.mark.parametrize("words", [as_nobody(), SU], ids=["setpriv", "su"])
def test_a_part_of_the_pipeline_that_drops_privileges_writes_beside_root(words):
    with public_folder() as folder:
        job = JobRoot(folder)
        text = 'echo root=1 >"$TRAIN_METRICS"; "$@" sh -c \'echo "other=$(id -u)" >"$TRAIN_METRICS"; echo more=1 >>"$TRAIN_METRICS"\''
        job.code(project(command=["sh", "-c", text, "sh", *words]))
        result = run(job=job, binary=folder / "train")
        assert result.code == 0, result.err
        assert values(result) == [("root", 1), ("other", NOBODY if IS_ROOT else os.geteuid()), ("more", 1)]


# ---- rates ----

MANY = "import os\nfifo = os.open(os.environ['TRAIN_METRICS'], os.O_WRONLY)\nfor n in range(100): os.write(fifo, b'x=%d\\ny%d=1\\n' % (n, n))\n"


def lines_of(name, out):
    return [int(value) for value in re.findall(rf"^#metric {name}=(\d+);$", out, re.MULTILINE)]


def test_a_name_has_at_most_ten_lines_a_second_and_always_its_last(job):
    result = run("--", PYTHON, "-c", MANY, job=job)
    shown = lines_of("x", result.out)
    assert shown[:10] == list(range(10)) and shown[-1] == 99 and len(shown) < 50
    assert [row["value"] for row in result.metrics if row["name"] == "x"] == list(range(100))
    assert all(f"#metric y{n}=1;" in result.metric_lines for n in range(100))
    assert result.record["metrics_lost"]["dropped"] == 0


def test_a_value_that_was_held_back_comes_though_no_other_follows(job):
    with start("--", PYTHON, "-c", MANY + "input()", job=job, stdin=subprocess.PIPE) as running:
        running.wait_for("^#metric x=99;")
        running.process.stdin.close()
        assert lines_of("x", running.finish().out)[-1] == 99


HANG = MANY + "import signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('written', flush=True)\nsignal.pause()"


@pytest.mark.parametrize("how", ["stop", "timeout"])
def test_the_last_values_come_when_the_pipeline_is_killed(job, how):
    env = {"TRAIN_STOP_GRACE": "0"} | ({"TRAIN_TIMEOUT": "4"} if how == "timeout" else {})
    with start("--", PYTHON, "-c", HANG, job=job, env=env) as running:
        running.wait_for("^written")
        if how == "stop":
            running.signal(signal.SIGTERM)
        result = running.finish()
    assert result.code == {"stop": 137, "timeout": 124}[how], result.err
    assert lines_of("x", result.out)[-1] == 99 and len(result.metrics) >= 200


def test_a_pipeline_that_drops_privileges_reaches_the_fifo():
    """As an image whose entry script drops root after start."""
    with public_folder() as folder:
        job = JobRoot(folder)
        job.code(project(command=[*as_nobody(), "sh", "-c", 'echo loss=1 >"$TRAIN_METRICS"']))
        result = run(job=job, binary=folder / "train")
        assert result.code == 0, result.err
        assert values(result) == [("loss", 1)]


# ---- what is not published ----

def test_nan_and_infinity_are_counted_and_never_published(job):
    result = publish(job, "a=nan", "a=inf", "a=-inf", '{"b": NaN}', '{"b": Infinity, "c": 1}', '{"b": 1e999}', "d=2")
    assert [line for line in own(result) if "nan" in line.lower() or "inf" in line.lower()] == []
    assert "#metric d=2;" in own(result)
    assert result.record["metrics_lost"]["nonfinite"] >= 5
    assert any("NaN" in line for line in result.agent)
    assert all(math.isfinite(row["value"]) for row in result.metrics)


def test_bad_records_are_counted_and_the_first_is_shown(job):
    result = publish(job, "this is no record", '{"a": "text"}', '{"a": 1', "=5", "a b=1", '{"bad name": 1}', "x" * 201 + "=1", "good=1")
    assert "#metric good=1;" in own(result) and len(own(result)) == 1
    lost = result.record["metrics_lost"]
    assert lost["bad"] == 7
    assert "this is no record" in lost["first_bad"]
    assert any("this is no record" in line for line in result.agent)


def test_a_record_that_is_too_long_is_counted(job):
    result = publish(job, "x=1" + " " * 4090 + "step=5", "y=2")
    assert "#metric y=2;" in own(result)
    assert not any("x=" in line for line in own(result))
    assert result.record["metrics_lost"]["overlong"] == 1


def test_the_agents_prefix_is_refused_from_pipelines(job):
    result = publish(job, "agent:fetch_seconds=99999", '{"agent:x": 1}')
    assert not any("99999" in line for line in result.metric_lines) and not any("agent:x" in line for line in result.metric_lines)
    assert result.record["metrics_lost"]["bad"] == 2
    assert "agent:" in result.said


def test_a_secret_in_a_bad_record_is_masked(job):
    result = publish(job, "the password is topsecret-9876", env={"DB_PASSWORD": "topsecret-9876"})
    assert "topsecret-9876" not in result.everything


# ---- hosts ----

@pytest.mark.parametrize("host, setting, published", [("algo-1", "first", True), ("algo-2", "first", False), ("algo-2", "all", True)])
def test_who_publishes_on_several_hosts(job, host, setting, published):
    job.hosts(host, ["algo-1", "algo-2"])
    result = publish(job, "loss=1", env={"TRAIN_METRICS_HOSTS": setting})
    assert bool(result.metric_lines) == published
    assert values(result) == [("loss", 1)]


# ---- the objective ----

def test_an_objective_that_was_never_published_is_named_at_the_end(job):
    job.hyperparameters({"_tuning_objective_metric": "validation:rmse"})
    result = publish(job, "train:rmse=1")
    assert any("validation:rmse" in line for line in result.agent[-4:])
    result = publish(job, "validation:rmse=1")
    assert not any("validation:rmse" in line for line in result.agent)


@pytest.mark.parametrize("record", ["validation:rmse=nan", "validation:rmse=text", "validation_rmse=1"])
def test_an_objective_is_missed_however_the_pipeline_ended(job, record):
    job.hyperparameters({"_tuning_objective_metric": "validation:rmse"})
    result = publish(job, record, after="raise SystemExit(3)")
    assert result.code == 3
    assert any("'validation:rmse' was never published" in line for line in result.agent[-4:])


def test_an_objective_that_the_rate_held_back_is_published(job):
    job.hyperparameters({"_tuning_objective_metric": "x"})
    result = run("--", PYTHON, "-c", MANY, job=job)
    assert "#metric x=99;" in result.metric_lines and "never published" not in result.said


def test_definitions_that_match_nothing_are_named_at_the_end(job):
    job.config("metric-definition-regex", [{"Name": "train:loss", "Regex": "#metric train:loss=([-+]?[0-9][-+0-9.eE]*);"}])
    result = publish(job, "other=1")
    assert any("metric definitions" in line for line in result.agent[-4:])
    result = publish(job, "train:loss=1")
    assert not any("metric definitions" in line for line in result.agent)


# ---- the agent's own ----

def test_the_time_for_tags_is_one_of_the_agents_own(job):
    """Where they are asked for: here in vain, as there are no credentials."""
    job.arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/churn"
    job.code(project(command=["true"]))
    asked = run(job=job, env={"TRAIN_TAGS": "always"})
    assert {"agent:tags_seconds"} <= {row["name"] for row in asked.metrics}, asked.err


def test_the_agents_own_metrics(job):
    archive = make_tar(job.folder / "code.tar.gz", project([{"name": "fit", "command": ["true"]}]))
    result = run(job=job, env={"TRAIN_CODE": archive})
    rows = {row["name"]: row["value"] for row in result.metrics}
    assert set(rows) >= {"agent:startup_seconds", "agent:fetch_seconds", "agent:fetch_bytes", "agent:unpack_seconds",
                         "agent:pipeline_seconds", "agent:peak_memory_bytes", "agent:step_seconds:fit"}
    assert rows["agent:fetch_bytes"] == archive.stat().st_size
    assert rows["agent:peak_memory_bytes"] > 100000
    for name, value in rows.items():
        match = re.search(f"#metric {re.escape(name)}=([-+]?[0-9][-+0-9.eE]*);", result.out)
        assert float(match.group(1)) == value


def test_memory_and_time_are_those_of_the_whole_pipeline(job):
    job.code(project([{"name": "big", "command": [PYTHON, "-c", "b = bytearray(100 << 20)"]}, {"name": "small", "command": ["true"]}]))
    rows = {row["name"]: row["value"] for row in run(job=job).metrics}
    assert rows["agent:peak_memory_bytes"] > 100 << 20
    assert rows["agent:pipeline_seconds"] >= rows["agent:step_seconds:big"] + rows["agent:step_seconds:small"] - 0.01


# ---- train metrics ----

def test_train_metrics_prints_definitions(tmp_path):
    make_tree(tmp_path, {"pipeline.json": {"command": ["true"], "metrics": {"validation:rmse": {"unit": "None"}, "train:loss": {}},
                                           "objective": "validation:rmse"}})
    plain = json.loads(run("metrics", cwd=tmp_path).out)
    assert [row["Name"] for row in plain] == ["validation:rmse", "train:loss"]
    with_agent = json.loads(run("metrics", "--agent", tmp_path).out)
    assert with_agent[:2] == plain
    assert {row["Name"] for row in with_agent[2:]} >= {"agent:startup_seconds", "agent:peak_memory_bytes"}
    assert all(set(row) == {"Name", "Regex"} for row in with_agent)


def test_train_metrics_refuses_more_than_forty(tmp_path):
    make_tree(tmp_path, {"pipeline.json": {"command": ["true"], "metrics": {f"m{n}": {} for n in range(41)}}})
    result = run("metrics", tmp_path)
    assert result.code == 78 and "40" in result.err and result.out == ""


def test_train_metrics_refuses_an_objective_that_is_not_among_them(tmp_path):
    make_tree(tmp_path, {"pipeline.json": {"command": ["true"], "metrics": {"a": {}}, "objective": "b"}})
    result = run("metrics", tmp_path)
    assert result.code == 78 and "'b'" in result.err and result.out == ""


def test_train_metrics_of_a_folder_without_pipeline_json(tmp_path):
    result = run("metrics", tmp_path)
    assert result.code in (64, 66, 78) and "pipeline.json" in result.err and result.out == ""


# ---- masks ----

def test_a_name_that_holds_what_redact_masks_is_refused(job):
    """A name is a word of the pipeline's log; a number is none."""
    job.hyperparameters({"customer": "acme-corp", "epochs": "1000"})
    result = publish(job, "acme-corp:loss=1", '{"loss": 1000}', env={"TRAIN_REDACT": "customer epochs"})
    assert own(result) == ["#metric loss=1000;"] and values(result) == [("loss", 1000)]
    assert "acme-corp" not in result.everything
    assert result.record["metrics_lost"]["bad"] == 1 and any("redact" in line and "***" in line for line in result.agent)
