"""`make dist`: what is published, and what its SPDX document says, beside the published schema, the specification's own tool, the binary's word
(`train version --json`), the list of sources and the files that were built."""
import base64
import hashlib
import json
import os
import re
import subprocess
import tarfile
from urllib.parse import parse_qs, unquote

import jsonschema
import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from jobs import BINARY, DATA, REPOSITORY, make_tar, run, sha256
from provenance import BUILD, patch_set, roots, roots_package, sources, tarball

SCHEMA = json.loads((DATA / "spdx/spdx-2.3.schema.json").read_text())
VALIDATOR = jsonschema.Draft201909Validator(SCHEMA)
VERSION = re.search(r"^VERSION := (\S+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)[1]
TOLD = json.loads(run("version", "--json").out)
NAME = f"train-{VERSION}-linux-{TOLD['architecture']}"


def make_dist(folder, builds=(BUILD,), **env):
    subprocess.run([REPOSITORY / "agent/deps/dist", folder, VERSION, *builds], check=True, stdout=subprocess.DEVNULL,
                   env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | env)
    return folder


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    return make_dist(tmp_path_factory.mktemp("dist") / "dist")


@pytest.fixture(scope="module")
def document(dist):
    return json.loads((dist / f"{NAME}.spdx.json").read_text())


@pytest.fixture(scope="module")
def packages(document):
    return {entry["SPDXID"].removeprefix("SPDXRef-"): entry for entry in document["packages"]}


def related(document, how):
    """{(one, other)} of a kind of relationship."""
    return {(row["spdxElementId"].removeprefix("SPDXRef-"), row["relatedSpdxElement"].removeprefix("SPDXRef-"))
            for row in document["relationships"] if row["relationshipType"] == how}


def checksum(entry, kind="SHA256"):
    return {row["algorithm"]: row["checksumValue"] for row in entry["checksums"]}[kind]


# ---- the folder ----

def test_it_holds_what_is_published(dist):
    assert sorted(path.name for path in dist.iterdir()) == sorted(
        ["SHA256SUMS", NAME, f"{NAME}.spdx.json", f"train-{VERSION}.tar.gz", f"train-{VERSION}-licences.txt"])
    assert (dist / NAME).read_bytes() == open(BINARY, "rb").read()
    assert os.access(dist / NAME, os.X_OK)


def test_sha256sum_accepts_its_list(dist):
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    said = subprocess.run(check, cwd=dist, capture_output=True, text=True, check=True).stdout.splitlines()
    assert sorted(line.removesuffix(": OK") for line in said) == sorted(path.name for path in dist.iterdir() if path.name != "SHA256SUMS")


def test_another_time_place_and_language_give_the_same_bytes(dist, tmp_path):
    again = make_dist(tmp_path / "elsewhere", TZ="Asia/Tokyo", LANG="tr_TR.UTF-8", LC_ALL="tr_TR.UTF-8", GZIP="-1", TAR_OPTIONS="--mtime=@1")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {path.name: path.read_bytes() for path in dist.iterdir()}
    other = make_dist(tmp_path / "later", SOURCE_DATE_EPOCH="1600000000")
    assert json.loads((other / f"{NAME}.spdx.json").read_text())["creationInfo"]["created"] == "2020-09-13T12:26:40Z"


def test_make_hands_every_architecture_over():
    words = ["make", "-n", f"B={BUILD}", "dist"]
    said = [subprocess.run([*words, *more], cwd=REPOSITORY, capture_output=True, text=True, check=True,
                           env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}).stdout.splitlines()[-1]
            for more in ([], ["ARCH=amd64", "ARCHS=amd64 arm64"])]
    assert said == [f"agent/deps/dist {BUILD}/dist {VERSION} {BUILD}", f"agent/deps/dist {BUILD}/dist {VERSION} {BUILD} {BUILD}/arm64"]


def test_two_builds_for_one_architecture_are_refused(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        make_dist(tmp_path / "dist", builds=(BUILD, BUILD))


def test_another_architecture_lies_beside_it(tmp_path):
    other = BUILD / "arm64"
    if not (other / "train").exists():
        pytest.skip(f"'{other}/train' is not built: 'make ARCH=arm64' does it")
    folder = make_dist(tmp_path / "dist", builds=(BUILD, other))
    document = json.loads((folder / f"train-{VERSION}-linux-arm64.spdx.json").read_text())
    VALIDATOR.validate(document)
    assert checksum(document["files"][0]) == sha256(folder / f"train-{VERSION}-linux-arm64") == sha256(other / "train")
    assert len((folder / "SHA256SUMS").read_text().splitlines()) == 6


def test_the_source_archive_is_what_git_lists(dist):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached"], cwd=REPOSITORY, capture_output=True, text=True,
                            check=True).stdout
    with tarfile.open(dist / f"train-{VERSION}.tar.gz") as archive:
        held = {member.name.removeprefix(f"train-{VERSION}/"): member for member in archive}
        assert held.keys() == {name for name in listed.split("\0") if name and (REPOSITORY / name).exists()}
        for name, member in held.items():
            assert archive.extractfile(member).read() == (REPOSITORY / name).read_bytes(), name
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mode == (0o755 if os.access(REPOSITORY / name, os.X_OK) and (REPOSITORY / name).stat().st_mode & 0o100 else 0o644), name


def test_the_licences_are_those_of_the_sources(dist):
    text = (dist / f"train-{VERSION}-licences.txt").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^======== (.*?) ========\n\n(.*?)(?=\n\n\n======== |\Z)", text, re.MULTILINE | re.DOTALL))
    certificates = f"Mozilla's root certificates, of Debian's ca-certificates {roots().version}: {roots().licence}"
    assert list(parts) == ["train: Apache-2.0", *[f"{each.name} {each.version}: {each.licence}" for each in sources()], certificates]
    assert parts["train: Apache-2.0"].strip() == (REPOSITORY / "LICENSE").read_text().strip()
    for each in sources():
        with tarfile.open(tarball(each)) as archive:
            texts = [archive.extractfile(member).read().decode() for member in archive
                     if re.fullmatch(r"[^/]+/(LICENSE|LICENSE\.txt|COPYING|COPYRIGHT)", member.name)]
        assert parts[f"{each.name} {each.version}: {each.licence}"].strip() in [text.strip() for text in texts]
    assert "Mozilla Public License Version 2.0" in parts[certificates]


# ---- the SPDX document ----

def test_it_keeps_to_the_published_schema(document):
    VALIDATOR.validate(document)
    for change in ({"spdxVersion": None}, {"more": 1}, {"packages": [{"name": "x"}]}, {"relationships": [document["relationships"][0] | {"relationshipType": "X"}]}):
        assert not VALIDATOR.is_valid(document | change), change


def said_of(path):
    return [message.validation_message for message in validate_full_spdx_document(parse_file(str(path)))]


def test_the_specifications_own_tool_finds_nothing(dist, document, tmp_path):
    assert said_of(dist / f"{NAME}.spdx.json") == []
    document = json.loads(json.dumps(document))
    document["packages"][0]["licenseConcluded"] = "No-Such-Licence"
    document["relationships"][0]["relatedSpdxElement"] = "SPDXRef-nobody"
    (tmp_path / "bad.spdx.json").write_text(json.dumps(document))
    assert len(said_of(tmp_path / "bad.spdx.json")) >= 2


def test_it_describes_the_binary_by_its_digest(dist, document, packages):
    assert document["name"] == NAME and document["documentNamespace"].endswith(f"{NAME}-{TOLD['sha256']}")
    assert related(document, "DESCRIBES") == {("DOCUMENT", "train")} and related(document, "CONTAINS") == {("train", "binary")}
    file, = document["files"]
    assert file["fileName"] == f"./{NAME}" == f"./{packages['train']['packageFileName']}"
    assert checksum(file) == checksum(packages["train"]) == TOLD["sha256"] == sha256(dist / NAME)
    assert checksum(file, "SHA1") == hashlib.sha1((dist / NAME).read_bytes()).hexdigest()
    assert packages["train"]["versionInfo"] == TOLD["version"] == VERSION
    assert packages["train"]["sourceInfo"] == f"Commit {TOLD['commit']}, build {TOLD['build_id']}."


def test_it_names_every_source_with_its_digest(document, packages):
    assert [key for key in packages if key.startswith("source-")] == ["source-train", *[f"source-{each.name}" for each in sources()]]
    for each in sources():
        entry = packages[f"source-{each.name}"]
        assert (entry["name"], entry["versionInfo"], entry["licenseConcluded"]) == (each.name, each.version, each.licence)
        assert checksum(entry) == each.sha256 == TOLD["libraries"][each.name]["sha256"] == sha256(tarball(each))
        assert each.licence in packages["train"]["licenseConcluded"].split(" AND ")
        assert entry["homepage"].startswith("https://")


def test_it_names_every_patch_set_with_its_digest(document, packages):
    patched = [each for each in sources() if patch_set(each)]
    assert related(document, "PATCH_APPLIED") == {(f"patches-{each.name}", f"source-{each.name}") for each in patched}
    for each in patched:
        entry = packages[f"patches-{each.name}"]
        assert (entry["versionInfo"], checksum(entry)) == patch_set(each) == tuple(TOLD["libraries"][each.name]["patches"].values())


def test_it_says_what_the_binary_was_made_of(document, packages):
    made_of = {"source-train", "certificates"} | {f"source-{each.name}" for each in sources()}
    assert related(document, "GENERATED_FROM") == {("binary", key) for key in made_of} | {("certificates", "ca-certificates")}
    archives = set(re.findall(r"lib(\w+)\.a", re.search(r"^LIBS_RELEASE := .*$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)[0]))
    names = {"c": "musl", "z": "zlib", "isal": "isa-l", "archive": "libarchive"}
    assert related(document, "STATIC_LINK") == {("binary", "libgcc")} | {("binary", f"source-{names.get(name, name)}") for name in archives}


def test_it_names_the_certificates_and_the_compilers_library(document, packages):
    entry = packages["certificates"]
    assert (entry["versionInfo"], checksum(entry)) == (TOLD["certificates"]["version"], TOLD["certificates"]["sha256"])
    assert entry["comment"].startswith(f"{TOLD['certificates']['count']} certificates ")
    assert entry["licenseConcluded"] == roots().licence and roots().licence in packages["train"]["licenseConcluded"].split(" AND ")
    whole = packages["ca-certificates"]
    assert (whole["name"], whole["versionInfo"]) == (roots().package, roots().version)
    assert checksum(whole) == roots().sha256 == sha256(roots_package())
    assert f"gcc {packages['libgcc']['versionInfo']}" == TOLD["compiler"]
    library = subprocess.run(["gcc", "-print-libgcc-file-name"], capture_output=True, text=True, check=True).stdout.strip()
    assert checksum(packages["libgcc"]) == sha256(library)


def test_it_tells_of_every_change_of_our_own(packages):
    """A recipe of agent/deps/build that edits its source, by sed, is told of; no other one is."""
    recipes = re.findall(r"^build_(\w+)\(\) \{\n(.*?)^\}", (REPOSITORY / "agent/deps/build").read_text(), re.MULTILINE | re.DOTALL)
    edited = {name for name, recipe in recipes if re.search(r"\b(sed -i|patch)\b", recipe)}
    assert {key.removeprefix("source-").replace("-", "") for key, entry in packages.items() if entry.get("annotations")} == edited
    assert "skip_patch" in packages["patches-curl"]["comment"]


def test_its_locators_say_the_same(packages):
    for entry in packages.values():
        for row in entry.get("externalRefs", []):
            if row["referenceType"] == "purl":
                place, _, tail = row["referenceLocator"].partition("?")
                assert unquote(place.rpartition("@")[2]) == entry["versionInfo"]
                assert parse_qs(tail).get("checksum", [f"sha256:{checksum(entry)}"]) == [f"sha256:{checksum(entry)}"]
            else:
                assert row["referenceLocator"].split(":")[5] == entry["versionInfo"]


def test_nothing_names_a_place_to_download_from(document, packages):
    assert {entry["downloadLocation"] for entry in packages.values()} == {"NOASSERTION"}
    assert not re.search(r"registry|pypi|debian\.org", json.dumps(document))
