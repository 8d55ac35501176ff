"""The command line against the real API: tables, JSON, the terms before the yes, and where the token may lie."""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from edge_agent.__main__ import _DECLINE_REASONS, main
from edge_agent.adapters.api_client import ApiClient, token_from
from edge_agent.commands import asking
from edge_agent.config import WebConfig
from edge_agent.core.columns import table
from edge_agent.core.prompt import DeclineReason
from edge_agent.errors import ConfigurationError, RefusedError, RetryLaterError
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.api.programs import give_token
from tests.edge_agent.web.house import House, opened
from tests.edge_agent.web.merchant_history import give_history

TOKEN = "rstk_" + "a" * 43


async def run(house: House, act: Callable[[ApiClient], str]) -> str:
    """Run a command in a thread, as a program beside the hub would."""
    loop, token = asyncio.get_running_loop(), give_token(house)

    async def passed_on(request: httpx.Request) -> httpx.Response:
        async with house.client() as client:
            answer = await client.request(
                request.method, request.url.raw_path.decode(), content=request.content, headers=request.headers
            )
            return httpx.Response(answer.status_code, content=answer.content)

    def handle(request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(passed_on(request), loop).result()

    def work() -> str:
        with ApiClient(WebConfig(), token, transport=httpx.MockTransport(handle)) as client:
            return act(client)

    return await asyncio.to_thread(work)


async def test_lists_are_tables_or_json(tmp_path: Path) -> None:
    """Ids first, which the other commands take."""
    with opened(tmp_path, ManualClock()) as house:
        words = await run(house, lambda client: asking.prompts(client, as_json=False))
        told = json.loads(await run(house, lambda client: asking.prompts(client, as_json=True)))
        items = await run(house, lambda client: asking.items(client, as_json=False))
        why = await run(house, lambda client: asking.why(client, "milk", as_json=False))
    assert words.splitlines()[0].startswith("PROMPT")
    assert any(line.startswith("p-milk ") and "may approve" in line for line in words.splitlines())
    assert {one["id"] for one in told["prompts"]} >= {"p-milk"}
    assert any(line.startswith("milk ") for line in items.splitlines())
    assert "Because:" in why


async def test_merchants_are_a_table_with_counts(tmp_path: Path) -> None:
    """What is not known is said so, and below a handful there is no interval."""
    with opened(tmp_path, ManualClock()) as house:
        house.home.all_intents.clear()
        give_history(house)
        words = await run(house, lambda client: asking.merchants(client, as_json=False))
        told = json.loads(await run(house, lambda client: asking.merchants(client, as_json=True)))
    rows = {line.split()[0]: line for line in words.splitlines()}
    assert "8 of 10 (49 to 94 %)" in rows["grocer"]
    assert "1 of 4 " in rows["chemist"]
    assert "not known" in rows["corner"]
    assert len(told["merchants"]) == 3


async def test_what_is_not_known_is_said_with_what_would_make_it_known(tmp_path: Path) -> None:
    """Neither the amount, nor how long a known amount lasts; and what is known is one sentence."""
    why = functools.partial(asking.why, as_json=False)
    with opened(tmp_path, ManualClock()) as house:
        known = house.home.known["milk"]
        milk = await run(house, lambda client: why(client, "milk"))
        coffee = await run(house, lambda client: why(client, "coffee"))
        assert known.estimate is not None
        house.home.known["milk"] = replace(
            known, forecast=None, estimate=replace(known.estimate, use_per_day=None, daily_use=())
        )
        counted = await run(house, lambda client: why(client, "milk"))
    assert milk.splitlines()[0] == "Milk: 1240 g left, which lasts 2 days (1 to 3)."
    assert coffee.splitlines()[0] == (
        "Coffee beans: nobody knows how much is left. It is known once a reading of its sensor can be believed, or "
        "once somebody counts it and says so on its page."
    )
    assert counted.splitlines()[0] == (
        "Milk: 1240 g left. How long that lasts is not known: the hub has to see it being used for some days."
    )
    assert "not known left" not in coffee
    assert "Mode: ask." in coffee


async def test_an_approval_shows_the_terms_and_waits_for_a_yes(tmp_path: Path) -> None:
    """A no orders nothing; a yes orders on what was shown."""
    shown: list[str] = []

    def answer(*, agrees: bool) -> Callable[[ApiClient], str]:
        def agree(terms: str) -> bool:
            shown.append(terms)
            return agrees

        return lambda client: asking.approve(
            client, "p-milk", terms_hash=None, as_json=False, agrees=agree, pin=lambda: "482913"
        )

    with opened(tmp_path, ManualClock()) as house:
        house.give_pin("the-owner", "482913")
        with pytest.raises(RefusedError, match="nothing was ordered"):
            await run(house, answer(agrees=False))
        assert house.calls == []
        assert (await run(house, answer(agrees=True))).startswith("Ordered: ")
    assert "never more than $21.15" in shown[0]


async def test_a_script_names_the_terms_that_it_saw(tmp_path: Path) -> None:
    """Another hash is refused in the hub's words, with what to do."""
    with opened(tmp_path, ManualClock()) as house:
        with pytest.raises(RefusedError, match="Read the prompt again"):
            await run(
                house,
                lambda client: asking.approve(
                    client, "p-milk", terms_hash="0" * 64, as_json=True, agrees=lambda _: False, pin=str
                ),
            )
        said = await run(house, lambda client: asking.decline(client, "p-milk", reason="not_now", as_json=False))
    assert said.startswith("Declined")


async def test_a_question_is_named_by_its_item_or_its_beginning(tmp_path: Path) -> None:
    """As a person would; what names none or several is refused before anything is asked of it."""
    with opened(tmp_path, ManualClock()) as house:
        for name in ("p-nothing", "p"):
            decline = functools.partial(asking.decline, prompt=name, reason="not_now", as_json=False)
            with pytest.raises(RefusedError, match="restock-hub prompts shows them"):
                await run(house, decline)
        assert house.calls == []
        said = await run(house, lambda client: asking.decline(client, "milk", reason="not_now", as_json=False))
    assert said.startswith("Declined")


def test_a_question_that_was_answered_is_not_asked_once_more() -> None:
    """Its terms are not shown as if they could be agreed to."""
    told = httpx.MockTransport(lambda _: httpx.Response(200, json={"state": "declined"}))
    with ApiClient(WebConfig(), TOKEN, transport=told) as client, pytest.raises(RefusedError, match="declined already"):
        asking.approve(client, "a" * 32, terms_hash=None, as_json=False, agrees=lambda _: pytest.fail("asked"), pin=str)


@pytest.mark.parametrize("arguments", [["--help"], ["profiles", "check"]])
def test_who_has_read_enough_gets_no_traceback(arguments: list[str]) -> None:
    """As `restock-hub items | head -1` does to it."""
    command = [sys.executable, "-m", "edge_agent", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        assert hub.stderr is not None
        hub.stdout.close()
        assert "Traceback" not in hub.stderr.read()


@pytest.mark.parametrize("ident", ["../me", "a/b", "", "a?b", "é"])
async def test_an_id_is_no_path(tmp_path: Path, ident: str) -> None:
    """Nothing is asked."""
    with opened(tmp_path, ManualClock()) as house, pytest.raises(RefusedError, match="is no id"):
        await run(house, lambda client: asking.why(client, ident, as_json=False))


def test_a_token_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Others may not read it, it must hold a token, and no error repeats what stood there."""
    path = tmp_path / "token"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        token_from(path)
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="others may read it"):
        token_from(path)
    path.chmod(0o600)
    assert token_from(path) == TOKEN
    path.write_text("hunter2")
    with pytest.raises(ConfigurationError) as wrong:
        token_from(path)
    assert "hunter2" not in str(wrong.value)


@pytest.mark.parametrize(("host", "port"), [("192.0.2.7", 8480), ("restock.example", 8480), ("127.0.0.1", 0)])
def test_a_token_goes_to_this_machine_only(host: str, port: int) -> None:
    """No other address is asked."""
    with pytest.raises(ConfigurationError, match="its own machine only"):
        ApiClient(WebConfig(host=host, port=port), TOKEN)


def test_a_hub_that_does_not_run_is_said_so() -> None:
    """With what to do."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with (
        ApiClient(WebConfig(), TOKEN, transport=httpx.MockTransport(refuse)) as client,
        pytest.raises(RetryLaterError, match="is it running"),
    ):
        client.get("/items")


def test_the_command_without_a_token_says_where_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one line."""
    monkeypatch.delenv("RESTOCK_TOKEN", raising=False)
    assert main(["items", "--token-file", str(tmp_path / "none")]) == 2
    assert "make a token on the page Tokens" in capsys.readouterr().err


def test_the_command_takes_every_reason_to_decline() -> None:
    """Its list stands in the command line so that `--help` loads nothing; it is the hub's own."""
    assert tuple(DeclineReason) == _DECLINE_REASONS


def test_wide_letters_and_control_characters_keep_the_table_straight() -> None:
    """Columns line up where letters are wide, and no terminal is told to do anything."""
    lines = table(("A", "B"), [("牛奶", "x"), ("ab\x1b[2J", "y")]).splitlines()
    assert lines[1] == "牛奶    x"
    assert "\x1b" not in lines[2]


async def test_a_record_goes_to_a_new_file(tmp_path: Path) -> None:
    """What the hub gives, as it gave it; a file that is there is not overwritten."""
    out = tmp_path / "order.json"
    with opened(tmp_path, ManualClock()) as house:
        words = await run(house, lambda client: asking.record(client, "i-p-fluid", out=out))
        with pytest.raises(ConfigurationError, match="cannot be written"):
            await run(house, lambda client: asking.record(client, "i-p-fluid", out=out))
        with pytest.raises(RefusedError):
            await run(house, lambda client: asking.record(client, "i-nobody", out=tmp_path / "none.json"))
    assert json.loads(out.read_text(encoding="utf-8")) == {"order": "i-p-fluid"}
    assert words.endswith(f"restock-hub check-record {out}")
    assert not (tmp_path / "none.json").exists()


async def test_recalls_are_filed_listed_and_taken_from_a_file(tmp_path: Path) -> None:
    """A file that is none files nothing at all."""
    notice = {"gtin": "4006381333931", "batch": "A1", "text": "Do not eat it.\x1b", "source": "the maker"}
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    told = {"format": "restock-recalls", "version": 1, "recalls": [notice, {**notice, "batch": "A2"}]}
    good.write_text(json.dumps(told), encoding="utf-8")
    bad.write_text(json.dumps({**told, "recalls": [notice, {"gtin": "x"}]}), encoding="utf-8")
    with opened(tmp_path, ManualClock()) as house:
        with pytest.raises(ConfigurationError, match=r"no file of recalls: recalls\.1"):
            await run(house, lambda client: asking.import_recalls(client, bad, as_json=False))
        assert house.recalls.kept == []
        await run(house, lambda client: asking.import_recalls(client, good, as_json=False))
        await run(house, lambda client: asking.file_recalls(client, [{**notice, "batch": "A3"}], as_json=False))
        words = await run(house, lambda client: asking.recalls(client, as_json=False))
        listed = json.loads(await run(house, lambda client: asking.recalls(client, as_json=True)))
    assert [one["batch"] for one in listed["recalls"]] == ["A1", "A2", "A3"]
    assert "nothing known" in words
    assert "\x1b" not in words


async def test_many_recalls_go_no_faster_than_a_token_may(tmp_path: Path) -> None:
    """Few go at once; of many each waits its turn."""
    paused: list[float] = []
    notices = [
        {"gtin": "4006381333931", "batch": f"A{n}", "text": "Do not eat it.", "source": "the maker"} for n in range(45)
    ]

    def file(some: list[dict[str, str]]) -> Callable[[ApiClient], str]:
        return lambda client: asking.file_recalls(client, some, as_json=False, pause=paused.append)

    with opened(tmp_path, ManualClock()) as house:
        await run(house, file(notices[:3]))
        assert paused == []
        await run(house, file(notices))
    assert len(paused) == len(notices)
    assert min(paused) > 0.1
