"""What a build says of itself: `train version --json`, beside its schema, the list of sources, the files that were built, and the compiler."""
import hashlib
import json
import platform
import subprocess

import jsonschema
import pytest

from jobs import BINARY, HOOKS_BINARY, REPOSITORY, run, sha256
from provenance import BUILD, certificates, patch_set, roots, roots_package, sources, tarball

SCHEMA = json.loads((REPOSITORY / "docs/version.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def told():
    return json.loads(run("version", "--json").out)


def test_it_has_the_published_shape(told):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(told)


def test_the_shape_is_exact(told):
    """What the schema would take is what is there: no member less, none more, no other type."""
    for key in told:
        assert not VALIDATOR.is_valid({name: value for name, value in told.items() if name != key}), key
    for change in ({"more": 1}, {"schema": 2}, {"sha256": "A" * 64}, {"architecture": "x86_64"}, {"libraries": {}},
                   {"libraries": told["libraries"] | {"curl": told["libraries"]["curl"] | {"patches": "8"}}}):
        assert not VALIDATOR.is_valid(told | change), change


@pytest.mark.parametrize("binary", [BINARY, HOOKS_BINARY], ids=["train", "train-hooks"])
def test_its_digest_is_that_of_the_file(binary):
    assert json.loads(run("version", "--json", binary=binary).out)["sha256"] == sha256(binary)


def test_libraries_are_the_pinned_ones(told):
    assert list(told["libraries"]) == [source.name for source in sources()]
    for source in sources():
        library = told["libraries"][source.name]
        assert (library["version"], library["licence"], library["sha256"]) == (source.version, source.licence, source.sha256)


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_libraries_are_what_was_built(told, source):
    library = told["libraries"][source.name]
    assert sha256(tarball(source)) == library["sha256"]
    assert (library["patches"] and tuple(library["patches"].values())) == patch_set(source)
    assert library["patches"] is None or library["patches"]["version"].startswith(source.version + "-")


def test_certificates_are_those_of_the_pinned_package(told):
    assert sha256(roots_package()) == roots().sha256
    said = subprocess.run(["dpkg-deb", "-f", roots_package(), "Version"], check=True, capture_output=True, text=True).stdout.strip()
    count, digest = certificates()
    assert told["certificates"] == {"version": said, "licence": roots().licence, "sha256": digest, "count": count}
    assert said == roots().version


def test_the_build_id_is_of_the_libraries_and_the_roots(told):
    libraries = (BUILD / "deps").resolve().name.removeprefix("deps-")
    row, = (line for line in (REPOSITORY / "agent/deps/ROOTS").read_text().splitlines() if line[0] != "#")
    assert told["build_id"] == hashlib.sha256(f"{libraries}\n{row}\n".encode()).hexdigest()[:16]


def test_compiler_and_architecture(told):
    version = subprocess.run(["gcc", "-dumpfullversion"], check=True, capture_output=True, text=True).stdout.strip()
    assert told["compiler"] == f"gcc {version}"
    assert told["architecture"] == {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def test_the_text_says_the_same_in_lines(told):
    first, build, digest, bundle, *libraries = run("version").out.splitlines()
    assert first == f"train {told['version']} ({told['commit']}) for {told['architecture']}"
    assert build == f"build {told['build_id']}, {told['compiler']}"
    assert digest == f"sha256 {told['sha256']}"
    assert bundle == f"ca-certificates {told['certificates']['version']} ({told['certificates']['count']})"
    assert libraries == [f"{name} {(library['patches'] or library)['version']} ({library['licence']})" for name, library in told["libraries"].items()]
