"""The servers: one S3 behind three doors, http, https, and http through a proxy that slows each connection down."""
import contextlib
import json
import os
import urllib.request
from dataclasses import replace

from boto3.s3.transfer import S3Transfer

from jobs import REGION
from recipes import BUCKET
from servers.certificates import Authority
from servers.gateway import Gateway
from servers.program import Program, tool

KILOBYTES_PER_SECOND = 90_000
DELAY_MS = 10


class Tls(Gateway):
    """The same objects by https; the certificate is for localhost."""

    def __init__(self, folder, gateway):
        super().__init__(folder)
        self.gateway = gateway
        self.authority = Authority(self.folder / "tls")
        self.certificate, self.key = self.authority.issue("localhost")

    def command(self):
        words = self.gateway.command()
        words[words.index("--port") + 1] = f"127.0.0.1:{self.port}"
        at = words.index("posix")
        return [*words[:at], "--cert", self.certificate, "--key", self.key, *words[at:]]

    def is_ready(self):
        return self.answers()

    @property
    def url(self):
        return f"https://localhost:{self.port}"


class Slow(Program):
    """toxiproxy before the gateway: each connection has a bandwidth, and what comes back comes later."""

    def __init__(self, folder, gateway):
        super().__init__(folder)
        self.gateway = gateway
        self.listen = None

    def command(self):
        return [tool("toxiproxy"), "-host", "127.0.0.1", "-port", self.port]

    def is_ready(self):
        return self.answers()

    def shape(self):
        answer = self._ask("/proxies", {"name": "s3", "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{self.gateway.port}", "enabled": True})
        self.listen = answer["listen"]
        self._ask("/proxies/s3/toxics", {"type": "bandwidth", "stream": "downstream", "attributes": {"rate": KILOBYTES_PER_SECOND}})
        self._ask("/proxies/s3/toxics", {"type": "latency", "stream": "downstream", "attributes": {"latency": DELAY_MS}})
        return self

    def _ask(self, path, value):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(value).encode())
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    @property
    def url(self):
        return f"http://{self.listen}"


class Doors(contextlib.ExitStack):
    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.gateway = self.enter_context(Gateway(folder / "gateway"))
        self.gateway.bucket(BUCKET)
        self.tls = self.enter_context(Tls(folder / "tls", self.gateway))
        self.slow = self.enter_context(Slow(folder / "slow", self.gateway)).shape()

    @property
    def pids(self):
        return [server.process.pid for server in (self.gateway, self.tls, self.slow)]

    def publish(self, archive):
        """Uploads it as `aws s3 cp` would; returns the archive where the server has it, on tmpfs."""
        S3Transfer(self.gateway.client()).upload_file(str(archive.path), BUCKET, archive.key)
        path = self.gateway.folder / "objects" / BUCKET / archive.key
        assert path.stat().st_size == archive.size
        return replace(archive, path=path)

    def env(self, door):
        """What every client gets; each reads its own of the names for the endpoint."""
        url = {"http": self.gateway, "https": self.tls, "shaped": self.slow}[door].url
        bundle = {"AWS_CA_BUNDLE": str(self.tls.authority.pem), "CURL_CA_BUNDLE": str(self.tls.authority.pem)} if door == "https" else {}
        return bundle | {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": self.gateway.access_key, "AWS_SECRET_ACCESS_KEY": self.gateway.secret_key,
            "AWS_ENDPOINT_URL": url, "AWS_ENDPOINT_URL_S3": url, "S3_ENDPOINT_URL": url}
