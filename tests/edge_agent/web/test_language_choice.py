"""A person's language: their own choice first, then the browser's, on every page, and kept with the account."""

from __future__ import annotations

import httpx
import pytest

from edge_agent.core.people import Role
from edge_agent.web.language import CHINESE, ENGLISH
from tests.edge_agent.web.house import House, field, sign_in

_ASKS_CHINESE = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}
_HOME = {CHINESE: "首页", ENGLISH: "Home"}


async def _choose(client: httpx.AsyncClient, code: str) -> httpx.Response:
    csrf = field((await client.get("/account")).text, "csrf")
    return await client.post("/account/language", data={"language": code, "csrf": csrf})


def _assert_in(page: httpx.Response, code: str) -> None:
    assert f'<html lang="{code}">' in page.text
    assert _HOME[code] in page.text
    assert page.headers["content-language"] == code
    assert page.headers["vary"] == "Accept-Language"


async def test_the_browser_decides_where_nobody_chose(owner: httpx.AsyncClient) -> None:
    """Without a choice each browser is read to in what it asks for."""
    _assert_in(await owner.get("/"), ENGLISH)
    _assert_in(await owner.get("/", headers=_ASKS_CHINESE), CHINESE)


async def test_a_choice_is_kept_for_all_browsers_of_that_person(house: House, owner: httpx.AsyncClient) -> None:
    """It counts for another browser too, for nobody else, and goes back to what the browser asks for."""
    assert (await _choose(owner, CHINESE)).status_code == 303
    async with house.client() as other, house.client() as member:
        await sign_in(other)
        await sign_in(member, role=Role.MEMBER)
        _assert_in(await other.get("/"), CHINESE)
        _assert_in(await member.get("/"), ENGLISH)
    assert (await _choose(owner, ENGLISH)).status_code == 303
    _assert_in(await owner.get("/", headers=_ASKS_CHINESE), ENGLISH)
    await _choose(owner, "")
    _assert_in(await owner.get("/", headers=_ASKS_CHINESE), CHINESE)


async def test_the_form_shows_what_was_chosen(owner: httpx.AsyncClient) -> None:
    """Each language stands there by its own name."""
    await _choose(owner, CHINESE)
    page = (await owner.get("/account")).text
    assert '<option value="zh-Hans" selected>简体中文</option>' in page
    assert '<option value="en">English</option>' in page


@pytest.mark.parametrize("code", ["tlh", "zh", "en\n", "../../etc"])
async def test_a_language_that_is_none_of_ours_is_refused(code: str, house: House, owner: httpx.AsyncClient) -> None:
    """Nothing else is kept with the account."""
    assert (await _choose(owner, code)).status_code == 400
    account = house.accounts.account("the-owner")
    assert account is not None
    assert account.language is None


async def test_another_password_or_role_keeps_the_language(house: House, owner: httpx.AsyncClient) -> None:
    """What is put anew of an account is not its language."""
    await _choose(owner, CHINESE)
    account = house.accounts.account("the-owner")
    assert account is not None
    house.accounts.put_account(account)
    house.give_pin("the-owner", "123456")
    again = house.accounts.account("the-owner")
    assert again is not None
    assert again.language == CHINESE


async def test_pages_before_a_session_follow_the_browser(house: House) -> None:
    """Sign-in and the page for what does not exist."""
    async with house.client() as client:
        for path in ("/login", "/nothing"):
            assert '<html lang="zh-Hans">' in (await client.get(path, headers=_ASKS_CHINESE)).text
            assert '<html lang="en">' in (await client.get(path)).text


async def test_a_problem_is_told_in_the_chosen_language(owner: httpx.AsyncClient) -> None:
    """The hub's own refusal too."""
    await _choose(owner, CHINESE)
    page = await owner.get("/items/nothing")
    assert page.status_code == 404
    assert "没有这样的页面、物品或询问。" in page.text


async def test_an_old_question_is_asked_in_the_chosen_language(owner: httpx.AsyncClient) -> None:
    """The reasons of a stored question keep their pattern."""
    await _choose(owner, CHINESE)
    page = (await owner.get("/prompts/p-milk")).text
    for words in ("剩余约 1.2 包", "用量为每天 0.6 包", "在3月3日周二至3月5日周四之间用完。"):
        assert words in page
