"""Settings: sources, checks, warnings (product §3)."""
import json

import pytest

from jobs import make_tar, project, run, sha256


def test_the_highest_source_wins(job):
    job.code(project(command=["true"], stop_grace=10))
    assert run(job=job).setting("stop-grace")[0] == "10"
    assert run(job=job, env={"TRAIN_STOP_GRACE": "20"}).setting("stop-grace")[0] == "20"
    job.hyperparameters({"train:stop-grace": "30"})
    assert run(job=job, env={"TRAIN_STOP_GRACE": "20"}).setting("stop-grace")[0] == "30"
    assert run("--set", "stop-grace=40", job=job, env={"TRAIN_STOP_GRACE": "20"}).setting("stop-grace")[0] == "40"
    assert run("--set=stop-grace=41", job=job).setting("stop-grace")[0] == "41"


def test_defaults(job):
    result = run("--", "true", job=job)
    for name, value in (("stop-grace", "100"), ("timeout", "0"), ("log", "lines"), ("log-level", "info"), ("fetch-timeout", "600"),
                        ("fetch-memory", "48"), ("tags", "auto"), ("keep-workspace", "never"), ("failure-tail", "on"),
                        ("metrics-hosts", "first"), ("metrics-emf", "off"), ("record", "on"), ("unpack-max-entries", "2000000")):
        assert result.setting(name)[0] == value, name
    assert "TERM" in result.setting("stop-signal")[0]


def test_an_encoded_hyperparameter_is_decoded(job):
    """SDK estimators JSON-encode every value."""
    archive = make_tar(job.folder / "code.tar", project(command=["echo", "ran"]))
    job.hyperparameters({"train:code": json.dumps(str(archive)), "train:stop-grace": "50", "train:command": json.dumps('["echo", "a b"]')})
    result = run(job=job)
    assert result.out.splitlines()[0] == "a b"
    assert result.setting("code")[0] == str(archive)


def test_all_mistakes_are_listed_at_once_with_source_key_value_and_form(job):
    job.config("hyperparameters", '{\n  "epochs": "3",\n  "train:timeout": "yesterday",\n  "train:log": "loud"\n}\n')
    result = run("--set", "code-pin=maybe", "--", "true", job=job, env={"TRAIN_STOP_GRACE": "-1", "TRAIN_CODE_SHA256": "abc"})
    result.check(78, "settings")
    lines = result.err.splitlines()

    def one(*words):
        assert sum(all(word in line for word in words) for line in lines) >= 1, (words, result.err)

    one("hyperparameters.json:3:", "train:timeout", "yesterday")
    one("hyperparameters.json:4:", "train:log", "loud", "lines", "raw")
    one("code-pin", "maybe", "required", "warn", "off")
    one("TRAIN_STOP_GRACE", "-1")
    one("TRAIN_CODE_SHA256", "abc", "64")
    assert result.failure.count("\n") <= 20 and len(result.failure) <= 960


@pytest.mark.parametrize("env, hyperparameters, members, name", [
    ({"TRAIN_ROOT": "/elsewhere"}, {}, {}, "root"),
    ({}, {"train:root": "/elsewhere"}, {}, "root"),
    ({}, {}, {"code": "s3://bucket/key"}, "code"),
    ({}, {}, {"code_pin": "off"}, "code_pin"),
    ({}, {}, {"workspace": "/tmp"}, "workspace")])
def test_a_source_that_may_not_set_it_is_78(job, env, hyperparameters, members, name):
    job.hyperparameters(hyperparameters)
    job.code(project(command=["true"], **members))
    result = run(job=job, env=env).check(78, "settings")
    assert name in result.err


@pytest.mark.parametrize("name, bad", [
    ("code", "ftp://host/x"), ("code", "relative/path"), ("code", "s3://"), ("code-sha256", "z" * 64), ("code-owner", "123"),
    ("code-pin", "yes"), ("tags", "maybe"), ("command", '["unclosed"'), ("command", ""), ("fetch-timeout", "0"), ("fetch-timeout", "1.5h"),
    ("fetch-memory", "much"), ("unpack-max-bytes", "-5"), ("unpack-max-entries", "1e99"), ("stop-signal", "SIGNOTHING"),
    ("stop-grace", "100000000"), ("timeout", "-1"), ("log", "LINES"), ("log-level", "verbose"), ("failure-tail", "yes"),
    ("metrics-hosts", "none"), ("metrics-emf", "AWS/Mine"), ("record", "1"), ("keep-workspace", "sometimes"), ("workspace", "relative")])
def test_a_value_of_the_wrong_form_names_key_value_and_form(job, name, bad):
    result = run("--set", f"{name}={bad}", "--", "true", job=job)
    result.check(78, "settings")
    assert name in result.failure and bad in result.err


@pytest.mark.parametrize("name, good", [
    ("stop-signal", "SIGINT"), ("stop-signal", "INT"), ("unpack-max-bytes", "1GiB"), ("unpack-max-bytes", "1000000"), ("timeout", "0"),
    ("code-owner", "123456789012"), ("code-from", "s3://a/b https://host/c"), ("redact", "A b c-d")])
def test_values_of_the_right_form(job, name, good):
    assert run("--set", f"{name}={good}", "--", "true", job=job).code == 0


def test_unknown_names_warn_and_name_the_nearest(job):
    job.hyperparameters({"train:stop-grase": "5", "train:nonsense-name": "1"})
    result = run("--", "true", job=job, env={"TRAIN_STOP_GRAC": "5", "TRAIN_SOMETHING_ELSE": "x", "TRAIN_JOB_NAM": "x"})
    assert result.code == 0

    def about(word):
        return [line for line in result.agent if word in line]

    assert any("train:stop-grace" in line for line in about("train:stop-grase"))
    assert about("train:nonsense-name")
    assert any("TRAIN_STOP_GRACE" in line for line in about("TRAIN_STOP_GRAC"))
    assert not about("TRAIN_SOMETHING_ELSE")
    assert not about("TRAIN_JOB_NAM'")


@pytest.mark.parametrize("name", ["TRAIN_CODE_TOKEN", "TRAIN_CODE_TOKEN_FILE", "TRAIN_CODE_TOKEN_HOST", "TRAIN_CODE_INSECURE", "TRAIN_IMAGE",
                                  "TRAIN_MODEL_DIR", "TRAIN_DATA_DIR", "TRAIN_RUN_ID"])
def test_names_of_the_agents_own_are_no_mistakes(job, name):
    result = run("--", "true", job=job, env={name: "x"})
    assert not any("did you mean" in line for line in result.agent)


def test_a_setting_of_a_later_version_is_an_unknown_name(job):
    job.hyperparameters({"train:install-requirements": "never"})
    result = run("--", "true", job=job)
    assert result.code == 0
    assert "train:install-requirements" in result.said


def test_an_unknown_name_on_the_command_line(job):
    result = run("--set", "stop-grase=5", "--", "true", job=job)
    assert result.code in (0, 64, 78)
    assert "stop-grase" in result.err and "stop-grace" in result.err


@pytest.mark.parametrize("word", ["stop-grace", "=5", ""])
def test_a_set_of_another_form(job, word):
    result = run("--set", word, "--", "true", job=job)
    assert result.code in (64, 78)
    assert "NAME=VALUE" in result.err


def test_the_root_can_be_set(job):
    result = run("--set", f"root={job.path}", "--", "true", job=job, env={"SAGEMAKER_BASE_DIR": "/nowhere"})
    assert result.code == 0 and result.record["job"]["root"] == str(job.path)


# ---- the code unit ----

def test_a_digest_from_the_request_binds_whatever_archive_is_used(job):
    archive = make_tar(job.folder / "code.tar", project(command=["echo", "ran"]))
    job.channel("code", {"code.tar": archive.read_bytes()})
    good = run(job=job, env={"TRAIN_CODE_SHA256": sha256(archive)})
    assert good.out.splitlines()[0] == "ran"
    run(job=job, env={"TRAIN_CODE_SHA256": "0" * 64}).check(65, "code-digest")


def test_a_digest_of_a_lower_source_does_not_go_with_the_code_of_a_higher_one(job):
    archive = make_tar(job.folder / "code.tar", project(command=["echo", "ran"]))
    other = make_tar(job.folder / "other.tar", project(command=["echo", "other"]))
    job.hyperparameters({"train:code": str(archive), "train:code-sha256": sha256(archive)})
    result = run(job=job, env={"TRAIN_CODE": other, "TRAIN_CODE_SHA256": sha256(other)})
    assert result.out.splitlines()[0] == "ran"


def test_code_that_is_no_archive_cannot_be_bound(job):
    job.code(project(command=["true"]))
    result = run(job=job, env={"TRAIN_CODE_SHA256": "0" * 64}).check(78, "settings")
    assert "sha256" in result.failure


def test_code_from_bounds_what_code_may_name(job):
    result = run(job=job, env={"TRAIN_CODE": "s3://other/key.tar", "TRAIN_CODE_FROM": "s3://mine/ https://host/x"})
    result.check(78, "settings")
    assert "s3://other/key.tar" in result.failure and "code-from" in result.failure.lower().replace("_", "-")


@pytest.mark.parametrize("address", ["https://169.254.169.254/x", "http://169.254.170.2/x", "https://host/../x", "https://host/%2e%2e/x",
                                     "http://example.invalid/x"])
def test_what_policy_refuses_before_sending_is_78(job, address):
    run(job=job, env={"TRAIN_CODE": address, "TRAIN_CODE_PIN": "off"}).check(78, "settings")


def test_https_code_has_to_be_pinned(job):
    result = run(job=job, env={"TRAIN_CODE": "https://host.invalid/x.tar"}).check(78, "settings")
    assert "sha256" in result.failure.lower()


def test_a_pin_can_be_required(job):
    archive = make_tar(job.folder / "code.tar", project(command=["true"]))
    job.channel("code", {"code.tar": archive.read_bytes()})
    run(job=job, env={"TRAIN_CODE_PIN": "required"}).check(78, "settings")
    assert run(job=job, env={"TRAIN_CODE_PIN": "required", "TRAIN_CODE_SHA256": sha256(archive)}).code == 0


# ---- broken config files ----

@pytest.mark.parametrize("name", ["hyperparameters", "resourceconfig", "inputdataconfig"])
@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1} x', '{"a": 1, "a": 2}', "\xff"])
def test_a_broken_config_file_is_named(job, name, text):
    (job.path / "input/config" / f"{name}.json").write_bytes(text.encode("latin-1"))
    result = run("--", "true", job=job)
    assert result.code == 78, result.err
    assert f"{name}.json" in result.failure


def test_hand_written_values_are_taken(job):
    job.config("hyperparameters", '{\n  "epochs": 3,\n  "flag": true,\n  "nothing": null,\n  "list": [1, 2]\n}\n')
    assert run("--", "true", job=job).record["hyperparameters"] == {"epochs": 3, "flag": True, "nothing": None, "list": [1, 2]}
