"""Projects that the container tests run, and how a run of them must have ended."""
import os

from jobs import TELL, make_tree, shell


def coded(job, text, files=None, **pipeline):
    """The job with its code in <root>/code, where an image or a hand puts it: 'text' is run by sh."""
    make_tree(job.path / "code", {"pipeline.json": {"command": shell(text), **pipeline}, **(files or {})})
    return job


def telling(job):
    """The job with a project that tells what it sees (`jobs.told`); as a script it has any of the names that the tests' jobs ask for."""
    tell = {name: TELL for name in ("tell.py", "train.py", "algo.py")}
    make_tree(job.path / "code", {"pipeline.json": {"command": ["python3", "tell.py"]}, **tell})
    return job


def give(job, uid):
    """Everything under the job's root to a user that no passwd file knows."""
    for path in [job.path, *job.path.rglob("*")]:
        os.chown(path, uid, uid, follow_symlinks=False)
    return job


def owners(folder):
    """The users that own anything in the folder."""
    return {path.lstat().st_uid for path in folder.rglob("*")}


def completed(result, *lines):
    """The pipeline ran to its end, with these lines among those on its stdout; nothing warns."""
    result.check(0, None)
    assert result.record["outcome"] == "completed", result.record
    assert result.failure is None
    for line in lines:
        assert line in result.pipeline, f"'{line}' is not in:\n{result.out}"
    return result


def failed(result, code, reason, *words, outcome="failed", ended_by="agent"):
    """What an operator reads of a run that ended badly: exit code, first line of the failure text with its reason and sentence, which the log has too,
    and the record."""
    result.check(code, reason)
    record = result.record
    assert (record["outcome"], record["ended_by"]) == (outcome, ended_by), record
    first = result.failure.splitlines()[0]
    assert first.startswith(f"[{reason}] "), result.failure
    assert len(result.failure.encode()) <= 960
    for word in words:
        assert word in result.failure, f"'{word}' is not in:\n{result.failure}"
    sentence = first.removeprefix(f"[{reason}] ").removeprefix(f"{record['job']['host']}: ").rstrip(".")
    assert sentence in result.said, f"the log does not say '{sentence}':\n{result.said}"
    return result
