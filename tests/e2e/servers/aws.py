"""The parts of AWS that real servers at hand do not play: each checks what it is sent, signatures by botocore's signer.

    S3         verifies, session token and all, then asks versitygw with its own keys
    Tags       ListTags: verifies, then asks moto, or serves tags of the test's own
    Container  the container's credentials endpoint (ECS, SageMaker, EKS)
    Instance   EC2's instance metadata, version 2
    Sts        AssumeRoleWithWebIdentity
"""
import datetime
import http.client
import json
import re
import urllib.parse
import urllib.request
from xml.sax.saxutils import escape

from jobs import ACCOUNT, REGION
from servers.httpd import Httpd, Reply
from servers.signature import Keys, Refused, sign_s3, verify

ROLE = f"arn:aws:iam::{ACCOUNT}:role/TrainRole"
SESSION = Keys("ASIAIOSFODNN7EXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLE//////////wEaDTOKEN+EXAMPLE/VALUE=")
OTHER = Keys("ASIAI44QH8DHBEXAMPLE", "AnotherSecretOfTheTests/Zp9Utk3yCo8nvbEXAM", "IQoJb3JpZ2luX2VjEXAMPLE/another+session/TOKEN==")


def later(hours=6):
    """A moment as these services write it."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def s3_error(status, code, message="as the test wants it", headers=None, **more):
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in {"Code": code, "Message": message, **more}.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}<RequestId>EXAMPLE0123456AB</RequestId></Error>'
    return Reply(status, body.encode(), {"Content-Type": "application/xml", **(headers or {})})


def json_error(status, code, message="as the test wants it"):
    return Reply(status, json.dumps({"__type": code, "message": message}).encode(), {"Content-Type": "application/x-amz-json-1.1"})


class S3(Httpd):
    """In front of a Gateway. Knows 'keys'; those in 'expired' are answered with ExpiredToken. A bucket lies in 'region'."""

    passed_on = ("range", "if-match", "x-amz-checksum-mode", "x-amz-expected-bucket-owner")

    def __init__(self, gateway, keys=(SESSION,), region=REGION, listener=None):
        super().__init__(listener)
        self.gateway = gateway
        self.keys = {each.access_key: each for each in keys}
        self.region = region
        self.expired = set()
        self.refusals = []  # what was wrong, in words

    def env(self):
        return {"AWS_ENDPOINT_URL_S3": self.url}

    def answer(self, request):
        try:
            keys = verify(request, self.keys, "s3", self.region)
        except Refused as refused:
            self.refusals.append(str(refused))
            if refused.code == "AuthorizationHeaderMalformed":
                return s3_error(400, refused.code, refused.message, {"x-amz-bucket-region": self.region}, Region=self.region)
            return s3_error(403, refused.code, refused.message)
        if keys.access_key in self.expired:
            return s3_error(400, "ExpiredToken", "The provided token has expired.")
        return self._ask(request)

    def _ask(self, request):
        headers = {name: request.headers[name] for name in self.passed_on if name in request.headers}
        own = Keys(self.gateway.access_key, self.gateway.secret_key)
        virtual = re.fullmatch(r"(.+)\.s3\.[a-z0-9-]+\.amazonaws\.com", request.headers["host"])
        target = f"/{virtual.group(1)}{request.target}" if virtual else request.target
        headers = sign_s3(request.method, self.gateway.url + target, headers, own, REGION)
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port)
        try:
            connection.request(request.method, target, headers=headers)
            reply = connection.getresponse()
            kept = {name: value for name, value in reply.getheaders() if name.lower() not in ("content-length", "date", "connection", "server")}
            return Reply(reply.status, reply.read(), kept)
        finally:
            connection.close()


class Tags(Httpd):
    """ListTags. 'pages' are lists of (key, value), each served by its token; without any SageMaker (moto) is asked."""

    def __init__(self, sagemaker=None, pages=(), keys=(SESSION,), listener=None):
        super().__init__(listener)
        self.sagemaker = sagemaker
        self.pages = pages
        self.keys = {each.access_key: each for each in keys}
        self.refusals = []

    def env(self):
        return {"AWS_ENDPOINT_URL_SAGEMAKER": self.url}

    def answer(self, request):
        try:
            verify(request, self.keys, "sagemaker", REGION)
            self._check(request)
        except Refused as refused:
            self.refusals.append(str(refused))
            return json_error(400, refused.code, refused.message)
        return self._ask(request) if self.sagemaker is not None else self._page(json.loads(request.body))

    @staticmethod
    def _check(request):
        if (request.method, request.target, request.headers["content-type"], request.headers["x-amz-target"]) != (
                "POST", "/", "application/x-amz-json-1.1", "SageMaker.ListTags"):
            raise Refused("UnknownOperationException", f"{request.method} {request.target} is no ListTags")
        asked = json.loads(request.body)
        if not re.fullmatch(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:.+", asked.get("ResourceArn", "")):
            raise Refused("ValidationException", "1 validation error detected: Value at 'resourceArn' failed to satisfy constraint")
        if not set(asked) <= {"ResourceArn", "NextToken"}:
            raise Refused("ValidationException", f"{sorted(asked)}")

    def _page(self, asked):
        number = int(asked.get("NextToken", "page-0").removeprefix("page-"))
        page = self.pages[number] if self.pages else []
        answer = {"Tags": [{"Key": key, "Value": value} for key, value in page]}
        if number + 1 < len(self.pages):
            answer["NextToken"] = f"page-{number + 1}"
        return Reply(200, json.dumps(answer).encode(), {"Content-Type": "application/x-amz-json-1.1"})

    def _ask(self, request):
        names = ("content-type", "x-amz-target", "authorization")
        again = urllib.request.Request(self.sagemaker.url + "/", request.body, {name: request.headers[name] for name in names})
        with urllib.request.urlopen(again, timeout=30) as reply:
            return Reply(reply.status, reply.read(), {"Content-Type": "application/x-amz-json-1.1"})


class Container(Httpd):
    """The container's credentials endpoint: 'path' is its secret, 'token' what Authorization has to say, if anything."""

    path = "/v2/credentials/0f1c2b3a-5f4b-4d0e-9d60-3a8b1c2d3e4f"

    def __init__(self, keys=SESSION, token=None, listener=None):
        super().__init__(listener)
        self.keys = keys
        self.token = token

    def answer(self, request):
        if request.method != "GET" or request.target != self.path:
            return Reply(400, b'{"code":"InvalidIdInRequest","message":"CredentialsV2Request: Credentials not found","HTTPErrorCode":400}')
        if request.headers.get("authorization") != self.token:
            return Reply(401, b"Unauthorized")
        if request.headers.get("accept") != "application/json":
            return Reply(406, b"Not Acceptable")
        document = {"RoleArn": ROLE, "AccessKeyId": self.keys.access_key, "SecretAccessKey": self.keys.secret_key,
                    "Token": self.keys.token, "Expiration": later()}
        return Reply(200, json.dumps(document).encode(), {"Content-Type": "application/json"})


class Instance(Httpd):
    """EC2's instance metadata, version 2: nothing without a session token got by PUT."""

    session = "AQAEAEXAMPLETOKEN_f6DvsEXAMPLEt-EXAMPLE7yKQ=="
    role = "TrainRole"

    def __init__(self, keys=SESSION, listener=None):
        super().__init__(listener)
        self.keys = keys

    def answer(self, request):
        listed = "/latest/meta-data/iam/security-credentials/"
        if request.method == "PUT":
            ttl = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
            if request.target != "/latest/api/token" or not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
                return Reply(400, b"")
            return Reply(200, self.session.encode(), {"Content-Type": "text/plain"})
        if request.headers.get("x-aws-ec2-metadata-token") != self.session:
            return Reply(401, b"")
        if request.target == listed:
            return Reply(200, self.role.encode(), {"Content-Type": "text/plain"})
        if request.target == listed + self.role:
            document = {"Code": "Success", "LastUpdated": later(0), "Type": "AWS-HMAC", "AccessKeyId": self.keys.access_key,
                        "SecretAccessKey": self.keys.secret_key, "Token": self.keys.token, "Expiration": later()}
            return Reply(200, json.dumps(document, indent=2).encode(), {"Content-Type": "text/plain"})
        return Reply(404, b"")


class Sts(Httpd):
    """AssumeRoleWithWebIdentity for one role and one token; an unsigned form, answered in XML."""

    def __init__(self, token, keys=SESSION, listener=None):
        super().__init__(listener)
        self.token = token
        self.keys = keys

    def env(self):
        return {"AWS_ENDPOINT_URL_STS": self.url, "AWS_ROLE_ARN": ROLE}

    def answer(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
        if request.headers.get("authorization") is not None or request.headers.get("x-amz-security-token") is not None:
            return self._error(400, "ValidationError", "this request is not signed")
        if (request.method, form.pop("Action"), form.pop("Version")) != ("POST", "AssumeRoleWithWebIdentity", "2011-06-15"):
            return self._error(400, "InvalidAction", "no such action")
        if not re.fullmatch(r"[\w+=,.@-]{2,64}", form.pop("RoleSessionName")) or set(form) != {"RoleArn", "WebIdentityToken"}:
            return self._error(400, "ValidationError", "RoleSessionName")
        if form["WebIdentityToken"] != self.token:
            return self._error(400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider")
        if form["RoleArn"] != ROLE:
            return self._error(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
        return Reply(200, self._document().encode(), {"Content-Type": "text/xml"})

    def _document(self):
        return ('<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n'
                "  <AssumeRoleWithWebIdentityResult>\n    <Credentials>\n"
                f"      <SessionToken>{escape(self.keys.token)}</SessionToken>\n"
                f"      <SecretAccessKey>{escape(self.keys.secret_key)}</SecretAccessKey>\n"
                f"      <Expiration>{later()}</Expiration>\n"
                f"      <AccessKeyId>{self.keys.access_key}</AccessKeyId>\n"
                "    </Credentials>\n  </AssumeRoleWithWebIdentityResult>\n</AssumeRoleWithWebIdentityResponse>\n")

    @staticmethod
    def _error(status, code, message):
        return Reply(status, f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code>'
                             f"<Message>{escape(message)}</Message></Error></ErrorResponse>".encode(), {"Content-Type": "text/xml"})
