"""Code in S3: addresses, versions, refusals, retries, cut and changed bodies (product §5; C§9)."""
import base64
import hashlib
import urllib.parse

import pytest

from jobs import PYTHON, JobRoot, run
from network import HELLO, OTHER_PROJECT, PROJECT, archive_of, has_run, large_archive, marked, ran, refused
from servers.aws import SESSION, S3, s3_error
from servers.cutter import Cutter
from servers.httpd import cut, once, wire
from servers.netns import Netns

MEGABYTE = 1 << 20


@pytest.fixture
def job(tmp_path):
    return marked(JobRoot(tmp_path))


@pytest.fixture
def s3(gateway):
    """The server that verifies; session credentials are in the environment that keys() makes."""
    with S3(gateway) as server:
        yield server
        assert server.refusals == []


@pytest.fixture
def app(gateway, bucket, tmp_path):
    """A published project."""
    return App(gateway, bucket, *archive_of(PROJECT, tmp_path))


class App:
    def __init__(self, gateway, bucket, content, digest):
        self.gateway, self.bucket, self.content, self.digest = gateway, bucket, content, digest
        self.version = gateway.put(bucket, "app.tar.gz", content)

    @property
    def env(self):
        return {"TRAIN_CODE": f"s3://{self.bucket}/app.tar.gz", "TRAIN_CODE_SHA256": self.digest}


def keys(server):
    return {**server.env(), "AWS_ACCESS_KEY_ID": SESSION.access_key, "AWS_SECRET_ACCESS_KEY": SESSION.secret_key,
            "AWS_SESSION_TOKEN": SESSION.token}


# ---- addresses ----

@pytest.mark.parametrize("key", [
    "plain.tar.gz", "with blank.tar.gz", "a+b=c&d.tar.gz", "ünïcode/雪.tar.gz", "up/../down.tar.gz", "./dot/.tar.gz", "two//slashes.tar.gz",
    "percent%20and%2Fmore.tar.gz", "query?versionId=no.tar.gz", "hash#mark.tar.gz", "quotes'\"()*!;:@$,~[].tar.gz", "%", "deep/" * 30 + "x"])
def test_any_key_is_asked_for_as_it_is(job, app, s3, key):
    """The signature holds, and on the wire stands the key byte by byte: nothing decoded, joined or left out."""
    app.gateway.put(app.bucket, key, app.content)
    ran(run(job=job, env={**keys(s3), **app.env, "TRAIN_CODE": f"s3://{app.bucket}/{key}"}))
    assert s3.requests[0].path == f"/{app.bucket}/{urllib.parse.quote(key, safe='/-_.~')}"


@pytest.mark.parametrize("name", ["S3_ENDPOINT_URL", "AWS_ENDPOINT_URL"])
def test_other_variables_that_name_the_endpoint(job, app, s3, name):
    env = keys(s3)
    env[name] = env.pop("AWS_ENDPOINT_URL_S3")
    ran(run(job=job, env={**env, **app.env}))
    assert len(s3.requests) == 1


@pytest.mark.parametrize("address, words", [
    ("s3://arn:aws:s3:us-east-1:123456789012:accesspoint/mine/app.tar.gz", "access point"),
    ("s3://mine--usw2-az1--x-s3/app.tar.gz", "S3 Express"), ("s3://bucket", "s3://bucket"), ("s3:///key", "s3:///key")])
def test_addresses_that_are_refused_by_name(job, s3, address, words):
    refused(run(job=job, env={**keys(s3), "TRAIN_CODE": address}), 78, "settings", words)
    assert s3.requests == []


@pytest.mark.parametrize("switch", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_a_custom_endpoint_does_not_go_with_fips_or_dual_stack(job, app, s3, switch):
    refused(run(job=job, env={**keys(s3), **app.env, switch: "true"}), 78, "settings", "AWS_ENDPOINT_URL_S3", switch)


def test_code_from_holds_for_s3(job, app, s3):
    env = {**keys(s3), **app.env}
    refused(run(job=job, env={**env, "TRAIN_CODE_FROM": f"s3://{app.bucket}/app s3://other"}), 78, "settings", "code-from", app.bucket)
    assert s3.requests == []
    ran(run(job=job, env={**env, "TRAIN_CODE_FROM": f"s3://other s3://{app.bucket}"}))


def test_code_in_s3_without_a_digest_runs_with_a_warning(job, app, s3):
    del (env := app.env)["TRAIN_CODE_SHA256"]
    result = ran(run(job=job, env={**keys(s3), **env}), "not pinned", app.digest)
    assert result.record["code"]["sha256"] == app.digest
    (job.folder / "mark").unlink()
    refused(run(job=job, env={**keys(s3), **env, "TRAIN_CODE_PIN": "required"}), 78, "settings", "pinned")


def test_the_first_request_has_no_range_and_asks_for_the_checksum(job, app, s3):
    ran(run(job=job, env={**keys(s3), **app.env}))
    headers = s3.requests[0].headers
    assert headers.get("range") is None and headers["x-amz-checksum-mode"] == "ENABLED"
    assert headers.get("x-amz-expected-bucket-owner") is None


def test_script_mode_gets_its_source_from_s3_as_the_sdk_publishes_it(job, gateway, bucket, tmp_path):
    """sourcedir.tar.gz, named by hyperparameters whose values are JSON; no digest, for the SDK gives none."""
    text = f"import os, pathlib, sys\nprint({HELLO!r})\nprint(sys.argv[1:])\npathlib.Path(os.environ['E2E_MARK']).touch()\n"
    content, digest = archive_of({"train.py": text}, tmp_path, "sourcedir.tar.gz")
    gateway.put(bucket, "job/source/sourcedir.tar.gz", content)
    address = f"s3://{bucket}/job/source/sourcedir.tar.gz"
    job.hyperparameters({"sagemaker_submit_directory": f'"{address}"', "sagemaker_program": '"train.py"', "epochs": "3"})
    result = ran(run(job=job, env={**gateway.env(), "TRAIN_PYTHON": PYTHON}), digest)
    assert "['--epochs', '3']" in result.out
    assert result.record["code"]["address"] == address


# ---- versions ----

def test_a_version_is_got_though_a_newer_one_is_there(job, app, gateway, tmp_path):
    content, other_digest = archive_of(OTHER_PROJECT, tmp_path, "other.tar.gz")
    newest = gateway.put(app.bucket, "app.tar.gz", content)
    result = ran(run(job=job, env={**gateway.env(), **app.env, "TRAIN_CODE_VERSION": app.version}))
    assert result.record["code"]["version"] == app.version
    (job.folder / "mark").unlink()
    result = refused(run(job=job, env={**gateway.env(), **app.env}), 65, "code-digest", app.digest, other_digest)
    assert result.record["code"]["version"] == newest


def test_a_version_that_does_not_exist(job, app, gateway):
    result = run(job=job, env={**gateway.env(), **app.env, "TRAIN_CODE_VERSION": "01ARZ3NDEKTSV4RRFFQ69G5FAV"})
    refused(result, 66, "code-not-found", f"s3://{app.bucket}/app.tar.gz", "NoSuchVersion")


def test_a_deleted_object_is_got_by_its_version_and_missing_without(job, app, gateway):
    marker = gateway.client().delete_object(Bucket=app.bucket, Key="app.tar.gz")["VersionId"]
    refused(run(job=job, env={**gateway.env(), **app.env}), 66, "code-not-found", "app.tar.gz")
    refused(run(job=job, env={**gateway.env(), **app.env, "TRAIN_CODE_VERSION": marker}), 66, "code-not-found", "delete marker")
    ran(run(job=job, env={**gateway.env(), **app.env, "TRAIN_CODE_VERSION": app.version}))


def test_a_version_is_escaped_in_the_query(job, app, s3):
    s3.script = [wire("s3/error-404-nosuchkey")]
    run(job=job, env={**keys(s3), **app.env, "TRAIN_CODE_VERSION": "3/L4kq+tJl 40&x=Nr8"}).check(66, "code-not-found")
    assert s3.requests[0].target.endswith("?versionId=3%2FL4kq%2BtJl%2040%26x%3DNr8")


# ---- refusals ----

def test_a_wrong_secret_key(job, app, gateway):
    result = run(job=job, env={**gateway.env(), **app.env, "AWS_SECRET_ACCESS_KEY": "wrong-secret-of-the-tests"})
    refused(result, 77, "credentials", app.bucket, "SignatureDoesNotMatch")
    assert "wrong-secret-of-the-tests" not in result.everything


def test_an_access_key_that_nobody_has(job, app, gateway):
    with S3(gateway) as s3:
        result = run(job=job, env={**keys(s3), **app.env, "AWS_ACCESS_KEY_ID": "AKIANOBODYKNOWSIT000"})
        refused(result, 77, "credentials", app.bucket, "InvalidAccessKeyId")
        assert "AKIANOBODYKNOWSIT000" not in result.everything


def test_a_session_token_that_is_wrong(job, app, gateway):
    """versitygw knows of no session tokens and says so."""
    refused(run(job=job, env={**gateway.env(), **app.env, "AWS_SESSION_TOKEN": "none-such"}), 77, "credentials", "InvalidToken")


def test_a_missing_key(job, app, gateway):
    result = run(job=job, env={**gateway.env(), **app.env, "TRAIN_CODE": f"s3://{app.bucket}/absent.tar.gz"})
    refused(result, 66, "code-not-found", f"s3://{app.bucket}/absent.tar.gz", "NoSuchKey")


def test_a_missing_bucket(job, app, gateway):
    result = run(job=job, env={**gateway.env(), **app.env, "TRAIN_CODE": "s3://nobody-made-this/app.tar.gz"})
    refused(result, 66, "code-not-found", "s3://nobody-made-this/app.tar.gz", "NoSuchBucket")


@pytest.mark.parametrize("version, action", [(False, "s3:GetObject,"), (True, "s3:GetObjectVersion,")])
@pytest.mark.parametrize("reply", ["s3/error-403-accessdenied", "s3/error-403-accessdenied-detailed"])
def test_a_denial_names_what_may_be_missing(job, app, s3, version, action, reply):
    s3.script = [wire(reply)]
    result = run(job=job, env={**keys(s3), **app.env, **({"TRAIN_CODE_VERSION": app.version} if version else {})})
    refused(result, 77, "code-denied", "AccessDenied", action, "kms:Decrypt", "does not exist")
    assert "TRAIN_CODE_OWNER" not in result.failure
    assert len(s3.requests) == 1


def test_a_clock_that_is_wrong_is_named(job, app, s3):
    s3.script = [wire("s3/error-403-requesttimetooskewed")]
    refused(run(job=job, env={**keys(s3), **app.env}), 77, "code-denied", "clock")


# ---- regions ----

@pytest.mark.parametrize("reply", [None, "s3/error-301-permanentredirect-region-header", "s3/error-307-temporaryredirect",
                                   "s3/error-301-permanentredirect-region-and-location"])
def test_a_wrong_region_is_followed_once_and_signed_anew(job, app, gateway, reply):
    with S3(gateway, region="eu-central-1") as s3:
        s3.script = [wire(reply)] if reply else []
        ran(run(job=job, env={**keys(s3), **app.env}))
        assert len(s3.requests) == 2
        assert [f"/{region}/s3/" in request.headers["authorization"] for region, request in
                zip(["us-east-1", "eu-central-1"], s3.requests)] == [True, True]


def test_a_region_that_stays_wrong_is_named(job, app, s3):
    s3.script = [wire("s3/error-301-permanentredirect-region-header")] * 3
    refused(run(job=job, env={**keys(s3), **app.env}), 77, "code-denied", "AWS_REGION", "eu-central-1")
    assert len(s3.requests) == 2


def test_a_redirect_without_a_region_is_no_way(job, app, s3):
    s3.script = [wire("s3/error-301-permanentredirect-bare")] * 3
    refused(run(job=job, env={**keys(s3), **app.env}), 77, "code-denied", "AWS_REGION", "PermanentRedirect")


def test_the_region_of_the_jobs_arn_is_used_where_none_is_set(job, app, gateway):
    job.arn = "arn:aws:sagemaker:eu-west-3:123456789012:training-job/churn"
    with S3(gateway, region="eu-west-3") as s3:
        ran(run(job=job, env={**keys(s3), **app.env, "AWS_REGION": None}))
        assert len(s3.requests) == 1


# ---- retries ----

@pytest.mark.parametrize("reply", ["s3/error-503-slowdown", "s3/error-500-internalerror", "s3/error-503-not-xml", "s3/error-200-slowdown-in-body"])
def test_what_passes_is_tried_again(job, app, s3, reply):
    s3.script = [wire(reply)]
    ran(run(job=job, env={**keys(s3), **app.env}))
    assert len(s3.requests) == 2


def test_waiting_for_the_first_byte_is_fetching(job, app, s3):
    """The server's wish of a second is obeyed, so the phase is slow enough for its line."""
    s3.script = [s3_error(503, "SlowDown", headers={"Retry-After": "1"})]
    result = ran(run(job=job, env={**keys(s3), **app.env}), "fetch took")
    seconds = {row["name"]: row["value"] for row in result.metrics}
    assert seconds["agent:fetch_seconds"] > seconds["agent:unpack_seconds"]


def test_a_connection_that_is_closed_without_an_answer_is_tried_again(job, app, gateway):
    with Cutter(gateway.port, [0]) as proxy:
        ran(run(job=job, env={**gateway.env(), **app.env, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{proxy.port}"}))
        assert proxy.connections == 2


def test_what_does_not_pass_ends_as_unavailable(job, app, s3):
    """A wait that would pass the end of fetch-timeout is not begun."""
    s3.script = [s3_error(503, "SlowDown", "Please reduce your request rate."),
                 s3_error(503, "SlowDown", "Please reduce your request rate.", {"Retry-After": "20"})]
    result = run(job=job, env={**keys(s3), **app.env, "TRAIN_FETCH_TIMEOUT": "15"})
    refused(result, 69, "fetch-failed", "SlowDown", "Please reduce your request rate.", app.bucket, "after 2 attempts")
    assert len(s3.requests) == 2


# ---- bodies ----

@pytest.fixture
def large(gateway, bucket):
    """A project of eight megabytes, so that a cut shows in the middle."""
    content = large_archive(8 * MEGABYTE)
    return App(gateway, bucket, content, hashlib.sha256(content).hexdigest())


def test_a_cut_body_is_resumed_where_it_ended(job, large, s3):
    s3.script = [cut(3 * MEGABYTE)]
    result = ran(run(job=job, env={**keys(s3), **large.env}))
    assert result.record["code"]["size"] == len(large.content)
    etag = result.record["code"]["etag"]
    assert s3.requests[0].headers.get("range") is None
    assert {request.headers.get("if-match") for request in s3.requests[1:]} == {etag}
    begins = [int(request.headers.get("range").removeprefix("bytes=").partition("-")[0]) for request in s3.requests[1:]]
    assert 3 * MEGABYTE in begins
    assert all(request.headers.get("x-amz-checksum-mode") is None for request in s3.requests[1:])


def test_a_cut_body_of_a_version_is_resumed_in_that_version(job, large, s3):
    large.gateway.put(large.bucket, "app.tar.gz", b"newer")
    s3.script = [cut(MEGABYTE)]
    ran(run(job=job, env={**keys(s3), **large.env, "TRAIN_CODE_VERSION": large.version}))
    assert {request.target.partition("?")[2] for request in s3.requests} == {f"versionId={large.version}"}


def is_whole(request):
    return request.range is None


def replace_and_cut(large, content, otherwise=None):
    """A rule: the next request for the whole is cut, and what is behind the cut is then of another object; all others by 'otherwise'."""
    def change(request, reply):
        large.gateway.put(large.bucket, "app.tar.gz", content)
        return cut(MEGABYTE)(request, reply)
    return once(is_whole, change, otherwise)


def test_an_object_that_changed_while_it_was_read_is_fetched_anew(job, large, s3):
    """The cut one, the attempt to go on, then the new one from its beginning; here only its digest is wrong."""
    s3.rule = replace_and_cut(large, bytes(reversed(large.content)))
    result = refused(run(job=job, env={**keys(s3), **large.env}), 65, "code-digest", large.digest)
    assert "replaced" in result.err and "beginning anew" in result.err
    assert is_whole(s3.requests[0]) and not is_whole(s3.requests[1])
    assert len([request for request in s3.requests if is_whole(request)]) == 2


def test_an_object_that_was_replaced_by_itself_runs(job, large, s3):
    """New bytes in the same place, and good ones: whoever publishes while jobs start loses none of them."""
    s3.rule = replace_and_cut(large, large.content + bytes(10240))  # more zeros behind a tar are no other code
    del (env := large.env)["TRAIN_CODE_SHA256"]
    result = ran(run(job=job, env={**keys(s3), **env}))
    assert "beginning anew" in result.err


def test_an_object_that_keeps_changing_is_no_code(job, large, s3):
    s3.rule = replace_and_cut(large, large.content + b"1", replace_and_cut(large, large.content + b"2"))
    refused(run(job=job, env={**keys(s3), **large.env}), 69, "fetch-failed", "replaced")
    assert len([request for request in s3.requests if is_whole(request)]) == 2


def test_a_cut_body_without_a_strong_etag_is_not_resumed(job, large, s3):
    def weaken(request, reply):
        reply.headers = {name: value for name, value in reply.headers.items() if name.lower() != "etag"} | {"ETag": 'W/"1"'}
        return cut(MEGABYTE)(request, reply)
    s3.script = [weaken] * 5
    refused(run(job=job, env={**keys(s3), **large.env}), 69, "fetch-failed", large.bucket)
    assert len(s3.requests) == 1


def test_a_server_that_answers_a_part_with_the_whole_is_not_believed(job, large, s3):
    def all_of_it(request, reply):
        reply.status, reply.body = 200, large.content
        reply.headers = {name: value for name, value in reply.headers.items() if name.lower() != "content-range"}
        return reply
    s3.rule = once(is_whole, cut(MEGABYTE), all_of_it)
    refused(run(job=job, env={**keys(s3), **large.env}), 69, "fetch-failed", "does not send parts")


def test_a_reply_that_says_no_length_is_no_code(job, app, s3):
    """Its end would look like a cut and a cut like its end."""
    def without_length(request, reply):
        reply.no_length = True
        return reply
    s3.script = [without_length] * 5
    refused(run(job=job, env={**keys(s3), **app.env}), 69, "fetch-failed", "length")


# ---- checksums ----

def checksum(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def test_s3s_own_sha256_is_compared(job, gateway, bucket, app, s3):
    gateway.client().put_object(Bucket=bucket, Key="app.tar.gz", Body=app.content, ChecksumAlgorithm="SHA256")
    del (env := app.env)["TRAIN_CODE_SHA256"]
    seen = []

    def look(request, reply):
        seen.append({name.lower(): value for name, value in reply.headers.items()})
        return reply
    s3.script = [look]
    ran(run(job=job, env={**keys(s3), **env}))
    assert seen[0]["x-amz-checksum-sha256"] == checksum(app.content)


def test_bytes_that_are_not_those_s3_has_kept_the_sha256_of_run_nothing(job, app, s3, tmp_path):
    """A good archive that is not the stored one: only the checksum tells."""
    other, other_digest = archive_of(OTHER_PROJECT, tmp_path, "other.tar.gz")

    def swap(request, reply):
        reply.headers |= {"x-amz-checksum-sha256": checksum(app.content), "x-amz-checksum-type": "FULL_OBJECT"}
        reply.body = other
        return reply
    s3.script = [swap]
    del (env := app.env)["TRAIN_CODE_SHA256"]
    refused(run(job=job, env={**keys(s3), **env}), 65, "code-archive", app.digest, other_digest)


def test_a_checksum_of_parts_is_none_of_the_whole(job, app, s3):
    def composite(request, reply):
        reply.headers |= {"x-amz-checksum-sha256": checksum(b"of the parts' sums") + "-3", "x-amz-checksum-type": "COMPOSITE"}
        return reply
    s3.script = [composite]
    ran(run(job=job, env={**keys(s3), **app.env}))


# ---- plain http ----

def test_a_plain_http_endpoint_elsewhere_needs_a_digest_or_a_word(job, app, tmp_path):
    names = {"s3.example": "203.0.113.7"}
    with Netns(tmp_path, names.values(), names) as netns, S3(app.gateway, listener=netns.listen("203.0.113.7", 80)) as s3:
        env = {**keys(s3), "AWS_ENDPOINT_URL_S3": "http://s3.example", "TRAIN_CODE": app.env["TRAIN_CODE"]}
        refused(run(job=job, env=env, before=netns.inside()), 78, "settings", "s3.example", "TRAIN_CODE_INSECURE")
        assert s3.requests == [] and not has_run(job)
        ran(run(job=job, env={**env, "TRAIN_CODE_INSECURE": "1"}, before=netns.inside()))
        (job.folder / "mark").unlink()
        ran(run(job=job, env={**env, "TRAIN_CODE_SHA256": app.digest}, before=netns.inside()))
