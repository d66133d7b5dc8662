"""The tests' own servers are as strict as the real ones: AWS's own client is let in, and each forgery is not."""
import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from jobs import ACCOUNT, REGION
from servers.aws import ROLE, SESSION, Container, Instance, S3, Sts, Tags
from servers.signature import Keys

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/churn"


def client(service, server, keys, region=REGION, **config):
    return boto3.client(service, endpoint_url=server.url, region_name=region, aws_access_key_id=keys.access_key,
                        aws_secret_access_key=keys.secret_key, aws_session_token=keys.token,
                        config=Config(retries={"total_max_attempts": 1}, **config))


@pytest.fixture
def s3(gateway, bucket):
    gateway.put(bucket, "a key+with/öther things", b"0123456789")
    with S3(gateway) as server:
        server.get = lambda keys=SESSION, region=REGION, **more: client(
            "s3", server, keys, region, s3={"addressing_style": "path"}).get_object(Bucket=bucket, Key="a key+with/öther things", **more)
        server.address = f"{server.url}/{bucket}/a%20key%2Bwith/%C3%B6ther%20things"
        yield server


FORGERIES = {
    "a wrong secret": (Keys(SESSION.access_key, "wrong", SESSION.token), "SignatureDoesNotMatch"),
    "an unknown key": (Keys("AKIANOBODY", SESSION.secret_key, SESSION.token), "InvalidAccessKeyId"),
    "no session token": (Keys(SESSION.access_key, SESSION.secret_key), "InvalidToken"),
    "another session token": (Keys(SESSION.access_key, SESSION.secret_key, "another"), "InvalidToken"),
}


def test_s3_lets_aws_own_client_in(s3):
    assert s3.get()["Body"].read() == b"0123456789"
    assert s3.get(Range="bytes=2-4", ExpectedBucketOwner=ACCOUNT)["Body"].read() == b"234"
    assert s3.refusals == []


@pytest.mark.parametrize("what", FORGERIES)
def test_s3_refuses(s3, what):
    keys, code = FORGERIES[what]
    with pytest.raises(ClientError) as refusal:
        s3.get(keys)
    assert refusal.value.response["Error"]["Code"] == code


def test_s3_refuses_another_region_and_names_the_right_one_so_that_aws_own_client_follows(s3):
    assert s3.get(region="eu-west-1")["Body"].read() == b"0123456789"
    assert [refusal.partition(":")[0] for refusal in s3.refusals] == ["AuthorizationHeaderMalformed"]


@pytest.mark.parametrize("change, code", [
    ({"x-amz-content-sha256": None}, "InvalidRequest"), ({"x-amz-content-sha256": "0" * 64}, "XAmzContentSHA256Mismatch"),
    ({"x-amz-date": "20200115T120000Z"}, "RequestTimeTooSkewed"), ({"x-amz-date": None}, "AccessDenied"),
    ({"x-amz-expected-bucket-owner": ACCOUNT}, "AccessDenied"), ({"authorization": None}, "AccessDenied")])
def test_s3_refuses_a_request_that_was_changed_after_it_was_signed(s3, change, code):
    s3.get()
    headers = {name.lower(): value for name, value in s3.requests[0].headers.items()} | change
    reply = requests.get(s3.address, headers={name: value for name, value in headers.items() if value is not None}, timeout=30)
    assert reply.status_code == 403 and f"<Code>{code}</Code>" in reply.text


def test_s3_refuses_a_signature_that_is_of_another_path_or_query(s3):
    s3.get()
    for address in (s3.address + "?versionId=1", s3.address + "x"):
        reply = requests.get(address, headers=dict(s3.requests[0].headers.items()), timeout=30)
        assert "<Code>SignatureDoesNotMatch</Code>" in reply.text


def test_the_gateway_compares_the_owner(s3):
    with pytest.raises(ClientError) as refusal:
        s3.get(ExpectedBucketOwner="999999999999")
    assert refusal.value.response["Error"]["Code"] == "AccessDenied"


def test_tags_lets_aws_own_client_in_and_serves_pages():
    with Tags(pages=[[("a", "1")], [("b", "2")]]) as tags:
        pages = client("sagemaker", tags, SESSION).get_paginator("list_tags").paginate(ResourceArn=ARN)
        assert [each["Key"] for each in pages.build_full_result()["Tags"]] == ["a", "b"]
        assert tags.refusals == []


@pytest.mark.parametrize("keys", [FORGERIES["a wrong secret"][0], FORGERIES["no session token"][0], FORGERIES["an unknown key"][0]])
def test_tags_refuses_forgeries(keys):
    with Tags() as tags:
        with pytest.raises(ClientError) as refusal:
            client("sagemaker", tags, keys).list_tags(ResourceArn=ARN)
        assert refusal.value.response["Error"]["Code"] in ("SignatureDoesNotMatch", "UnrecognizedClientException")


def test_tags_asks_moto_after_it_has_verified(sagemaker):
    arn = sagemaker.training_job("Proof-Of-Tags", {"team": "churn"})
    assert arn.endswith(":training-job/proof-of-tags")
    with Tags(sagemaker) as tags:
        assert client("sagemaker", tags, SESSION).list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "churn"}]


def test_sts_lets_aws_own_client_in_and_refuses_other_tokens():
    with Sts("the-identity-token") as sts:
        ask = client("sts", sts, SESSION).assume_role_with_web_identity
        keys = ask(RoleArn=ROLE, RoleSessionName="tests", WebIdentityToken="the-identity-token")["Credentials"]
        assert (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]) == (SESSION.access_key, SESSION.secret_key, SESSION.token)
        with pytest.raises(ClientError) as refusal:
            ask(RoleArn=ROLE, RoleSessionName="tests", WebIdentityToken="another-token")
        assert refusal.value.response["Error"]["Code"] == "InvalidIdentityToken"


def test_the_container_endpoint_wants_its_path_its_token_and_json():
    with Container(token="secret") as container:
        good = {"Authorization": "secret", "Accept": "application/json"}
        assert requests.get(container.url + container.path, headers=good, timeout=30).json()["AccessKeyId"] == SESSION.access_key
        for path, headers in ((container.path + "x", good), (container.path, good | {"Authorization": "other"}),
                              (container.path, {"Accept": "application/json"}), (container.path, good | {"Accept": "*/*"})):
            assert requests.get(container.url + path, headers=headers, timeout=30).status_code >= 400


def test_instance_metadata_wants_its_session_token():
    with Instance() as instance:
        listed = instance.url + "/latest/meta-data/iam/security-credentials/"
        assert requests.get(listed, timeout=30).status_code == 401
        assert requests.put(instance.url + "/latest/api/token", timeout=30).status_code == 400
        token = requests.put(instance.url + "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}, timeout=30).text
        headers = {"X-aws-ec2-metadata-token": token}
        role = requests.get(listed, headers=headers, timeout=30).text
        assert requests.get(listed + role, headers=headers, timeout=30).json()["SecretAccessKey"] == SESSION.secret_key
