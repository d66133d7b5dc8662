"""The complete story with the credentials of each provider in turn, and what goes wrong with them (product §3; C§8).

Every request to S3 and ListTags is checked by botocore's signer, session token and all.
"""
import json
import ssl

import pytest

from jobs import JobRoot, REGION, make_tree, run, script
from network import PROJECT, archive_of, marked, ran, refused
from servers.aws import OTHER, ROLE, SESSION, Container, Instance, S3, Sts, Tags
from servers.certificates import Authority
from servers.httpd import wire
from servers.netns import Netns
from story import Story

IDENTITY_TOKEN = "eyJraWQiOiJrMSJ9.eyJzdWIiOiJ0ZXN0cyJ9.c2ln+/="


@pytest.fixture
def story(tmp_path, gateway, bucket, sagemaker):
    story = Story(tmp_path, gateway, bucket)
    story.job.name = f"churn-{bucket}"
    story.job.arn = sagemaker.training_job(story.job.name, story.tags)
    return story


def play(story, sagemaker, env, before=(), listen=lambda: None):
    """The story against S3 and ListTags that verify; 'env' says where the credentials come from."""
    with S3(story.gateway, listener=listen()) as s3, Tags(sagemaker, listener=listen()) as tags:
        result = story.check(story.run({**s3.env(), **tags.env(), **env}, before=before))
        assert (s3.refusals, tags.refusals) == ([], [])
        assert len(tags.requests) == 1 and len(s3.requests) == 1
    for secret in (SESSION.secret_key, SESSION.token, IDENTITY_TOKEN):
        assert secret not in result.everything
    # The agent's own credentials stay with it: the pipeline has what the container had.
    had = json.loads((story.job.output / "data/aws.json").read_text())
    given = {*env, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SAGEMAKER", "AWS_REGION", "AWS_EC2_METADATA_DISABLED", "AWS_DEFAULT_REGION"}
    assert [name for name in had if name.startswith("AWS_") and name not in given] == []
    return result


# ---- each provider ----

def test_the_story_with_credentials_from_the_environment(story, sagemaker):
    play(story, sagemaker, {"AWS_ACCESS_KEY_ID": SESSION.access_key, "AWS_SECRET_ACCESS_KEY": SESSION.secret_key,
                            "AWS_SESSION_TOKEN": SESSION.token})


def test_the_story_with_credentials_from_web_identity(story, sagemaker):
    file = story.job.folder / "identity"
    file.write_text(IDENTITY_TOKEN)
    with Sts(IDENTITY_TOKEN) as sts:
        play(story, sagemaker, {**sts.env(), "AWS_WEB_IDENTITY_TOKEN_FILE": file})
        assert len(sts.requests) == 1


def test_the_story_with_credentials_from_a_profile(story, sagemaker):
    file = story.job.folder / "credentials"
    file.write_text("[default]\naws_access_key_id = AKIAWRONGEXAMPLE\naws_secret_access_key = wrong\n\n"
                    f"[team]\naws_access_key_id = {SESSION.access_key}\naws_secret_access_key={SESSION.secret_key}\n"
                    f"aws_session_token = {SESSION.token}\n")
    play(story, sagemaker, {"AWS_SHARED_CREDENTIALS_FILE": file, "AWS_PROFILE": "team"})


def test_the_story_with_credentials_from_a_process(story, sagemaker):
    document = json.dumps({"Version": 1, "AccessKeyId": SESSION.access_key, "SecretAccessKey": SESSION.secret_key,
                           "SessionToken": SESSION.token, "Expiration": "2099-01-15T18:00:00+00:00"})
    make_tree(story.job.folder, {"give keys": script(f'test "$1" = "a b" && echo \'{document}\'\n'),
                                 "config": f'[default]\ncredential_process = "{story.job.folder}/give keys" "a b"\n'})
    play(story, sagemaker, {"AWS_CONFIG_FILE": story.job.folder / "config", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"})


@pytest.mark.parametrize("how", ["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", None])
def test_the_story_with_credentials_from_a_container_endpoint_named_in_full(story, sagemaker, how):
    token = "Basic dGVzdHM6dG9rZW4=" if how else None
    file = story.job.folder / "token"
    file.write_text(token or "")
    with Container(token=token) as container:
        env = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + container.path}
        if how:
            env[how] = file if how.endswith("FILE") else token
        play(story, sagemaker, env)
        assert len(container.requests) == 1


def test_the_story_with_credentials_from_the_containers_own_endpoint(story, sagemaker):
    """As in a training job: a path behind 169.254.170.2."""
    with Netns(story.job.folder, ["169.254.170.2"]) as netns, Container(listener=netns.listen("169.254.170.2", 80)) as container:
        play(story, sagemaker, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": container.path, "HTTP_PROXY": "http://127.0.0.1:9",
                                "http_proxy": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"},
             before=netns.inside(), listen=lambda: netns.listen("127.0.0.1"))
        assert [request.target for request in container.requests] == [container.path]


def test_the_story_with_credentials_from_instance_metadata(story, sagemaker):
    with Netns(story.job.folder, ["169.254.169.254"]) as netns, Instance(listener=netns.listen("169.254.169.254", 80)) as instance:
        play(story, sagemaker, {"AWS_EC2_METADATA_DISABLED": None}, before=netns.inside(), listen=lambda: netns.listen("127.0.0.1"))
        assert [request.method for request in instance.requests] == ["PUT", "GET", "GET"]


def test_the_story_with_credentials_from_instance_metadata_at_another_address(story, sagemaker):
    with Instance() as instance:
        play(story, sagemaker, {"AWS_EC2_METADATA_DISABLED": None, "AWS_EC2_METADATA_SERVICE_ENDPOINT": instance.url + "/"})


def test_the_story_at_the_addresses_that_aws_itself_has(story, sagemaker, tmp_path):
    """No endpoint is set: virtual-host buckets, ListTags and the container's endpoint stand where a training job finds them."""
    s3_host, tags_host = f"{story.bucket}.s3.{REGION}.amazonaws.com", f"api.sagemaker.{REGION}.amazonaws.com"
    authority = Authority(tmp_path / "tls")
    names = {s3_host: "203.0.113.7", tags_host: "203.0.113.8"}

    def tls(netns, host):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue(host))
        return context.wrap_socket(netns.listen(names[host], 443), server_side=True)

    with Netns(tmp_path, ["169.254.170.2", *names.values()], names) as netns, \
            Container(listener=netns.listen("169.254.170.2", 80)) as container, \
            S3(story.gateway, listener=tls(netns, s3_host)) as s3, Tags(sagemaker, listener=tls(netns, tags_host)) as tags:
        env = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": container.path, "AWS_CA_BUNDLE": authority.pem}
        story.check(story.run(env, before=netns.inside()))
        assert (s3.refusals, tags.refusals) == ([], [])
        request = s3.requests[0]
        assert (request.headers["host"], request.path) == (s3_host, f"/{story.key}")
        assert tags.requests[0].headers["host"] == tags_host


# ---- what goes wrong ----

@pytest.fixture
def job(tmp_path, gateway, bucket):
    """A job whose code lies in S3 behind the address in 'code'."""
    job = marked(JobRoot(tmp_path))
    content, digest = archive_of(PROJECT, tmp_path)
    gateway.put(bucket, "app.tar.gz", content)
    job.extra |= {"TRAIN_CODE": f"s3://{bucket}/app.tar.gz", "TRAIN_CODE_SHA256": digest}
    return job


@pytest.fixture
def s3(gateway):
    with S3(gateway, keys=[SESSION, OTHER]) as server:
        yield server


def test_without_any_credentials_every_provider_is_named_that_was_asked(job, s3):
    result = run(job=job, env=s3.env())
    refused(result, 77, "credentials", "environment", "web identity", "profile", "container", "instance metadata")
    assert s3.requests == []


@pytest.mark.parametrize("given, missing", [("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")])
def test_half_a_pair_of_keys_is_named(job, s3, given, missing):
    refused(run(job=job, env={**s3.env(), given: "AKIAEXAMPLEEXAMPLE"}), 77, "credentials", f"{given} is set and {missing} is not")


@pytest.mark.parametrize("first", ["credentials/response-429", "credentials/response-500-internal", "credentials/response-503-uninitialized"])
def test_a_container_endpoint_that_hiccups_is_asked_again(job, s3, first):
    with Container() as container:
        container.script = [wire(first)]
        ran(run(job=job, env={**s3.env(), "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + container.path}))
        assert len(container.requests) == 2


@pytest.mark.parametrize("reply, words", [
    ("credentials/response-400-invalid-id", "400"), ("credentials/response-200-not-json", "no JSON object"),
    ("credentials/response-200-no-token", "without Token"), ("credentials/response-200-expired", "ended at")])
def test_what_a_container_endpoint_answers_wrongly_is_named(job, s3, reply, words):
    with Container() as container:
        container.script = [wire(reply)] * 5
        result = run(job=job, env={**s3.env(), "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + container.path})
        refused(result, 77, "credentials", "container", words)
        assert container.path not in result.everything and s3.requests == []


def test_a_container_endpoint_that_wants_a_token_and_gets_none(job, s3):
    with Container(token="needed") as container:
        result = run(job=job, env={**s3.env(), "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + container.path})
        refused(result, 77, "credentials", "container", "401")


def test_a_token_file_with_a_line_end_is_refused(job, s3, tmp_path):
    (tmp_path / "token").write_text("needed\n")
    with Container(token="needed") as container:
        result = run(job=job, env={**s3.env(), "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + container.path,
                                   "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": tmp_path / "token"})
        refused(result, 77, "credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "line end")
        assert container.requests == []


@pytest.mark.parametrize("host", ["203.0.113.7", "credentials.example", "169.254.169.254"])
def test_a_container_endpoint_over_plain_http_is_this_host_or_a_known_one(job, s3, host):
    result = run(job=job, env={**s3.env(), "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{host}/keys",
                               "AWS_CONTAINER_AUTHORIZATION_TOKEN": "never-to-be-sent"})
    refused(result, 77, "credentials", "AWS_CONTAINER_CREDENTIALS_FULL_URI", host)
    assert "never-to-be-sent" not in result.everything


def test_instance_metadata_of_version_1_alone_is_not_used(job, s3, tmp_path):
    with Netns(tmp_path, ["169.254.169.254"]) as netns, Instance(listener=netns.listen("169.254.169.254", 80)) as instance:
        instance.script = [wire("imds/1-token.response-405")]
        result = run(job=job, env={**s3.env(), "AWS_EC2_METADATA_DISABLED": None}, before=netns.inside())
        refused(result, 77, "credentials", "instance metadata", "405")
        assert len(instance.requests) == 1


def test_an_instance_without_a_role(job, s3, tmp_path):
    with Netns(tmp_path, ["169.254.169.254"]) as netns, Instance(listener=netns.listen("169.254.169.254", 80)) as instance:
        instance.script = [lambda request, reply: reply, wire("imds/2-role.response-404")]
        result = run(job=job, env={**s3.env(), "AWS_EC2_METADATA_DISABLED": None}, before=netns.inside())
        refused(result, 77, "credentials", "instance metadata", "no role")


def test_an_identity_token_that_sts_refuses(job, s3, tmp_path):
    (tmp_path / "identity").write_text("another-token")
    with Sts(IDENTITY_TOKEN) as sts:
        result = run(job=job, env={**s3.env(), **sts.env(), "AWS_WEB_IDENTITY_TOKEN_FILE": tmp_path / "identity"})
        refused(result, 77, "credentials", ROLE, "InvalidIdentityToken")
        assert len(sts.requests) == 1 and "another-token" not in result.everything


def test_sts_that_cannot_reach_the_identity_provider_is_asked_again(job, s3, tmp_path):
    (tmp_path / "identity").write_text(IDENTITY_TOKEN + "\n")
    with Sts(IDENTITY_TOKEN) as sts:
        sts.script = [wire("sts/error-400-idpcommunicationerror")]
        ran(run(job=job, env={**s3.env(), **sts.env(), "AWS_WEB_IDENTITY_TOKEN_FILE": tmp_path / "identity"}))
        assert len(sts.requests) == 2


@pytest.mark.parametrize("lines, word", [
    ("sso_start_url = https://example.awsapps.com/start\nsso_account_id = 123456789012\nsso_role_name = Team", "SSO"),
    ("role_arn = arn:aws:iam::123456789012:role/Other\nsource_profile = other", "role")])
def test_sso_and_assume_role_profiles_get_the_line_that_helps(job, s3, tmp_path, lines, word):
    (tmp_path / "config").write_text(f"[profile team]\n{lines}\n")
    result = run(job=job, env={**s3.env(), "AWS_CONFIG_FILE": tmp_path / "config", "AWS_PROFILE": "team",
                               "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"})
    refused(result, 77, "credentials", "team", word, 'eval "$(aws configure export-credentials --format env)"')


@pytest.mark.parametrize("text, words", [("exit 3", "3"), ("echo no keys", "no JSON"), ('echo \'{"Version": 1}\'', "AccessKeyId")])
def test_a_credential_process_that_fails_is_named(job, s3, tmp_path, text, words):
    make_tree(tmp_path, {"give": script(text + "\n"), "config": f"[default]\ncredential_process = {tmp_path}/give\n"})
    result = run(job=job, env={**s3.env(), "AWS_CONFIG_FILE": tmp_path / "config", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"})
    refused(result, 77, "credentials", "credential_process", words)


# ---- the bucket's owner ----

def test_a_bucket_of_another_account_than_code_owner_is_refused(job, gateway):
    result = run(job=job, env={**gateway.env(), "TRAIN_CODE_OWNER": "999999999999"})
    refused(result, 77, "code-denied", "999999999999", "TRAIN_CODE_OWNER")


def test_the_right_owner_passes(job, gateway):
    ran(run(job=job, env={**gateway.env(), "TRAIN_CODE_OWNER": gateway.access_key}))


def test_code_that_a_tag_names_must_lie_in_the_jobs_own_account(job, gateway, s3):
    """Whoever may tag could name a bucket of their own; TRAIN_CODE_OWNER of the request says which other account is meant."""
    address, digest = job.extra.pop("TRAIN_CODE"), job.extra.pop("TRAIN_CODE_SHA256")
    job.arn = f"arn:aws:sagemaker:{REGION}:999999999999:training-job/churn"
    keys = {"AWS_ACCESS_KEY_ID": SESSION.access_key, "AWS_SECRET_ACCESS_KEY": SESSION.secret_key, "AWS_SESSION_TOKEN": SESSION.token}
    with Tags(pages=[[("train:code", address), ("train:code-sha256", digest)]]) as tags:
        env = {**s3.env(), **tags.env(), **keys}
        refused(run(job=job, env=env), 77, "code-denied", "999999999999", "TRAIN_CODE_OWNER")
        assert s3.requests[-1].headers["x-amz-expected-bucket-owner"] == "999999999999"
        ran(run(job=job, env={**env, "TRAIN_CODE_OWNER": gateway.access_key}))


# ---- renewal ----

def test_expired_credentials_are_renewed_once_and_the_request_is_signed_anew(job, s3):
    s3.expired = {SESSION.access_key}
    with Container() as container:
        def give_others(request, reply):
            container.keys = OTHER
            return reply
        container.script = [give_others]
        ran(run(job=job, env={**s3.env(), "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + container.path}))
        assert len(container.requests) == 2 and len(s3.requests) == 2


def test_credentials_that_stay_expired_are_named(job, s3):
    s3.expired = {SESSION.access_key}
    with Container() as container:
        result = run(job=job, env={**s3.env(), "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + container.path})
        refused(result, 77, "credentials", "ExpiredToken")
        assert len(container.requests) == 2 and len(s3.requests) == 2
