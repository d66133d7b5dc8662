"""The base images of the tests. Public registries are not asked: a base is made by mmdebstrap from this machine's own Debian archive, and the Dockerfiles of
base-images/ take it by `BASE=`. Everything is kept in the tests' store under a name with the digest of its recipe, so that it is made once.

    bases.debian()                              # Debian bookworm, minbase, and nothing else
    bases.derived("python", "RUN apt-get ...")  # what a Dockerfile makes of another base
    bases.layered(bases.debian())               # that, with the binary under test as its entrypoint
    bases.image("debian")                       # base-images/debian on the base that stands for its public one, with the binary under test
"""
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from engine import podman
from jobs import BINARY, REPOSITORY, sha256

FOLDER = Path(os.environ["CONTAINERS_CONF"]).parent
SUITE = "bookworm"
BUILD_S = 900  # a bound on building one image, downloads included
PREFIX = "localhost/train-test"


@contextlib.contextmanager
def alone(name):
    """One worker makes what has this name, the others wait for it. `make image` makes train:agent."""
    with open(FOLDER / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def typing(**values):
    """The environment in which `make image` and its script are called: nothing of an outer make, and no choice of image but these."""
    chosen = {"IMAGE", "BASE", "TAG", "ARCHS", "ENGINE", "FLAGS", "COMMIT"}
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name not in chosen} | values


_there = set()  # tags that this worker has seen: podman is slow to ask


def made(name, recipe, make):
    """The tag of the image 'name' of this recipe (text): made by make(tag) if it is not there yet."""
    tag = f"{PREFIX}/{name}:{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if tag not in _there:
        with alone(name):
            if podman("image", "exists", tag, check=False).returncode != 0:
                make(tag)
        _there.add(tag)
    return tag


def debian(suite=SUITE):
    """A bare Debian, as the public image debian:SUITE-slim is one."""
    def make(tag):
        with tempfile.TemporaryDirectory(prefix="train-base-") as folder:
            root = f"{folder}/root.tar"
            done = subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", suite, root], capture_output=True, text=True, timeout=BUILD_S)
            assert done.returncode == 0, f"mmdebstrap {suite}: {done.stderr}"
            podman("import", "-q", "--change", "CMD bash", root, tag, timeout=BUILD_S)

    return made("debian", f"mmdebstrap minbase {suite}", make)


def _pip_words(scratch):
    """Flags of a build that give its pip what this machine's own needs to reach PyPI: its certificates, which may be a proxy's, and its index."""
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    lines = ["[global]", "cert = /run/train-test.crt"]
    lines += [f"index-url = {os.environ['PIP_INDEX_URL']}"] if "PIP_INDEX_URL" in os.environ else []
    (Path(scratch) / "pip.conf").write_text("\n".join(lines) + "\n")
    return ["-v", f"{scratch}/pip.conf:/etc/pip.conf:ro", "-v", f"{os.path.realpath(certificates)}:/run/train-test.crt:ro"]


def build(tag, dockerfile, folder, *words):
    """podman build; the Dockerfile is a path or a text."""
    with tempfile.TemporaryDirectory(prefix="train-build-") as scratch:
        path = dockerfile
        if not isinstance(dockerfile, Path):
            path = Path(scratch) / "Dockerfile"
            path.write_text(dockerfile)
        podman("build", "-q", "--network", "host", "-t", tag, "-f", path, *_pip_words(scratch), *words, folder or scratch, timeout=BUILD_S)


def derived(name, lines, base=None):
    """'base' (the bare Debian) and the lines of a Dockerfile on it."""
    text = f"FROM {base or debian()}\n{lines}\n"
    return made(name, text, lambda tag: build(tag, text, None))


def agent():
    """An image of nothing but /train, the binary under test: what the stage `agent` of the top Dockerfile makes."""

    def make(tag):
        with tempfile.TemporaryDirectory(prefix="train-agent-") as folder:
            shutil.copy(BINARY, f"{folder}/train")
            build(tag, 'FROM scratch\nCOPY train /train\nENTRYPOINT ["/train"]\n', folder)

    return made("agent", sha256(BINARY), make)


def layered(base=None):
    """'base' (the bare Debian) with the binary under test in front and nothing else: what `make image BASE=...` makes."""
    lines = f'COPY --from={agent()} /train /usr/local/bin/train\nENTRYPOINT ["/usr/local/bin/train"]'
    return derived("layered", lines, base)


def image(name, base=None):
    """base-images/NAME with the binary under test, on 'base' (the bare Debian)."""
    folder = REPOSITORY / "base-images" / name
    base, train = base or debian(), agent()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    recipe = "\n".join([base, train] + [path.read_text() for path in files])
    return made(f"image-{name}", recipe,
                lambda tag: build(tag, folder / "Dockerfile", folder, "--build-arg", f"BASE={base}", "--build-arg", f"AGENT={train}"))
