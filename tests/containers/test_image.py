"""The top Dockerfile and `make image`: what an image with train in front is, for any base."""
import json
import subprocess

import pytest

import bases
import engine
from jobs import BINARY, REPOSITORY

LAYER_MAX = 1.5 * 2**20
BUILD_S = 1500  # a bound; the first build compiles all libraries
TAG = "localhost/train-test/layered:latest"


def make_image(**variables):
    """make image NAME=VALUE..., with this machine's Debian where the public one stands."""
    values = {"ENGINE": "podman"} | variables | {"FLAGS": f"--build-arg BUILD={bases.debian()} {variables.get('FLAGS', '')}"}
    with bases.alone("train-agent"):
        return subprocess.run(["make", "-s", "-C", REPOSITORY, "image", *(f"{name}={value}" for name, value in values.items())],
                              env=bases.typing(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_S)


@pytest.fixture(scope="module")
def layered():
    """The bare Debian with train on it, from the top Dockerfile, compiled inside."""
    done = make_image(BASE=bases.debian(), TAG=TAG)
    assert done.returncode == 0, done.stdout + done.stderr
    return TAG


def layer_bytes(image, base):
    """What the image's files take more than its base's."""
    return engine.inspect(image, "image")["Size"] - engine.inspect(base, "image")["Size"]


@pytest.mark.long
def test_it_is_the_base_with_train_in_front(layered):
    config = engine.inspect(layered, "image")["Config"]
    assert config["Entrypoint"] == ["/usr/local/bin/train"]
    assert not config.get("Cmd")  # the base's would be taken for the pipeline's command
    assert engine.inspect(bases.debian(), "image")["Config"]["Cmd"]  # it has one
    result = engine.run(layered, "version")
    assert result.code == 0 and result.out.startswith("train ")


@pytest.mark.long
def test_it_says_what_it_is(layered):
    labels = engine.inspect(layered, "image")["Labels"]
    name = "org.opencontainers.image."
    assert labels[f"{name}title"] == "train" and labels[f"{name}licenses"] == "Apache-2.0"
    version = engine.run(layered, "version").out
    assert f"train {labels[f'{name}version']} ({labels[f'{name}revision']})" in version
    assert labels[f"{name}base.name"] == bases.debian()


@pytest.mark.long
def test_it_adds_less_than_a_megabyte_and_a_half(layered):
    assert 0 < layer_bytes(layered, bases.debian()) < LAYER_MAX
    assert 0 < engine.inspect(bases.image("scratch", "scratch"), "image")["Size"] < LAYER_MAX


@pytest.mark.long
def test_the_agents_image_holds_one_file(layered):
    with bases.alone("train-agent"):
        container = engine.podman("create", "train:agent", "version").strip()
        listing = subprocess.run(f"podman export {container} | tar -t", shell=True, check=True, capture_output=True, text=True).stdout
        engine.podman("rm", container)
    assert listing.split() == ["train"]


@pytest.mark.long
def test_the_program_compiled_inside_is_the_one_compiled_here(layered):
    inside = json.loads(engine.run(layered, "version", "--json").out)
    here = json.loads(subprocess.run([BINARY, "version", "--json"], check=True, capture_output=True).stdout)
    if inside["compiler"] != here["compiler"]:
        pytest.skip(f"another compiler here, {here['compiler']}, than in the stage, {inside['compiler']}: their binaries differ")
    assert inside == here  # with the SHA-256 of both


@pytest.mark.long
def test_buildah_makes_the_same(layered):
    tag = "localhost/train-test/by-buildah:latest"
    done = make_image(ENGINE="buildah", BASE=bases.debian(), TAG=tag, FLAGS="--isolation=chroot --network=host --layers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert engine.inspect(tag, "image")["Config"]["Entrypoint"] == ["/usr/local/bin/train"]
    assert engine.run(tag, "version", "--json").out == engine.run(layered, "version", "--json").out


@pytest.mark.long
def test_both_architectures_are_one_list(tmp_path):
    """`scratch` for amd64 and arm64: cross-compiled in the stage, nothing emulated; what came out for arm64 is run by qemu."""
    tag = "localhost/train-test/both:latest"
    done = make_image(IMAGE="scratch", ARCHS="amd64 arm64", TAG=tag)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {each["platform"]["architecture"]: each["digest"] for each in json.loads(engine.podman("manifest", "inspect", tag))["manifests"]}
    assert listed.keys() == {"amd64", "arm64"}
    with bases.alone("train-agent"):  # podman cannot list images while somebody removes one
        images = {each["Digest"]: each["Id"] for each in json.loads(engine.podman("images", "--all", "--format", "json"))}
    for arch, before in (("amd64", []), ("arm64", ["qemu-aarch64-static"])):
        container = engine.podman("create", images[listed[arch]]).strip()
        engine.podman("cp", f"{container}:/usr/local/bin/train", tmp_path / arch)
        engine.podman("rm", container)
        told = json.loads(subprocess.run([*before, tmp_path / arch, "version", "--json"], check=True, capture_output=True).stdout)
        assert told["architecture"] == arch


@pytest.mark.long
def test_a_list_is_begun_anew():
    """Not added to: neither to an image that had the name, which keeps another, nor to the list of an earlier build."""
    tag, taken = "localhost/train-test/anew:latest", bases.image("scratch", "scratch")
    engine.podman("tag", taken, tag)
    for _ in range(2):
        done = make_image(IMAGE="scratch", ARCHS="amd64 arm64", TAG=tag)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(json.loads(engine.podman("manifest", "inspect", tag))["manifests"]) == 2
    assert engine.inspect(f"{tag}-before", "image")["Id"] == engine.inspect(taken, "image")["Id"]


def test_an_unknown_image_is_named():
    done = make_image(IMAGE="nothing-like-this")
    assert done.returncode != 0 and "no base-images/nothing-like-this/Dockerfile" in done.stderr
