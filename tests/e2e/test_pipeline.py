"""pipeline.json and the command (product §7)."""
import json

import pytest

from jobs import PYTHON, TELL, code, make_tar, project, run, script, shell, told


# ---- steps ----

def test_steps_run_in_order_in_one_folder(job):
    job.code(project([{"name": "one", "command": shell("echo first >trace; echo $TRAIN_STEP")},
                      {"name": "two", "command": shell("echo second >>trace; echo $TRAIN_STEP")},
                      {"name": "three", "command": shell("cat trace; echo $TRAIN_STEP")}]))
    result = run(job=job)
    assert result.code == 0
    assert result.pipeline == ["one", "two", "first", "second", "three"]
    assert [step["name"] for step in result.record["steps"]] == ["one", "two", "three"]
    assert all(step["exit_code"] == 0 for step in result.record["steps"])
    assert {row["name"] for row in result.metrics} >= {"agent:step_seconds:one", "agent:step_seconds:three"}


def test_the_first_step_that_fails_ends_the_run_and_is_named(job):
    job.code(project([{"name": "featurize", "command": ["true"]}, {"name": "train", "command": shell("exit 9")},
                      {"name": "evaluate", "command": ["echo", "evaluated"]}]))
    result = run(job=job)
    result.check(9, "exit-9")
    assert "evaluated" not in result.out
    assert "train" in result.failure.splitlines()[0] and "evaluate" not in result.failure
    assert "'train'" in result.said
    steps = result.record["steps"]
    assert [step["exit_code"] for step in steps] == [0, 9, None]


def test_a_step_whose_program_is_missing_is_named(job):
    job.code(project([{"name": "one", "command": ["true"]}, {"name": "two", "command": ["./not-there"]}]))
    result = run(job=job).check(127, "command")
    assert "two" in result.failure and "./not-there" in result.failure


def test_a_step_without_a_name_runs(job):
    job.code(project([{"command": ["echo", "unnamed"]}]))
    result = run(job=job)
    assert result.code in (0, 78)
    if result.code == 78:
        assert "name" in result.failure


def test_the_program_of_the_project_is_run(job):
    job.code({**project(command=["./main", "a b"]), "main": script('echo "[$1]"; pwd -P')})
    result = run(job=job)
    assert result.out.splitlines()[0] == "[a b]"


def test_a_program_in_a_folder_of_the_project_is_run(job):
    job.code({**project(command=["bin/main"]), "bin/main": script("echo from bin")})
    assert "from bin" in run(job=job).out


# ---- call ----

def test_call_is_what_a_console_script_does(job):
    job.code({**project([{"name": "train", "call": "churn.pipeline:train", "arguments": "--key value"}]),
              "churn/__init__.py": "",
              "churn/pipeline.py": "import sys, os\ndef train():\n    print(sys.argv[1:], sys.path[0] == os.getcwd(), __name__)\n"
                                   "    return 0\n"})
    job.hyperparameters({"epochs": "3", "alpha": "0.5"})
    result = run(job=job)
    assert result.code == 0
    assert result.out.splitlines()[0] == "['--alpha', '0.5', '--epochs', '3'] True churn.pipeline"


@pytest.mark.parametrize("value, number", [("None", 0), ("0", 0), ("3", 3), ("True", 1)])
def test_what_the_function_returns_is_the_exit_code(job, value, number):
    job.code({**project(call="main:main"), "main.py": f"def main():\n    return {value}\n"})
    assert run(job=job).code == number


def test_a_text_that_the_function_returns_is_its_last_word(job):
    job.code({**project(call="main:main"), "main.py": "def main():\n    return 'no data'\n"})
    result = run(job=job).check(1, "exit-1")
    assert "no data" in result.pipeline_err


def test_call_of_an_attribute(job):
    job.code({**project(call="main:Model.train"),
              "main.py": "class Model:\n    @staticmethod\n    def train():\n        print('trained')\n"})
    assert "trained" in run(job=job).out


def test_call_of_a_module_that_is_not_there(job):
    job.code(project(call="nowhere:main"))
    result = run(job=job).check(1, "python-ModuleNotFoundError")
    assert "ModuleNotFoundError: No module named 'nowhere'" in result.failure


@pytest.mark.parametrize("value", ["churn.pipeline", "churn pipeline:train", "a:b; import os", ":train", "churn:", 'a:b")'])
def test_a_call_of_another_form_is_refused(job, value):
    job.code(project(call=value))
    result = run(job=job).check(78, "settings")
    assert "call" in result.failure and "module:function" in result.failure


def test_the_interpreter_can_be_chosen(job):
    (job.folder / "bin").mkdir()
    fake = job.folder / "bin/fake-python"
    fake.write_text(f'#!/bin/sh\necho fake interpreter\nexec {PYTHON} "$@"\n')
    fake.chmod(0o755)
    job.code({**project(call="main:main"), "main.py": "def main():\n    print('called')\n"})
    result = run(job=job, env={"TRAIN_PYTHON": fake})
    assert result.out.splitlines()[:2] == ["fake interpreter", "called"]


def test_python_where_there_is_no_python3(job):
    bin_ = job.folder / "bin"
    bin_.mkdir()
    (bin_ / "python").symlink_to(PYTHON)
    job.code({**project(call="main:main"), "main.py": "def main():\n    print('called')\n"})
    assert "called" in run(job=job, env={"PATH": bin_}).out


# ---- arguments ----

@pytest.mark.parametrize("form, expected", [
    (None, []),
    ("none", []),
    ("--key value", ["--alpha", "0.5", "--beta", "two words", "-n", "7"]),
    ("--key=value", ["--alpha=0.5", "--beta=two words", "--n=7"]),
    ("key=value", ["alpha=0.5", "beta=two words", "n=7"])])
def test_the_forms_of_arguments(job, form, expected):
    job.hyperparameters({"n": "7", "beta": "two words", "alpha": "0.5", "sagemaker_region": "us-east-1", "train:log-level": "info",
                         "_tuning_objective_metric": "x"})
    members = {} if form is None else {"arguments": form}
    job.code(project(command=code(TELL), **members))
    assert told(run(job=job))["argv"] == expected


def test_arguments_in_a_step_win_over_those_at_the_top(job):
    job.hyperparameters({"alpha": "1"})
    job.code(project([{"name": "a", "command": code(TELL)}, {"name": "b", "command": code(TELL), "arguments": "key=value"},
                      {"name": "c", "command": code(TELL), "arguments": "none"}], arguments="--key=value"))
    lines = [json.loads(line)["argv"] for line in run(job=job).out.splitlines() if line.startswith("{")]
    assert lines == [["--alpha=1"], ["alpha=1"], []]


def test_another_form_of_arguments_is_refused(job):
    job.code(project(command=["true"], arguments="--key:value"))
    result = run(job=job).check(78, "settings")
    assert "arguments" in result.failure and "--key value" in result.err


# ---- env, hyperparameters ----

def test_env_fills_only_what_is_not_set(job):
    job.code(project(command=code(TELL), env={"OMP_NUM_THREADS": "4", "ALREADY": "from the project", "EMPTY": "from the project"}))
    env = told(run(job=job, env={"ALREADY": "from the job", "EMPTY": ""}))["env"]
    assert env["OMP_NUM_THREADS"] == "4"
    assert env["ALREADY"] == "from the job"
    assert env["EMPTY"] == ""


def test_hyperparameters_are_defaults_under_the_jobs(job):
    job.hyperparameters({"epochs": "30"})
    job.code(project(command=shell('cat "$TRAIN_HYPERPARAMETERS"'), hyperparameters={"epochs": 3, "depth": 6, "name": "x"}))
    assert json.loads("\n".join(run(job=job).pipeline)) == {"epochs": 30, "depth": 6, "name": "x"}


# ---- wrapper ----

def test_a_wrapper_stands_before_every_command(job):
    job.code({**project([{"name": "a", "command": ["echo", "one"]}, {"name": "b", "call": "m:f"}], wrapper=["./wrap", "-x"]),
              "wrap": script('echo "wrapped $1"; shift; exec "$@"'), "m.py": "def f():\n    print('two')\n"})
    assert run(job=job).pipeline == ["wrapped -x", "one", "wrapped -x", "two"]


def test_a_wrapper_from_the_environment_stands_before_a_given_command(job):
    result = run("--", "printenv", "WRAPPED", job=job, env={"TRAIN_WRAPPER": "env WRAPPED=yes"})
    assert result.out.splitlines()[0] == "yes"


# ---- which command ----

def test_the_order_in_which_commands_are_found(job):
    job.code({**project(command=["echo", "from pipeline.json"]), "prog.py": "print('from sagemaker_program')",
              "env.py": "print('from SAGEMAKER_PROGRAM')"})
    job.hyperparameters({"sagemaker_program": "prog.py", "train:command": "echo from hyperparameter"})
    layers = [({"TRAIN_COMMAND": "echo from environment", "SAGEMAKER_PROGRAM": "env.py"}, ["--", "echo", "from command line"],
               "from command line"),
              ({"TRAIN_COMMAND": "echo from environment", "SAGEMAKER_PROGRAM": "env.py"}, ["--set", "command=echo from set"],
               "from set"),
              ({"TRAIN_COMMAND": "echo from environment", "SAGEMAKER_PROGRAM": "env.py"}, [], "from hyperparameter")]
    for env, words, expected in layers:
        assert run(*words, job=job, env=env).out.splitlines()[0] == expected
    job.hyperparameters({"sagemaker_program": "prog.py"})
    assert run(job=job, env={"TRAIN_COMMAND": "echo from environment"}).out.splitlines()[0] == "from environment"
    assert run(job=job, env={"SAGEMAKER_PROGRAM": "env.py"}).out.splitlines()[0] == "from SAGEMAKER_PROGRAM"
    assert run(job=job).out.splitlines()[0] == "from sagemaker_program"
    job.hyperparameters({})
    assert run(job=job).out.splitlines()[0] == "from pipeline.json"


def test_a_command_is_words_or_a_json_array(job):
    assert run(job=job, env={"TRAIN_COMMAND": '["echo", "two words", "a  b"]'}).out.splitlines()[0] == "two words a  b"
    assert run(job=job, env={"TRAIN_COMMAND": "  echo   two\twords "}).out.splitlines()[0] == "two words"
    job.code(project(command="echo words from pipeline.json"))
    assert run(job=job).out.splitlines()[0] == "words from pipeline.json"


def test_a_command_in_the_code_folder(job):
    job.code({"main": script("echo from the code")})
    assert "from the code" in run("--", "./main", job=job).out


# ---- mistakes ----

def test_a_broken_pipeline_json_is_named_with_its_place(job):
    job.code({"pipeline.json": '{\n  "command": ["true"],\n  "steps" [\n}\n'})
    result = run(job=job).check(78, "settings")
    assert "pipeline.json:3:" in result.failure


def test_all_mistakes_of_pipeline_json_are_listed_at_once(job):
    job.code({"pipeline.json": '{\n  "command": ["true"],\n  "stop_grace": "soon",\n  "log": "loud",\n  "code": "s3://a/b",\n'
                               '  "root": "/x"\n}\n'})
    result = run(job=job).check(78, "settings")
    for place, words in (("3:", "soon"), ("4:", "loud"), ("5:", "code"), ("6:", "root")):
        assert any(f"pipeline.json:{place}" in line and words in line for line in result.err.splitlines()), (place, result.err)


def test_an_unknown_key_warns_and_names_the_nearest(job):
    job.code({"pipeline.json": {"command": ["true"], "hyperparameter": {"a": 1}, "stop-grace": 5, "something": 1}})
    result = run(job=job)
    assert result.code == 0
    assert any("'hyperparameter'" in line and "hyperparameters" in line.replace("'hyperparameter'", "") for line in result.agent)
    assert any("stop-grace" in line and "stop_grace" in line for line in result.agent)
    assert any("something" in line for line in result.agent)


@pytest.mark.parametrize("members, word", [
    ({"command": ["true"], "call": "a:b"}, "call"),
    ({"command": ["true"], "steps": []}, "steps"),
    ({"steps": []}, "steps"),
    ({"steps": [{"name": "a"}]}, "step"),
    ({"steps": [{"name": "a", "command": ["true"]}, {"name": "a", "command": ["true"]}]}, "a"),
    ({"command": []}, "command"),
    ({"command": [1]}, "command"),
    ({"command": ["true"], "env": {"A": []}}, "string or a number"),
    ({"command": ["true"], "env": {"A=B": "x"}}, "env"),
    ({"command": ["true"], "hyperparameters": []}, "hyperparameters"),
    ({"command": ["true"], "data": {"../x": "training"}}, "data"),
    ({"command": ["true"], "metrics": {"agent:x": {}}}, "agent:")])
def test_pipeline_json_is_checked(job, members, word):
    job.code({"pipeline.json": members})
    result = run(job=job).check(78, "settings")
    assert "pipeline.json" in result.failure and word in result.err


def test_a_pipeline_json_that_is_a_link_or_huge_does_no_harm(job):
    (job.folder / "secret").write_text("top secret")
    archive = make_tar(job.folder / "code.tar", {"pipeline.json": "[" * 100000})
    result = run(job=job, env={"TRAIN_CODE": archive}).check(78, "settings")
    assert "pipeline.json" in result.failure


def test_one_leading_folder_is_stripped_if_the_pipeline_lies_in_it(job):
    archive = make_tar(job.folder / "code.tar.gz", {"churn-1.0": None, "churn-1.0/pipeline.json": {"command": ["./main"]},
                                                    "churn-1.0/main": script("ls")})
    result = run(job=job, env={"TRAIN_CODE": archive})
    assert {"main", "pipeline.json", "model", "data"} <= set(result.out.split())


def test_one_leading_folder_stays_if_nothing_in_it_is_asked_for(job):
    archive = make_tar(job.folder / "code.tar.gz", {"churn/main": script("ls")})
    result = run("--", "ls", job=job, env={"TRAIN_CODE": archive})
    assert "churn" in result.out.split()


def test_one_leading_folder_is_stripped_if_the_command_lies_in_it(job):
    archive = make_tar(job.folder / "code.tar.gz", {"churn/main": script("echo stripped")})
    assert "stripped" in run("--", "./main", job=job, env={"TRAIN_CODE": archive}).out


def test_without_a_command_the_log_shows_a_pipeline_to_copy(job):
    archive = make_tar(job.folder / "code.tar.gz", {"hello.txt": "no command"})
    result = run(job=job, env={"TRAIN_CODE": archive}).check(78, "settings")
    begin = result.err.index("train: {")
    lines = [line.removeprefix("train: ") for line in result.err[begin:].splitlines()[:5]]
    assert json.loads("\n".join(lines))["command"] == ["python3", "train.py"]
