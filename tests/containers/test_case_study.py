"""The case study of base-images/README.md: one archive on Debian with its reference BLAS and on the same with Intel's MKL, and nothing changed but the
image. What is run is what `make case-study` runs; only the public base image is replaced by one that mmdebstrap made."""
import json
import os
import re
import subprocess
from pathlib import Path

import bases
import engine
import pytest
from jobs import BINARY, REPOSITORY, read_record

NAMES = ["debian", "mkl"]
RUNS = 2
CASE_S = 600  # a bound on all runs together
MKL = "/opt/mkl/lib/libmkl_"


def rows(markdown):
    return [re.split(r"\s*\|\s*", line.strip("| ")) for line in markdown.splitlines()[2:]]


def check_same_work(jobs):
    """One archive, one command, one data set: one answer, to the last digit that was told apart."""
    records = [read_record(job / "_train/run-algo-1.json") for runs in jobs.values() for job in runs]
    assert {record["outcome"] for record in records} == {"completed"}
    assert len({(record["code"]["sha256"], json.dumps(record["steps"][0]["command"])) for record in records}) == 1
    answers = {(job / "evaluation.json").read_text() for runs in jobs.values() for job in runs}
    assert len(answers) == 1
    assert json.loads(answers.pop())["accuracy"] > 0.97


def check_libraries(told):
    """numpy loaded what its image has for it, and is the same numpy."""
    for blas in told["debian"]:
        assert blas["name"] == "reference BLAS"
        assert [Path(path).name.split(".so")[0] for path in blas["libraries"]] == ["libblas", "liblapack"]
    for blas in told["mkl"]:
        assert blas["name"] == "Intel MKL"
        assert all(path.startswith(MKL) for path in blas["libraries"]), blas["libraries"]
        assert f"{MKL}core.so.3" in blas["libraries"]
    assert len({blas["numpy"] for runs in told.values() for blas in runs}) == 1


def check_speed(told):
    """By the processor's time, in one thread: what else the machine does meanwhile does not count."""
    best = {name: min(blas["algebra_cpu_seconds"] for blas in runs) for name, runs in told.items()}
    assert best["debian"] / best["mkl"] > 1.5


def check_table(markdown, told):
    for row, (name, runs) in zip(rows(markdown), told.items(), strict=True):
        seconds = min(blas["algebra_cpu_seconds"] for blas in runs)
        assert row[:3] == [f"`{name}`", runs[0]["name"], f"{seconds:.2f}"]


def test_one_archive_on_two_images_gives_the_same_answer_faster_on_mkl(tmp_path):
    images = [f"{name}={bases.image(name)}" for name in NAMES]
    done = subprocess.run([REPOSITORY / "base-images/case-study", BINARY, *images], capture_output=True, text=True, timeout=CASE_S,
                          env=os.environ | {"ENGINE": "podman", "RUNS": str(RUNS), "KEEP": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    jobs = {name: [tmp_path / f"{name}-{turn + 1}/output/data" for turn in range(RUNS)] for name in NAMES}
    told = {name: [json.loads((job / "blas.json").read_text()) for job in runs] for name, runs in jobs.items()}
    check_same_work(jobs)
    check_libraries(told)
    check_speed(told)
    check_table(done.stdout, told)


# As gfortran's callers do, scipy among them: a complex number comes back in registers.
COMPLEX_RESULTS = """
import ctypes

def struct(number):
    return type(f"complex_{number.__name__}", (ctypes.Structure,), {"_fields_": [("re", number), ("im", number)]})

def call(library, name, result, *arguments):
    function = getattr(ctypes.CDLL(library), name)
    function.restype = result
    found = function(*map(ctypes.byref, arguments))
    print(name, round(found.re, 6), round(found.im, 6))

one, two = ctypes.c_int(1), ctypes.c_int(2)
double = struct(ctypes.c_double)
x, y = (double * 2)(double(1, 2), double(3, 4)), (double * 2)(double(5, -1), double(2, 2))
call("libblas.so.3", "zdotc_", double, two, x, one, y, one)
call("libblas.so.3", "zdotu_", double, two, x, one, y, one)
call("liblapack.so.3", "zladiv_", double, double(-5, 10), double(3, 4))
"""


@pytest.mark.parametrize("name", NAMES)
def test_functions_with_complex_results_answer_as_debian_calls_them(name):
    """MKL's own would write to where no pointer is: base-images/mkl/debian.c."""
    result = engine.run(bases.image(name), "--", "python3", "-c", COMPLEX_RESULTS)
    assert result.code == 0, result.err
    assert [line for line in result.pipeline if line.startswith("z")] == ["zdotc_ 17.0 -13.0", "zdotu_ 5.0 23.0", "zladiv_ 1.0 2.0"]
