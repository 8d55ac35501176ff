"""Simulated households at a real bridge, judged by the model merchant's ledger."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.__main__ import main
from tests.campaign.bugs import Bug
from tests.firmware_sim.hubs_stack import Stack, running

_QUICK = ["--duration", "4", "--ramp", "1", "--hold", "1", "--poll", "1", "--retry", "1", "--prices", "0.2"]
Tell = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def household_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, Path]:
    """Forty households: their keys, and what the operator is given."""
    keys, admission = tmp_path / "keys", tmp_path / "admission"
    assert main(["hubs", "--n", "40", "--keys", str(keys), "--enrol", str(admission)]) == 0
    assert "add" in capsys.readouterr().err
    return keys, admission


@pytest.fixture
def tell(household_keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> Tell:
    """Run the hubs; gives the exit code and the result."""

    def run(stack: Stack, *argv: str) -> tuple[int, dict[str, Any]]:
        code = main(["hubs", "--keys", str(household_keys[0]), "--json", *stack.arguments(), *_QUICK, *argv])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_what_piled_up_is_ordered_once_whatever_is_lost(
    tmp_path: Path, household_keys: tuple[Path, Path], tell: Tell
) -> None:
    """All hubs lose the bridge and come back at once, some answers get lost, and a second run goes on after it."""
    with running(tmp_path, household_keys[1]) as stack:
        code, result = tell(stack, "--n", "40", "--outage", "1.5,1.5,1", "--lost-answers", "0.1")
        again, second = tell(stack, "--n", "5", "--html", str(tmp_path / "page.html"))
    assert (code, again) == (0, 0)
    [outage], intents, books = result["outages"], result["intents"], result["merchant_books"]
    assert result["ended"] == "done"
    assert result["hubs"] == {"wanted": 40, "started": 40, "admitted": 40, "given_up": 0}
    assert (outage["hubs"], outage["drained"]) == (40, 40)
    assert 0 < outage["intents_waiting"] <= intents["made"]
    assert intents["made"] == intents["accepted"] == intents["ended"]
    assert set(intents["states"]) <= {"placed", "delivered"}
    assert 0 < intents["answered_again"] <= intents["retried"]
    assert result["answers_lost"] > 0
    assert (books["sales"], books["claimed"]) == (intents["made"], intents["made"])
    assert [books[name] for name in ("lost", "doubled", "without_leave", "unsettled")] == [0, 0, 0, 0]
    assert result["requests"]["prices"]["answered"] > 1
    assert second["merchant_books"]["sales"] == second["intents"]["made"]
    assert "none is lost, doubled or without leave" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_bridge_that_orders_twice_is_seen(tmp_path: Path, household_keys: tuple[Path, Path]) -> None:
    """A key that is made anew hides a sale from the look-up: the bridge buys again."""
    with running(tmp_path, household_keys[1], bug=Bug.KEY_PER_PROCESS) as stack:
        code, result = _interrupted(
            stack, household_keys[0], "--n", "4", until=lambda _: stack.ledger.read_bytes().count(b"\n") > 2 * 4 * 2
        )
    assert code == 1
    assert result["merchant_books"]["sales"] > result["intents"]["made"]
    assert result["merchant_books"]["doubled"] > 0
    assert any(each.startswith("doubled: ") for each in result["merchant_books"]["examples"])


def test_households_that_the_bridge_does_not_know_stay_away(
    tmp_path: Path, household_keys: tuple[Path, Path], tell: Tell, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said with the number that is there and what the operator does; the others order all the same."""
    rows = household_keys[1].read_text(encoding="utf-8").split("[[households]]")
    household_keys[1].write_text("[[households]]".join(rows[:11]), encoding="utf-8")
    with running(tmp_path, household_keys[1]) as stack:
        code, result = tell(stack, "--n", "12")
        other = tmp_path / "other"
        main(["hubs", "--n", "2", "--keys", str(other), "--enrol", str(tmp_path / "others"), "--home", "stranger"])
        refused = main(["hubs", "--n", "2", "--keys", str(other), "--json", *stack.arguments(), *_QUICK])
    printed = capsys.readouterr()
    assert code == 1
    assert result["hubs"] == {"wanted": 12, "started": 12, "admitted": 10, "given_up": 2}
    assert result["merchant_books"]["sales"] == result["intents"]["made"] > 0
    assert "does not know some households, sim-001" in result["notices"][0]["what"]
    assert (refused, json.loads(printed.out)["ended"]) == (1, "refused")
    assert "not_authentic" in printed.err
    assert "--enrol" in printed.err


def test_what_is_no_bridge_is_named(household_keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody there, and somebody who answers with a page: ended at once, with what to check."""
    with _page_server() as port:
        for url, complaint in (
            (f"http://127.0.0.1:{port}", "a wrong answer to prices: field"),
            ("http://127.0.0.1:9", "is it running"),
        ):
            argv = ["--keys", str(household_keys[0]), "--n", "2", "--bridge", url, "--merchant", "g", "--sku", "x"]
            code = main(["hubs", *argv, "--json", *_QUICK])
            printed = capsys.readouterr()
            assert (code, json.loads(printed.out)["ended"]) == (1, "unreachable")
            assert complaint.removesuffix(": field") in printed.err
            assert "0 of 2 hubs admitted" in printed.err


def test_too_few_files_and_a_full_disk_keep_what_was_reached(tmp_path: Path, household_keys: tuple[Path, Path]) -> None:
    """As many hubs as fit are there; a log that cannot grow ends the run, and the result is printed."""
    with running(tmp_path, household_keys[1]) as stack:
        few = _limited("ulimit -n 84", stack, household_keys[0], "--n", "40")
        full = _limited("ulimit -f 2", stack, household_keys[0], "--n", "20", "--truth", str(tmp_path / "truth"))
    assert few.returncode == full.returncode == 1
    result = json.loads(few.stdout)
    assert result["hubs"] == {"wanted": 40, "started": 10, "admitted": 10, "given_up": 30}
    assert "open files for 10 of 40 hubs" in few.stderr.splitlines()[0]
    assert result["merchant_books"]["sales"] == result["intents"]["made"] > 0
    stopped = json.loads(full.stdout)
    assert stopped["ended"] == "disk_full"
    assert stopped["intents"]["made"] > 0
    assert stopped["merchant_books"]["doubled"] == 0


def test_a_signal_prints_what_was_reached(tmp_path: Path, household_keys: tuple[Path, Path]) -> None:
    """The result is whole, with the merchant's books, and says that it was interrupted."""
    with running(tmp_path, household_keys[1]) as stack:
        code, result = _interrupted(
            stack,
            household_keys[0],
            *("--n", "10", "--duration", "100"),
            until=lambda line: "connected 10/10" in line and "accepted 0" not in line,
        )
    assert code == 1
    assert (result["ended"], result["hubs"]["admitted"]) == ("interrupted", 10)
    assert result["intents"]["accepted"] > 0
    assert result["merchant_books"]["doubled"] == 0


def _interrupted(stack: Stack, keys: Path, *argv: str, until: Callable[[str], bool]) -> tuple[int, dict[str, Any]]:
    """Run hubs and end them by Ctrl-C after a line of progress; gives the exit code and the result."""
    command = [sys.executable, "-m", "firmware_sim", "hubs", "--keys", str(keys), "--json", *stack.arguments(), *_QUICK]
    with subprocess.Popen([*command, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as hubs:
        assert hubs.stderr is not None
        for line in hubs.stderr:
            if until(line):
                break
        hubs.send_signal(signal.SIGINT)
        printed, _ = hubs.communicate(timeout=60)
    return hubs.returncode, json.loads(printed)


def _limited(limit: str, stack: Stack, keys: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "firmware_sim", "hubs", "--keys", str(keys), "--json", *stack.arguments(), *_QUICK]
    return subprocess.run(
        ["sh", "-c", f'{limit}; exec "$@"', "sh", *program, *argv],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def _page_server() -> Iterator[int]:
    """Somebody else's web server: a page for everything."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
