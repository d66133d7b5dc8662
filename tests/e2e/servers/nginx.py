"""https as an artifact server has it: nginx with a private CA, logins, tokens and every kind of redirect.

All names end in .localhost, which is loopback by RFC 6761. One port serves them all, told apart by name:

    code.localhost      /files/... open; /private/... basic login; /token/... bearer token; /to/... and /hop/N redirect
    other.localhost     another host with the same files
    expired.localhost   its certificate ended yesterday
    wrong.localhost     its certificate is for another name
    unknown.localhost   its certificate is signed by an authority nobody knows
"""
import base64
import json
from pathlib import Path

from jobs import wait_until
from servers.certificates import Authority
from servers.program import Program, free_port, tool

LOGIN, PASSWORD, TOKEN = "fetcher", "pass word of netrc", "bearer-token-of-the-tests"
HOPS = 6

CONFIGURATION = """
daemon off;
master_process off;  # one process, so that nothing outlives it
pid {folder}/pid;
error_log stderr warn;
{user}
events {{ worker_connections 64; }}
http {{
    log_format asked escape=json '{{"host":"$host","port":"$server_port","uri":"$request_uri","status":$status,'
                                 '"authorization":"$http_authorization","range":"$http_range"}}';
    access_log {folder}/asked.log asked;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    types {{ }}
    default_type application/octet-stream;
    ssl_protocols TLSv1.2;
    server {{ listen 127.0.0.1:{plain_port}; root {folder}/www; }}
    server {{ listen 127.0.0.1:{new_port} ssl; ssl_protocols TLSv1.3; server_name code.localhost; {code_certificate} root {folder}/www; }}
{hosts}
}}
"""

HOST = """
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name {name};
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        root {folder}/www;
        location /private/ {{ auth_basic "tests"; auth_basic_user_file {folder}/htpasswd; }}
        location /token/ {{ if ($http_authorization != "Bearer {token}") {{ return 401; }} }}
        location /forbidden/ {{ return 403; }}
        location /broken/ {{ add_header Retry-After 20 always; return 500; }}
        location = /to/same {{ return 302 /files/code.tar.gz; }}
        location = /to/private {{ return 307 /private/code.tar.gz; }}
        location = /to/other {{ return 302 https://other.localhost:{port}/files/code.tar.gz; }}
        location = /to/other-private {{ return 302 https://other.localhost:{port}/private/code.tar.gz; }}
        location = /to/other-token {{ return 302 https://other.localhost:{port}/token/code.tar.gz; }}
        location = /to/other-and-back {{ return 302 https://other.localhost:{port}/to/back; }}
        location = /to/back {{ return 302 https://code.localhost:{port}/private/code.tar.gz; }}
        location = /to/http {{ return 301 http://code.localhost:{plain_port}/files/code.tar.gz; }}
        location = /to/dots {{ return 302 https://code.localhost:{port}/files/%2e%2e/files/code.tar.gz; }}
        location = /to/nowhere {{ return 302 https://code.localhost:{port}/files/absent.tar.gz; }}
{hops}
    }}
"""


class Nginx(Program):
    def __init__(self, folder):
        super().__init__(folder)
        self.authority = Authority(self.folder / "tls")
        self.www = self.folder / "www"
        for part in ("files", "private", "token"):
            (self.www / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "htpasswd").write_text(f"{LOGIN}:{{PLAIN}}{PASSWORD}\n")
        issue, stranger = self.authority.issue, Authority(self.folder / "tls", "stranger")
        self.certificates = {
            "code.localhost": issue("code.localhost"), "other.localhost": issue("other.localhost"),
            "expired.localhost": issue("expired.localhost", expired=True),
            "wrong.localhost": issue("right.localhost", "wrong"), "unknown.localhost": stranger.issue("unknown.localhost")}
        self.plain_port = self.new_port = None

    def command(self):
        self.plain_port, self.new_port = free_port(), free_port()
        hops = "\n".join(f"        location = /hop/{n} {{ return 302 /hop/{n - 1}; }}" for n in range(2, HOPS + 1))
        hops += "\n        location = /hop/1 { return 302 /files/code.tar.gz; }"
        hosts = "".join(HOST.format(port=self.port, plain_port=self.plain_port, name=name, certificate=pair[0], key=pair[1],
                                    folder=self.folder, token=TOKEN, hops=hops) for name, pair in self.certificates.items())
        pair = self.certificates["code.localhost"]
        configuration = self.folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(
            folder=self.folder, plain_port=self.plain_port, new_port=self.new_port, hosts=hosts,
            user=f"user {Path(self.folder).owner()};", code_certificate=f"ssl_certificate {pair[0]}; ssl_certificate_key {pair[1]};"))
        return [tool("nginx"), "-e", "stderr", "-p", self.folder, "-c", configuration]

    def is_ready(self):
        return self.answers()

    def url(self, path, host="code.localhost", port=None):
        return f"https://{host}:{port or self.port}{path}"

    def put(self, name, content):
        """The same file behind every door: /files/NAME, /private/NAME, /token/NAME."""
        for part in ("files", "private", "token"):
            (self.www / part / name).write_bytes(content)

    def env(self):
        """What makes the agent believe the private CA."""
        return {"AWS_CA_BUNDLE": str(self.authority.pem)}

    def asked(self, uri, count=1):
        """What was asked at 'uri': a list of {host, port, uri, status, authorization, range}; waits for 'count' of them."""
        def lines():
            log = self.folder / "asked.log"
            found = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
            found = [line for line in found if line["uri"] == uri]
            return found if len(found) >= count else None
        return wait_until(lines, f"{count} requests for {uri}") if count else lines()

    @staticmethod
    def basic():
        """The Authorization that the login makes."""
        return "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
