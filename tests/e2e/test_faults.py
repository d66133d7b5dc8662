"""What servers and networks do wrong (product §5, C§9): each fault has its exit code, its reason and its words, asks no more often than it
may, and leaves nothing behind. The agent ends with 70 when a buffer was not given back, so every job here checks that, too.

What S3 answers by itself (regions, refusals, versions) is in test_s3.py, stops and deadlines of one connection in test_interrupted.py.
"""
import contextlib
import gzip
import hashlib
import random
import signal

import pytest

from jobs import EPOCH, JobRoot, make_tar, project, run, sha256, shell, start, wait_until
from network import HELLO, PROJECT, archive_of, marked, ran, refused
from servers.aws import OTHER, SESSION, Container, s3_error
from servers.faults import SUMS, Bucket, stored_sum
from servers.httpd import Httpd, Reply, cut, once, pace, stall

MEGABYTE = 1 << 20
SLOT = 2 * MEGABYTE  # agent/net/parts.h: several connections ask for so much, or a few times that, at once
KEY = "app.tar.gz"


@pytest.fixture
def job(tmp_path):
    return marked(JobRoot(tmp_path))


@pytest.fixture
def bucket():
    with Bucket() as server:
        yield server


@pytest.fixture
def small(bucket, tmp_path):
    """The bucket with a project of three pages in it, that is fetched by one request; 'content' and 'digest' of it."""
    bucket.content, bucket.digest = archive_of({**PROJECT, "ballast": random.Random(1).randbytes(200_000)}, tmp_path)
    bucket.put(KEY, bucket.content)
    return bucket


def without(headers, name):
    return {key: value for key, value in headers.items() if key.lower() != name}


def is_range(request):
    return request.range is not None


def ranges(server):
    return [request.range for request in server.requests if request.range is not None]


def changed(**headers):
    """For a rule: the right reply with other headers; None takes one away."""
    def step(request, reply):
        for name, value in headers.items():
            name = name.replace("_", "-")
            reply.headers = without(reply.headers, name) | ({name: value} if value is not None else {})
        return reply
    return step


def also(*steps):
    """For a rule: one after the other."""
    def step(request, reply):
        for each in steps:
            reply = each(request, reply)
        return reply
    return step


# ---- cuts ----

@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_is_resumed_at_the_byte_on_a_new_one(job, small, reset):
    def step(request, reply):
        reply.reset = reset
        return cut(150_000)(request, reply)
    small.script = [step]
    ran(run(job=job, env={**small.env(KEY), "TRAIN_CODE_SHA256": small.digest}))
    first, second = small.requests
    assert second.peer != first.peer and second.headers["if-match"] == small.objects[KEY][1]["ETag"]
    begin, end = second.range
    assert end is None
    assert begin <= 150_000 if reset else begin == 150_000  # a reset eats what was not read yet


def test_a_body_that_is_cut_again_and_again_is_resumed_as_long_as_bytes_come(job, small):
    """Ten cuts: attempts are counted since the last progress."""
    small.rule = once(lambda request: True, cut(20_000), times=10)
    ran(run(job=job, env={**small.env(KEY), "TRAIN_CODE_SHA256": small.digest}))
    assert [each[0] for each in ranges(small)] == [20_000 * n for n in range(1, 11)]


def test_a_length_that_is_too_small_gives_no_code(job, small):
    """HTTP is content with it; the archive is not, nor is what S3 keeps of the object."""
    def shorter(request, reply):
        reply.length = len(reply.body) - 100
        return reply
    small.rule = shorter
    refused(run(job=job, env=small.env(KEY)), 65, "code-archive", KEY)
    refused(run(job=job, env={**small.env(KEY), "TRAIN_CODE_SHA256": small.digest}), 65, "code-digest", small.digest)
    assert len(small.requests) == 2


def test_a_length_that_is_too_large_gives_no_code(job, small):
    """The reply ends too early by its own count, and when asked for the rest the server counts otherwise."""
    def longer(request, reply):
        reply.length = len(reply.body) + 1000
        return reply
    small.rule = once(lambda request: True, longer)
    refused(run(job=job, env=small.env(KEY)), 69, "fetch-failed", KEY)
    assert len(small.requests) == 2


@pytest.mark.parametrize("lie", ["bytes {first}-{last}/{more}", "bytes {later}-{last}/{size}", "bytes {first}-{before}/{size}",
                                 "bytes {first}-{last}/*", "bytes */{size}", "octets", None])
def test_a_wrong_content_range_is_not_believed(job, small, lie):
    size = len(small.content)
    facts = {"first": 1000, "later": 1001, "last": size - 1, "before": size - 2, "size": size, "more": size + 1}
    small.script = [cut(1000), changed(content_range=lie.format(**facts) if lie is not None else None)]
    refused(run(job=job, env=small.env(KEY)), 69, "fetch-failed", KEY, "another part", "1000")
    assert len(small.requests) == 2


def test_a_416_for_the_rest_is_the_end_of_it(job, small):
    small.script = [cut(1000), s3_error(416, "InvalidRange", "The requested range is not satisfiable")]
    refused(run(job=job, env=small.env(KEY)), 69, "fetch-failed", KEY, "1000")
    assert len(small.requests) == 2


def test_an_empty_object_is_asked_for_once(job, bucket):
    """A range of it would be answered with 416."""
    bucket.put("empty.tar", b"")
    refused(run(job=job, env=bucket.env("empty.tar")), 65, "code-archive", "empty")
    assert ranges(bucket) == [] and len(bucket.requests) == 1


# ---- refusals and storms ----

def test_retry_after_is_obeyed(job, small):
    small.script = [s3_error(429, "TooManyRequests", headers={"Retry-After": "2"}), s3_error(503, "SlowDown", headers={"x-amz-retry-after": "1500"})]
    ran(run(job=job, env=small.env(KEY)))
    first, second, third = small.requests
    assert second.at - first.at >= 2 and third.at - second.at >= 1.5


def test_a_precondition_that_nobody_asked_for_is_a_refusal(job, small):
    small.rule = lambda request, reply: s3_error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
    refused(run(job=job, env=small.env(KEY)), 77, "code-denied", "412", "PreconditionFailed")
    assert len(small.requests) == 1


def test_a_301_without_location_is_followed_by_its_region(job, small):
    small.region = "eu-central-1"
    ran(run(job=job, env={**small.env(KEY), "AWS_REGION": "us-east-1"}))
    assert len(small.requests) == 2


@pytest.mark.long
def test_what_never_gets_better_is_given_up_after_five_attempts(tmp_path):
    """Several jobs at once, since they mostly wait."""
    content, _ = archive_of({**PROJECT, "ballast": random.Random(1).randbytes(200_000)}, tmp_path)
    storms = {
        "storm": (lambda request, reply: s3_error(503, "SlowDown", "Please reduce your request rate."), ["SlowDown", "reduce your request rate"], 5),
        "throttle": (lambda request, reply: Reply(429, b"<html>too many</html>"), ["429"], 5),
        "lines": (lambda request, reply: Reply(200, endless=b"X-Filler: " + b"x" * 990 + b"\r\n"), ["65536 bytes of headers"], 5),
        "line": (lambda request, reply: Reply(200, endless=b"x" * 1000), ["headers"], 5),
        "interim": (lambda request, reply: Reply(100, endless=b"\r\nHTTP/1.1 100 Continue\r\n"), ["headers"], 5),
        "dead": (once(lambda request: True, cut(1000), lambda request, reply: s3_error(500, "InternalError", "We encountered an internal error.")),
                 ["InternalError"], 5),
    }
    with contextlib.ExitStack() as stack:
        running = []
        for name, (rule, words, most) in storms.items():
            server = stack.enter_context(Bucket())
            server.put(KEY, content)
            server.rule = rule
            job = marked(JobRoot(tmp_path / name))
            running.append((server, words, most, stack.enter_context(start(job=job, env=server.env(KEY)))))
        for server, words, most, agent in running:
            refused(agent.finish(), 69, "fetch-failed", *words, "after 5 attempts")
            assert len(server.requests) == most


@pytest.mark.long
def test_a_connection_that_is_too_slow_for_15_seconds_is_replaced(tmp_path):
    """Silent in the middle, a byte now and then in the body, and in the head: at once, since all wait. With twice the 15 s none would be done."""
    content, digest = archive_of({**PROJECT, "ballast": random.Random(1).randbytes(200_000)}, tmp_path)

    def drip(request, reply):
        reply.pace = (1, 0.5)
        return reply
    faults = {"silent": once(lambda request: True, stall(100_000)),
              "drip": once(lambda request: True, drip),
              "answer": once(lambda request: True, lambda request, reply: Reply(200, endless=b"X: y\r\n", pace=(1, 0.5)))}
    with contextlib.ExitStack() as stack:
        running = []
        for name, rule in faults.items():
            server = stack.enter_context(Bucket())
            server.put(KEY, content)
            server.rule = rule
            job = marked(JobRoot(tmp_path / name))
            env = {**server.env(KEY), "TRAIN_CODE_SHA256": digest, "TRAIN_FETCH_TIMEOUT": "29"}
            running.append((name, server, stack.enter_context(start(job=job, env=env))))
        for name, server, agent in running:
            ran(agent.finish())
            first, second = server.requests
            assert second.peer != first.peer and second.at - first.at > 14, name
            if name == "answer":
                assert second.range is None
            else:
                assert second.range[0] == 100_000 if name == "silent" else 0 < second.range[0] < 100


# ---- what S3 says of the bytes ----

@pytest.mark.parametrize("kind", SUMS)
def test_s3s_own_checksum_is_compared(job, bucket, tmp_path, kind):
    content, _ = archive_of(PROJECT, tmp_path)
    bucket.put(KEY, content, stored_sum(kind, content))
    ran(run(job=job, env=bucket.env(KEY)))
    (job.folder / "mark").unlink()
    bucket.put(KEY, content, stored_sum(kind, content + b"."))
    result = refused(run(job=job, env=bucket.env(KEY)), 65, "code-archive", KEY, "S3 keeps")
    assert kind in result.failure.lower()


@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.parametrize("suffix, type_", [("-3", "COMPOSITE"), ("-3", None), ("", "COMPOSITE")])
def test_a_checksum_of_sums_is_not_compared(job, bucket, tmp_path, kind, suffix, type_):
    content, _ = archive_of(PROJECT, tmp_path)
    headers = stored_sum(kind, b"the sums of the parts", suffix)
    bucket.put(KEY, content, without(headers, "x-amz-checksum-type") | ({"x-amz-checksum-type": type_} if type_ is not None else {}))
    ran(run(job=job, env=bucket.env(KEY)))


@pytest.mark.parametrize("kind", SUMS)
def test_a_checksum_holds_also_for_a_body_that_was_cut(job, bucket, tmp_path, kind):
    """It is of the whole, whatever a part's reply says."""
    content, _ = archive_of(PROJECT, tmp_path)
    lie = {f"x-amz-checksum-{kind}": stored_sum(kind, b"a part")[f"x-amz-checksum-{kind}"]}
    for stored, right in ((content, True), (content + b".", False)):
        bucket.put(KEY, content, stored_sum(kind, stored))
        bucket.script = [cut(100), changed(**lie)]
        result = run(job=job, env=bucket.env(KEY))
        if right:
            ran(result)
            (job.folder / "mark").unlink()
        else:
            refused(result, 65, "code-archive", "S3 keeps")


def test_bytes_come_as_they_are_stored_whatever_their_encoding(job, small):
    """Nothing is decoded on the way: the digest is of the stored bytes."""
    small.rule = changed(content_encoding="gzip")
    result = ran(run(job=job, env={**small.env(KEY), "TRAIN_CODE_SHA256": small.digest}))
    assert result.record["code"]["kind"] == "tar.gz"
    assert all(request.headers.get("accept-encoding") is None for request in small.requests)


# ---- gzip over the network ----

def members(content, count):
    size = len(content) // count + 1
    return b"".join(gzip.compress(content[at:at + size], 6, mtime=EPOCH) for at in range(0, len(content), size))


def test_gzip_members_behind_each_other_are_one_archive(job, bucket, tmp_path):
    tar, _ = archive_of({**PROJECT, "ballast": random.Random(1).randbytes(200_000)}, tmp_path, "code.tar")
    bucket.put(KEY, members(tar, 7))
    bucket.script = [cut(100_000)]
    ran(run(job=job, env=bucket.env(KEY)))


@pytest.mark.parametrize("tail", [b"x", b"garbage behind the archive", gzip.compress(b"x", mtime=EPOCH)[:12]], ids=["byte", "text", "half a member"])
def test_what_stands_behind_a_gzip_archive_is_refused(job, bucket, tmp_path, tail):
    content, _ = archive_of(PROJECT, tmp_path)
    bucket.put(KEY, content + tail)
    refused(run(job=job, env=bucket.env(KEY)), 65, "code-archive", KEY)


# ---- an address that was signed for minutes ----

class Signing(Httpd):
    """/code.tar.gz redirects to an address with a fresh signature; only the newest one is good, and each for 'uses' requests."""

    def __init__(self, content, uses=1):
        super().__init__()
        self.content, self.uses, self.signatures, self.used = content, uses, 0, {}

    def answer(self, request):
        path, _, query = request.target.partition("?")
        if path == "/code.tar.gz":
            self.signatures += 1
            return Reply(302, b"", {"Location": f"{self.url}/stored?X-Amz-Expires=1&X-Amz-Signature=secret-{self.signatures}"})
        signature = query.rpartition("=")[2]
        self.used[signature] = self.used.get(signature, 0) + 1
        if self.used[signature] > self.uses:
            return s3_error(403, "AccessDenied", "Request has expired")
        first, last = request.range or (0, None)
        last = last if last is not None else len(self.content) - 1
        reply = Reply(206 if request.range else 200, self.content[first:last + 1], {"ETag": '"1"'})
        if request.range:
            reply.headers["Content-Range"] = f"bytes {first}-{last}/{len(self.content)}"
        return reply

    def env(self, digest):
        return {"TRAIN_CODE": f"{self.url}/code.tar.gz", "TRAIN_CODE_SHA256": digest}


def test_a_redirect_to_an_address_that_expires_half_way_is_walked_anew(job, small):
    with Signing(small.content) as web:
        web.script = [None, cut(100_000), None, cut(50_000)]
        result = ran(run(job=job, env=web.env(small.digest)))
        assert (web.signatures, web.used) == (3, {"secret-1": 1, "secret-2": 1, "secret-3": 1})
        assert ranges(web)[-1][0] == 150_000
        assert "secret-" not in result.everything


def test_an_address_that_has_expired_for_good_is_denied(job, small):
    with Signing(small.content) as web:
        expired = s3_error(403, "AccessDenied", "Request has expired")
        web.script = [None, cut(100_000), None, expired]
        result = refused(run(job=job, env=web.env(small.digest)), 77, "code-denied", "403", "/stored")
        assert "secret-" not in result.everything
        assert len(web.requests) == 4


# ---- several connections ----

@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """(content, SHA-256, content of a newer version) of a project of twelve slots that tells how many threads its agent has."""
    files = {**project(command=shell('cat text; grep Threads: /proc/$PPID/status; : >"$E2E_MARK"')), "text": HELLO + "\n"}
    made = [make_tar(tmp_path_factory.mktemp("big") / "big.tar", {**files, "ballast": random.Random(seed).randbytes(12 * SLOT - 100_000)})
            for seed in (1, 2)]
    return made[0].read_bytes(), sha256(made[0]), made[1].read_bytes()


@pytest.fixture
def slow(bucket, big):
    """The bucket, as slow as a network where several connections pay."""
    bucket.content, bucket.digest, bucket.newer = big
    bucket.put(KEY, bucket.content)
    bucket.rule = pace()
    return bucket


def env_of(slow, **more):
    return {**slow.env(KEY), "TRAIN_CODE_SHA256": slow.digest, **more}


def ran_alone(result, *words):
    """It ran, and of the threads that brought it none was left."""
    ran(result, *words)
    assert "Threads:\t1" in result.out.splitlines()
    return result


def test_a_slow_server_is_asked_over_several_connections_for_one_object(job, slow):
    """All ranges under one strong ETag, and what their replies say of checksums is not believed."""
    slow.put(KEY, slow.content, stored_sum("crc32", slow.content))
    slow.rule = once(is_range, also(pace(), changed(**stored_sum("crc32", b"of a part"))), pace(), times=1000)
    ran_alone(run(job=job, env=env_of(slow)))
    first, *others = slow.requests
    assert first.range is None and others and slow.most_open > 2
    assert {request.headers.get("if-match") for request in others} == {slow.objects[KEY][1]["ETag"]}
    assert {request.headers.get("x-amz-checksum-mode") for request in others} == {None}
    assert all(begin % SLOT == 0 and ((end + 1) % SLOT == 0 or end == len(slow.content) - 1) for begin, end in ranges(slow))
    assert len(slow.requests) <= 1 + 12


@pytest.mark.parametrize("mebibytes, most", [(12, 2), (16, 3), (20, 4)])
def test_several_connections_get_by_with_little_memory(job, slow, mebibytes, most):
    """As many as there are slots, and a cut in one of the ranges."""
    slow.rule = once(is_range, also(pace(), cut(700_000)), pace())
    result = ran_alone(run(job=job, env=env_of(slow, TRAIN_FETCH_MEMORY=mebibytes)))
    fetch = result.record["code"]["fetch"]
    assert ranges(slow) and 1 < fetch["connections"] <= most
    memory = fetch["buffers"]
    assert memory["peak_bytes"] <= memory["max_bytes"] == mebibytes * MEGABYTE


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_one_connection_and_a_window_get_by_with_the_least_memory(job, bucket, tmp_path, kind):
    """zstd takes a window of 2 MiB, the most that a quarter of it allows; the body is cut on its way."""
    made = make_tar(tmp_path / f"big.tar.{kind}", {**PROJECT, "ballast": random.Random(1).randbytes(8 * MEGABYTE)})
    bucket.put(KEY, made.read_bytes())
    bucket.rule = once(lambda request: True, also(pace(), cut(5 * MEGABYTE)), pace())
    result = ran(run(job=job, env={**bucket.env(KEY), "TRAIN_FETCH_MEMORY": 8}))
    assert result.record["code"]["fetch"]["buffers"]["peak_bytes"] < 8 * MEGABYTE
    assert len(bucket.requests) == 2


@pytest.mark.parametrize("kind", ["crc64nvme", "sha256"])
def test_a_checksum_is_of_all_that_came_over_several_connections(job, slow, kind):
    """The wrong one shows only behind the last byte. (Of the others the small ones are enough, and quicker to make here.)"""
    if kind == "sha256":
        slow.put(KEY, slow.content, stored_sum(kind, slow.content))
        ran_alone(run(job=job, env=slow.env(KEY)))
        (job.folder / "mark").unlink()
    slow.put(KEY, slow.content, stored_sum(kind, b"other bytes"))
    refused(run(job=job, env=slow.env(KEY)), 65, "code-archive", "S3 keeps")
    assert len(ranges(slow)) > 2


def test_a_cut_in_a_range_is_resumed_at_its_byte(job, slow):
    slow.rule = once(is_range, also(pace(), cut(700_000)), pace(), times=4)
    ran_alone(run(job=job, env=env_of(slow)))
    begins = [begin for begin, _ in ranges(slow)]
    assert [begin + 700_000 in begins for begin in begins[:2]] == [True, True]


def test_gzip_members_come_whole_over_several_connections(job, slow, big):
    slow.put(KEY, members(big[0], 7))
    slow.rule = once(is_range, also(pace(), cut(700_000)), pace())
    ran_alone(run(job=job, env=slow.env(KEY)))
    assert len(ranges(slow)) > 2


def test_busy_replies_to_ranges_are_asked_again(job, slow):
    slow.rule = once(lambda request: is_range(request) and len(ranges(slow)) > 3, s3_error(503, "SlowDown", "Please reduce your request rate."), pace(), times=3)
    ran_alone(run(job=job, env=env_of(slow)))
    assert len(ranges(slow)) > len(set(ranges(slow)))


@pytest.mark.long
def test_busy_replies_without_end_are_given_up_by_all_connections(job, slow):
    storm = s3_error(503, "SlowDown", "Please reduce your request rate.")
    slow.rule = once(lambda request: is_range(request) and len(ranges(slow)) > 3, storm, pace(), times=1000)
    refused(run(job=job, env=env_of(slow)), 69, "fetch-failed", KEY, "SlowDown", "after 5 attempts")
    assert len(slow.requests) <= 1 + 3 + 8 * 5


def test_an_object_that_is_replaced_between_ranges_is_fetched_anew(job, slow):
    def replace(request, reply):
        slow.put(KEY, slow.newer)
        return slow.answer(request)
    slow.rule = once(lambda request: is_range(request) and len(ranges(slow)) > 3, replace, pace())
    result = ran_alone(run(job=job, env=slow.env(KEY)))
    assert "replaced" in result.err and "beginning anew" in result.err
    assert result.record["code"]["sha256"] == hashlib.sha256(slow.newer).hexdigest()
    assert [request.range for request in slow.requests].count(None) == 2


def test_an_object_that_is_replaced_all_the_time_is_no_code(job, slow):
    """Once in each round, when several connections are at it."""
    rounds = set()

    def is_time(request):
        asked = [each.range for each in slow.requests]
        this_round = asked.count(None)
        if asked[::-1].index(None) <= 3 or this_round in rounds:
            return False
        rounds.add(this_round)
        return True

    def replace(request, reply):
        slow.put(KEY, slow.content + bytes(512 * len(rounds)))
        return slow.answer(request)
    slow.rule = once(is_time, replace, pace(), times=2)
    refused(run(job=job, env=slow.env(KEY)), 69, "fetch-failed", KEY, "replaced")
    assert [request.range for request in slow.requests].count(None) == 2


def ignore_range(slow):
    return lambda request, reply: Reply(200, slow.content, slow.objects[KEY][1], pace=(65536, 0.004))


@pytest.mark.parametrize("trial", ["whole", "content-range", "412", "403"])
def test_a_server_that_knows_no_ranges_is_read_over_its_one_connection(job, slow, trial):
    step = {"whole": ignore_range(slow), "content-range": changed(content_range="bytes 0-1/2"),
            "412": lambda request, reply: s3_error(412, "PreconditionFailed"), "403": lambda request, reply: s3_error(403, "AccessDenied")}[trial]
    slow.rule = once(is_range, step, pace(), times=1000)
    ran_alone(run(job=job, env=env_of(slow)))
    assert len(ranges(slow)) == 1 and len(slow.requests) == 2


@pytest.mark.parametrize("trial", ["silent", "busy"])
def test_the_one_connection_never_waits_for_a_range_that_does_not_come(job, slow, trial):
    """A silent connection is dead after 15 s only: fetch-timeout would end the job first."""
    step = stall() if trial == "silent" else s3_error(503, "SlowDown", headers={"Retry-After": "13"})
    slow.rule = once(is_range, step, pace(), times=1000)
    ran_alone(run(job=job, env=env_of(slow, TRAIN_FETCH_TIMEOUT="14")))
    assert len(slow.requests) == 2


@pytest.mark.parametrize("late", ["whole", "content-range"])
def test_a_server_that_forgets_about_ranges_gives_no_code(job, slow, late):
    step = ignore_range(slow) if late == "whole" else changed(content_range="bytes 0-1/2")
    slow.rule = once(lambda request: is_range(request) and len(ranges(slow)) > 3, step, pace(), times=1000)
    refused(run(job=job, env=env_of(slow)), 69, "fetch-failed", KEY, "does not send parts" if late == "whole" else "another part")


def test_a_weak_etag_leaves_it_at_one_connection(job, slow):
    slow.rule = also(changed(etag='W/"1"'), pace())
    ran_alone(run(job=job, env=env_of(slow)))
    assert len(slow.requests) == 1


def test_credentials_that_expire_between_ranges_are_renewed_once(job, slow):
    """However many connections are told so: the container is asked for the first ones and for the new ones."""
    slow.keys[OTHER.access_key] = OTHER

    def expire(request, reply):
        slow.expired.add(SESSION.access_key)
        container.keys = OTHER
        return slow.answer(request)
    with Container() as container:
        slow.rule = once(lambda request: is_range(request) and len(ranges(slow)) > 3, expire, pace())
        env = {**slow.env(KEY, None), "TRAIN_CODE_SHA256": slow.digest, "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + container.path}
        ran_alone(run(job=job, env=env))
        assert len(container.requests) == 2
    assert slow.mistakes == []


def test_an_archive_that_is_refused_early_ends_all_connections(job, bucket):
    """Nobody waits for the rest of what is no code."""
    content = gzip.compress(random.Random(3).randbytes(12 * SLOT), 1, mtime=EPOCH)
    bucket.put(KEY, content[:3 * MEGABYTE] + b"damage" + content[3 * MEGABYTE:])
    bucket.rule = once(is_range, pace(4096, 0.2), pace(), times=1000)
    refused(run(job=job, env=bucket.env(KEY)), 65, "code-archive", KEY)


def test_a_redirect_to_addresses_that_expire_is_walked_for_each_range(job, big):
    content, digest, _ = big
    with Signing(content) as web:
        web.rule = pace()
        result = ran_alone(run(job=job, env=web.env(digest)))
        assert set(web.used.values()) == {1} and len(web.used) > 3
        assert "secret-" not in result.everything


def eight_open(slow):
    return lambda: slow.open >= 8


def test_a_stop_ends_eight_connections(job, slow):
    slow.rule = pace(4096, 0.05)
    with start(job=job, env=env_of(slow)) as running:
        wait_until(eight_open(slow), "eight connections")
        running.signal(signal.SIGTERM)
        result = refused(running.finish(), 143, "stopped")
    assert (result.record["outcome"], result.record["ended_by"]) == ("stopped", "stop")


def test_fetch_timeout_ends_all_connections(job, slow):
    slow.rule = pace(4096, 0.05)
    refused(run(job=job, env=env_of(slow, TRAIN_FETCH_TIMEOUT="3")), 75, "fetch-timeout", KEY, "TRAIN_FETCH_TIMEOUT")
    assert slow.most_open == 8
