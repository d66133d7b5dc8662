"""The complete story of a job, and what must not change it (issue: it is done when; product §3, §12, §16)."""
import json

import pytest

from jobs import ACCOUNT, pid1
from servers.aws import Tags
from servers.signature import Keys
from story import Story


@pytest.fixture
def story(tmp_path, gateway, bucket):
    return Story(tmp_path, gateway, bucket)


def serve_tags(story, sagemaker, tags):
    """moto's training job with these tags; what makes the agent ask there."""
    story.job.name = f"Churn-{story.bucket}"
    story.job.arn = sagemaker.training_job(story.job.name, tags)
    return sagemaker.env()


def test_the_complete_story(story, gateway, sagemaker):
    env = serve_tags(story, sagemaker, story.tags)
    result = story.check(story.run({**gateway.env(), **env}))
    record = result.record
    assert record["code"]["found_by"] == "tag train:code"
    # The gateway's access key is the account's number, and access keys are masked.
    assert record["job"]["arn"] == story.job.arn.replace(ACCOUNT, "***") and story.job.arn.endswith(story.job.name.lower())
    assert {tag["key"]: tag["value"] for tag in record["tags"]} == story.tags
    assert result.setting("code") == (story.address, "tag train:code")
    assert gateway.secret_key not in result.everything


def test_the_complete_story_as_pid_1(story, gateway, sagemaker):
    """As in a container: the first process of a PID namespace."""
    story.check(story.run({**gateway.env(), **serve_tags(story, sagemaker, story.tags)}, before=pid1()))


def test_a_wrong_digest_runs_nothing_and_names_both_digests(story, gateway, sagemaker):
    wrong = "0123456789abcdef" * 4
    result = story.run({**gateway.env(), **serve_tags(story, sagemaker, story.tags | {"train:code-sha256": wrong})})
    result.check(65, "code-digest")
    assert result.failure.startswith("[code-digest] ")
    assert wrong in result.failure and story.digest in result.failure
    story.check_nothing_ran(result)
    assert result.record["steps"] == [] or all(step["exit_code"] is None for step in result.record["steps"])


@pytest.mark.parametrize("source", ["always", "trainingjobconfig"])
def test_tags_that_contradict_the_request_warn_and_change_nothing(story, gateway, sagemaker, source):
    tags = {"train:code": story.address, "train:code-version": story.other_version, "train:code-sha256": story.other_digest,
            "train:command": "/bin/false", "train:code-pin": "off", "train:root": "/elsewhere", "train:colour": "blue",
            "train:code-from": "nonsense"}
    request = {"TRAIN_CODE": story.address, "TRAIN_CODE_VERSION": story.version, "TRAIN_CODE_SHA256": story.digest}
    tags["train:code"] = f"s3://{story.bucket}/team/other.tar.gz"
    with Tags(keys=[Keys(gateway.access_key, gateway.secret_key)]) as nobody:
        if source == "always":
            env = {**serve_tags(story, sagemaker, tags), "TRAIN_TAGS": "always"}
        else:
            story.job.arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/churn"
            story.job.config("trainingjobconfig", {"TrainingJobArn": story.job.arn, "Tags": [
                {"Key": key, "Value": value} for key, value in tags.items()]})
            env = nobody.env()
        result = story.check(story.run({**gateway.env(), **env, **request}))
        assert nobody.requests == []

    for name in ("train:code", "train:command", "train:code-pin", "train:root", "train:colour", "train:code-from"):
        assert [line for line in result.agent if f"'{name}'" in line or f"tag {name}" in line], f"no warning about {name}:\n{result.said}"
    shown = [line for line in result.agent if tags["train:code"] in line]
    assert len(shown) == 1 and story.address in shown[0] and "TRAIN_CODE" in shown[0]
    assert result.setting("code") == (story.address, "environment TRAIN_CODE")
    assert result.setting("code-sha256")[0] == story.digest
    assert len(result.record["warnings"]) >= 6
    assert {tag["key"]: tag["value"] for tag in result.record["tags"]} == tags


def test_a_tag_with_the_same_code_and_another_digest_warns_with_both_digests(story, gateway):
    story.job.config("trainingjobconfig", {"Tags": [{"Key": "train:code", "Value": story.address},
                                                    {"Key": "train:code-sha256", "Value": story.other_digest}]})
    request = {"TRAIN_CODE": story.address, "TRAIN_CODE_VERSION": story.version, "TRAIN_CODE_SHA256": story.digest}
    result = story.check(story.run({**gateway.env(), **request}))
    warnings = result.record["warnings"]
    assert len(warnings) == 1 and story.digest in warnings[0] and story.other_digest in warnings[0]


@pytest.mark.parametrize("tag, value", [("train:code-sha256", "not-a-digest"), ("train:code", "ftp://elsewhere/code"), ("train:code-version", "")])
def test_a_malformed_tag_never_fails_a_job_that_does_not_need_it(story, gateway, tag, value):
    story.job.arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/churn"
    story.job.config("trainingjobconfig", {"Tags": [{"Key": key, "Value": text} for key, text in (story.tags | {tag: value}).items()]})
    request = {"TRAIN_CODE": story.address, "TRAIN_CODE_VERSION": story.version, "TRAIN_CODE_SHA256": story.digest}
    story.check(story.run({**gateway.env(), **request}))


def test_a_digest_in_the_request_binds_the_code_that_a_tag_names(story, gateway, sagemaker):
    env = {**gateway.env(), **serve_tags(story, sagemaker, story.tags), "TRAIN_CODE_SHA256": story.digest}
    story.check(story.run(env))


def test_a_digest_in_the_request_stops_other_bytes_that_a_tag_names_with_their_own_digest(story, gateway, sagemaker):
    tags = story.tags | {"train:code-version": story.other_version, "train:code-sha256": story.other_digest}
    result = story.run({**gateway.env(), **serve_tags(story, sagemaker, tags), "TRAIN_CODE_SHA256": story.digest})
    result.check(65, "code-digest")
    assert story.digest in result.failure and story.other_digest in result.failure
    story.check_nothing_ran(result)


def test_no_setting_but_the_code_can_come_from_a_tag(story, gateway, sagemaker):
    """The tag's own digest proves the bytes; the rest of the request stays as it is."""
    tags = story.tags | {"train:keep-workspace": "always", "train:log-level": "error", "train:code-owner": "999999999999"}
    result = story.check(story.run({**gateway.env(), **serve_tags(story, sagemaker, tags)}))
    assert result.setting("keep-workspace") == ("never", "default")
    assert json.dumps(result.record["warnings"]).count("train:") >= 3
