"""Nothing in the hub's source opens a connection but the gate, the broker's two clients and the page's listener."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge_agent

SOURCE = Path(edge_agent.__file__).parent
# Names that open a connection, a socket, or a program that could; and where one of them may stand.
OPENS = {
    "open_connection", "open_unix_connection", "create_connection", "create_datagram_endpoint",
    "create_unix_connection", "sock_connect", "start_tls", "socket", "socketpair", "connect", "connect_ex",
    "connect_async", "create_server", "start_server", "start_unix_server", "getaddrinfo", "gethostbyname",
    "AsyncClient", "AsyncZeroconf", "Client", "AsyncHTTPTransport", "HTTPTransport", "urlopen", "urlretrieve",
    "Request",
    "HTTPConnection", "HTTPSConnection", "SMTP", "Popen", "create_subprocess_exec", "create_subprocess_shell",
    "system", "popen", "import_module", "__import__",
}  # fmt: skip
ALLOWED = {
    ("adapters/egress.py", "AsyncClient"): "the one gate out",
    ("adapters/egress.py", "Request"): "the one gate out",
    ("adapters/api_client.py", "Client"): "the command line asks the hub on its own machine",
    ("adapters/intake.py", "Client"): "the home's own broker",
    ("adapters/intake.py", "connect_async"): "the home's own broker",
    ("adapters/broker_client.py", "Client"): "the home's own broker, for who speaks there or asks what is there",
    ("adapters/channels/composer.py", "create_subprocess_exec"): "a worker that refuses to open anything",
    ("adapters/mdns.py", "AsyncZeroconf"): "brokers on the home's own network, when a person looks for one",
    ("adapters/doorway.py", "getaddrinfo"): "the page's listener",
    ("adapters/forecaster.py", "import_module"): "our own modules that load the model, by fixed names",
    ("adapters/model_session.py", "import_module"): "onnxruntime, by a fixed name",
    ("adapters/model_process.py", "Popen"): "the model's process, which opens nothing but what it imports",
    ("web/pages/problem.py", "Request"): "Starlette's, an incoming one",
    ("web/setup/problem.py", "Request"): "Starlette's, an incoming one",
}
_URL_LIBRARY = {"urllib.request", "urllib.error", "asyncio.streams"}


def opened(source: str) -> Iterator[str]:
    """The names of OPENS that a module calls or passes on, and the address library where it is imported."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)) if name in OPENS:
                yield name
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name in _URL_LIBRARY)
            case ast.ImportFrom(module=module, names=names):
                yield from (f"{module}" for _ in names if module in _URL_LIBRARY)
                yield from (f"{module}.{n.name}" for n in names if f"{module}.{n.name}" in _URL_LIBRARY)


def test_only_named_modules_open_anything() -> None:
    """A new call has to be named here, with its reason, before it passes."""
    found = {
        (str(path.relative_to(SOURCE)), name)
        for path in sorted(SOURCE.rglob("*.py"))
        for name in opened(path.read_text(encoding="utf-8"))
    }
    assert found == set(ALLOWED)


@pytest.mark.parametrize(
    "line",
    [
        "await asyncio.open_connection('example.org', 443)",
        "socket.create_connection(('example.org', 443))",
        "s = socket.socket()",
        "loop.create_datagram_endpoint(P, remote_addr=a)",
        "httpx.AsyncClient()",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import urllib.request",
        "subprocess.Popen(['curl', u])",
        "os.system('curl')",
    ],
)
def test_what_would_open_one_is_seen(line: str) -> None:
    """The reader of the source is not blind."""
    assert list(opened(f"async def f():\n    {line}\n"))
