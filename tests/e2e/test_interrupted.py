"""Stop requests and deadlines while the agent waits for a server (product §4, §9): nothing starts, nothing is left."""
import signal
import socket

import pytest

from jobs import JobRoot, run, start, wait_until
from network import large_archive, marked, refused
from servers.aws import SESSION, S3, Container, Tags, json_error, s3_error
from servers.httpd import Httpd, Reply, stall

KEYS = {"AWS_ACCESS_KEY_ID": SESSION.access_key, "AWS_SECRET_ACCESS_KEY": SESSION.secret_key, "AWS_SESSION_TOKEN": SESSION.token}
STOPS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGQUIT: 131, signal.SIGHUP: 129}


@pytest.fixture
def job(tmp_path):
    return marked(JobRoot(tmp_path))


@pytest.fixture
def s3(gateway):
    with S3(gateway) as server:
        yield server


@pytest.fixture
def env(s3, bucket):
    s3.gateway.put(bucket, "app.tar", large_archive(1 << 20))
    return {**KEYS, **s3.env(), "TRAIN_CODE": f"s3://{bucket}/app.tar", "TRAIN_CODE_PIN": "off"}


def stopped(running, number=signal.SIGTERM):
    """Asks for a stop, and checks that it was one and that nothing was begun."""
    running.signal(number)
    result = running.finish()
    refused(result, STOPS[number], "stopped")
    assert (result.record["outcome"], result.record["ended_by"]) == ("stopped", "stop")
    return result


# ---- stops ----

@pytest.mark.parametrize("number", STOPS)
def test_a_stop_ends_a_download_that_stalls(job, s3, env, number):
    s3.script = [stall(200_000)]
    with start(job=job, env=env) as running:
        s3.wait_until_stalled()
        stopped(running, number)


def test_a_stop_ends_the_wait_for_an_answer(job, env):
    class Silent(Httpd):
        def answer(self, request):
            self.stalled.set()
            self.closing.wait()
            return Reply(503)
    with Silent() as silent, start(job=job, env={**env, "AWS_ENDPOINT_URL_S3": silent.url}) as running:
        silent.wait_until_stalled()
        stopped(running)


def test_a_stop_ends_the_wait_before_a_retry(job, s3, env):
    s3.script = [s3_error(503, "SlowDown", headers={"Retry-After": "20"})] * 3
    with start(job=job, env=env) as running:
        wait_until(lambda: len(s3.requests) == 1, "the first request")
        stopped(running)
    assert len(s3.requests) == 1


def test_a_stop_ends_the_wait_for_tags(job):
    job.arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/churn"
    throttled = json_error(400, "ThrottlingException", "Rate exceeded")
    throttled.headers["Retry-After"] = "20"
    with Tags() as tags:
        tags.script = [throttled] * 3
        with start(job=job, env={**KEYS, **tags.env()}) as running:
            wait_until(lambda: len(tags.requests) == 1, "the first request")
            stopped(running)


def test_a_stop_ends_the_wait_for_credentials(job, env):
    with Container() as container:
        container.script = [Reply(429, b"", {"Retry-After": "20"})] * 3
        without = {name: value for name, value in env.items() if name not in KEYS}
        with start(job=job, env={**without, "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + container.path}) as running:
            wait_until(lambda: len(container.requests) == 1, "the first request")
            stopped(running)


def test_a_stop_ends_a_handshake(job):
    """A server that accepts and then says nothing, where TLS is expected."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"https://localhost:{listener.getsockname()[1]}/code.tar.gz"
        with start(job=job, env={"TRAIN_CODE": address, "TRAIN_CODE_SHA256": "0" * 64}) as running:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(1) == b"\x16"  # the handshake has begun
                stopped(running)


# ---- deadlines ----

def test_a_download_that_stalls_ends_at_fetch_timeout(job, s3, env):
    s3.script = [stall(200_000)]
    refused(run(job=job, env={**env, "TRAIN_FETCH_TIMEOUT": "1"}), 75, "fetch-timeout", "app.tar")


def test_an_answer_that_never_comes_ends_at_fetch_timeout(job, env):
    class Silent(Httpd):
        def answer(self, request):
            self.closing.wait()
            return Reply(503)
    with Silent() as silent:
        result = run(job=job, env={**env, "AWS_ENDPOINT_URL_S3": silent.url, "TRAIN_FETCH_TIMEOUT": "1"})
        refused(result, 75, "fetch-timeout", "TRAIN_FETCH_TIMEOUT")
