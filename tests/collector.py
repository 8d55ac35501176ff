"""Collectors of traces for tests: one that keeps what it is sent, and where it is installed one that others wrote.

The first reads OTLP as its own protocol files say; the other is `rotel`, a collector in one program, which prints what
it took.
"""

from __future__ import annotations

import importlib.util
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx

from tests.cloud_bridge.sample_merchant import free_port

_READY_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One span as it arrived; ids in hex, `parent` empty for none."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    links: tuple[str, ...]
    figures: dict[str, Any]
    failed: bool


class Collector:
    """Keeps the bodies of all that was posted."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        kept = self.bodies

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            kept: ClassVar[list[bytes]] = self.bodies

            def do_POST(self) -> None:
                kept.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Collector:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> list[Seen]:
        """All spans, in the order in which they came."""
        return [span for body in self.bodies for span in read(body)]


def read(body: bytes) -> Iterator[Seen]:
    """The spans of one message."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415  an extra
        ExportTraceServiceRequest,
    )

    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        [service] = [each.value.string_value for each in group.resource.attributes if each.key == "service.name"]
        for span in (one for scoped in group.scope_spans for one in scoped.spans):
            yield Seen(
                service=service,
                name=span.name,
                trace=span.trace_id.hex(),
                span=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                links=tuple(link.trace_id.hex() for link in span.links),
                figures={each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes},
                failed=span.status.code == 2,
            )


def rotel() -> Path | None:
    """The collector's program, if its package is there."""
    spec = importlib.util.find_spec("rotel")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "rotel-agent"


@contextmanager
def real_collector(program: Path, told: Path) -> Iterator[str]:
    """Its address; what it takes is printed into `told`."""
    http, grpc = free_port(), free_port()
    program.chmod(0o755)
    addresses = ["--otlp-http-endpoint", f"127.0.0.1:{http}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"]
    prints = ["--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"]
    with told.open("wb") as out:
        process = subprocess.Popen([program, "start", *addresses, *prints], stdout=out, stderr=out)
        try:
            _wait_for(f"http://127.0.0.1:{http}")
            yield f"http://127.0.0.1:{http}"
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            httpx.get(url, timeout=1)
            return
        time.sleep(0.05)
