"""What the pipeline's processes get, and what is left of them (product §9)."""
import os
import signal
from pathlib import Path

import pytest

from jobs import PYTHON, STOPS, TELL, code, pid1, processes, project, run, start, told, wait_until

BOTH = pytest.mark.parametrize("before", [[], pid1()], ids=["plain", "pid1"])

# Says "ready", then the name of each signal it gets; ends with 7 on those named in its argument.
LISTEN = """
import os, signal, sys
ends = sys.argv[1].split()
names = {getattr(signal, 'SIG' + name): name for name in 'TERM INT QUIT HUP USR1 USR2 WINCH CONT TSTP'.split()}
signal.pthread_sigmask(signal.SIG_BLOCK, names)
os.write(1, b'ready\\n')
while True:
    name = names[signal.sigwait(names)]
    os.write(1, b'got %s\\n' % name.encode())
    if name in ends:
        os._exit(int(sys.argv[2]))
"""


def listen(ends="", number=7):
    return [PYTHON, "-c", LISTEN, ends, str(number)]


def stat_of(pid):
    """What stands behind the name: state, parent and so on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def parent_of(pid):
    return int(stat_of(pid)[1])


def marked(job):
    """Everything that the job started and that still lives."""
    return processes(f"MARK={job.folder}")


def start_marked(job, *args, **more):
    env = {"MARK": job.folder} | more.pop("env", {})
    return start(*args, job=job, env=env, **more)


# ---- a stop request ----

@BOTH
@pytest.mark.parametrize("number", STOPS, ids=lambda number: number.name)
def test_a_stop_request_reaches_the_pipeline_as_the_stop_signal(job, before, number):
    with start("--", *listen("TERM"), job=job, before=before) as running:
        running.wait_for("^ready$")
        running.signal(number)
        result = running.finish()
    result.check(7, "stopped")
    assert "got TERM" in result.out
    assert f"SIG{number.name.removeprefix('SIG')}" in result.said
    assert (result.record["outcome"], result.record["ended_by"]) == ("stopped", "stop")


def test_a_stopped_pipeline_that_ends_well_ends_well(job):
    with start("--", *listen("TERM", 0), job=job) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        result = running.finish()
    assert result.code == 0
    assert (result.record["outcome"], result.record["reason"], result.record["ended_by"]) == ("stopped", "stopped", "stop")
    assert result.failure is None


def test_a_stopped_pipeline_without_a_handler_has_the_signals_code(job):
    with start("--", "sh", "-c", "echo ready; exec sleep 1000", job=job) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        running.finish().check(143, "stopped")


@pytest.mark.parametrize("name", ["SIGINT", "USR1", "SIGQUIT"])
def test_the_stop_signal_can_be_chosen(job, name):
    short = name.removeprefix("SIG")
    with start("--", *listen(short), job=job, env={"TRAIN_STOP_SIGNAL": name}) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        result = running.finish()
    result.check(7, "stopped")
    assert f"got {short}" in result.out and "got TERM" not in result.out


def test_the_whole_group_gets_the_stop_signal(job):
    both = f"{PYTHON} -c \"$0\" TERM 0 & \"{PYTHON}\" -c \"$0\" TERM 3; wait; exit 3"
    with start("--", "sh", "-c", f"trap '' TERM; {both}", LISTEN, job=job) as running:
        running.wait_for("^ready\n(.*\n)*ready$")
        running.signal(signal.SIGTERM)
        result = running.finish()
    result.check(3, "stopped")
    assert result.out.count("got TERM") == 2


@BOTH
def test_a_stop_request_wakes_a_pipeline_that_is_stopped(job, before):
    """Else it would hear of it only by SIGKILL; the grace is longer than any test may last."""
    stops = "trap 'exit 7' TERM; echo ready; kill -STOP $$; while :; do sleep 1000 & wait $!; done"
    with start("--", "sh", "-c", stops, job=job, env={"TRAIN_STOP_GRACE": 3600, "MARK": job.folder}, before=before) as running:
        running.wait_for("^ready$")
        pipeline = wait_until(lambda: [pid for pid in marked(job) if parent_of(pid) == running.pid], "the pipeline")[0]
        wait_until(lambda: stat_of(pipeline)[0] == "T", "the pipeline to stop")
        running.signal(signal.SIGTERM)
        running.finish().check(7, "stopped")


@BOTH
def test_after_the_grace_the_pipeline_is_killed_with_137(job, before):
    with start_marked(job, "--", *listen(), env={"TRAIN_STOP_GRACE": 1}, before=before) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        result = running.finish()
    result.check(137, "stopped")
    assert "got TERM" in result.out
    assert marked(job) == []


def test_a_grace_of_zero_kills_at_once(job):
    with start_marked(job, "--", *listen(), env={"TRAIN_STOP_GRACE": 0}) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        running.finish().check(137, "stopped")
    assert marked(job) == []


def test_a_second_stop_request_cuts_the_grace_short(job):
    """The grace is longer than any test may last."""
    with start("--", *listen(), job=job, env={"TRAIN_STOP_GRACE": 3600}) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        running.wait_for("^got TERM$")
        running.signal(signal.SIGTERM)
        result = running.finish()
    result.check(137, "stopped")
    assert "second" in result.said


@BOTH
def test_after_the_grace_those_that_left_the_group_are_killed_too(job, before):
    """A session of its own, twice, and deaf to everything that can be ignored."""
    with start_marked(job, "--", "sh", "-c", "setsid setsid sh -c 'trap \"\" TERM INT HUP QUIT; echo child; "
                      "while :; do sleep 1000 & wait $!; done' & trap '' TERM; echo ready; while :; do wait; done",
                      env={"TRAIN_STOP_GRACE": 1}, before=before) as running:
        running.wait_for("^ready$")
        running.wait_for("^child$")
        running.signal(signal.SIGTERM)
        running.finish().check(137, "stopped")
    wait_until(lambda: marked(job) == [], "the end of all processes")


def test_a_stop_in_the_first_step_keeps_the_second_from_running(job):
    job.code(project([{"name": "first", "command": listen("TERM", 0)}, {"name": "second", "command": ["echo", "second ran"]}]))
    with start(job=job) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        result = running.finish()
    assert "second ran" not in result.out
    assert (result.record["outcome"], result.record["reason"]) == ("stopped", "stopped")
    assert result.record["steps"][1]["exit_code"] is None


def test_who_outlives_the_main_process_after_a_stop_is_not_asked_twice(job):
    """The main process ends once its child has taken the first TERM; a second one could mean to give up at once."""
    main = f"""
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', {LISTEN!r}, '', '0'])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.write(1, b'main\\n')
signal.sigwait([signal.SIGTERM])
def waiting():
    status = dict(line.split(':', 1) for line in open(f'/proc/{{child.pid}}/status'))
    return int(status['ShdPnd'], 16) >> (signal.SIGTERM - 1) & 1
while waiting():
    pass
os._exit(4)
"""
    with start_marked(job, "--", *code(main)) as running:
        running.wait_for("^ready$")
        running.wait_for("^main$")
        running.signal(signal.SIGTERM)
        result = running.finish()
    result.check(4, "stopped")
    assert result.out.count("got TERM") == 1
    assert marked(job) == []


# Ends with 5 and leaves a deaf process behind, which keeps the job for two seconds.
LEAVE = 'import subprocess, sys\nchild = subprocess.Popen(["sh", "-c", "trap \'\' TERM; echo ready; while :; do sleep 1000; done"], ' \
    'stdout=subprocess.PIPE)\nchild.stdout.readline()\nsys.exit(int(sys.argv[1]))\n'


@BOTH
def test_a_stop_after_the_pipelines_end_changes_nothing_of_it(job, before):
    with start_marked(job, "--", *code(LEAVE), 5, before=before) as running:
        running.wait_for("left processes behind")
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGUSR1)
        result = running.finish()
    result.check(5, "exit-5")
    assert (result.record["outcome"], result.record["ended_by"]) == ("failed", "pipeline")
    assert marked(job) == []


def test_a_stop_between_two_steps_starts_no_other(job):
    job.code(project([{"name": "first", "command": [*code(LEAVE), "0"]}, {"name": "second", "command": ["echo", "second ran"]}]))
    with start_marked(job) as running:
        running.wait_for("left processes behind")
        running.signal(signal.SIGINT)
        result = running.finish()
    result.check(130, "stopped")
    assert "second ran" not in result.out
    assert (result.record["outcome"], result.record["ended_by"]) == ("stopped", "stop")


def test_a_signal_for_the_pipeline_between_two_steps_is_dropped(job):
    """The second step has no handler, and would die of it."""
    job.code(project([{"name": "first", "command": [*code(LEAVE), "0"]}, {"name": "second", "command": ["echo", "second ran"]}]))
    with start_marked(job) as running:
        running.wait_for("left processes behind")
        running.signal(signal.SIGUSR1)
        result = running.finish()
    assert result.code == 0
    assert "second ran" in result.out


# ---- passed signals ----

@BOTH
@pytest.mark.parametrize("name", "USR1 USR2 WINCH CONT TSTP".split())
def test_other_signals_pass_unchanged(job, before, name):
    with start("--", *listen("TERM", 0), job=job, before=before) as running:
        running.wait_for("^ready$")
        running.signal(getattr(signal, f"SIG{name}"))
        running.wait_for(f"^got {name}$")
        running.signal(signal.SIGTERM)
        assert running.finish().code == 0


# ---- the child ----

def test_stdin_is_inherited_without_a_terminal(job, tmp_path):
    (tmp_path / "in").write_text("from stdin\n")
    with open(tmp_path / "in") as stdin:
        assert "from stdin\n" in run("--", "cat", job=job, stdin=stdin).out


def test_no_shell_ever_reads_a_hyperparameter(job):
    bad = "$(touch {0}/x) `touch {0}/x`; touch {0}/x | & > {0}/x".format(job.folder)
    job.hyperparameters({"a": bad, "$(touch x)": "1"})
    job.code(project(command=code(TELL), arguments="--key value"))
    facts = told(run(job=job))
    assert bad in facts["argv"]
    assert facts["env"]["SM_HP_A"] == bad
    assert not (job.folder / "x").exists()


def test_no_shell_ever_reads_a_command(job):
    result = run("--", "echo", "$(touch x)", "`touch x`", "*", ";", "touch", "x", job=job)
    assert result.out.splitlines()[0] == "$(touch x) `touch x` * ; touch x"
    assert not (job.folder / "x").exists()
    result = run(job=job, env={"TRAIN_COMMAND": "echo $HOME $(touch x) ; touch x"})
    assert "$HOME $(touch x) ; touch x" in result.out


# ---- orphans and leftovers ----

ORPHANS = """
import os, sys, time
agent = int(sys.argv[1]) if len(sys.argv) > 1 else os.getppid()
for _ in range(200):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()
end = time.monotonic() + 30
while time.monotonic() < end:
    children = open(f'/proc/{agent}/task/{agent}/children').read().split()
    if children == [str(os.getpid())]:
        print('all reaped')
        break
else:
    print('left', children)
"""


@BOTH
def test_two_hundred_orphans_leave_no_zombie(job, before):
    result = run("--", PYTHON, "-c", ORPHANS, job=job, before=before)
    assert result.pipeline == ["all reaped"]


@BOTH
def test_a_process_that_was_left_behind_is_asked_to_end(job, before):
    left = "trap 'echo left behind got TERM >&2; exit' TERM; echo ready; while :; do sleep 1000 & wait $!; done"
    program = f'import subprocess, sys\nchild = subprocess.Popen(["sh", "-c", {left!r}], stdout=subprocess.PIPE)\n' \
        'child.stdout.readline()\nsys.exit(5)'
    result = run("--", *code(program), job=job, before=before, env={"MARK": job.folder})
    result.check(5, "exit-5")
    assert "left behind got TERM" in result.err
    assert marked(job) == []


@BOTH
def test_a_process_that_was_left_behind_in_its_own_session_and_is_deaf_is_killed(job, before):
    left = "trap '' TERM INT HUP QUIT; echo ready; while :; do sleep 1000 & wait $!; done"
    program = f'import subprocess, sys\nchild = subprocess.Popen(["setsid", "setsid", "sh", "-c", {left!r}], ' \
        'stdout=subprocess.PIPE)\nchild.stdout.readline()\n'
    result = run("--", *code(program), job=job, before=before, env={"MARK": job.folder})
    assert result.code == 0, result.err
    assert marked(job) == []
    assert any("behind" in line for line in result.agent)


def test_a_process_that_holds_the_pipes_does_not_hold_the_job(job):
    result = run("--", "sh", "-c", "trap '' TERM; sleep 1000 & echo done", job=job, env={"MARK": job.folder})
    assert result.code == 0
    assert "done" in result.out
    assert marked(job) == []


def test_as_pid_1_processes_that_others_left_are_reaped(job):
    """docker exec's children become PID 1's; here the agent is given one before the pipeline starts."""
    result = run("--", PYTHON, "-c", ORPHANS, "1", job=job, before=[*pid1(), "sh", "-c", '(:) & exec "$@"', "sh"])
    assert "all reaped" in result.out, result.out
