"""Messages to people: what the gate lets through, what the ledger shows, and that the composing process opens nothing.

The parts with real libraries run where the extra `channels` is installed.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from edge_agent.adapters.channels.carrying import Carrier, keys_of
from edge_agent.adapters.channels.composer import WORKER, Composer
from edge_agent.adapters.channels.origins import allowed_origins
from edge_agent.adapters.egress import ChannelEgress, Composed, Notice, Purpose
from edge_agent.adapters.egress_mail import MailEgress
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ChannelId
from edge_agent.errors import ChannelUnreachableError, EgressRefusedError
from edge_agent.notify_ports import ChannelKind, ChannelRow, Outcome, Words
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.samples import NOW

TOKEN = "0" * 32 + "." + "a" * 64
WORDS = Words(
    "A question waits for you",
    "Without an answer nothing is bought.",
    f"http://hub.test/n/{TOKEN}",
    "restock-questions",
)
NOTICE = Notice(title=WORDS.title, body=WORDS.body, link=WORDS.link, tag=WORDS.tag, is_quiet=False).model_dump_json()
KEY = "123456789:AAHsecretsecretsecretsecretsecretss"

needs_libraries = pytest.mark.skipif(
    importlib.util.find_spec("apprise") is None
    or importlib.util.find_spec("pywebpush") is None
    or importlib.util.find_spec("aiosmtpd") is None,
    reason="the extra `channels` is not installed",
)


class Outside:
    """Everything beyond the gate."""

    def __init__(self) -> None:
        self.heard: list[httpx.Request] = []
        self.answer = httpx.Response(200, content=b"{}")

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Take a request down."""
        self.heard.append(request)
        return self.answer


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[EgressLedger]:
    """A fresh one."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        yield EgressLedger(opened, clock=ManualClock())


@pytest.fixture
def outside() -> Outside:
    """Takes everything."""
    return Outside()


@pytest.fixture
def mail(ledger: EgressLedger) -> MailEgress:
    """Lets no mail out."""
    return MailEgress(ledger=ledger, is_allowed=lambda _: False, timeout_s=5)


@pytest.fixture
def gate(ledger: EgressLedger, outside: Outside) -> ChannelEgress:
    """Lets messages to one server and to push services out."""
    return ChannelEgress(
        ledger=ledger,
        is_allowed=allowed_origins(["https://ntfy.test", "https://api.telegram.org"], web_push=True),
        timeout_s=5,
        transport=httpx.MockTransport(outside),
    )


def composed(url: str = "https://ntfy.test/topic", *, method: str = "POST", body: bytes = b"words") -> Composed:
    """What a library made of a message."""
    return Composed(method, url, (("Content-Type", "text/plain"), ("Host", "evil.test")), body)


def channel(kind: ChannelKind, address: str) -> ChannelRow:
    """Anna's."""
    return ChannelRow(ChannelId("c1"), "anna", kind, 0, address, True, NOW)


async def test_what_leaves_is_on_record_without_keys(
    gate: ChannelEgress, ledger: EgressLedger, outside: Outside
) -> None:
    """Written down first, masked, under the purpose of its own; the other side gets the real thing."""
    await gate.send(composed(f"https://ntfy.test/bot{KEY}/x", body=KEY.encode()), notice=NOTICE.encode(), keys=(KEY,))
    [row] = ledger.rows(limit=5, before_id=None)
    kept = ledger.row(row.id)
    assert kept is not None
    assert (row.purpose, row.recipient, row.path, kept.body) == (Purpose.NOTIFY, "ntfy.test", "/bot***/x", b"***")
    [request] = outside.heard
    assert (request.url.path, request.content, request.headers["host"]) == (f"/bot{KEY}/x", KEY.encode(), "ntfy.test")


@pytest.mark.parametrize(
    "asked",
    [
        composed("https://elsewhere.test/topic"),
        composed("http://ntfy.test/topic"),
        composed("https://ntfy.test:8443/topic"),
        composed("https://ntfy.test@evil.test/topic"),
        composed("https://ntfy.test\\@evil.test/topic"),
        composed("https://ntfy.test.evil.test/"),
        composed("https://127.0.0.1/"),
        composed("https://169.254.169.254/latest"),
        composed("https://[::ffff:127.0.0.1]/"),
        composed("https://web.push.apple.com.evil.test/"),
        composed("https://evil.test/.push.apple.com"),
        composed("http://web.push.apple.com/"),
        composed("https://push.apple.com/"),
        composed("https://fcm.googleapis.com:444/"),
        composed("file:///etc/passwd"),
        composed("https://ntfy.test/#x"),
        composed(method="GET"),
        composed(method="DELETE"),
        composed(body=b"x" * 16_385),
    ],
)  # fmt: skip
async def test_what_is_not_allowed_does_not_leave(
    gate: ChannelEgress, ledger: EgressLedger, outside: Outside, asked: Composed
) -> None:
    """Another origin in any spelling, another method, more than fits: refused before it is written down."""
    with pytest.raises(EgressRefusedError):
        await gate.send(asked, notice=NOTICE.encode(), keys=())
    assert (outside.heard, list(ledger.rows(limit=5, before_id=None))) == ([], [])


async def test_a_message_with_a_field_too_many_does_not_leave(gate: ChannelEgress, outside: Outside) -> None:
    """What is said is a closed model."""
    with pytest.raises(EgressRefusedError):
        await gate.send(composed(), notice=NOTICE.encode()[:-1] + b',"stock":"731.25"}', keys=())
    assert outside.heard == []


async def test_a_redirect_is_not_followed(gate: ChannelEgress, outside: Outside) -> None:
    """An allowed server cannot send the hub elsewhere."""
    outside.answer = httpx.Response(307, headers={"location": "https://evil.test/"})
    assert (await gate.send(composed(), notice=NOTICE.encode(), keys=())).status_code == 307
    assert len(outside.heard) == 1


async def test_an_endless_answer_is_cut(gate: ChannelEgress, outside: Outside) -> None:
    """It counts as none."""
    outside.answer = httpx.Response(200, content=b"x" * 70_000)
    with pytest.raises(ChannelUnreachableError):
        await gate.send(composed(), notice=NOTICE.encode(), keys=())


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://u@h/n/" + TOKEN, "http://h/prompts/p1/approve", "x"])
def test_a_link_is_one_of_ours_or_none(link: str) -> None:
    """A message carries no other address."""
    with pytest.raises(ValidationError):
        Notice(title="t", body="b", link=link, tag="t", is_quiet=False)


@pytest.mark.parametrize(
    ("address", "hidden"),
    [
        (f"tgram://{KEY}/987654321", {KEY, "987654321"}),
        ("ntfys://user:passw0rd@ntfy.test/secret-topic", {"passw0rd", "secret-topic"}),
        ("ntfys://ntfy.test/topic%2Fsecret?token=tk_abcdefg", {"topic/secret", "tk_abcdefg"}),
    ],
)
def test_the_keys_of_an_address_are_known(address: str, hidden: set[str]) -> None:
    """User, password, path and query; the host is shown."""
    keys = keys_of(channel(ChannelKind.APPRISE, address))
    assert hidden <= set(keys)
    assert "ntfy.test" not in keys


async def test_without_the_extra_a_message_fails_and_says_why(gate: ChannelEgress, mail: MailEgress) -> None:
    """Nothing hangs, nothing is raised past the port."""
    composer = Composer(timeout_s=20, path=[path for path in sys.path if "site-packages" not in path])
    with pytest.raises(ChannelUnreachableError, match="extra `channels`"):
        await composer.run(
            {"kind": "apprise", "address": "ntfy://x/y"}, lambda _: gate.send(composed(), notice=b"", keys=())
        )
    carrier = Carrier(gate=gate, mail=mail, composer=composer, vapid_pem=None, contact="")
    assert await carrier.carry(channel(ChannelKind.APPRISE, "ntfy://x/y"), WORDS) is Outcome.FAILED


@pytest.mark.parametrize("address", ["", "{", "[]", "{}", '{"endpoint": 3}', "null", '"x"'])
async def test_an_address_that_is_none_fails_without_its_text(
    gate: ChannelEgress, mail: MailEgress, outside: Outside, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    """What a person typed wrongly stops no turn."""
    carrier = Carrier(gate=gate, mail=mail, composer=Composer(timeout_s=20, path=[]), vapid_pem="x", contact="")
    assert await carrier.carry(channel(ChannelKind.WEB_PUSH, address), WORDS) is Outcome.FAILED
    assert outside.heard == []
    assert len(address) < 3 or address not in caplog.text


@needs_libraries
@pytest.mark.parametrize(
    ("address", "path"),
    [("ntfys://ntfy.test/secret-topic", "/***"), (f"tgram://{KEY}/987654321", "/bot***/sendMessage")],
)
async def test_apprise_composes_and_the_gate_sends(
    gate: ChannelEgress, mail: MailEgress, ledger: EgressLedger, outside: Outside, address: str, path: str
) -> None:
    """Words and link arrive; the ledger has the message without the channel's keys or the link's token."""
    outside.answer = httpx.Response(200, content=json.dumps({"ok": True, "result": {}}).encode())
    carrier = Carrier(gate=gate, mail=mail, composer=Composer(timeout_s=60), vapid_pem=None, contact="")
    assert await carrier.carry(channel(ChannelKind.APPRISE, address), WORDS) is Outcome.TAKEN
    sent = b"".join(request.content for request in outside.heard).decode()
    assert "nothing is bought" in sent
    assert TOKEN in sent
    for row in ledger.rows(limit=5, before_id=None):
        kept = ledger.row(row.id)
        assert kept is not None
        assert kept.body is not None
        assert not any(secret in f"{row.path}{kept.body!r}" for secret in (KEY, "987654321", "secret-topic", TOKEN))
        assert row.path in {path, "/"}


@needs_libraries
async def test_an_address_elsewhere_is_composed_and_refused(
    gate: ChannelEgress, mail: MailEgress, outside: Outside
) -> None:
    """The household listed other origins."""
    carrier = Carrier(gate=gate, mail=mail, composer=Composer(timeout_s=60), vapid_pem=None, contact="")
    assert await carrier.carry(channel(ChannelKind.APPRISE, "json://192.0.2.7/x"), WORDS) is Outcome.FAILED
    assert outside.heard == []


@needs_libraries
@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        ("ntfys://ntfy.test/secret-topic", "https://ntfy.test"),
        ("ntfy://ntfy.test:8080/secret-topic", "http://ntfy.test:8080"),
        (f"tgram://{KEY}/987654321", "https://api.telegram.org"),
        ("mailtos://me:secret@mail.test:465?mode=ssl&to=you@mail.test", "smtps://mail.test:465"),
        ("nosuch://ntfy.test/secret-topic", None),
        ("ntfys://", None),
    ],
)
async def test_where_an_address_leads_is_found_without_sending(
    gate: ChannelEgress, mail: MailEgress, ledger: EgressLedger, outside: Outside, address: str, leads_to: str | None
) -> None:
    """By the library itself, so no table of services is kept; nothing leaves, and nothing is in the ledger."""
    carrier = Carrier(gate=gate, mail=mail, composer=Composer(timeout_s=60), vapid_pem=None, contact="")
    assert await carrier.origin(channel(ChannelKind.APPRISE, address)) == leads_to
    assert outside.heard == []
    assert list(ledger.rows(limit=5, before_id=None)) == []


@dataclass
class Letters:
    """A mail server's memory."""

    kept: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: ANN401, N802
        """Take one."""
        self.kept.append(envelope.content.decode())
        return "250 taken"


@needs_libraries
@pytest.mark.parametrize("mode", ["allowed", "elsewhere", "plain", "forged"])
async def test_mail_goes_by_the_gate_with_tls_only(
    gate: ChannelEgress, ledger: EgressLedger, tmp_path: Path, mode: str
) -> None:
    """A listed server with a good certificate gets it; another, one without TLS, or with a false one hears nothing."""
    from aiosmtpd.smtp import SMTP  # noqa: PLC0415 - of the extra

    server_side, client_side = certificates(tmp_path)
    letters = Letters()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(letters, loop=loop), "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    origins = (
        ["https://ntfy.test"] if mode == "elsewhere" else [f"smtps://localhost:{port}", f"smtp://localhost:{port}"]
    )
    tls = None if mode == "forged" else client_side
    mail = MailEgress(ledger=ledger, is_allowed=allowed_origins(origins, web_push=False), timeout_s=10, tls=tls)
    carrier = Carrier(gate=gate, mail=mail, composer=Composer(timeout_s=60), vapid_pem=None, contact="")
    scheme = "mailto" if mode == "plain" else "mailtos"
    how = "insecure" if mode == "plain" else "ssl"
    address = f"{scheme}://localhost:{port}?from=a@b.test&to=c@d.test&mode={how}&verify=no"
    outcome = await carrier.carry(channel(ChannelKind.APPRISE, address), WORDS)
    server.close()
    await server.wait_closed()
    rows = ledger.rows(limit=5, before_id=None)
    if mode == "allowed":
        assert (outcome, len(letters.kept)) == (Outcome.TAKEN, 1)
        assert [(row.purpose, row.recipient, row.path) for row in rows] == [("mail", f"localhost:{port}", "c@d.test")]
    else:
        assert (outcome, letters.kept) == (Outcome.FAILED, [])
        assert len(rows) == (mode == "forged")


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side and a client's side that trust each other."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server_side, ssl.create_default_context(cafile=str(folder / "cert.pem"))


@needs_libraries
@pytest.mark.parametrize(("status", "outcome"), [(201, Outcome.TAKEN), (410, Outcome.GONE), (500, Outcome.FAILED)])
async def test_web_push_is_sealed_for_the_browser(
    gate: ChannelEgress, mail: MailEgress, outside: Outside, status: int, outcome: Outcome
) -> None:
    """The push service carries what it cannot read; an ended subscription is known as such."""
    browser = ec.generate_private_key(ec.SECP256R1())
    point = browser.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    keys = {"p256dh": base64.urlsafe_b64encode(point).decode(), "auth": base64.urlsafe_b64encode(b"a" * 16).decode()}
    address = json.dumps({"endpoint": "https://web.push.apple.com/abcdefghij", "keys": keys})
    own = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    outside.answer = httpx.Response(status)
    carrier = Carrier(
        gate=gate, mail=mail, composer=Composer(timeout_s=60), vapid_pem=own.decode(), contact="mailto:a@b.test"
    )
    assert await carrier.carry(channel(ChannelKind.WEB_PUSH, address), WORDS) is outcome
    [request] = outside.heard
    assert request.headers["content-encoding"] == "aes128gcm"
    assert b"bought" not in request.content
    assert len(request.headers["topic"]) <= 32


REACH = """
import sys
sys.path[:] = {path!r}
import runpy
worker = runpy.run_path({worker!r})
try:
    worker["_close"](sys.stdout)
except ImportError:
    sys.addaudithook(worker["_refuse"])
try:
    {attempt}
except OSError as exc:
    print("refused", type(getattr(exc, "reason", exc)).__name__)
"""


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('localhost', 9)",
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', 9))",
        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0))",
        "import ftplib; ftplib.FTP('127.0.0.1', timeout=5)",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import os; os.fork()",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
    ],
)
def test_the_composing_process_opens_nothing(attempt: str) -> None:
    """Each way out of it that Python has is refused, by its own error."""
    script = REACH.format(path=sys.path, worker=str(WORKER), attempt=attempt)
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == "refused OutsideError", done.stderr


def test_the_prompt_id_is_no_part_of_a_link() -> None:
    """A link names nothing but itself."""
    assert PromptId("p1") not in WORDS.link.rpartition("/")[2]
