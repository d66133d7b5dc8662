"""How a container is started: C§1.1, and what people type."""
import json
import shlex
import shutil

import pytest

import bases
import engine
from jobs import BINARY, DATA, JobRoot, script, sha256, told
from projects import coded, completed, failed, telling

HELLO = "echo the pipeline; cat data/training/training.csv"
CASES = ["byo-hand-run", "local-mode-sdk", "sdk-script-mode", "training-2-hosts-2020", "training-2022-gpu", "training-2025-topology-null"]
OF_ITS_IMAGE = {"LD_PRELOAD", "LD_LIBRARY_PATH", "PATH", "HOSTNAME"}  # in a captured environment


@pytest.fixture
def nobody(job):
    """A root without a job: a folder that somebody mounted."""
    job.sagemaker = False
    shutil.rmtree(job.path)
    return job


# ---- as SageMaker starts it ----

@pytest.mark.parametrize("words", [["train"], [], ["train", "--set", "log-level=info"]], ids=["train", "nothing", "train and a setting"])
def test_with_and_without_the_word_train(job, words):
    result = completed(engine.run(bases.layered(), *words, job=coded(job, HELLO)), "the pipeline", "1,2,3")
    assert result.record["job"]["name"] == job.name


class Laid(JobRoot):
    """A job root of tests/data/sagemaker, as others laid it out: nothing is written beforehand, nothing set."""

    def __init__(self, folder, case):
        self.folder, self.path, self.tmp = folder, folder / "ml", folder / "tmp"
        self.sagemaker, self.extra = False, {}
        self.case = DATA / "sagemaker" / case
        shutil.copytree(self.case / "opt-ml", self.path)
        for name in (self.case / "empty-dirs").read_text().split():
            (folder / name.replace("opt-ml", "ml", 1)).mkdir(parents=True, exist_ok=True)
        self.host = self.seen("resourceconfig")["current_host"] if (self.path / "input/config").is_dir() else "local"

    def seen(self, name):
        """What a config file says; {} where it is missing."""
        path = self.path / "input/config" / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def run(self, image, **env):
        """With the arguments and the environment that it was seen with; the names of its hosts lead to this container."""
        words = (self.case / "argv").read_text().split()
        environment = dict(line.split("=", 1) for line in (self.case / "environment").read_text().splitlines())
        hosts = [word for number in (1, 2, 3) for word in ("--add-host", f"algo-{number}:127.0.0.1")]
        kept = {name: value for name, value in environment.items() if name not in OF_ITS_IMAGE}
        return engine.run(image, *words, job=self, flags=hosts, env=kept | {"TRAIN_CODE": "/opt/ml/code"} | env)


@pytest.mark.parametrize("case", CASES)
def test_a_captured_job(tmp_path, case):
    """Its code is in S3, so another place is named."""
    job = telling(Laid(tmp_path, case))
    result = job.run(bases.image("debian"))
    seen = told(result)
    channels = job.seen("inputdataconfig")
    script_mode = "sagemaker_program" in job.seen("hyperparameters")
    assert json.loads(seen["env"]["SM_CHANNELS"]) == sorted(channels)
    assert set(seen["data"]) == (set() if script_mode else set(channels))  # script mode makes no links
    assert (seen["env"]["TRAIN_HOST"], seen["env"].get("TRAIN_JOB_NAME")) == (job.host, seen["env"].get("TRAINING_JOB_NAME"))
    assert ("TRAINING_JOB_NAME" in seen["env"]) == (case != "byo-hand-run")
    for channel in channels:
        assert seen["env"][f"SM_CHANNEL_{channel.upper()}"] == f"/opt/ml/input/data/{channel}"
    assert (result.record["outcome"], result.record["exit_code"]) == ("completed", 0)


def test_a_captured_job_of_several_groups_that_asks_for_mpi(tmp_path):
    """What is not supported is named: never several single runs that know nothing of each other."""
    job = telling(Laid(tmp_path, "heterogeneous"))
    failed(job.run(bases.layered(), SAGEMAKER_PROGRAM="train.py"), 78, "settings", "'sagemaker_mpi_enabled' asks for a launcher that is not supported")


def test_the_spelling_of_awss_own_tutorial(tmp_path):
    """resourceConfig.json, with a capital (C§12.3)."""
    job = telling(Laid(tmp_path, "byo-hand-run"))
    config = job.path / "input/config"
    (config / "resourceconfig.json").rename(config / "resourceConfig.json")
    assert told(job.run(bases.image("debian")))["env"]["TRAIN_HOST"] == job.host


@pytest.mark.parametrize("gone", [["hyperparameters"], ["resourceconfig"], ["inputdataconfig"],
                                  ["hyperparameters", "resourceconfig", "inputdataconfig"]], ids=lambda gone: f"{len(gone)} {gone[0]}")
def test_a_hand_made_root_without_some_config_files(job, gone):
    host = "local" if "resourceconfig" in gone else "algo-1"
    job.host = host
    result = engine.run(bases.layered(), "train", job=coded(job.without(*gone), 'echo "$TRAIN_HOST of $TRAIN_HOSTS"; ls data'))
    completed(result, f"{host} of {host}", *([] if "inputdataconfig" in gone else ["training"]))


def test_a_hand_made_root_with_nothing_but_code(nobody):
    nobody.host = "local"
    completed(engine.run(bases.layered(), "train", job=coded(nobody, "echo ran >model/file; cat model/file")), "ran")
    assert (nobody.model / "file").read_text() == "ran\n"


# ---- programs as arguments ----

def test_a_program_of_the_image_as_argument(job):
    coded(job, "false", {"x.py": "import sys; print('x.py', sys.argv[1:])\n"})
    result = engine.run(bases.image("debian"), "python3", "x.py", "--epochs", "3", job=job)
    completed(result, "x.py ['--epochs', '3']")
    assert "'python3' is no verb: it is taken as the command" in result.said


def test_a_program_of_the_code_as_argument(job):
    completed(engine.run(bases.layered(), "./fit", "a b", job=coded(job, "false", {"fit": script('echo "fit $1"')})), "fit a b")


@pytest.mark.parametrize("words", [["--"], ["train", "--"]], ids=["alone", "behind train"])
def test_a_command_behind_two_dashes(job, words):
    completed(engine.run(bases.layered(), *words, "echo", "--set", "x", job=job), "--set x")


def test_a_word_that_is_neither_in_a_job(job):
    result = failed(engine.run(bases.layered(), "trian", "--epochs", "3", job=coded(job, HELLO)), 127, "command", "cannot run 'trian'")
    assert result.pipeline == []


def test_a_word_that_is_neither_elsewhere():
    result = engine.run(bases.layered(), "trian")
    assert (result.code, result.out) == (64, "")
    assert "unknown verb 'trian'" in result.said and "'train'" in result.said


# ---- what it is not ----

@pytest.mark.parametrize("words", [[], ["train"]], ids=["nothing", "train"])
def test_without_a_job_it_says_what_to_type(words):
    result = engine.run(bases.layered(), *words)
    assert (result.code, result.out) == (64, "")
    assert result.agent == ["error: no job here; to run this folder: `train run` ('/opt/ml' does not exist)"]


@pytest.mark.parametrize("in_job", [True, False], ids=["in a job", "elsewhere"])
def test_it_does_not_serve(job, in_job):
    result = engine.run(bases.layered(), "serve", job=coded(job, HELLO) if in_job else None)
    assert (result.code, result.out) == (64, "")
    assert result.agent == ["error: this image only trains: 'serve' is for hosting"]


@pytest.mark.parametrize("case", ["processing-2020", "processing-2020-entrypoint-args"])
def test_it_does_no_processing(tmp_path, case):
    failed(engine.run(bases.layered(), job=Laid(tmp_path, case)), 64, "usage", "this image only trains", "Processing")


def test_its_version_and_help():
    version = engine.run(bases.layered(), "version", "--json")
    assert version.code == 0 and json.loads(version.out)["sha256"] == sha256(BINARY)
    usage = engine.run(bases.layered(), "help")
    assert usage.code == 0 and "train run" in usage.out


# ---- images ----

def test_the_words_of_the_images_own_cmd(job):
    """CMD of an image is the arguments where `docker run` gives none; with `train` SageMaker replaces it."""
    image = bases.derived("with-cmd", 'CMD ["sh", "-c", "echo the CMD"]', bases.layered())
    completed(engine.run(image, job=coded(job, HELLO)), "the CMD")
    completed(engine.run(image, "train", job=job), "the pipeline")


def test_an_image_without_an_entrypoint_finds_it_in_path(job):
    """docker run IMAGE train, where the base has no ENTRYPOINT and COPY is all that was done."""
    image = bases.derived("only-copy", f"COPY --from={bases.agent()} /train /usr/local/bin/train")
    completed(engine.run(image, "train", job=coded(job, HELLO)), "the pipeline")


OTHER = r"""
RUN mkdir -p /opt/conda/bin && printf '#!/bin/sh\necho the other train: "$@"\n' >/opt/conda/bin/train && chmod 755 /opt/conda/bin/train
RUN printf '#!/bin/sh\nexec "$@"\n' >/usr/local/bin/start.sh && chmod 755 /usr/local/bin/start.sh
ENV PATH=/opt/conda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENTRYPOINT ["/usr/local/bin/start.sh"]
"""


def test_a_base_with_its_own_entrypoint_needs_both_lines(job):
    """The base's entrypoint runs what PATH has first under the name: with COPY alone that is another train (C§1.1)."""
    base = bases.derived("other-train", OTHER)
    copied = bases.derived("other-train-copied", f"COPY --from={bases.agent()} /train /usr/local/bin/train", base)
    result = engine.run(copied, "train", job=coded(job, HELLO))
    assert (result.code, result.out, result.record) == (0, "the other train:\n", None)
    completed(engine.run(bases.layered(base), "train", job=job), "the pipeline")


@pytest.mark.parametrize("words", [[], ["sh", "-c", "echo given"]], ids=["entrypoint", "entrypoint and arguments"])
def test_train_elsewhere_as_the_jobs_own_entrypoint(job, words):
    """ContainerEntrypoint names a program that came with a channel or another folder of the image; no word `train` then."""
    flags = ["-v", f"{BINARY}:/opt/tools/agent:ro", "--entrypoint", json.dumps(["/opt/tools/agent"])]
    completed(engine.run(bases.derived("other-train", OTHER), *words, job=coded(job, HELLO), flags=flags), "given" if words else "the pipeline")


def test_an_entrypoint_of_several_words(job):
    """ContainerEntrypoint [train, --set, ...]: settings that nobody can change by the request's hyperparameters."""
    flags = ["--entrypoint", json.dumps(["/usr/local/bin/train", "--set", "log-level=debug", "--"])]
    result = completed(engine.run(bases.layered(), "echo", "ran", job=job, flags=flags), "ran")
    assert result.setting("log-level") == ("debug", "command line --set log-level")


def test_a_shell_before_it_that_stays(job):
    """sh -c "train; true", as scripts do it: not PID 1, and all the same in charge."""
    words = shlex.join(["/usr/local/bin/train", "--", "sh", "-c", "echo ran; exit 3"])
    result = engine.run(bases.layered(), "-c", f"{words}; echo code $?", job=job, flags=["--entrypoint", "/bin/sh"])
    assert result.code == 0 and "ran" in result.pipeline and "code 3" in result.pipeline
    assert result.record["reason"] == "exit-3"
