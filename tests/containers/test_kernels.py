"""Kernels and profiles that lack calls (product §5, §9): a whole job goes as it goes with them, and what has to be refused still is."""
import errno
import re

import pytest

import bases
import engine
import kernels
from jobs import DEADLINE_S, Link, make_archive, make_tar, make_tree, project, script, sha256, shell

ERRORS = [errno.ENOSYS, errno.EPERM]
CASES = ([([], 0)] + [([call], error) for call in kernels.WITH_ANOTHER_WAY for error in ERRORS]
         + [(kernels.WITH_ANOTHER_WAY + kernels.YOUNG, error) for error in ERRORS])

# Tells by what errno the first call is answered, leaves a process behind, and is a link to another file.
FEATURIZE = script("""
perl -e 'syscall(shift, -1, 0, 0, 0); printf "errno %d\\n", $!' "$1"
sleep 1000 &
echo "features of $(cat data/training/training.csv)" >features
""")

# Ignores the stop, as its helper does, which has left the group.
TRAIN = script("""
read -r features <features
echo "$features" >model/weights
echo "train:loss=0.25 step=1" >"$TRAIN_METRICS"
trap '' TERM
setsid sh -c 'echo "apart" >output/apart; sleep 1000' &
until [ -s output/apart ]; do :; done
echo ready
wait
""")


def files(number):
    return {**project(steps=[{"name": "featurize", "command": ["./bin/featurize", str(number)]}, {"name": "train", "command": ["bin/train"]}]),
            "bin/featurize": Link("../src/featurize"), "src/featurize": FEATURIZE, "src/train": TRAIN, "bin/train": Link("../src/./train")}


def name_of(case):
    calls, error = case
    return f"{calls[0] if len(calls) == 1 else 'all' if calls else 'none'}-{errno.errorcode.get(error, 0)}"


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_job_goes_as_with_them(job, tmp_path, case):
    """Unpacked from a channel, a process left behind by a step, a stop that is ignored and ends in a kill of all descendants."""
    calls, error = case
    number = kernels.number(calls[0]) if calls else kernels.number("openat2")
    job.channel("code")
    archive = make_tar(job.data / "code/app.tar.gz", files(number))
    with engine.start(bases.layered(), "train", job=job, env={"TRAIN_STOP_GRACE": 1},
                      flags=kernels.without(tmp_path, calls, error)) as container:
        container.wait_for("^ready")
        container.kill("TERM")
        result = container.finish()
    result.check(137, "stopped")
    assert result.failure.splitlines()[0] == "[stopped] a stop was asked for by SIGTERM and step 'train' had to be killed after the grace."
    told = int(re.search("^errno ([0-9]+)$", result.out, re.MULTILINE)[1])
    assert told == error if calls else told not in ERRORS
    assert result.pipeline[1:] == ["#metric train:loss=0.25; step=1", "ready"]
    assert result.pipeline_err == []
    assert [re.sub("[0-9]+[.][0-9]+ s", "N s", line) for line in result.agent] == [
        f"code: 'channel:code' (channel code), tar.gz, {archive.stat().st_size} bytes, SHA-256 {sha256(archive)}",
        "step 1 of 2: 'featurize'", "warning: the pipeline left processes behind, they are stopped: 1",
        "step 1 of 2, 'featurize', ended with 0 after N s", "step 2 of 2: 'train'", "SIGTERM: stopping the pipeline, it has 1 s",
        "warning: the grace is over: killed the pipeline, processes: 3", "step 2 of 2, 'train', ended with 137 after N s",
        "error: [stopped] a stop was asked for by SIGTERM and step 'train' had to be killed after the grace (exit code 137)", "record: '/opt/ml/output/data/_train/run-algo-1.json'"]
    assert (job.model / "weights").read_text() == "features of 1,2,3\n"
    assert [(step["name"], step["exit_code"]) for step in result.record["steps"]] == [("featurize", 0), ("train", 137)]
    assert result.record["code"]["sha256"] == sha256(archive)
    assert [row["value"] for row in result.metrics if row["name"] == "train:loss"] == [0.25]


# ---- archives ----

GOOD = {**project(command=shell("cat there/text; cat data/training/training.csv")), "real/text": "unpacked\n", "there": Link("real")}
BAD = {
    "dots": ({"../outside": "x"}, "entry 2 '../outside'"),
    "absolute": ({"/tmp/outside": "x"}, "entry 2 '/tmp/outside'"),
    "link": ({"out": Link("../outside")}, "entry 2 'out'"),
    "absolute-link": ({"out": Link("/tmp")}, "entry 2 'out'"),
    "through": ({"here": Link("there"), "there": Link(".."), "here/outside": "x"}, "entry 4 'here/outside'"),
}

# Each archive in a job root of its own; a workspace is looked at after each.
EACH = """
for archive in /jobs/*/app.*; do
    root=${archive%/*}
    SAGEMAKER_BASE_DIR=$root TRAIN_CODE=$archive TMPDIR=$root/tmp train 2>"$root/err" >"$root/out"
    echo $? >"$root/code"
    echo "$root"/tmp/* >"$root/left"
done
"""


def roots(folder):
    """A job root for each archive, by its name."""
    made = {}
    for kind in ("tar", "tar.gz", "tar.zst", "zip"):
        made[f"good-{kind}"] = (f"app.{kind}", GOOD)
        for name, (more, _) in BAD.items():
            made[f"{name}-{kind}"] = (f"app.{kind}", {**project(command=["true"]), **more})
    for name, (archive, content) in made.items():
        make_tree(folder / name, {"tmp": None, "output": None, "input/data/training/training.csv": "1,2,3\n",
                                  "input/config/inputdataconfig.json": {"training": {"TrainingInputMode": "File"}}})
        make_archive(folder / name / archive, content)
    return made


@pytest.mark.parametrize("error", [0, *ERRORS], ids=lambda error: errno.errorcode.get(error, "none"))
def test_archives_are_unpacked_and_refused_as_with_them(tmp_path, error):
    names = roots(tmp_path / "jobs")
    calls = kernels.WITH_ANOTHER_WAY + kernels.YOUNG if error else []
    result = engine.run(bases.layered(), "-c", EACH, env={"TRAINING_JOB_NAME": "churn"}, timeout=2 * DEADLINE_S, flags=[
        *kernels.without(tmp_path, calls, error), "--entrypoint", "/bin/sh", "-v", f"{tmp_path}/jobs:/jobs"])
    assert (result.code, result.err) == (0, "")
    for name in names:
        root = tmp_path / "jobs" / name
        code, out, said = (int((root / "code").read_text()), (root / "out").read_text(), (root / "err").read_text())
        assert (root / "left").read_text() == f"/jobs/{name}/tmp/*\n", f"{name} left something"
        if name.startswith("good-"):
            assert code == 0 and out.startswith("unpacked\n1,2,3\n"), (name, said)
        else:
            assert code == 65 and (root / "output/failure").read_text().startswith("[code-archive] "), (name, said)
            assert BAD[name.rpartition("-")[0]][1] in (root / "output/failure").read_text().splitlines()[0], (name, said)
            assert not list((tmp_path / "jobs").rglob("outside")), name
