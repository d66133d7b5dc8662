"""Stops, signals and what else an operator does to a running container, with and without an init before train (product §9, §12; C§5)."""
import json
import re
import signal
import subprocess

import pytest

import bases
import engine
from jobs import wait_until
from projects import coded, completed, failed

AS_DOCKER = 120  # what SageMaker gives between TERM and KILL

each_init = pytest.mark.parametrize("init", [[], ["--init"]], ids=["PID 1", "behind an init"])

SAVES = """
trap 'echo step 41 >checkpoints/state; echo saved; exit {code}' TERM
cat checkpoints/state 2>/dev/null
echo ready
while :; do sleep 0.05; done
"""
IGNORES = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


def checkpointed(job, text):
    (job.path / "checkpoints").mkdir()
    job.config("checkpointconfig", {"LocalPath": "/opt/ml/checkpoints"})
    return coded(job, text)


def ready(container):
    container.wait_for("^ready$")
    return container


# ---- stop ----

@each_init
@pytest.mark.parametrize("code", [0, 5])
def test_a_stop_that_the_pipeline_answers_with_a_checkpoint(job, init, code):
    """It ends at once, with the pipeline's own code; the next attempt finds what was saved."""
    with engine.start(bases.layered(), "train", job=checkpointed(job, SAVES.format(code=code)), flags=init) as container:
        ready(container).stop(AS_DOCKER)
        result = container.finish()
    result.check(code, "stopped")
    assert (result.record["outcome"], result.record["ended_by"]) == ("stopped", "stop")
    assert (job.path / "checkpoints/state").read_text() == "step 41\n"
    assert "saved" in result.pipeline
    assert result.failure is None if code == 0 else result.failure.startswith(
        f"[stopped] a stop was asked for by SIGTERM and the pipeline ended with exit code {code}.")
    with engine.start(bases.layered(), "train", job=job, flags=init) as again:
        again.wait_for("^step 41$")


@each_init
def test_a_pipeline_that_ignores_the_stop_is_killed_after_the_grace(job, init):
    with engine.start(bases.layered(), "train", job=coded(job, IGNORES), env={"TRAIN_STOP_GRACE": 1}, flags=init) as container:
        ready(container).stop(AS_DOCKER)
        failed(container.finish(), 137, "stopped", "a stop was asked for by SIGTERM and the pipeline had to be killed after the grace",
               outcome="stopped", ended_by="stop")


def test_the_images_own_stop_signal(job):
    """STOPSIGNAL SIGINT, as interactive bases have it, is a stop request as well; the pipeline gets the signal it knows."""
    image = bases.derived("stopsignal", "STOPSIGNAL SIGINT", bases.layered())
    with engine.start(image, "train", job=coded(job, "trap 'echo got TERM; exit 4' TERM; echo ready; while :; do sleep 0.05; done")) as container:
        ready(container).stop(AS_DOCKER)
        result = failed(container.finish(), 4, "stopped", "a stop was asked for by SIGINT", outcome="stopped", ended_by="stop")
    assert "got TERM" in result.pipeline


NEVER_ANSWERS = r"""perl -MIO::Socket::INET -e '
$| = 1; my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 9, ReuseAddr => 1) or die;
print "ready\n"; my $c = $s->accept; my $line = <$c>; print "asked: $line"; sleep'"""


def test_a_stop_while_code_is_fetched(job, network):
    """From a server that took the request and says nothing: the stop does not wait for it."""
    with engine.start(bases.debian(), "sh", "-c", NEVER_ANSWERS, flags=["--network", network, "--network-alias", "store"]) as server:
        ready(server)
        env = {"TRAIN_CODE": "http://store:8000/code.tar.gz", "TRAIN_CODE_INSECURE": 1, "TRAIN_CODE_PIN": "off"}
        with engine.start(bases.layered(), "train", job=job, env=env, flags=["--network", network]) as container:
            server.wait_for("^asked: GET /code.tar.gz")
            container.stop(AS_DOCKER)
            result = failed(container.finish(), 143, "stopped", "a stop was asked for by SIGTERM", outcome="stopped", ended_by="stop")
    assert result.pipeline == [] and result.record["phases"][-1]["name"] != "run"


# ---- signals ----

@each_init
def test_a_signal_for_the_pipeline(job, init):
    with engine.start(bases.layered(), "train", job=coded(job, "trap 'echo got USR1; exit 6' USR1; echo ready; while :; do sleep 0.05; done"),
                      flags=init) as container:
        ready(container).kill("USR1")
        failed(container.finish(), 6, "exit-6", ended_by="pipeline")


@each_init
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_pipeline_that_dies_of_a_signal(job, init, number):
    result = engine.run(bases.layered(), "train", job=coded(job, f"kill -{number.value} $$"), flags=init)
    failed(result, 128 + number, f"signal-{number.name}", f"the pipeline was killed by {number.name} (signal {number.value})", ended_by="pipeline")


@each_init
@pytest.mark.parametrize("code", [0, 1, 77, 255])
def test_exit_codes(job, init, code):
    result = engine.run(bases.layered(), "train", job=coded(job, f"exit {code}"), flags=init)
    result.check(code, None if code == 0 else f"exit-{code}")
    assert result.record["ended_by"] == "pipeline"


# ---- orphans ----

ORPHANS = """
i=0; while [ $i -lt 20 ]; do sh -c 'sh -c "exit 0" & exit 0'; i=$((i+1)); done
perl -e 'for (1..200) { last unless grep { open(my $f, "<", $_) && <$f> =~ /\\) Z / } glob "/proc/[0-9]*/stat"; select undef, undef, undef, 0.05 }
         print "zombies ", scalar(grep { open(my $f, "<", $_) && <$f> =~ /\\) Z / } glob "/proc/[0-9]*/stat"), "\\n"'
"""
LEAVES_ONE = """
setsid sh -c 'trap "echo told to end; exit" TERM; : >up; while :; do sleep 0.05; done' &
while [ ! -e up ]; do sleep 0.05; done
"""


@each_init
def test_orphans_are_reaped_while_the_pipeline_runs(job, init):
    completed(engine.run(bases.layered(), "train", job=coded(job, ORPHANS), flags=init), "zombies 0")


@each_init
def test_what_a_pipeline_leaves_behind_is_told_to_end(job, init):
    """A daemon in a session of its own holds no job."""
    result = engine.run(bases.layered(), "train", job=coded(job, LEAVES_ONE), flags=init).check(0, None)
    assert "told to end" in result.pipeline
    assert re.search(r"warning: the pipeline left processes behind, they are stopped: \d", result.said), result.said


# ---- what else is done to containers ----

def test_a_command_beside_it(job):
    """podman exec: it sees the job's processes, and the job neither waits for it nor takes it for its own."""
    wait = "echo ready; while [ ! -e /tmp/go ]; do sleep 0.05; done"
    with engine.start(bases.layered(), "train", job=coded(job, wait)) as container:
        ready(container)
        assert container.exec("cat", "/proc/1/comm") == "train\n"
        doctor = container.exec("/usr/local/bin/train", "version")
        assert doctor.startswith("train ")
        with subprocess.Popen(["podman", "exec", container.name, "sleep", "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as beside:
            wait_until(lambda: "sleep 1000" in container.exec("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), "the command beside it")
            container.exec("touch", "/tmp/go")
            result = completed(container.finish())
            beside.wait()
        assert not [line for line in result.agent if line.startswith("warning")], result.said


def test_a_container_that_is_paused_and_goes_on(job):
    with engine.start(bases.layered(), "train", job=coded(job, SAVES.format(code=0))) as container:
        engine.podman("pause", ready(container).name)
        assert engine.inspect(container.name)["State"]["Status"] == "paused"
        engine.podman("unpause", container.name)
        container.stop(AS_DOCKER)
        container.finish().check(0, "stopped")


def test_what_podman_inspect_says_of_the_process(job):
    """The image's own words, for whoever looks at it: an exec-form entrypoint, so that PID 1 is train and gets the signal."""
    with engine.start(bases.layered(), "train", job=coded(job, SAVES.format(code=0))) as container:
        seen = engine.inspect(ready(container).name)
        assert json.dumps(seen["Config"]["Entrypoint"]).count("/usr/local/bin/train") == 1
        assert (seen["Path"], seen["Args"]) == ("/usr/local/bin/train", ["train"])
        container.stop(AS_DOCKER)
        container.finish()
