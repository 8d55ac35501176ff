"""A process of its own in which a channel's library composes one message. It opens nothing.

Apprise and pywebpush make their own connections through `requests`. Here the last step of `requests`, the one that
would put bytes on a wire, hands the finished request to the hub on standard output, and takes the answer from standard
input. After its imports the process refuses, by an audit hook that cannot be taken out again, to open a socket, look up
a name, or start a program; so what does not come through the hub's gate does not leave.

Mail goes the same way: the session with its server is noted down instead of held, and the hub holds it.

One JSON object a line. In: the job, then an answer for each request. Out: each request, then how it ended. The job
comes by standard input because it holds keys, and other users of the machine can read arguments.
"""

from __future__ import annotations

import base64
import io
import json
import os
import resource
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import requests

_MEMORY_BYTES_MAX = 1 << 30
_CPU_S_MAX = 30
_FORBIDDEN = (
    "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostby",
    "subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "pty.spawn", "ctypes.",
    "smtplib.", "ftplib.", "urllib.Request", "webbrowser.",
)  # fmt: skip


class OutsideError(OSError):
    """Something tried to leave past the gate."""


def main() -> None:
    """Compose one message."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S_MAX, _CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no line of ours
    os.dup2(1, 2)
    job = json.loads(sys.stdin.readline())
    sys.path[:] = job["path"]
    compose = {"apprise": _apprise, "web_push": _web_push}[job["kind"]]
    _say(out, {"done": compose(job, out)})


def _apprise(job: dict[str, Any], out: TextIO) -> bool:
    import apprise  # noqa: PLC0415 - only this process pays for it

    _close(out)
    asset = apprise.AppriseAsset(app_id="Restock", app_desc="Restock", app_url="", image_url_mask="", image_url_logo="")
    channel = apprise.Apprise(asset=asset)
    if not channel.add(job["address"]):
        return False
    body = f"{job['body']}\n{job['link']}" if job["link"] else job["body"]
    return bool(channel.notify(title=job["title"], body=body, body_format=apprise.NotifyFormat.TEXT))


def _web_push(job: dict[str, Any], out: TextIO) -> bool:
    import pywebpush  # noqa: PLC0415
    from py_vapid import Vapid02  # noqa: PLC0415

    _close(out)
    words = {key: job[key] for key in ("title", "body", "link", "tag", "is_quiet")}
    try:
        pywebpush.webpush(
            json.loads(job["address"]),
            data=json.dumps(words),
            vapid_private_key=Vapid02.from_pem(job["key"].encode()),
            vapid_claims={"sub": job["contact"]},
            ttl=job["ttl_s"],
            headers={"urgency": "normal", "topic": job["tag"]},
            timeout=10,
        )
    except (pywebpush.WebPushException, ValueError):
        return False
    return True


def _close(out: TextIO) -> None:
    """From here on every request goes to the hub, and nothing else goes anywhere."""
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    def send(_adapter: HTTPAdapter, request: requests.PreparedRequest, **_: object) -> requests.Response:
        body = request.body or b""
        if not isinstance(body, str | bytes):
            raise TypeError("a request whose body is no text and no bytes is not carried")
        asked = {
            "method": request.method,
            "url": request.url,
            "headers": list(request.headers.items()),
            "body": base64.b64encode(body.encode() if isinstance(body, str) else body).decode(),
        }
        _say(out, {"send": asked})
        return _answered(request, json.loads(sys.stdin.readline()))

    HTTPAdapter.send = send  # type: ignore[assignment, method-assign]  # in this process nothing else sends
    _close_mail(out)
    sys.addaudithook(_refuse)


def _close_mail(out: TextIO) -> None:
    import smtplib  # noqa: PLC0415

    class Noted:
        """Takes the place of a session with a mail server."""

        security = "plain"

        def __init__(self, host: str, port: int, *_: object, **__: object) -> None:
            self.noted = {"host": host, "port": port, "user": "", "password": ""}

        def starttls(self, **_: object) -> None:
            self.security = "starttls"

        def login(self, user: str, password: str) -> None:
            self.noted |= {"user": user, "password": password}

        def sendmail(self, sender: str, recipients: list[str], message: str | bytes) -> dict[str, object]:
            raw = message.encode() if isinstance(message, str) else message
            mail = {"sender": sender, "recipients": recipients, "message": base64.b64encode(raw).decode()}
            _say(out, {"mail": {**self.noted, **mail, "security": self.security}})
            if json.loads(sys.stdin.readline())["status"] == 0:
                raise smtplib.SMTPException("the gate did not send it")
            return {}

        def quit(self) -> None:
            """Nothing was opened."""

    class NotedTls(Noted):
        """The same, for a server that speaks TLS from the first byte."""

        security = "tls"

    smtplib.SMTP, smtplib.SMTP_SSL = Noted, NotedTls  # type: ignore[misc,assignment]


def _answered(request: requests.PreparedRequest, answer: dict[str, Any]) -> requests.Response:
    import requests  # noqa: PLC0415

    if answer["status"] == 0:
        raise requests.ConnectionError("the gate did not send it")
    response = requests.Response()
    response.status_code = answer["status"]
    response.request, response.url = request, request.url or ""
    response.raw = io.BytesIO(base64.b64decode(answer["body"]))
    return response


def _refuse(event: str, _args: tuple[object, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise OutsideError(event)


def _say(out: TextIO, said: dict[str, object]) -> None:
    out.write(json.dumps(said) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
