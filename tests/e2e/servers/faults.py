"""One bucket of S3 in memory, quick enough to be asked a hundred times: verifies signatures, knows ranges, If-Match, checksums and regions.

What a versitygw would do right is done as S3 does it (C§9): 206 with Content-Range, 412 for another ETag, 416 for a range that begins at
or behind the end, also of an empty object; 301 with a region and no Location; checksums only of whole objects. Tests make it go wrong by
'script' and 'rule' (servers/httpd.py).
"""
import base64
import functools
import hashlib
import zlib

from jobs import REGION
from servers.aws import SESSION, s3_error
from servers.httpd import Httpd, Reply
from servers.signature import Refused, verify

NAME = "code-bucket"


def _reflected_crc(content, polynomial, bits):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    mask = (1 << bits) - 1
    crc = functools.reduce(lambda crc, byte: crc >> 8 ^ table[(crc ^ byte) & 255], content, mask)
    return (crc ^ mask).to_bytes(bits // 8, "big")


SUMS = {
    "crc64nvme": lambda content: _reflected_crc(content, 0x9A6C9329AC4BC9B5, 64),
    "crc32c": lambda content: _reflected_crc(content, 0x82F63B78, 32),
    "crc32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    "sha256": lambda content: hashlib.sha256(content).digest(),
}


def stored_sum(kind, content, suffix=""):
    """The headers by which S3 tells its own checksum of an object."""
    return {f"x-amz-checksum-{kind}": base64.b64encode(SUMS[kind](content)).decode() + suffix,
            "x-amz-checksum-type": "COMPOSITE" if suffix else "FULL_OBJECT"}


class Bucket(Httpd):
    """'objects' maps keys to (content, headers); keys of 'expired' are answered with ExpiredToken."""

    def __init__(self, keys=(SESSION,), region=REGION, listener=None):
        super().__init__(listener)
        self.objects = {}
        self.keys = {each.access_key: each for each in keys}
        self.region = region
        self.expired = set()

    def put(self, key, content, headers=None):
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self.objects[key] = (content, {"ETag": f'"{etag}"', "Accept-Ranges": "bytes", "Content-Type": "binary/octet-stream", **(headers or {})})

    def env(self, key, keys=SESSION):
        """What makes an object of it the job's code, unpinned; without 'keys' nothing of credentials."""
        env = {"AWS_ENDPOINT_URL_S3": self.url, "TRAIN_CODE": f"s3://{NAME}/{key}", "TRAIN_CODE_PIN": "off"}
        if keys is not None:
            env |= {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key, "AWS_SESSION_TOKEN": keys.token}
        return env

    def answer(self, request):
        if f"/{self.region}/s3/" not in request.headers.get("authorization", ""):
            return s3_error(301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.",
                            {"x-amz-bucket-region": self.region}, Bucket=NAME)
        try:
            keys = verify(request, self.keys, "s3", self.region)
        except Refused as refused:
            self.mistakes.append(str(refused))
            return s3_error(403, refused.code, refused.message)
        if keys.access_key in self.expired:
            return s3_error(400, "ExpiredToken", "The provided token has expired.")
        found = self.objects.get(request.path.removeprefix(f"/{NAME}/"))
        return self._serve(request, *found) if found is not None else s3_error(404, "NoSuchKey", "The specified key does not exist.")

    @staticmethod
    def _serve(request, content, headers):
        wanted = request.headers.get("if-match")
        if wanted is not None and wanted != headers["ETag"]:
            return s3_error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", Condition="If-Match")
        if request.range is None:
            sums = request.headers.get("x-amz-checksum-mode") == "ENABLED"
            return Reply(200, content, {name: value for name, value in headers.items() if sums or not name.startswith("x-amz-checksum")})
        first, last = request.range
        if first >= len(content):
            return s3_error(416, "InvalidRange", "The requested range is not satisfiable", ActualObjectSize=str(len(content)))
        last = min(last if last is not None else len(content), len(content) - 1)
        plain = {name: value for name, value in headers.items() if not name.startswith("x-amz-checksum")}
        return Reply(206, content[first:last + 1], {**plain, "Content-Range": f"bytes {first}-{last}/{len(content)}"})
