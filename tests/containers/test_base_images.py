"""The folders of base-images, each built by its own Dockerfile: what its README says that a pipeline finds there. Public registries are not asked; which
image stands for the public one is said with each test (stand_ins.py)."""
import io
import json
import re
import subprocess
import tarfile

import bases
import engine
import pytest
import stand_ins
from jobs import REPOSITORY, File, JobRoot, make_archive, make_tree, sha256, shell

FOLDERS = sorted(path.parent.name for path in (REPOSITORY / "base-images").glob("*/Dockerfile"))
DIGITS = REPOSITORY / "examples/digits"

# The digits project on every image with a Python and numpy: (name, stand-in for the public base, what numpy runs on).
WITH_NUMPY = [
    ("debian", bases.debian, "reference BLAS"),
    ("ubuntu", bases.debian, "reference BLAS"),
    ("python", stand_ins.python, "OpenBLAS"),
]


def coded(job, **pipeline):
    make_tree(job.path / "code", {"pipeline.json": pipeline})
    return job


# ---- the folders ----

@pytest.mark.parametrize("name", FOLDERS)
def test_each_folder_pins_its_base_takes_another_and_begins_with_train(name):
    text = (REPOSITORY / "base-images" / name / "Dockerfile").read_text()
    base = re.search(r"^ARG BASE=(\S+)$", text, re.M).group(1)
    assert base == "scratch" or re.search(r":[^:/]*\d[^:/]*$", base), base
    assert not base.endswith(":latest")
    assert "\nARG AGENT=train:agent\n" in text
    assert text.endswith('ENTRYPOINT ["/usr/local/bin/train"]\n')
    assert "COPY --from=agent /train /usr/local/bin/train\n" in text


@pytest.mark.parametrize("name", FOLDERS)
def test_each_folder_has_a_readme_that_says_how_it_is_built(name):
    text = (REPOSITORY / "base-images" / name / "README.md").read_text()
    assert f"make image IMAGE={name}\n" in text


@pytest.mark.parametrize("image, tag", [("scratch", "train:scratch"), ("", "train:latest")])
def test_make_image_names_the_agent_and_the_image_apart(tmp_path, image, tag):
    """Which builds the engine is asked for: no real one, as it would compile all libraries."""
    asked_engine = tmp_path / "engine"
    asked_engine.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n')
    asked_engine.chmod(0o755)
    subprocess.run([REPOSITORY / "base-images/build", "1.0"], check=True, env=bases.typing(ENGINE=str(asked_engine), IMAGE=image, ARCHS="amd64"))
    agent, final = (tmp_path / "asked").read_text().splitlines()
    assert agent.startswith("build --tag train:agent --platform linux/amd64 ") and agent.endswith(f" --target agent {REPOSITORY}")
    assert final.startswith(f"build --tag {tag} --platform linux/amd64 ")
    assert final.endswith(f" {REPOSITORY / 'base-images' / image if image else REPOSITORY}")


# ---- debian, ubuntu, python ----

@pytest.mark.parametrize("name, base, blas", WITH_NUMPY, ids=[row[0] for row in WITH_NUMPY])
def test_the_digits_project_runs_where_numpy_is(job, name, base, blas):
    """ubuntu: on Debian, as Ubuntu's archive is not everywhere in reach; the packages have the same names."""
    make_tree(job.path / "code", {"pipeline.json": json.loads((DIGITS / "pipeline.json").read_text())})
    subprocess.run(["cp", "-r", DIGITS / "digits", job.path / "code"], check=True)
    job.channel("training", {"digits.csv": (DIGITS / "data/training/digits.csv").read_text()})
    job.hyperparameters({"gammas": [0.25], "test_share": 0.7, "accuracy_min": 0.9})
    result = engine.run(bases.image(name, base()), "train", job=job, env={"OMP_NUM_THREADS": 1})
    result.check(0, None)
    left = {file: json.loads((job.output / f"data/{file}.json").read_text()) for file in ("blas", "evaluation")}
    assert left["blas"]["name"] == blas, left["blas"]
    assert left["evaluation"]["accuracy"] >= 0.9
    assert {metric["name"] for metric in result.metrics} >= {"test:accuracy", "train:left_out_accuracy"}


# ---- scratch ----

def static_program(folder, text):
    """A program of no library at all, by this machine's gcc."""
    (folder / "program.c").write_text(text)
    subprocess.run(["gcc", "-static", "-O1", "-o", folder / "program", folder / "program.c"], check=True)
    return (folder / "program").read_bytes()


COPIES_ITS_DATA = """
#include <stdio.h>

int
main(void)
{
	char line[100];
	FILE *data = fopen("data/training/training.csv", "r"), *model = fopen("model/model.csv", "w");

	if (data == NULL || model == NULL || fgets(line, sizeof line, data) == NULL) {
		return 9;
	}
	printf("read %s", line);
	return fputs(line, model) < 0 || fclose(model) != 0;
}
"""


def test_scratch_is_train_and_nothing_else():
    name = engine.podman("create", bases.image("scratch", "scratch"), "train").strip()
    try:
        tar = subprocess.run(["podman", "export", name], check=True, capture_output=True).stdout
    finally:
        engine.podman("rm", "-f", name)
    with tarfile.open(fileobj=io.BytesIO(tar)) as root:
        files = [member.name for member in root if not member.isdir()]
    assert files == ["usr/local/bin/train"]


def test_scratch_runs_a_static_program_that_comes_as_an_archive(job, tmp_path):
    program = File(static_program(tmp_path, COPIES_ITS_DATA), 0o755)
    archive = make_archive(tmp_path / "code.tar.gz", {"program": program, "pipeline.json": {"command": ["./program"]}})
    job.channel("code", {"code.tar.gz": archive.read_bytes()})
    result = engine.run(bases.image("scratch", "scratch"), "train", job=job, env={"TRAIN_CODE_SHA256": sha256(archive)})
    result.check(0, None)
    assert result.pipeline == ["read 1,2,3"]
    assert (job.model / "model.csv").read_text() == "1,2,3\n"


def test_scratch_runs_a_static_program_that_lies_in_the_image(job, tmp_path):
    """The three lines of its README."""
    static_program(tmp_path, COPIES_ITS_DATA)
    text = f"FROM {bases.image('scratch', 'scratch')}\nCOPY program /project/program\n" + 'ENV TRAIN_CODE=/project TRAIN_COMMAND=./program\n'
    engine.podman("build", "-q", "-t", "train-test-static", "-f", "-", tmp_path, input=text)
    result = engine.run("train-test-static", "train", job=job)
    result.check(0, None)
    assert (job.model / "model.csv").read_text() == "1,2,3\n"


# ---- cuda ----

def cuda():
    return bases.image("cuda", stand_ins.cuda())


def test_cuda_runs_the_pipeline_behind_nvidias_entrypoint(job):
    """The words reach the pipeline as they are, and what the entrypoint sets comes with them."""
    words = ["a b", "*", "$HOME", ""]
    coded(job, command=["/bin/bash", "-c", 'printf "<%s>" "$@"; echo; echo "$LD_LIBRARY_PATH"; exit 7', "bash", *words])
    result = engine.run(cuda(), "train", job=job)
    result.check(7, "exit-7")
    assert result.pipeline == ["the banner", "", "<a b><*><$HOME><>", "/usr/local/cuda/compat"]
    assert result.setting("wrapper")[0] == "/opt/nvidia/nvidia_entrypoint.sh"


def test_cuda_with_the_entrypoint_replaced_and_not_chained_loses_its_libraries(job):
    coded(job, command=shell('echo "<$LD_LIBRARY_PATH>"'))
    result = engine.run(bases.derived("cuda-unchained", "COPY --from=%s /train /usr/local/bin/train\nENTRYPOINT [\"/usr/local/bin/train\"]" % bases.agent(),
                                      stand_ins.cuda()), "train", job=job)
    assert result.pipeline == ["<>"]


def test_cuda_hands_a_stop_to_the_pipeline_itself(job):
    """The entrypoint becomes the pipeline: no shell stands between."""
    coded(job, command=["/bin/bash", "-c", "trap 'echo saved >model/saved; exit 0' TERM; echo ready; while :; do sleep 0.1; done"])
    with engine.start(cuda(), "train", job=job) as container:
        container.wait_for("^ready$")
        container.stop(60)
        container.finish().check(0, "stopped")
    assert (job.model / "saved").read_text() == "saved\n"


@pytest.mark.parametrize("given, seen", [({}, "all compute,utility"), ({"NVIDIA_VISIBLE_DEVICES": "void"}, "void compute,utility")])
def test_cuda_asks_for_all_gpus_unless_the_platform_says_otherwise(job, given, seen):
    coded(job, command=shell('echo "$NVIDIA_VISIBLE_DEVICES $NVIDIA_DRIVER_CAPABILITIES"'))
    assert engine.run(cuda(), "train", job=job, env=given).pipeline[-1] == seen


# ---- pytorch-dlc ----

SCRIPT = """
import ctypes, json, os, sys
name = ctypes.create_string_buffer(100)
ctypes.CDLL(None).gethostname(name, 100)
print(json.dumps({"argv": sys.argv[1:], "python": sys.executable, "pid 1": open("/proc/1/cmdline").read().split("\\0")[0],
                  "hostname": name.value.decode(), "preloaded": os.environ.get("LD_PRELOAD"), "lr": os.environ["SM_HP_LR"]}))
"""


def script_mode(job):
    """A job as the SDK's estimators make it, of a script in a local archive."""
    job.channel("source", {"sourcedir.tar.gz": make_archive(job.folder / "sourcedir.tar.gz", {"fit.py": SCRIPT}).read_bytes()})
    return job.hyperparameters({"sagemaker_program": "fit.py", "sagemaker_submit_directory": "/opt/ml/input/data/source/sourcedir.tar.gz", "lr": 0.1})


def fit(image, job):
    """The script's own words, and all that came out."""
    result = engine.run(image, "train", job=script_mode(job), flags=["--add-host", "algo-1:127.0.0.1"])
    assert result.code == 0, result.everything
    return json.loads(next(line for line in result.out.splitlines() if line.startswith('{"argv"'))), result


def test_pytorch_dlc_runs_this_train_and_not_the_toolkits_that_is_first_in_path(job, tmp_path):
    """The same job in the base and in the image. What is dropped is the host's name: the library that changed it is compiled by the base's entrypoint."""
    theirs, _ = fit(stand_ins.pytorch_dlc(), JobRoot(tmp_path / "theirs"))
    ours, result = fit(bases.image("pytorch-dlc", stand_ins.pytorch_dlc()), job)
    assert result.record["outcome"] == "completed"
    assert (theirs["pid 1"], ours["pid 1"]) == ("bash", "/usr/local/bin/train")
    assert (theirs["preloaded"], ours["preloaded"]) == ("/libchangehostname.so", None)
    assert theirs["hostname"] == "algo-1" and ours["hostname"] != "algo-1"
    for same in ("argv", "python", "lr"):
        assert theirs[same] == ours[same]
    assert ours["python"].startswith("/opt/conda/bin/") and ours["argv"] == ["--lr", "0.1"]


def test_pytorch_dlc_without_the_second_line_runs_the_other_train(job):
    """COPY alone is not enough: the base's entrypoint takes the first `train` of PATH."""
    image = bases.derived("pytorch-dlc-copied", f"COPY --from={bases.agent()} /train /usr/local/bin/train", stand_ins.pytorch_dlc())
    theirs, result = fit(image, job)
    assert theirs["pid 1"] == "bash"
    assert "sagemaker-training-toolkit" in result.everything and result.record is None
