"""When the job's tags are asked for, what they may say, and what happens when they cannot be read (product §3, §4; C§7)."""
import contextlib

import pytest

from jobs import ACCOUNT, REGION, JobRoot, make_tar, run, shell, start
from network import HELLO, PROJECT, archive_of, marked, ran, refused
from servers.aws import SESSION, S3, Tags, json_error
from servers.httpd import Httpd, Reply, wire

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/churn"
KEYS = {"AWS_ACCESS_KEY_ID": SESSION.access_key, "AWS_SECRET_ACCESS_KEY": SESSION.secret_key, "AWS_SESSION_TOKEN": SESSION.token}
HELP = ("sagemaker:ListTags", ARN, f"com.amazonaws.{REGION}.sagemaker.api", "TRAIN_CODE")


class World:
    """A published project, S3 and ListTags that verify, and a job that knows nothing but its ARN and its credentials."""

    def __init__(self, folder, gateway, bucket, s3, tags):
        content, self.digest = archive_of(PROJECT, folder)
        gateway.put(bucket, "app.tar.gz", content)
        self.address = f"s3://{bucket}/app.tar.gz"
        self.s3, self.tags = s3, tags
        self.tags.pages = [[("team", "churn"), ("train:code", self.address), ("train:code-sha256", self.digest)]]
        self.job = marked(JobRoot(folder))
        self.job.arn = ARN
        self.job.extra |= {**KEYS, **s3.env(), **tags.env()}

    def run(self, **env):
        return run(job=self.job, env=env)


@pytest.fixture
def world(tmp_path, gateway, bucket):
    with S3(gateway) as s3, Tags() as tags:
        yield World(tmp_path, gateway, bucket, s3, tags)
        assert (s3.refusals, tags.refusals) == ([], [])


# ---- whether they are asked ----

def test_tags_are_asked_where_nothing_else_names_the_code(world):
    result = ran(world.run(), "3 tags")
    assert len(world.tags.requests) == 1
    assert result.record["code"]["found_by"] == "tag train:code"
    assert [tag["key"] for tag in result.record["tags"]] == ["team", "train:code", "train:code-sha256"]


@pytest.mark.parametrize("how", ["environment", "hyperparameter", "channel", "folder", "command"])
def test_tags_are_not_asked_where_something_else_names_the_code(world, how):
    if how == "environment":
        world.job.extra |= {"TRAIN_CODE": world.address, "TRAIN_CODE_SHA256": world.digest}
    elif how == "hyperparameter":
        world.job.hyperparameters({"train:code": world.address, "train:code-sha256": world.digest})
    elif how == "channel":
        world.job.channel("code", {})
        make_tar(world.job.data / "code/sourcedir.tar.gz", PROJECT)
    elif how == "folder":
        make_tar(world.job.path / "code/code.tar.gz", PROJECT)
    words = ["--", *shell(f'echo {HELLO}; : >"$E2E_MARK"')] if how == "command" else []
    ran(run(*words, job=world.job))
    assert world.tags.requests == []


def test_always_asks_records_and_compares(world):
    world.job.extra |= {"TRAIN_CODE": world.address, "TRAIN_CODE_SHA256": world.digest, "TRAIN_TAGS": "always"}
    world.tags.pages = [[("train:code", "s3://elsewhere/app.tar.gz")]]
    result = ran(world.run(), "s3://elsewhere/app.tar.gz")
    assert result.record["tags"] == [{"key": "train:code", "value": "s3://elsewhere/app.tar.gz"}]


def test_off_asks_nobody_and_believes_no_file(world):
    world.job.config("trainingjobconfig", {"Tags": [{"Key": "train:code", "Value": world.address}]})
    refused(world.run(TRAIN_TAGS="off"), 78, "settings", "TRAIN_CODE")
    assert world.tags.requests == []


def test_tags_of_the_jobs_own_file_are_taken_without_asking(world):
    world.job.config("trainingjobconfig", {"Tags": [{"Key": key, "Value": value} for key, value in world.tags.pages[0]]})
    ran(world.run())
    assert world.tags.requests == []


def test_without_an_arn_nobody_is_asked(world):
    world.job.arn = None
    refused(world.run(), 78, "settings", "TRAIN_CODE")
    assert world.tags.requests == []


def test_without_credentials_nobody_is_asked(world):
    for name in KEYS:
        del world.job.extra[name]
    refused(world.run(), 77, "credentials", "no AWS credentials", *HELP)
    assert world.tags.requests == []


# ---- what they say ----

def test_all_pages_are_read(world):
    world.tags.pages = [[("a", "1")], [], [("train:code", world.address)], [("train:code-sha256", world.digest), ("z", "")]]
    result = ran(world.run(), "4 tags")
    assert len(world.tags.requests) == 4
    assert [tag["key"] for tag in result.record["tags"]] == ["a", "train:code", "train:code-sha256", "z"]


def test_the_reply_of_the_model_with_fifty_tags_is_read(world):
    world.tags.script = [wire("listtags/response-200-50-tags")]
    refused(world.run(), 78, "settings")
    assert len(world.tags.requests) == 1


def test_code_that_a_tag_names_has_to_be_pinned(world):
    world.tags.pages = [[("train:code", world.address)]]
    refused(world.run(), 78, "settings", "pinned", "code-sha256")
    assert world.s3.requests == []
    ran(world.run(TRAIN_CODE_PIN="warn"))


@pytest.mark.parametrize("address", ["/bin/true", "http://127.0.0.1/code.tar.gz", "channel:training", "file:///etc/passwd", "nonsense"])
def test_a_tag_names_s3_or_https_only(world, address):
    world.tags.pages = [[("train:code", address), ("train:code-sha256", world.digest)]]
    refused(world.run(), 78, "settings", "s3:// or https:// only")


def test_https_from_a_tag_needs_code_from_of_the_request(world, nginx):
    content, digest = archive_of(PROJECT, world.job.folder)
    nginx.put("tagged.tar.gz", content)
    address = nginx.url("/files/tagged.tar.gz")
    world.tags.pages = [[("train:code", address), ("train:code-sha256", digest)]]
    env = nginx.env()
    refused(world.run(**env), 78, "settings", "code-from", "code.localhost")
    refused(world.run(**env, TRAIN_CODE_FROM="https://other.localhost"), 78, "settings", "code-from", "code.localhost")
    assert nginx.asked("/files/tagged.tar.gz", 0) == []
    ran(world.run(**env, TRAIN_CODE_FROM=nginx.url("/files")))


def test_a_tag_with_a_digest_that_is_none_names_nothing(world):
    """Better no code than code without the digest that somebody wanted."""
    world.tags.pages = [[("train:code", world.address), ("train:code-sha256", "not-a-digest")]]
    refused(world.run(), 78, "settings", "train:code-sha256")
    assert world.s3.requests == []


# ---- what the service answers ----

@pytest.mark.parametrize("reply", ["listtags/response-400-throttling", "listtags/response-500-internal", "listtags/response-503-not-json"])
def test_what_passes_is_asked_again(world, reply):
    world.tags.script = [wire(reply)]
    ran(world.run())
    assert len(world.tags.requests) == 2


@pytest.mark.parametrize("reply", ["listtags/response-400-accessdenied", "listtags/response-400-accessdenied-explicit-deny"])
def test_a_denial_names_permission_job_endpoint_and_the_way_without(world, reply):
    world.tags.script = [wire(reply)]
    refused(world.run(), 77, "tags-denied", "AccessDeniedException", *HELP)
    assert len(world.tags.requests) == 1


def test_a_denial_does_not_fail_a_job_that_only_compares(world):
    world.tags.script = [wire("listtags/response-400-accessdenied")]
    result = ran(world.run(TRAIN_CODE=world.address, TRAIN_CODE_SHA256=world.digest, TRAIN_TAGS="always"), "tags were not read")
    assert any("sagemaker:ListTags" in warning for warning in result.record["warnings"])


@pytest.mark.parametrize("answer", [b"<html>proxy</html>", b"", b'{"Tags": [{"Key": "train:code"}]}', b'{"Tags": ["train:code"]}', b"[]",
                                    b'{"Tags": [{"Key": "a", "Value": 5}]}', b'{"Tags"'])
def test_an_answer_that_is_no_list_of_tags(world, answer):
    world.tags.script = [Reply(200, answer)]
    refused(world.run(), 69, "tags-failed", *HELP)


@pytest.mark.parametrize("reply", ["listtags/response-400-validation", "listtags/response-400-not-json", "listtags/response-400-empty-body"])
def test_any_other_refusal(world, reply):
    world.tags.script = [wire(reply)]
    refused(world.run(), 77, "tags-denied", "400", *HELP)
    assert len(world.tags.requests) == 1


def test_expired_credentials_are_renewed_once(world):
    world.tags.script = [wire("listtags/response-400-expiredtoken")] * 2
    refused(world.run(), 77, "credentials", "ExpiredTokenException", *HELP)
    assert len(world.tags.requests) == 2


def test_pages_without_end_are_given_up(world):
    def again(request, reply):
        return Reply(200, b'{"Tags": [], "NextToken": "page-0"}')
    world.tags.script = [again] * 100
    refused(world.run(), 69, "tags-failed", "pages")
    assert len(world.tags.requests) < 50


class Throttle(Httpd):
    def answer(self, request):
        return json_error(400, "ThrottlingException", "Rate exceeded")


class Broken(Httpd):
    def answer(self, request):
        return Reply(503, b"Service Unavailable")


@pytest.mark.long
def test_a_service_that_never_answers_well_is_given_up_after_a_minute(tmp_path):
    """Three jobs at once, since each waits out the whole minute: one throttled, one answered 503, one not answered at all."""
    with contextlib.ExitStack() as stack:
        throttle, broken = stack.enter_context(Throttle()), stack.enter_context(Broken())
        running = []
        for name, url, words in (("throttled", throttle.url, "ThrottlingException"), ("broken", broken.url, "503"),
                                 ("silent", "http://127.0.0.1:1", "127.0.0.1:1")):
            job = marked(JobRoot(tmp_path / name))
            job.arn = ARN
            agent = stack.enter_context(start(job=job, env={**KEYS, "AWS_ENDPOINT_URL_SAGEMAKER": url}))
            running.append((agent, words))
        for agent, words in running:
            refused(agent.finish(timeout=120), 69, "tags-failed", words, *HELP)
        assert len(throttle.requests) > 2 and len(broken.requests) > 2
