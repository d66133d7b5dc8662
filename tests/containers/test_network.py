"""No network at all, and two containers that are the two hosts of a job (product §5, §8; C§11)."""
import pytest

import bases
import engine
from jobs import JobRoot, project, shell
from projects import coded, completed, failed

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
ROLE = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/of-the-role"}
NO_NETWORK = "this container has no network"


# ---- none ----

def test_isolated_with_the_code_in_a_channel(job):
    """As under EnableNetworkIsolation; nothing is asked for, so nothing is waited for."""
    job.channel("code", project(command=shell("cat data/training/training.csv; ls data")))
    result = completed(engine.run(bases.layered(), "train", job=job, env=ROLE), "1,2,3", "training")
    assert (result.record["code"]["found_by"], result.record["code"]["kind"]) == ("channel code", "folder")


@pytest.mark.parametrize("code, keys, server", [
    ("s3://bucket/code.tar.gz", KEYS, "https://bucket.s3.us-east-1.amazonaws.com/code.tar.gz"),
    ("s3://bucket/code.tar.gz", ROLE, "http://169.254.170.2"),
    ("https://artifacts.example/code.tar.gz", {"TRAIN_CODE_PIN": "off"}, "https://artifacts.example/code.tar.gz"),
], ids=["s3 with keys", "s3 with a role", "https"])
def test_isolated_with_the_code_elsewhere(job, code, keys, server):
    """One attempt, and a text that says what is wrong and what to do, instead of half a minute of attempts."""
    result = engine.run(bases.layered(), "train", job=job, env={"TRAIN_CODE": code, **keys})
    failed(result, 69, "fetch-failed", f"cannot reach '{server}': {NO_NETWORK}", "under network isolation give the code as the channel 'code'")
    assert result.pipeline == []


def test_isolated_with_tags_as_the_only_hope(job):
    env = {"TRAINING_JOB_ARN": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{job.name}", **KEYS}
    result = engine.run(bases.layered(), "train", job=job, env=env)
    failed(result, 69, "tags-failed", NO_NETWORK, "under network isolation give it as the channel 'code'")


# ---- two hosts ----

# algo-1 listens, algo-2 connects by the name of the master; each says what it heard.
MEET = r"""
exec perl -MIO::Socket::INET -e '
my ($rank, $peer) = @ENV{"TRAIN_RANK", "TRAIN_MASTER"};
my $socket;
if ($rank == 0) {
	my $server = IO::Socket::INET->new(LocalPort => 7777, Listen => 1, ReuseAddr => 1) or die "listen: $@";
	$socket = $server->accept;
} else {
	for (1..600) { last if $socket = IO::Socket::INET->new(PeerAddr => "$peer:7777"); select undef, undef, undef, 0.05 }
	$socket or die "$peer: $@";
}
print $socket "rank $rank on $ENV{TRAIN_HOST}\n"; $socket->flush; print "heard: ", scalar <$socket>;'
"""


def hosts(tmp_path, text):
    """The job roots of algo-1 and algo-2, each with its own resourceconfig, as the platform writes them."""
    both = ["algo-1", "algo-2"]
    for host in both:
        (tmp_path / host).mkdir()
    return [coded(JobRoot(tmp_path / host).hosts(host, both), text) for host in both]


def begin(job, network, **options):
    return engine.start(bases.layered(), "train", job=job, flags=["--network", network, "--network-alias", job.host, "--hostname", f"ip-{job.host}"], **options)


def test_two_hosts_of_a_job_meet_by_name(tmp_path, network):
    first, second = hosts(tmp_path, MEET)
    with begin(first, network) as one, begin(second, network) as two:
        results = [one.finish(), two.finish()]
    for rank, (result, heard) in enumerate(zip(results, ["rank 1 on algo-2", "rank 0 on algo-1"])):
        completed(result, f"heard: {heard}")
        assert (result.record["job"]["host"], result.record["job"]["rank"], result.record["job"]["hosts"]) == (
            f"algo-{rank + 1}", rank, ["algo-1", "algo-2"])


def test_of_two_hosts_the_one_that_fails_is_named(tmp_path, network):
    first, second = hosts(tmp_path, 'test "$TRAIN_RANK" = 0 || exit 3')
    with begin(first, network) as one, begin(second, network) as two:
        completed(one.finish())
        result = two.finish()
    failed(result, 3, "exit-3", ended_by="pipeline")
    assert result.failure.startswith("[exit-3] algo-2: the pipeline ended with exit code 3.")
