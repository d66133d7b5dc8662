"""Code behind https: certificates, logins, tokens, redirects, plain http, cut bodies (product §5)."""
import contextlib
import hashlib
import socket
import ssl
import uuid

import pytest

from jobs import JobRoot, run, start
from network import PROJECT, archive_of, has_run, large_archive, marked, pipeline_env, ran, refused
from servers.certificates import Authority
from servers.cutter import Cutter
from servers.httpd import Httpd, Reply
from servers.netns import Netns
from servers.nginx import LOGIN, PASSWORD, TOKEN
from servers.tunnel import Tunnel

MEGABYTE = 1 << 20


@pytest.fixture
def job(tmp_path):
    return marked(JobRoot(tmp_path))


@pytest.fixture
def web(nginx, tmp_path):
    """nginx with a project behind each of its doors."""
    content, digest = archive_of(PROJECT, tmp_path)
    nginx.put("code.tar.gz", content)
    nginx.digest = digest
    return nginx


def code(web, path, host="code.localhost", port=None, **env):
    return {**web.env(), "TRAIN_CODE": web.url(path, host, port), "TRAIN_CODE_SHA256": web.digest, **env}


def netrc(folder, *hosts, password=PASSWORD):
    """A netrc file with the login for each of the hosts."""
    file = folder / "netrc"
    file.write_text("".join(f'machine {host} login {LOGIN} password "{password}"\n' for host in hosts))
    file.chmod(0o600)
    return file


def unique(path):
    """A path with a query that tells one test's requests from another's."""
    return f"{path}?{uuid.uuid4().hex}"


# ---- the pin ----

def test_code_over_https_runs_with_its_digest(job, web):
    result = ran(run(job=job, env=code(web, "/files/code.tar.gz")), web.digest)
    record = result.record["code"]
    assert (record["address"], record["sha256"], record["version"]) == (web.url("/files/code.tar.gz"), web.digest, None)
    assert record["etag"].startswith('"')


def test_code_over_https_has_to_be_pinned(job, web):
    env = code(web, "/files/code.tar.gz", TRAIN_CODE_SHA256=None)
    refused(run(job=job, env=env), 78, "settings", "pinned", "code-sha256", "code.localhost")
    ran(run(job=job, env=env | {"TRAIN_CODE_PIN": "warn"}), "not pinned", web.digest)


def test_other_bytes_than_the_digest_says_run_nothing(job, web):
    wrong = "f" * 64
    refused(run(job=job, env=code(web, "/files/code.tar.gz", TRAIN_CODE_SHA256=wrong)), 65, "code-digest", wrong, web.digest)


def test_a_version_belongs_to_s3(job, web):
    refused(run(job=job, env=code(web, "/files/code.tar.gz", TRAIN_CODE_VERSION="1")), 78, "settings", "TRAIN_CODE_VERSION", "S3")


# ---- certificates ----

@pytest.mark.parametrize("host", ["expired.localhost", "wrong.localhost", "unknown.localhost"])
def test_a_certificate_that_does_not_hold_is_refused(job, web, host):
    result = refused(run(job=job, env=code(web, "/files/code.tar.gz", host)), 77, "code-denied", host, "certificate")
    assert "AWS_CA_BUNDLE" in result.failure


def test_a_private_ca_is_not_believed_without_being_told(job, web):
    refused(run(job=job, env=code(web, "/files/code.tar.gz", AWS_CA_BUNDLE=None)), 77, "code-denied", "code.localhost", "certificate")


def test_a_ca_bundle_that_cannot_be_read_is_named(job, web, tmp_path):
    env = code(web, "/files/code.tar.gz", AWS_CA_BUNDLE=tmp_path / "absent.pem")
    refused(run(job=job, env=env), 78, "settings", "AWS_CA_BUNDLE", "absent.pem")


def test_a_server_that_speaks_tls_1_3_alone_is_asked_once(job, web):
    with Cutter(web.new_port, []) as proxy:
        words = f"code.localhost:{proxy.port}", "no TLS", "TLS 1.2", "1.3"
        refused(run(job=job, env=code(web, "/files/code.tar.gz", port=proxy.port)), 77, "code-denied", *words)
        assert proxy.connections == 1


# ---- logins ----

@pytest.mark.parametrize("place", ["NETRC", "HOME"])
def test_a_login_of_netrc_opens_its_host(job, web, tmp_path, place):
    netrc(tmp_path, "code.localhost").rename(tmp_path / ".netrc")
    env = {"NETRC": tmp_path / ".netrc", "HOME": "/"} if place == "NETRC" else {"HOME": tmp_path}
    result = ran(run(job=job, env=code(web, "/private/code.tar.gz", **env)))
    assert PASSWORD not in result.everything and web.basic() not in result.everything


def test_without_a_login_the_door_stays_shut(job, web):
    result = refused(run(job=job, env=code(web, "/private/code.tar.gz")), 77, "code-denied", "401", "netrc", "TRAIN_CODE_TOKEN")
    assert "code.localhost" in result.failure


def test_a_wrong_login_is_denied(job, web, tmp_path):
    env = code(web, "/private/code.tar.gz", NETRC=netrc(tmp_path, "code.localhost", password="wrong-password"))
    result = refused(run(job=job, env=env), 77, "code-denied", "401", "code.localhost")
    assert "wrong-password" not in result.everything


def test_a_login_for_another_host_is_not_sent(job, web, tmp_path):
    path = unique("/private/code.tar.gz")
    env = code(web, path, NETRC=netrc(tmp_path, "other.localhost"))
    refused(run(job=job, env=env), 77, "code-denied", "401")
    assert [each["authorization"] for each in web.asked(path)] == [""]


def test_a_netrc_that_cannot_be_read_is_named(job, web, tmp_path):
    refused(run(job=job, env=code(web, "/private/code.tar.gz", NETRC=tmp_path / "absent")), 78, "settings", "absent")


def test_a_login_in_the_address_is_refused_and_not_shown(job, web):
    address = f"https://user:secret-in-the-address@code.localhost:{web.port}/files/code.tar.gz"
    result = refused(run(job=job, env=code(web, "", TRAIN_CODE=address)), 78, "settings", "netrc")
    assert "secret-in-the-address" not in result.everything


# ---- tokens ----

@pytest.mark.parametrize("how", ["TRAIN_CODE_TOKEN", "TRAIN_CODE_TOKEN_FILE"])
def test_a_token_opens_its_host_and_stays_with_the_agent(job, web, tmp_path, how):
    (tmp_path / "token").write_text(TOKEN + "\n")
    env = {how: TOKEN if how == "TRAIN_CODE_TOKEN" else tmp_path / "token", "TRAIN_CODE_TOKEN_HOST": f"code.localhost:{web.port}"}
    result = ran(run(job=job, env=code(web, "/token/code.tar.gz", **env)))
    assert TOKEN not in result.everything
    assert [name for name in pipeline_env(job) if name.startswith(("TRAIN_CODE_TOKEN", "TRAIN_CODE_INSECURE"))] == []


def test_a_token_without_its_host_is_refused_before_anything_is_sent(job, web):
    path = unique("/token/code.tar.gz")
    refused(run(job=job, env=code(web, path, TRAIN_CODE_TOKEN=TOKEN)), 78, "settings", "TRAIN_CODE_TOKEN_HOST")
    assert web.asked(path, 0) == []


@pytest.mark.parametrize("host", ["other.localhost:{port}", "code.localhost", "code.localhost:1", "localhost:{port}"])
def test_a_token_for_another_host_is_not_sent(job, web, host):
    path = unique("/token/code.tar.gz")
    env = code(web, path, TRAIN_CODE_TOKEN=TOKEN, TRAIN_CODE_TOKEN_HOST=host.format(port=web.port))
    refused(run(job=job, env=env), 77, "code-denied", "401")
    assert [each["authorization"] for each in web.asked(path)] == [""]


# ---- redirects ----

def test_a_redirect_on_the_same_host_keeps_the_login(job, web, tmp_path):
    ran(run(job=job, env=code(web, "/to/private", NETRC=netrc(tmp_path, "code.localhost"))))


def test_five_redirects_are_followed(job, web):
    ran(run(job=job, env=code(web, "/hop/5")))


def test_the_sixth_redirect_is_refused(job, web):
    refused(run(job=job, env=code(web, "/hop/6")), 77, "code-denied", "code.localhost", "5 redirects")


def test_a_redirect_to_another_host_goes_without_credentials(job, web, tmp_path):
    before = len(web.asked("/files/code.tar.gz", 0))
    env = code(web, "/to/other", NETRC=netrc(tmp_path, "code.localhost", "other.localhost"))
    ran(run(job=job, env=env))
    last = web.asked("/files/code.tar.gz", before + 1)[-1]
    assert (last["host"], last["authorization"]) == ("other.localhost", "")


@pytest.mark.parametrize("path", ["/to/other-private", "/to/other-and-back"])
def test_credentials_once_dropped_stay_away(job, web, tmp_path, path):
    """Also on the way back: the other host could have chosen the path."""
    env = code(web, path, NETRC=netrc(tmp_path, "code.localhost", "other.localhost"))
    refused(run(job=job, env=env), 77, "code-denied", "401", "after a redirect to another host credentials are not sent")


def test_a_token_does_not_follow_a_redirect_to_another_host(job, web):
    for host in ("code.localhost", "other.localhost"):
        env = code(web, "/to/other-token", TRAIN_CODE_TOKEN=TOKEN, TRAIN_CODE_TOKEN_HOST=f"{host}:{web.port}")
        refused(run(job=job, env=env), 77, "code-denied", "401")


def test_a_redirect_to_plain_http_is_refused(job, web):
    refused(run(job=job, env=code(web, "/to/http")), 77, "code-denied", "https to http")


def test_a_redirect_with_dots_in_its_path_is_refused(job, web):
    refused(run(job=job, env=code(web, "/to/dots")), 77, "code-denied", "..")


@pytest.mark.parametrize("path", ["/files/../files/code.tar.gz", "/files/%2e%2e/files/code.tar.gz", "/files/%2E./code.tar.gz"])
def test_an_address_with_dots_in_its_path_is_refused(job, web, path):
    refused(run(job=job, env=code(web, path)), 78, "settings", "..")


def test_a_redirect_to_what_does_not_exist(job, web):
    refused(run(job=job, env=code(web, "/to/nowhere")), 66, "code-not-found", "absent.tar.gz")


# ---- code-from ----

def test_code_from_allows_whole_segments(job, web):
    base = web.url("")
    for prefixes in (base, f"{base}/files", f"s3://bucket {base}/files/code.tar.gz"):
        ran(run(job=job, env=code(web, "/files/code.tar.gz", TRAIN_CODE_FROM=prefixes)))
        (job.folder / "mark").unlink()
    for prefixes in (f"{base}/file", "https://code.localhost/files", f"https://other.localhost:{web.port}", f"{base}/files/code"):
        path = unique("/files/code.tar.gz")
        refused(run(job=job, env=code(web, path, TRAIN_CODE_FROM=prefixes)), 78, "settings", "code-from", "code.localhost")
        assert web.asked(path, 0) == []


def test_code_from_holds_after_each_redirect(job, web):
    base = web.url("")
    refused(run(job=job, env=code(web, "/to/same", TRAIN_CODE_FROM=f"{base}/to")), 77, "code-denied", "code-from", "/files/code.tar.gz")
    refused(run(job=job, env=code(web, "/to/other", TRAIN_CODE_FROM=base)), 77, "code-denied", "code-from", "other.localhost")
    ran(run(job=job, env=code(web, "/to/other", TRAIN_CODE_FROM=f"{base}/to https://other.localhost:{web.port}/files")))


# ---- what servers answer ----

def test_a_missing_file(job, web):
    refused(run(job=job, env=code(web, "/files/absent.tar.gz")), 66, "code-not-found", web.url("/files/absent.tar.gz"), "404")


def test_a_forbidden_file(job, web):
    refused(run(job=job, env=code(web, "/forbidden/code.tar.gz")), 77, "code-denied", "403")


def test_a_server_in_trouble_ends_as_unavailable(job, web):
    """It asks for more patience than fetch-timeout has."""
    refused(run(job=job, env=code(web, "/broken/code.tar.gz", TRAIN_FETCH_TIMEOUT="15")), 69, "fetch-failed", "500", "code.localhost")


def test_a_query_is_never_shown(job, web):
    """It is what makes a presigned address a secret."""
    query = "X-Amz-Signature=0123456789abcdef&sig=secret-of-the-query"
    result = ran(run(job=job, env=code(web, f"/files/code.tar.gz?{query}", **{"TRAIN_LOG_LEVEL": "debug"})))
    assert "secret-of-the-query" not in result.everything
    assert web.asked(f"/files/code.tar.gz?{query}")[0]["status"] == 200
    (job.folder / "mark").unlink()
    result = refused(run(job=job, env=code(web, f"/files/absent.tar.gz?{query}")), 66, "code-not-found")
    assert "secret-of-the-query" not in result.everything


# ---- cut bodies ----

@pytest.fixture
def large(web):
    content = large_archive(4 * MEGABYTE)
    web.put("large.tar", content)
    web.digest = hashlib.sha256(content).hexdigest()
    return web


def test_a_cut_body_is_resumed(job, large):
    path = unique("/files/large.tar")
    with Cutter(large.port, [MEGABYTE, 2 * MEGABYTE]) as proxy:
        ran(run(job=job, env=code(large, path, port=proxy.port)))
        assert proxy.connections >= 3
    first, *others = large.asked(path, 3)  # a connection that was opened at the very end may ask nothing
    assert first["range"] == "" and {other["status"] for other in others} == {206}
    begins = [int(other["range"].removeprefix("bytes=").partition("-")[0]) for other in others]
    assert 0 < begins[0] < 4 * MEGABYTE and len(begins) >= 2


@pytest.mark.long
def test_what_never_gets_better_is_given_up_after_five_attempts(tmp_path, large):
    """Two jobs at once, since they mostly wait: nobody listens, the rest of a body never comes."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(Cutter(large.port, [MEGABYTE] + [0] * 100))
        running = []
        for name, path, port, words in (("nobody", "/files/code.tar.gz", nobody, f"code.localhost:{nobody}"),
                                        ("cut", "/files/large.tar", proxy.port, f"code.localhost:{proxy.port}")):
            job = marked(JobRoot(tmp_path / name))
            running.append((stack.enter_context(start(job=job, env=code(large, path, port=port))), words))
        for agent, words in running:
            refused(agent.finish(), 69, "fetch-failed", words, "after 5 attempts")


# ---- proxies ----

@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_is_used_where_one_is_set(job, web, name):
    with Tunnel() as tunnel:
        ran(run(job=job, env=code(web, "/files/code.tar.gz", **{name: tunnel.url})))
        assert tunnel.asked == [(f"code.localhost:{web.port}", None)]


def test_a_host_of_no_proxy_is_asked_directly(job, web):
    with Tunnel() as tunnel:
        ran(run(job=job, env=code(web, "/files/code.tar.gz", HTTPS_PROXY=tunnel.url, NO_PROXY="example.com, .localhost")))
        assert tunnel.asked == []


# ---- plain http ----

@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_plain_http_may_go_to_loopback(job, web, host):
    env = code(web, "", TRAIN_CODE=f"http://{host}:{web.plain_port}/files/code.tar.gz", TRAIN_CODE_SHA256=None, TRAIN_CODE_PIN="warn")
    ran(run(job=job, env=env))


class Files(Httpd):
    """Serves 'content' at /code.tar.gz, redirects from /to to 'location'."""

    def __init__(self, content, location=None, listener=None):
        super().__init__(listener)
        self.content, self.location = content, location

    def answer(self, request):
        if request.path == "/to":
            return Reply(302, b"", {"Location": self.location})
        return Reply(200, self.content, {"ETag": '"1"'}) if request.path == "/code.tar.gz" else Reply(404, b"")


NAMES = {"code.example": "203.0.113.7", "inner.example": "10.1.2.3", "meta.example": "169.254.169.254", "self.example": "127.0.0.1"}


class Abroad:
    """A namespace where code.example has a public address, inner.example a private one, meta.example a link-local one."""

    def __init__(self, folder):
        self.content, self.digest = archive_of(PROJECT, folder)
        self.authority = Authority(folder / "tls")
        self.netns = Netns(folder, [address for address in NAMES.values() if not address.startswith("127.")], NAMES)

    def tls(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.authority.issue(name))
        return context.wrap_socket(self.netns.listen(NAMES[name], 443), server_side=True)

    def run(self, job, address, **env):
        env = {"AWS_CA_BUNDLE": self.authority.pem, "TRAIN_CODE": address, "TRAIN_CODE_SHA256": self.digest, **env}
        return run(job=job, env=env, before=self.netns.inside())


@pytest.fixture
def abroad(tmp_path):
    abroad = Abroad(tmp_path)
    with abroad.netns:
        yield abroad


def test_plain_http_elsewhere_needs_a_digest_or_a_word(job, abroad):
    with Files(abroad.content, listener=abroad.netns.listen("203.0.113.7", 80)) as files:
        bare = {"TRAIN_CODE_SHA256": None, "TRAIN_CODE_PIN": "warn"}
        for value in (None, "0", "yes"):
            result = abroad.run(job, "http://code.example/code.tar.gz", **bare, TRAIN_CODE_INSECURE=value)
            refused(result, 78, "settings", "code.example", "plain http", "TRAIN_CODE_INSECURE=1")
        assert files.requests == []
        ran(abroad.run(job, "http://code.example/code.tar.gz", **bare, TRAIN_CODE_INSECURE="1"))
        (job.folder / "mark").unlink()
        ran(abroad.run(job, "http://code.example/code.tar.gz"))


def test_plain_http_to_a_name_that_only_leads_to_loopback_is_plain_http_elsewhere(job, abroad):
    """Where a name leads may change between two looks."""
    with Files(abroad.content, listener=abroad.netns.listen("127.0.0.1", 80)) as files:
        result = abroad.run(job, "http://self.example/code.tar.gz", TRAIN_CODE_SHA256=None, TRAIN_CODE_PIN="warn")
        refused(result, 78, "settings", "self.example", "plain http")
        assert files.requests == []


@pytest.mark.parametrize("address", ["https://169.254.169.254/code.tar.gz", "https://meta.example/code.tar.gz",
                                     "http://169.254.169.254/code.tar.gz", "http://meta.example/code.tar.gz"])
def test_link_local_is_refused_as_a_first_target(job, abroad, address):
    listener = abroad.tls("meta.example") if address.startswith("https") else abroad.netns.listen("169.254.169.254", 80)
    with Files(abroad.content, listener=listener) as meta:
        refused(abroad.run(job, address), 78, "settings", address.split("/")[2], "link-local")
        assert meta.requests == []


@pytest.mark.parametrize("name, kind", [("meta.example", "link-local"), ("inner.example", "private"), ("self.example", "loopback")])
def test_a_redirect_from_a_public_host_never_leads_inside(job, abroad, name, kind):
    with Files(abroad.content, f"https://{name}/code.tar.gz", abroad.tls("code.example")) as files, \
            Files(abroad.content, listener=abroad.tls(name)) as inner:
        refused(abroad.run(job, "https://code.example/to"), 77, "code-denied", name, kind)
        assert len(files.requests) == 1 and inner.requests == []


def test_a_redirect_from_a_private_host_may_lead_to_another_but_not_to_link_local(job, abroad):
    with Files(abroad.content, "https://self.example/code.tar.gz", abroad.tls("inner.example")) as files, \
            Files(abroad.content, listener=abroad.tls("self.example")), Files(abroad.content, listener=abroad.tls("meta.example")) as meta:
        ran(abroad.run(job, "https://inner.example/to"))
        (job.folder / "mark").unlink()
        files.location = "https://meta.example/code.tar.gz"
        refused(abroad.run(job, "https://inner.example/to"), 77, "code-denied", "meta.example", "link-local")
        assert meta.requests == [] and not has_run(job)
