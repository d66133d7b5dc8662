"""Whether a request was signed as AWS wants it: the signature is made again by botocore's own signer and compared."""
import datetime
import hashlib
import hmac
import re
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SKEW = datetime.timedelta(minutes=15)
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/([^/]+)/([^/]+)/aws4_request, ?"
                           r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})")


@dataclass(frozen=True)
class Keys:
    """One identity of the tests."""
    access_key: str
    secret_key: str
    token: str = None


class Refused(Exception):
    """Why a signature is none; 'code' as AWS names it."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def _check_date(text, day):
    try:
        date = datetime.datetime.strptime(text or "", "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        raise Refused("AccessDenied", f"x-amz-date '{text}' is no date") from None
    if abs(datetime.datetime.now(datetime.timezone.utc) - date) > SKEW:
        raise Refused("RequestTimeTooSkewed", f"'{text}' is too far from now")
    if not text.startswith(day):
        raise Refused("SignatureDoesNotMatch", f"the scope is of {day}, the request of {text}")


def _check_headers(request, signed, keys, service):
    """Everything that must be signed is, and says the right thing."""
    for name in ["host", *(name.lower() for name in request.headers.keys() if name.lower().startswith("x-amz-"))]:
        if name not in signed:
            raise Refused("AccessDenied", f"header '{name}' is not signed")
    if request.headers.get("x-amz-security-token") != keys.token:
        raise Refused("InvalidToken" if service == "s3" else "UnrecognizedClientException", "the session token is not the right one")
    said = request.headers.get("x-amz-content-sha256")
    if service == "s3" and said is None:
        raise Refused("InvalidRequest", "x-amz-content-sha256 is missing")
    if said is not None and said != hashlib.sha256(request.body).hexdigest():
        raise Refused("XAmzContentSHA256Mismatch", "x-amz-content-sha256 is not the body's")


def verify(request, known, service, region):
    """The Keys that signed 'request' (method, target, headers, body), one of {access key: Keys}; else raises Refused."""
    match = AUTHORIZATION.fullmatch(request.headers.get("authorization") or "")
    if match is None:
        raise Refused("AccessDenied", "no Authorization of AWS4-HMAC-SHA256")
    access_key, day, its_region, its_service, signed, signature = match.groups()
    keys = known.get(access_key)
    if keys is None:
        raise Refused("InvalidAccessKeyId" if service == "s3" else "UnrecognizedClientException", f"nobody has key '{access_key}'")
    if its_service != service:
        raise Refused("SignatureDoesNotMatch", f"signed for '{its_service}', this is '{service}'")
    if its_region != region:
        raise Refused("AuthorizationHeaderMalformed", f"the region '{its_region}' is wrong; expecting '{region}'")
    signed = signed.split(";")
    date = request.headers.get("x-amz-date")
    _check_date(date, day)
    _check_headers(request, signed, keys, service)

    again = AWSRequest(request.method, f"http://{request.headers['host']}{request.target}", data=request.body,
                       headers={name: request.headers.get(name, "") for name in signed})
    again.context["timestamp"] = date
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(keys.access_key, keys.secret_key, keys.token), service, region)
    expected = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    if not hmac.compare_digest(expected, signature):
        raise Refused("SignatureDoesNotMatch", "the signature is not the one that botocore makes of this request")
    return keys


def sign_s3(method, url, headers, keys, region):
    """The headers of a request of our own to S3, signed."""
    request = AWSRequest(method, url, headers=headers)
    S3SigV4Auth(Credentials(keys.access_key, keys.secret_key, keys.token), "s3", region).add_auth(request)
    return dict(request.headers.items())
