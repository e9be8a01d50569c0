"""Which way requests go: this machine is asked straight, others as the environment says; the doctor knows."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from fault_server import FaultServer, answer, grey, model_at, question, script

from harness.cli.examine import examine
from harness.errors import ModelError, Unavailable
from harness.models import Context
from harness.models.endpoint import EndpointModel
from harness.models.endpoint.route import proxy_for
from harness.suite import Suite

PASSWORD = "hunter2hunter2"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxy():
    """A server that is sent what was meant for another."""
    with FaultServer() as server:
        server.plan = script(answer("by proxy"))
        yield server


def at(server) -> str:
    return f"127.0.0.1:{server.server_port}"


def ask(folder: Path, base_url: str, **options):
    model = EndpointModel(context=Context(folder, folder), model="m", base_url=base_url, **options)
    return model.load("cpu", "float32").generate(grey(1), [question()])[0][0]


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_this_machine_is_asked_straight(server, proxy, tmp_path, monkeypatch, variable, host):
    monkeypatch.setenv(variable, f"http://{at(proxy)}")
    assert ask(tmp_path, f"http://{host}:{server.server_port}/v1").text == "happy"
    assert not proxy.seen


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:9", "http://127.0.0.1:none", "ftp://x", ":"])
def test_a_proxy_that_cannot_be_used_does_not_stop_a_local_server(server, tmp_path, monkeypatch, value):
    monkeypatch.setenv("ALL_PROXY", value)
    assert ask(tmp_path, server.base_url).text == "happy"


@pytest.mark.parametrize("address", ["http://{}", "{}", f"http://user:{PASSWORD}@{{}}"])
def test_others_are_asked_by_way_of_the_proxy(proxy, tmp_path, monkeypatch, address):
    monkeypatch.setenv("http_proxy", address.format(at(proxy)))
    assert ask(tmp_path, "http://models.invalid/v1").text == "by proxy"
    headers = {name.casefold(): value for name, value in proxy.seen[0].headers.items()}
    assert headers["host"] == "models.invalid"
    assert ("proxy-authorization" in headers) == ("user" in address)


@pytest.mark.parametrize(
    ("url", "exempt", "straight"),
    [
        ("http://localhost:8000/v1", "", True),
        ("http://LOCALHOST/v1", "", True),
        ("http://gpu.localhost/v1", "", True),
        ("http://127.1.2.3/v1", "", True),
        ("http://[::1]:8000/v1", "", True),
        ("http://[::ffff:127.0.0.1]/v1", "", True),
        ("http://[::]:8000/v1", "", True),
        ("http://10.1.2.3/v1", "", False),
        ("http://10.1.2.3/v1", "10.0.0.0/8", True),
        ("http://10.1.2.3/v1", "192.168.0.0/16, 10.1.2.3", True),
        ("http://[fd00::5]/v1", "fd00::/8", True),
        ("http://11.1.2.3/v1", "10.0.0.0/8", False),
        ("http://gpu7.cluster/v1", "", False),
        ("http://gpu7.cluster/v1", "cluster", True),
        ("http://gpu7.cluster/v1", ".cluster", True),
        ("http://gpu7.cluster/v1", "*.cluster", True),
        ("http://gpu7cluster/v1", "*.cluster", False),
        ("http://gpu7.cluster:8000/v1", "gpu7.cluster:8000", True),
        ("http://gpu7.cluster/v1", "a,*", True),
        ("https://api.openai.com/v1", "cluster", False),
    ],
)
def test_no_proxy_is_read_as_people_write_it(monkeypatch, url, exempt, straight):
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", exempt)
    assert proxy_for(url) == (None if straight else "http://proxy.invalid:3128")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class TestDoctor:
    """It goes the first step of the way that requests go."""

    def finding(self, folder: Path, base_url: str):
        suite = folder / "suite.toml"
        suite.write_text(f'[models.served]\nadapter = "openai"\nmodel = "m"\nbase_url = "{base_url}"\n')
        findings = examine(Suite.read(suite), folder, folder / "store")
        return next(finding for finding in findings if finding.what == "model served")

    def test_a_proxy_that_is_not_there_is_said(self, tmp_path, monkeypatch):
        address = f"127.0.0.1:{free_port()}"
        monkeypatch.setenv("http_proxy", f"http://user:{PASSWORD}@{address}")
        found = self.finding(tmp_path, "http://models.invalid/v1")
        assert not found.ok
        assert f"The proxy {address}, on the way to models.invalid/v1, does not answer" in found.state
        assert "name models.invalid in NO_PROXY" in found.state
        assert PASSWORD not in found.state

    def test_a_proxy_that_is_there_is_named(self, proxy, tmp_path, monkeypatch):
        monkeypatch.setenv("http_proxy", f"http://user:{PASSWORD}@{at(proxy)}")
        found = self.finding(tmp_path, "http://models.invalid/v1")
        assert found.ok
        assert f"m at models.invalid/v1 by way of the proxy {at(proxy)}: answers" in found.state
        assert PASSWORD not in found.state

    def test_a_local_server_that_is_not_there_is_missed_behind_a_proxy(self, proxy, tmp_path, monkeypatch):
        monkeypatch.setenv("http_proxy", f"http://{at(proxy)}")
        found = self.finding(tmp_path, f"http://127.0.0.3:{free_port()}/v1")
        assert not found.ok
        assert "No server listens at 127.0.0.3" in found.state

    @pytest.mark.parametrize("value", [f"ftp://user:{PASSWORD}@x", f"http://user:{PASSWORD}@[x", "http://"])
    def test_what_is_no_proxy_is_said_without_what_it_holds(self, tmp_path, monkeypatch, value):
        monkeypatch.setenv("all_proxy", value)
        found = self.finding(tmp_path, "http://models.invalid/v1")
        assert not found.ok
        assert "holds no address of a proxy" in found.state
        assert PASSWORD not in found.state

    def test_a_package_for_socks_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
        monkeypatch.setattr("harness.models.endpoint.route.find_spec", lambda name: None)
        assert "pip install socksio" in self.finding(tmp_path, "http://models.invalid/v1").state


def test_a_proxy_that_goes_away_is_named_and_its_password_is_not(tmp_path, monkeypatch):
    with FaultServer() as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:{PASSWORD}@{at(proxy)}")
        options = {"base_url": "http://models.invalid/v1", "retries": 0, "timeout": 2}
        loaded = model_at(proxy, tmp_path, **options).load("cpu", "float32")
    with pytest.raises(
        ModelError, match=r"by way of the proxy 127.0.0.1:\d+ .*name the host in NO_PROXY"
    ) as caught:
        loaded.generate(grey(1), [question()])
    assert PASSWORD not in str(caught.value)


def test_a_proxy_that_wants_a_password_ends_the_run(proxy, tmp_path, monkeypatch):
    proxy.plan = lambda seen: lambda handler, seen: handler.send(407, b"who are you?", {})
    monkeypatch.setenv("http_proxy", f"http://{at(proxy)}")
    with pytest.raises(ModelError, match="407"):
        ask(tmp_path, "http://models.invalid/v1")
    assert len(proxy.seen) == 1


def test_loading_needs_the_proxy(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="does not answer"):
        ask(tmp_path, "http://models.invalid/v1")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_images_are_not_sent_on_to_another_host(server, proxy, tmp_path, status):
    there = f"http://{at(proxy)}/v1/chat/completions"
    server.plan = lambda seen: (
        lambda handler, seen: handler.send(status, b"", {"Location": f"{there}?k=secret"})
    )
    with pytest.raises(ModelError, match=rf"sends requests on to {there} \({status}\)") as caught:
        ask(tmp_path, server.base_url)
    assert "secret" not in str(caught.value)
    assert (len(server.seen), len(proxy.seen)) == (1, 0)
