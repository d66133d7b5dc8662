"""What the network tests share: a small project that leaves a mark when it runs, and what has to be true when it did or did not."""
import io
import tarfile

from jobs import EPOCH, make_tar, project, sha256, shell

HELLO = "hello from the code"

# The mark lies outside the workspace, so that cleaning up does not take it away.
PROJECT = {**project(command=shell('cat text; : >"$E2E_MARK"; env >"$E2E_MARK.env"')), "text": HELLO + "\n"}
OTHER_PROJECT = {**PROJECT, "text": "this is other code\n"}


def archive_of(files, folder, name="code.tar.gz"):
    """(bytes, SHA-256) of an archive of 'files'; its kind by the name."""
    path = make_tar(folder / "made" / name, files)
    return path.read_bytes(), sha256(path)


def large_archive(size):
    """Bytes of a plain tar whose project takes 'size' bytes more, so that it does not fit the buffers of a socket."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in (("pipeline.json", b'{"command": ["/bin/sh", "-c", "cat text; : >$E2E_MARK"]}'), ("text", HELLO.encode() + b"\n"),
                              ("ballast", bytes(range(251)) * (size // 251))):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), EPOCH
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def marked(job):
    """Makes the job leave its mark; returns the job."""
    job.extra["E2E_MARK"] = str(job.folder / "mark")
    return job


def has_run(job):
    return (job.folder / "mark").exists()


def pipeline_env(job):
    """The environment that the pipeline had."""
    return dict(line.split("=", 1) for line in (job.folder / "mark.env").read_text().splitlines() if "=" in line)


def ran(result, *words):
    """The project of this file ran, nothing of it is left, and the agent said all of 'words'."""
    result.check(0, None)
    assert result.failure is None
    assert has_run(result.job) and HELLO in result.out.splitlines()
    assert result.job.leftovers() == set()
    assert result.record["outcome"] == "completed", result.record
    for word in words:
        assert word in result.said, f"'{word}' is not in:\n{result.said}"
    return result


def refused(result, code, reason, *words):
    """Ended by the agent with code and reason, all of 'words' in the failure text; nothing ran, nothing is left."""
    result.check(code, reason)
    assert not has_run(result.job), "it ran"
    assert HELLO not in result.out
    assert result.job.leftovers() == set()
    assert result.failure is not None, result.err
    assert result.failure.startswith(f"[{reason}] ") and len(result.failure.encode()) <= 960
    for word in words:
        assert word in result.failure, f"'{word}' is not in:\n{result.failure}"
    assert (result.record["exit_code"], result.record["reason"]) == (code, reason)
    return result
