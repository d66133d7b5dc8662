"""Several connections over TLS, and servers whose TLS does not fit (product §5): a bucket of S3 behind https, with a private CA."""
import random
import socket
import ssl

import pytest

from jobs import JobRoot, make_tar, run, sha256
from network import PROJECT, archive_of, marked, ran, refused
from servers.certificates import Authority
from servers.cutter import Cutter
from servers.faults import Bucket
from servers.httpd import cut, once, pace

HOST = "s3.localhost"
KEY = "app.tar.gz"
SLOT = 2 << 20  # agent/net/parts.h: what is asked for at once where there are several connections


@pytest.fixture
def job(tmp_path):
    return marked(JobRoot(tmp_path))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """(content, SHA-256) of a project of twelve slots."""
    made = make_tar(tmp_path_factory.mktemp("big") / "big.tar", {**PROJECT, "ballast": random.Random(1).randbytes(12 * SLOT - 100_000)})
    return made.read_bytes(), sha256(made)


def context_of(authority, host=HOST, expired=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(host, f"{host}-{expired}", expired))
    return context


class Secure(Bucket):
    """A bucket behind https. 'contexts' has the TLS of each connection in their order; the last one stands for all others."""

    def __init__(self, authority, *contexts):
        self.authority, self.contexts, self.greeted = authority, list(contexts), 0
        self.contexts[0].sni_callback = self._greet
        plain = socket.create_server(("127.0.0.1", 0), backlog=64)
        # The handshake is made where the request is read: one that hangs must not hold up the others.
        super().__init__(listener=self.contexts[0].wrap_socket(plain, server_side=True, do_handshake_on_connect=False))

    def _greet(self, connection, name, context):
        with self._lock:
            connection.context = self.contexts[min(self.greeted, len(self.contexts) - 1)]
            self.greeted += 1

    def env(self, key, port=None, digest=None):
        return {**super().env(key), "AWS_ENDPOINT_URL_S3": f"https://{HOST}:{port or self.port}", "AWS_CA_BUNDLE": str(self.authority.pem),
                **({"TRAIN_CODE_SHA256": digest} if digest is not None else {})}


def slow(authority, big, *contexts):
    """Several connections pay there."""
    bucket = Secure(authority, *contexts)
    bucket.put(KEY, big[0])
    bucket.rule = pace()
    return bucket


def is_range(request):
    return request.range is not None


def ranges(bucket):
    return [request.range for request in bucket.requests if is_range(request)]


def test_a_slow_server_is_asked_over_several_connections_of_tls(job, authority, big):
    with slow(authority, big, context_of(authority)) as bucket:
        ran(run(job=job, env=bucket.env(KEY, digest=big[1])))
        assert bucket.most_open > 2 and bucket.greeted == len({request.peer for request in bucket.requests})


def test_what_tls_takes_is_counted(job, authority, big):
    """For as many connections as there may be: 128 KiB each."""
    peaks = []
    with Bucket() as bare, Secure(authority, context_of(authority)) as secure:
        for bucket in (bare, secure):
            bucket.put(KEY, big[0])
            result = ran(run(job=job, env={**bucket.env(KEY), "TRAIN_CODE_SHA256": big[1], "TRAIN_FETCH_MEMORY": "20"}))
            peaks.append(result.record["code"]["fetch"]["buffers"]["peak_bytes"])
            (job.folder / "mark").unlink()
    assert peaks[1] - peaks[0] == 4 * 131_072


def test_a_cut_in_a_range_over_tls_is_resumed_at_its_byte(job, authority, big):
    with slow(authority, big, context_of(authority)) as bucket:
        def break_off(request, reply):
            return cut(700_000)(request, pace()(request, reply))
        bucket.rule = once(is_range, break_off, pace(), times=3)
        ran(run(job=job, env=bucket.env(KEY, digest=big[1])), "asked again after 3 cuts")
        begins = [begin for begin, _ in ranges(bucket)]
        assert [begin + 700_000 in begins for begin in begins[:2]] == [True, True]


@pytest.mark.parametrize("wrong", [{"expired": True}, {"host": "other.localhost"}])
def test_each_connection_is_verified(job, authority, big, wrong):
    """The third one meets a certificate that does not hold."""
    good = context_of(authority)
    with slow(authority, big, good, good, context_of(authority, **wrong)) as bucket:
        refused(run(job=job, env=bucket.env(KEY, digest=big[1])), 77, "code-denied", "certificate", HOST, "AWS_CA_BUNDLE")
        assert len({request.peer for request in bucket.requests}) == 2


def test_a_second_connection_that_cannot_be_verified_is_done_without(job, authority, big):
    """It was on trial: the first one brings all."""
    with slow(authority, big, context_of(authority), context_of(authority, expired=True)) as bucket:
        ran(run(job=job, env=bucket.env(KEY, digest=big[1])))
        assert len(bucket.requests) == 1


def new(context):
    context.minimum_version = ssl.TLSVersion.TLSv1_3


def exotic(context):
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-ARIA128-GCM-SHA256")


@pytest.mark.parametrize("kind", [new, exotic])
def test_a_server_with_no_tls_in_common_is_asked_once(job, authority, tmp_path, kind):
    context = context_of(authority)
    kind(context)
    with Secure(authority, context) as bucket, Cutter(bucket.port, []) as proxy:
        bucket.put(KEY, archive_of(PROJECT, tmp_path)[0])
        result = refused(run(job=job, env=bucket.env(KEY, proxy.port)), 77, "code-denied", "no TLS", HOST, "TLS 1.2")
        assert proxy.connections == 1 and "attempts" not in result.failure
