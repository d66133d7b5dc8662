"""Names of servers: looked up anew for each connection, resolved late or never (product §5). In a namespace with a resolver of its own."""
import contextlib
import random
import signal

import pytest

from jobs import JobRoot, make_tar, run, sha256, start, wait_until
from network import PROJECT, archive_of, marked, ran, refused
from servers.aws import SESSION
from servers.faults import NAME, Bucket
from servers.httpd import cut, once, pace
from servers.names import Names
from servers.netns import RESOLVER_S, Netns

KEY = "app.tar.gz"

STORE = "203.0.113.7"
MOVED = "203.0.113.8"
RESOLVER = "203.0.113.53"
MANY = [f"203.0.113.{number}" for number in range(101, 109)]


@pytest.fixture
def job(tmp_path):
    return marked(JobRoot(tmp_path))


@pytest.fixture
def abroad(tmp_path):
    """A namespace where names are asked for at RESOLVER, which has a minute to answer."""
    with Netns(tmp_path, [STORE, MOVED, RESOLVER, *MANY], resolver=RESOLVER) as netns:
        yield netns


def env_of(digest="0" * 64):
    return {"AWS_ENDPOINT_URL_S3": "http://s3.example", "TRAIN_CODE": f"s3://{NAME}/{KEY}", "TRAIN_CODE_SHA256": digest,
            "AWS_ACCESS_KEY_ID": SESSION.access_key, "AWS_SECRET_ACCESS_KEY": SESSION.secret_key, "AWS_SESSION_TOKEN": SESSION.token}


def test_each_new_connection_looks_the_name_up_anew(job, abroad, tmp_path):
    """The store moves while a body is read: the rest comes from where its name leads then."""
    content, digest = archive_of({**PROJECT, "ballast": random.Random(1).randbytes(200_000)}, tmp_path)
    names = {"s3.example": [STORE]}
    with Names(abroad.datagrams(RESOLVER, 53), names) as resolver, Bucket(listener=abroad.listen(STORE, 80)) as old, \
            Bucket(listener=abroad.listen(MOVED, 80)) as new:
        for each in (old, new):
            each.put(KEY, content)

        def move(request, reply):
            names["s3.example"] = [MOVED]
            return cut(100_000)(request, reply)
        old.script = [move]
        ran(run(job=job, env=env_of(digest), before=abroad.inside()))
        assert [request.range for request in old.requests] == [None]
        assert [request.range[0] for request in new.requests] == [100_000]
        assert resolver.asked.count("s3.example") >= 2


def test_the_next_address_is_tried_when_others_do_not_listen(job, abroad, tmp_path):
    """They are tried in any order: of eight the one that listens is rarely the first."""
    content, digest = archive_of(PROJECT, tmp_path)
    with Names(abroad.datagrams(RESOLVER, 53), {"s3.example": MANY}), Bucket(listener=abroad.listen(MANY[-1], 80)) as only:
        only.put(KEY, content)
        ran(run(job=job, env=env_of(digest), before=abroad.inside()))
        assert len(only.requests) == 1


def test_connections_spread_over_the_addresses_of_a_name(job, abroad, tmp_path):
    """Those beside the first, and those after cuts. One address does not listen, which costs an attempt. (That nine draw the same: once in millions of runs.)"""
    made = make_tar(tmp_path / "big.tar", {**PROJECT, "ballast": random.Random(1).randbytes(24 << 20)})
    content = made.read_bytes()
    with contextlib.ExitStack() as stack:
        resolver = stack.enter_context(Names(abroad.datagrams(RESOLVER, 53), {"s3.example": MANY}))
        stores = [stack.enter_context(Bucket(listener=abroad.listen(address, 80))) for address in MANY[1:]]
        rule = once(lambda request: True, cut(50_000), pace(), times=8)
        for each in stores:
            each.put(KEY, content)
            each.rule = rule
        ran(run(job=job, env=env_of(sha256(made)), before=abroad.inside()), "8 cuts")
        assert len([each for each in stores if each.requests]) > 1
        assert resolver.asked.count("s3.example") >= 9


def test_a_name_that_is_lost_while_a_body_is_read_costs_only_the_other_connections(job, abroad, tmp_path):
    """They are not made; the one that there is brings all, and nobody waits for the resolver's minute."""
    made = make_tar(tmp_path / "big.tar", {**PROJECT, "ballast": random.Random(1).randbytes(24 << 20)})
    with Names(abroad.datagrams(RESOLVER, 53), {"s3.example": [STORE]}) as resolver, Bucket(listener=abroad.listen(STORE, 80)) as store:
        store.put(KEY, made.read_bytes())

        def lose(request, reply):
            resolver.table = None
            return pace()(request, reply)
        store.rule = lose
        ran(run(job=job, env=env_of(sha256(made)), before=abroad.inside(), timeout=RESOLVER_S / 2))
        assert len(store.requests) == 1 and resolver.asked.count("s3.example") >= 2


def silent(abroad):
    """A resolver that takes questions and never answers."""
    return Names(abroad.datagrams(RESOLVER, 53), None)


def test_a_stop_ends_the_wait_for_a_name(job, abroad):
    """Long before the resolver's minute is over, which is what a look-up would take."""
    with silent(abroad) as resolver, start(job=job, env=env_of(), before=abroad.inside()) as running:
        wait_until(lambda: "s3.example" in resolver.asked, "a question for the name")
        running.signal(signal.SIGTERM)
        refused(running.finish(RESOLVER_S / 2), 143, "stopped")


def test_fetch_timeout_ends_the_wait_for_a_name(job, abroad):
    with silent(abroad) as resolver:
        env = {**env_of(), "TRAIN_FETCH_TIMEOUT": "1"}
        refused(run(job=job, env=env, before=abroad.inside(), timeout=RESOLVER_S / 2), 75, "fetch-timeout", KEY)
        assert "s3.example" in resolver.asked


def test_without_any_network_one_attempt_is_enough(job, tmp_path):
    """docker run --network none, and jobs under network isolation: it will not get better, so the text says so at once and names the way without."""
    with Netns(tmp_path) as nowhere:
        result = run(job=job, env=env_of(), before=nowhere.inside())
        refused(result, 69, "fetch-failed", "cannot reach 'http://s3.example", "this container has no network", "channel 'code'")
        assert "attempts" not in result.failure


def test_without_any_network_it_is_not_the_credentials_that_fail(job, tmp_path):
    with Netns(tmp_path) as nowhere:
        env = {"TRAIN_CODE": f"s3://{NAME}/{KEY}", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/of-a-role"}
        result = run(job=job, env=env, before=nowhere.inside())
        refused(result, 69, "fetch-failed", "cannot reach 'http://169.254.170.2'", "this container has no network")


def test_without_any_network_tags_are_asked_for_once(job, tmp_path):
    job.arn = f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{job.name}"
    with Netns(tmp_path) as nowhere:
        env = {"AWS_ACCESS_KEY_ID": SESSION.access_key, "AWS_SECRET_ACCESS_KEY": SESSION.secret_key}
        result = run(job=job, env=env, before=nowhere.inside(), timeout=30)  # half of what the phase may take
        refused(result, 69, "tags-failed", "this container has no network", "channel 'code'")
