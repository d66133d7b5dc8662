"""Verified archives kept between jobs, by their digest (product §3, `cache`): asked for once, proved each time, and never a reason to fail."""
import fcntl
import hashlib
import os
import random
import signal

import pytest

from jobs import JobRoot, in_mounts, run, start, wait_until
from network import OTHER_PROJECT, PROJECT, archive_of, large_archive, marked, ran, refused
from servers.aws import S3, SESSION, s3_error
from servers.httpd import cut, stall

KIB = 1024

WARMPOOL = "SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY"


@pytest.fixture
def s3(gateway):
    with S3(gateway) as server:
        yield server
        assert server.refusals == []


class Pool:
    """A published project, and job after job on the same machine: each a new container, the folder of the cache is all they share."""

    def __init__(self, folder, gateway, bucket, s3):
        self.folder, self.gateway, self.bucket, self.s3 = folder, gateway, bucket, s3
        self.cache = folder / "cache"
        self.jobs = 0
        self.publish(archive_of(PROJECT, folder)[0])

    def publish(self, content):
        self.content, self.digest = content, hashlib.sha256(content).hexdigest()
        self.gateway.put(self.bucket, "app.tar.gz", content)

    @property
    def env(self):
        return {**self.s3.env(), "AWS_ACCESS_KEY_ID": SESSION.access_key, "AWS_SECRET_ACCESS_KEY": SESSION.secret_key,
                "AWS_SESSION_TOKEN": SESSION.token, "TRAIN_CODE": f"s3://{self.bucket}/app.tar.gz", "TRAIN_CODE_SHA256": self.digest,
                "TRAIN_CACHE": self.cache}

    def job(self):
        self.jobs += 1
        (folder := self.folder / f"job-{self.jobs}").mkdir()
        return marked(JobRoot(folder))

    def run(self, env=None, before=(), **more):
        return run(job=self.job(), env={**self.env, **(env or {})}, before=before, **more)

    def requests(self):
        """How many there were since it was asked last."""
        count = len(self.s3.requests)
        self.s3.requests.clear()
        return count

    def entry(self):
        return self.cache / f"sha256-{self.digest}"

    def names(self):
        return sorted(path.name for path in self.cache.iterdir())


@pytest.fixture
def pool(tmp_path, gateway, bucket, s3):
    return Pool(tmp_path, gateway, bucket, s3)


def warned(result, *words):
    """One warning of the log, also in the record, that says all of 'words'."""
    lines = [line for line in result.record["warnings"] if all(word in line for word in words)]
    assert len(lines) == 1, result.record["warnings"]
    assert lines[0] in result.said
    return result


# ---- hits ----

def test_the_second_job_asks_nothing(pool):
    first = ran(pool.run())
    assert pool.requests() == 1 and first.record["code"]["cached"] is False
    assert pool.names() == [f"sha256-{pool.digest}"] and pool.entry().read_bytes() == pool.content
    second = ran(pool.run(), f"in the cache '{pool.cache}'", "nothing was fetched")
    assert pool.requests() == 0
    code = second.record["code"]
    assert code["cached"] is True and (code["sha256"], code["size"], code["kind"]) == (pool.digest, len(pool.content), "tar.gz")
    assert code["address"] == pool.env["TRAIN_CODE"] and code["etag"] is None
    assert first.record["warnings"] == second.record["warnings"] == []


def test_a_hit_needs_neither_network_nor_credentials(pool):
    ran(pool.run())
    env = {name: pool.env[name] for name in ("TRAIN_CODE", "TRAIN_CODE_SHA256", "TRAIN_CACHE")}
    ran(run(job=pool.job(), env=env), "nothing was fetched")


def test_the_digest_that_binds_is_one_to_look_for(pool):
    ran(pool.run())
    assert pool.requests() == 1
    job = pool.job()
    job.hyperparameters({"train:code": pool.env["TRAIN_CODE"]})
    ran(run(job=job, env={**pool.env, "TRAIN_CODE": None}), "nothing was fetched")
    assert pool.requests() == 0


@pytest.mark.parametrize("name", ["code.tar.zst", "code.tar"])
def test_every_kind_is_kept(pool, name):
    pool.publish(archive_of(PROJECT, pool.folder, name)[0])
    ran(pool.run())
    assert ran(pool.run()).record["code"]["cached"]
    assert pool.requests() == 1


def test_what_comes_over_several_connections_is_kept_whole(pool):
    pool.publish(large_archive(20 << 20))
    ran(pool.run())
    assert pool.entry().read_bytes() == pool.content
    assert ran(pool.run()).record["code"]["cached"]


def test_a_resumed_download_is_kept_whole(pool):
    pool.publish(large_archive(3 << 20))
    pool.s3.script = [cut(1 << 20)]
    ran(pool.run())
    assert pool.requests() == 2 and pool.entry().read_bytes() == pool.content


def test_a_digest_is_the_same_code_at_any_address(pool):
    ran(pool.run())
    result = ran(pool.run({"TRAIN_CODE": "https://artifacts.example.com/app.tar.gz"}), "nothing was fetched")
    assert result.record["code"]["address"] == "https://artifacts.example.com/app.tar.gz"


def test_without_a_digest_it_is_neither_asked_nor_filled(pool):
    for _ in range(2):
        assert ran(pool.run({"TRAIN_CODE_SHA256": None})).record["code"]["cached"] is False
        assert pool.requests() == 1
    assert not pool.cache.exists()


def test_a_digest_in_a_tag_is_not_looked_up(pool):
    """Whoever may tag and write the folder could choose what runs, past code-from and code-owner. A digest in the request settles it."""
    ran(pool.run())
    tags = [{"Key": "train:code", "Value": pool.env["TRAIN_CODE"]}, {"Key": "train:code-sha256", "Value": pool.digest}]
    for digest, cached in ((None, False), (pool.digest, True)):
        (job := pool.job()).config("trainingjobconfig", {"Tags": tags})
        result = ran(run(job=job, env={**pool.env, "TRAIN_CODE": None, "TRAIN_CODE_SHA256": digest, "TRAIN_CODE_OWNER": None}))
        assert result.record["code"]["found_by"] == "tag train:code" and result.record["code"]["cached"] is cached


def test_policy_comes_before_the_cache(pool):
    ran(pool.run())
    refused(pool.run({"TRAIN_CODE_FROM": "s3://another"}), 78, "settings", "code-from")


# ---- the setting ----

def test_a_warm_pool_names_the_folder(pool):
    (pool.folder / "warm").mkdir()
    pool.cache = pool.folder / "warm" / "train"
    env = {"TRAIN_CACHE": None, WARMPOOL: pool.folder / "warm"}
    assert ran(pool.run(env)).setting("cache") == (str(pool.cache), "default")
    assert ran(pool.run(env), "nothing was fetched").record["code"]["cached"]
    assert pool.requests() == 1


def test_the_setting_beats_the_warm_pool(pool):
    result = ran(pool.run({WARMPOOL: pool.folder / "warm"}))
    assert result.setting("cache") == (str(pool.cache), "environment TRAIN_CACHE")
    assert pool.entry().exists() and not (pool.folder / "warm").exists()


def test_without_either_there_is_none(pool):
    assert ran(pool.run({"TRAIN_CACHE": None})).setting("cache") == (None, "default")
    assert not pool.cache.exists()


def test_a_warm_pool_that_is_no_path_is_a_warning(pool):
    warned(ran(pool.run({"TRAIN_CACHE": None, WARMPOOL: "relative"})), WARMPOOL, "relative")


def test_a_setting_that_is_no_path_is_a_mistake(pool):
    refused(pool.run({"TRAIN_CACHE": "relative"}), 78, "settings", "TRAIN_CACHE", "absolute path")


# ---- damage ----

@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "other", "text"])
def test_a_damaged_entry_is_fetched_anew_with_a_warning(pool, damage):
    ran(pool.run())
    middle = len(pool.content) // 2
    pool.entry().write_bytes({
        "flipped": pool.content[:middle] + bytes([pool.content[middle] ^ 1]) + pool.content[middle + 1:], "cut": pool.content[:middle],
        "empty": b"", "other": archive_of(OTHER_PROJECT, pool.folder, "other.tar.gz")[0], "text": b"no archive\n"}[damage])
    result = warned(ran(pool.run()), "damaged", "fetched anew", str(pool.cache))
    assert pool.requests() == 2 and result.record["code"]["cached"] is False and result.record["code"]["sha256"] == pool.digest
    assert pool.entry().read_bytes() == pool.content
    assert ran(pool.run()).record["code"]["cached"]
    assert pool.requests() == 0


def test_damage_and_no_code_fail_as_without_a_cache(pool):
    ran(pool.run())
    pool.entry().write_bytes(b"no archive\n")
    pool.s3.script = [s3_error(404, "NoSuchKey")]
    result = warned(refused(pool.run(), 66, "code-not-found", "app.tar.gz"), "damaged")
    assert result.record["code"]["sha256"] is None and pool.names() == []


def test_what_a_limit_refuses_is_no_damage(pool):
    ran(pool.run())
    result = refused(pool.run({"TRAIN_UNPACK_MAX_ENTRIES": "1"}), 65, "code-archive", "unpack-max-entries")
    assert pool.requests() == 1 and pool.entry().read_bytes() == pool.content and result.record["warnings"] == []


# ---- what never enters ----

def test_a_wrong_digest_is_never_kept(pool):
    _, other = archive_of(OTHER_PROJECT, pool.folder, "other.tar.gz")
    refused(pool.run({"TRAIN_CODE_SHA256": other}), 65, "code-digest", other, pool.digest)
    assert pool.names() == []


def test_a_refused_archive_is_never_kept(pool):
    pool.publish(archive_of({**PROJECT, "../out": "x"}, pool.folder, "bad.tar.gz")[0])
    refused(pool.run(), 65, "code-archive", "../out")
    assert pool.names() == []


def test_two_digests_that_differ_leave_it_alone(pool):
    """The code's own, which is right, and one that binds besides, which is not."""
    _, other = archive_of(OTHER_PROJECT, pool.folder, "other.tar.gz")
    job = pool.job()
    job.hyperparameters({"train:code-sha256": other})
    refused(run(job=job, env=pool.env), 65, "code-digest", other)
    assert not pool.cache.exists()


# ---- a cache that does not work ----

def test_a_folder_that_cannot_be_made_is_a_warning(pool):
    pool.cache = pool.folder / "not" / "there"
    assert warned(ran(pool.run()), "the cache is not used", str(pool.cache)).record["code"]["cached"] is False


def test_a_file_in_its_place_is_a_warning(pool):
    pool.cache.write_text("mine")
    warned(ran(pool.run()), "the cache is not used", str(pool.cache))
    assert pool.cache.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_a_warning_and_read_all_the_same(pool):
    pool.cache.mkdir()
    read_only = in_mounts(f"mount --bind '{pool.cache}' '{pool.cache}'; mount -o remount,bind,ro '{pool.cache}'")
    warned(ran(pool.run(before=read_only)), "the cache is not used", "Read-only file system")
    assert pool.names() == []
    ran(pool.run())
    assert ran(pool.run(before=read_only)).record["code"]["cached"]


def test_a_link_in_place_of_an_entry_is_left_alone(pool):
    pool.cache.mkdir()
    elsewhere = pool.folder / "elsewhere"
    elsewhere.write_bytes(pool.content)
    pool.entry().symlink_to(elsewhere)
    warned(ran(pool.run()), "the cache is not used", pool.entry().name)
    assert pool.entry().is_symlink() and elsewhere.read_bytes() == pool.content and pool.names() == [pool.entry().name]


def test_a_small_disk_under_the_cache_is_a_warning(pool):
    pool.cache.mkdir()
    pool.publish(large_archive(1 << 20))
    small = in_mounts(f"mount -t tmpfs -o size=2m none '{pool.cache}'")
    warned(ran(pool.run(before=small)), "the cache is not used", "no room")


def test_the_workspace_comes_first_on_a_disk_that_both_share(pool):
    """1,300 KiB are left for a project of 1,200 KiB, whose archive has 200: with a copy of it there is no room."""
    files = {**PROJECT, "noise": random.Random(1).randbytes(200 * KIB), "zeros": bytes(1000 * KIB)}
    pool.publish(archive_of(files, pool.folder, "large.tar.gz")[0])
    shared = pool.folder / "shared"
    shared.mkdir()
    pool.cache = shared / "cache"
    full = in_mounts(f"mount -t tmpfs -o size=4m none '{shared}'; head -c {2796 * KIB} /dev/zero >'{shared}/taken'; mkdir '{shared}/work'")
    warned(ran(pool.run({"TRAIN_WORKSPACE": shared / "work"}, before=full)), "No space left", "without the cache")
    assert pool.requests() == 2


# ---- several jobs ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_one_that_ends_in_the_middle_of_its_copy(pool, number):
    """Another one fills the cache meanwhile. What a stop leaves is nothing; what a kill leaves goes when the next archive comes."""
    pool.publish(large_archive(1 << 20))
    pool.s3.script = [stall(600_000)]
    with start(job=pool.job(), env=pool.env) as first:
        wait_until(lambda: pool.cache.exists() and pool.names(), "the beginning of a copy")
        assert len(pool.names()) == 1 and not pool.entry().exists()
        ran(pool.run())
        assert len(pool.names()) == 2 and pool.entry().read_bytes() == pool.content
        first.signal(number)
        first.finish()
    assert len(pool.names()) == (1 if number == signal.SIGTERM else 2)
    old = pool.entry()
    pool.publish(archive_of(PROJECT, pool.folder)[0])
    ran(pool.run())
    assert pool.names() == sorted([old.name, pool.entry().name])


def test_a_folder_that_stays_locked_is_a_warning(pool):
    ran(pool.run())
    folder = os.open(pool.cache, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        warned(ran(pool.run()), "the cache is not used", "stays locked")
    finally:
        os.close(folder)
    assert pool.requests() == 2 and pool.names() == [pool.entry().name]
