"""https and S3 over TLS from images with and without certificates of their own (product §3, §5): the agent brings a bundle, a private CA has two ways in."""
import pytest

import bases
import engine
from jobs import JobRoot, make_tar, project, sha256, shell
from projects import completed
from servers.nginx import Nginx

# Debian's certificates, and what the image's maker adds to them.
CERTIFICATES = "RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*"
BELIEVE = "update-ca-certificates >/dev/null 2>&1 && exec /usr/local/bin/train train"
FILES = project(command=shell("cat data/training/training.csv"))
HOST = ["--network", "host"]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with Nginx(tmp_path_factory.mktemp("nginx")) as server:
        server.put("code.tar.gz", make_tar(server.folder / "code.tar.gz", FILES).read_bytes())
        yield server


@pytest.fixture(params=["https", "s3"])
def asking(tmp_path, nginx, request):
    """A job whose code lies behind TLS, by either way."""
    job = JobRoot(tmp_path)
    job.extra = {"TRAIN_CODE_SHA256": sha256(nginx.folder / "code.tar.gz"), "AWS_EC2_METADATA_DISABLED": "true"}
    if request.param == "https":
        job.extra["TRAIN_CODE"] = nginx.url("/files/code.tar.gz")
    else:
        job.extra |= {"TRAIN_CODE": "s3://files/code.tar.gz", "AWS_ENDPOINT_URL_S3": nginx.url(""), "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
                      "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    return job


def came_over_tls(result):
    completed(result, "1,2,3")
    assert result.record["code"]["sha256"] == result.job.extra["TRAIN_CODE_SHA256"]


def refused(result, bundle):
    """The text says whose certificates were asked, and where a private CA goes."""
    result.check(77, "code-denied")
    first, advice = result.failure.splitlines()
    assert first.startswith("[code-denied] the certificate of 'https://code.localhost:") and f"(checked against {bundle}" in first, result.failure
    assert "AWS_CA_BUNDLE" in advice and "ca-certificates" in advice and "kms:Decrypt" not in advice, result.failure
    assert result.pipeline == []


def test_without_certificates_the_agents_own_are_asked(asking):
    refused(engine.run(bases.layered(), "train", job=asking, flags=HOST), "the agent's own CA bundle")


def test_a_private_authority_by_aws_ca_bundle(asking, nginx):
    came_over_tls(engine.run(bases.layered(), "train", job=asking, env={"AWS_CA_BUNDLE": "/ca.pem"}, flags=[*HOST, "-v", f"{nginx.authority.pem}:/ca.pem:ro"]))


def test_the_images_certificates_are_asked(asking):
    """The private CA is not among them."""
    image = bases.layered(bases.derived("certificates", CERTIFICATES))
    refused(engine.run(image, "train", job=asking, flags=HOST), "the system's CA file '/etc/ssl/certs/ca-certificates.crt'")


def test_a_private_authority_among_the_images_certificates(asking, nginx):
    image = bases.layered(bases.derived("certificates", CERTIFICATES))
    came_over_tls(engine.run(image, "-c", BELIEVE, job=asking, flags=[
        *HOST, "--entrypoint", "/bin/sh", "-v", f"{nginx.authority.pem}:/usr/local/share/ca-certificates/own.crt:ro"]))
