"""Images without a C library, and with either of the two (product §1): the agent needs none, and what the pipeline needs is told."""
import functools
import hashlib
import re
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest

import bases
import engine
from jobs import BINARY, File, make_archive, project

SOURCE = Path(__file__).parent / "programs/pipeline.c"
DEPS = Path(BINARY).parent / "deps"  # musl and its compiler, of the build

# Debian's musl: the loader alone, in an image with nothing else (a shell of busybox-static, so that there is a userland).
MUSL = """
RUN apt-get update && apt-get install -y --no-install-recommends musl busybox-static && mkdir -p /new/bin /new/lib /new/tmp && \\
    cp -L /lib/ld-musl-*.so.1 /new/lib/ && cp /bin/busybox /new/bin/ && for name in sh ls cat env; do ln -s busybox /new/bin/$name; done
FROM scratch
COPY --from=0 /new /
ENV PATH=/bin
"""


@functools.cache
def compiled(compiler, *flags):
    """The pipeline as a File of an archive."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([compiler, "-O1", SOURCE, *flags, "-o", f"{folder}/pipeline"], check=True)
        return File((Path(folder) / "pipeline").read_bytes(), 0o755)


def static():
    """With musl in it."""
    return compiled(DEPS / "bin/cc", "-static")


def for_glibc():
    """With the library of this machine, which the image has to bring."""
    return compiled("gcc")


def for_musl():
    """With the musl of the image: its loader is the library, too."""
    loader = engine.podman("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", musl(), "-c", "echo /lib/ld-musl-*.so.1").strip()
    with tempfile.TemporaryDirectory() as folder:
        name = f"train-test-{uuid.uuid4().hex[:12]}"
        engine.podman("create", "--name", name, musl())
        engine.podman("cp", f"{name}:{loader}", f"{folder}/libc.so")
        engine.podman("rm", name)
        return compiled("gcc", "-fPIE", "-pie", "-nostdinc", "-isystem", DEPS / "include", "-nostdlib", DEPS / "lib/Scrt1.o", DEPS / "lib/crti.o",
                        f"-L{folder}", "-lc", DEPS / "lib/crtn.o", f"-Wl,-dynamic-linker,{loader}")


def with_code(job, kind, program, *words, **more):
    files = {**project(command=["bin/pipeline", *words]), "bin/pipeline": program, **more}
    make_archive(job.channel("code").data / f"code/app.{kind}", files)
    return job


def nothing():
    """An image of nothing but /train: no C library, shell, /tmp, /etc/passwd, /etc/resolv.conf, certificates. /proc and /dev are the engine's."""
    return bases.agent()


def musl():
    """A userland whose only C library is musl, as Alpine's."""
    return bases.layered(bases.derived("musl", MUSL))


def lacks_its_loader(result, loader):
    result.check(126, "command")
    first = result.failure.splitlines()[0]
    assert first.startswith(f"[command] cannot run 'bin/pipeline': its loader '{loader}") and first.endswith(
        "does not exist (built for another system library: take an image that has it, or link the program statically)."), first


def lacks_python(result):
    """Who wrote a call never typed 'python3'."""
    result.check(127, "command")
    assert result.failure.splitlines()[0] == (
        "[command] this needs Python (setting 'python'): cannot run 'python3': no folder of PATH "
        "('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin') has it.")


def went_well(result, home="/root"):
    result.check(0, None)
    told = dict(line.partition(separator)[::2] for line in result.pipeline for separator in "= " if separator in line[:12])
    assert re.fullmatch("(/opt/ml|/tmp)/train-[0-9a-f]{8}", told["in"]), result.out
    assert told | {"in": ""} == {"in": "", "read": "1,2,3", "HOME": home or told["in"] + "-private/home", "TRAIN_HOST": "algo-1", "#metric": "train:loss=0.25;"}
    assert (result.job.model / "weights").read_text() == "weights\n" and (result.job.output / "data/report.txt").read_text() == "report\n"
    assert not [path for path in result.job.path.iterdir() if path.name.startswith("train-")]
    assert result.record["outcome"] == "completed"


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.zst", "zip"])
def test_a_job_in_an_image_of_nothing_but_train(job, kind):
    went_well(engine.run(nothing(), "train", job=with_code(job, kind, static())), home=None)


def test_a_stop_in_an_image_of_nothing_but_train(job):
    """It is the init there too."""
    with engine.start(nothing(), "train", job=with_code(job, "tar", static(), "stay")) as container:
        container.wait_for("^ready")
        container.kill("TERM")
        result = container.finish()
    result.check(7, "stopped")
    assert (job.output / "data/stopped.txt").read_text() == "stopped\n"
    assert result.failure.splitlines()[0] == "[stopped] a stop was asked for by SIGTERM and the pipeline ended with exit code 7."


def test_a_pipeline_that_fails_without_a_shell_to_look(job):
    result = engine.run(nothing(), "train", job=with_code(job, "tar", static(), "3")).check(3, "exit-3")
    assert result.failure.splitlines()[0] == "[exit-3] the pipeline ended with exit code 3."


def test_a_dynamic_program_where_nothing_can_load_it(job):
    """Both libraries: the text names the loader that the image lacks."""
    for program, loader in ((for_musl(), "/lib/ld-musl-"), (for_glibc(), "/lib")):
        lacks_its_loader(engine.run(nothing(), "train", job=with_code(job, "tar", program)), loader)


def test_a_script_without_a_shell(job):
    program = File("#!/bin/sh\necho never\n", 0o755)
    result = engine.run(nothing(), "train", job=with_code(job, "tar", program)).check(126, "command")
    assert "'/bin/sh'" in result.failure.splitlines()[0], result.failure


def test_a_call_without_python(job):
    make_archive(job.channel("code").data / "code/app.tar", {**project(call="churn:train"), "churn.py": "def train():\n    pass\n"})
    lacks_python(engine.run(nothing(), "train", job=job))


def test_script_mode_without_python(job):
    job.hyperparameters({"sagemaker_program": "train.py", "sagemaker_submit_directory": "/opt/ml/input/data/training"})
    (job.data / "training/train.py").write_text("print('never')\n")
    lacks_python(engine.run(nothing(), "train", job=job))


def test_a_name_without_a_resolver(job):
    """No /etc/resolv.conf of the image's: podman makes one, which --network none leaves without a way out."""
    job.extra = {"TRAIN_CODE": "https://code.invalid/app.tar.gz", "TRAIN_CODE_SHA256": hashlib.sha256(b"").hexdigest()}
    result = engine.run(nothing(), "train", job=job).check(69, "fetch-failed")
    assert "this container has no network" in result.failure.splitlines()[0]


def test_musl_as_the_images_library(job):
    """A dynamic program, a shell and the agent in a userland without glibc."""
    went_well(engine.run(musl(), "train", job=with_code(job, "tar.gz", for_musl())), home=None)


def test_a_program_of_glibc_on_musl(job):
    lacks_its_loader(engine.run(musl(), "train", job=with_code(job, "tar", for_glibc())), "/lib")


def test_glibc_as_the_images_library(job):
    went_well(engine.run(bases.layered(), "train", job=with_code(job, "tar.gz", for_glibc())))


def test_a_program_of_musl_on_glibc(job):
    lacks_its_loader(engine.run(bases.layered(), "train", job=with_code(job, "tar", for_musl())), "/lib/ld-musl-")
