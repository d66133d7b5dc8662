"""S3 itself: versitygw over a folder, with versions, checking every signature."""
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from jobs import ACCOUNT, REGION
from servers.program import Program, tool

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


class Gateway(Program):
    """Its one account is its access key, a 12-digit number, so that x-amz-expected-bucket-owner is really compared."""

    access_key = ACCOUNT
    secret_key = SECRET

    _client = None

    def command(self):
        self._client = None  # a start at another port
        for part in ("objects", "versions", "sidecar"):
            (self.folder / part).mkdir(exist_ok=True)
        return [tool("versitygw"), "-q", "--access", self.access_key, "--secret", self.secret_key, "--region", REGION,
                "--port", f"127.0.0.1:{self.port}", "posix", "--sidecar", self.folder / "sidecar",
                "--versioning-dir", self.folder / "versions", self.folder / "objects"]

    def is_ready(self):
        if not self.answers():
            return False
        try:
            self.client().list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def client(self):
        if self._client is None:
            self._client = self._make_client()
        return self._client

    def _make_client(self):
        return boto3.client("s3", endpoint_url=self.url, region_name=REGION, aws_access_key_id=self.access_key,
                            aws_secret_access_key=self.secret_key,
                            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))

    def bucket(self, name, versions=False):
        """Makes a bucket; returns its name."""
        self.client().create_bucket(Bucket=name)
        if versions:
            self.client().put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def put(self, bucket, key, content, **more):
        """Stores an object; returns its version id, None in a bucket without versions."""
        return self.client().put_object(Bucket=bucket, Key=key, Body=content, **more).get("VersionId")

    def env(self):
        """What makes it the agent's S3, with its long-lived keys."""
        return {"AWS_ENDPOINT_URL_S3": self.url, "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
