"""Which language a person reads, and texts of ours said again in it; no name that fills them is taken for markup."""

from __future__ import annotations

from datetime import UTC, date, datetime
from gettext import NullTranslations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader
from markupsafe import escape

from edge_agent.core.said import Names, Said, said_day, said_sum, say, say_many
from edge_agent.web.language import CHINESE, ENGLISH, Language, Languages, Translated, asked_for
from edge_agent.web.moments import Moments
from edge_agent.web.render import _Compiled, _environment
from edge_agent.web.wording import readable

_TEXTS = {
    "{item} is running low.": "{item} 快用完了。",
    "{number} pack": "{number} 包",
    "Buy {packs} of {item} by {day}.": "请在{day}前购买 {item}({packs})。",
    "{item} costs {sum}.": "{item} 的价格为 {sum}。",
    "With {names}.": "连同{names}。",
    "Lacks {item}.": "没有。",
    "Invents.": "{item}",
    "Invents {item}.": "{item} {other}",
    "Broken {item}.": "{item",
    "Reaches {item}.": "{item.__class__}",
    "Widens {item}.": "{item:>99}",
    "100 % of {item}": "{item} 的 100 %",
    "Yes & no": "是与否 <",
    "Buy %(item)s?": "购买 %(item)s吗",
    "Lost %(item)s": "没有",
    "Alone %(item)s": "%(item)s 100 % d",
    "Home": "首页",
}


class _Texts(NullTranslations):
    """A catalogue in memory, of a language without plural forms."""

    def gettext(self, message: str) -> str:
        return _TEXTS.get(message, message)

    def ngettext(self, one: str, several: str, number: int) -> str:
        return _TEXTS.get(one, one if number == 1 else several)


def _chinese() -> Translated:
    return Translated(CHINESE, locale="zh_Hans_CN", translations=_Texts())


_TALK = _chinese()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (say("{item} is running low.", item="Milk"), "Milk 快用完了。"),
        (say_many("{number} pack", "{number} packs", 1), "1 包"),
        (say_many("{number} pack", "{number} packs", 3), "3 包"),
        (say("Buy {packs} of {item} by {day}.", packs=say_many("{number} pack", "{number} packs", 2), item="Tea",
             day=said_day(date(2026, 3, 3))), "请在3月3日周二前购买 Tea(2 包)。"),
        (say("{item} costs {sum}.", item="Salt", sum=said_sum(123_450, "EUR")), "Salt 的价格为 €1,234.50。"),
        (said_sum(1_200, "JPY"), "JP¥1,200"),
        (said_sum(1_234, "KWD"), "KWD1.234"),
        (said_day(date(2027, 3, 3), with_year=True), "2027年3月3日周三"),
        (say("With {names}.", names=Names(("Milk", "Tea", "Salt"))), "连同Milk、Tea和Salt。"),
        (say("100 % of {item}", item="Tea"), "Tea 的 100 %"),
        (say("Yes & no"), "是与否 <"),
        (say("Nobody has translated {item}.", item="Tea"), "Nobody has translated Tea."),
        ("Milk", "Milk"),
    ],
)  # fmt: skip
def test_a_text_is_said_again_with_its_parts(text: str, said: str) -> None:
    """Patterns, plurals, days, money and lists come in the other language; names stay."""
    assert _TALK.say(text) == said
    assert Language().say(text) == text


@pytest.mark.parametrize(
    "pattern", ["Lacks {item}.", "Invents {item}.", "Broken {item}.", "Reaches {item}.", "Widens {item}."]
)
def test_an_entry_with_other_placeholders_is_not_used(pattern: str) -> None:
    """A wrong entry leaves the text in English; it breaks nothing."""
    text = say(pattern, item="Tea")
    assert _TALK.say(text) == str(text)
    assert _TALK.gettext("Lost %(item)s") == "Lost %(item)s"
    assert _TALK.gettext("Alone %(item)s") == "Alone %(item)s"


_NAMES = st.text(min_size=1, max_size=40) | st.sampled_from(
    [
        "{item}",
        "{",
        "}}",
        "%(item)s",
        "%s%%",
        "<script>alert(1)</script>",
        "\"'&",
        "\u202edlim\u202c",
        "⟦{0.__class__}⟧",
    ]
)
_PAGE = (
    "{% extends 'frame' %}{% from 'pieces' import piece %}{% block main %}<p title=\"{{ text }}\">{{ text }}</p>"
    "<p>{{ piece(text, name) }}</p><p>{% trans item=name %}Buy %(item)s?{% endtrans %}</p>{{ _('Home') }}{% endblock %}"
)


def _rendered(language: Language, text: str, name: str, compiled: _Compiled) -> str:
    moments = Moments("Europe/Berlin", lambda: datetime(2026, 3, 3, tzinfo=UTC))
    templates = _environment(moments, language=language, compiled=compiled)
    templates.loader = DictLoader(
        {
            "page": _PAGE.replace("%(item)s", "{{ item }}"),
            "frame": "{% block main %}{% endblock %}",
            "pieces": "{% macro piece(text, name) %}[{{ text }}|{{ name }}|{{ _('Home') }}]{% endmacro %}",
        }
    )
    return templates.get_template("page").render(text=text, name=name)


@given(name=_NAMES)
def test_a_name_comes_out_whole_and_escaped(name: str) -> None:
    """Whatever a name holds, it stands in the page once for each place, as text, in either language."""
    shown = str(escape(readable(name)))
    text = say("{item} is running low.", item=name)
    compiled = _Compiled()
    english = _rendered(Language(), text, name, compiled)
    chinese = _rendered(_TALK, text, name, compiled)
    low = f"{shown} is running low."
    assert english == f'<p title="{low}">{low}</p><p>[{low}|{shown}|Home]</p><p>Buy {shown}?</p>Home'
    low = f"{shown} 快用完了。"
    assert chinese == f'<p title="{low}">{low}</p><p>[{low}|{shown}|首页]</p><p>购买 {shown}吗</p>首页'


@given(parts=st.lists(_NAMES, min_size=1, max_size=5))
def test_a_list_of_names_comes_out_whole(parts: list[str]) -> None:
    """No name of a list is lost or filled in."""
    said = _TALK.say(say("With {names}.", names=Names(tuple(parts))))
    for part in parts:
        assert part in said


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", ENGLISH),
        ("zh", CHINESE),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("zh-Hans-CN", CHINESE),
        ("ZH-hans", CHINESE),
        ("zh-SG", CHINESE),
        ("en-GB,zh;q=0.5", ENGLISH),
        ("de-DE,de;q=0.9,zh-CN;q=0.3", CHINESE),
        ("de-DE", ENGLISH),
        ("en;q=0.1, zh-CN;q=0.7", CHINESE),
        ("zh;q=0, en;q=0.1", ENGLISH),
        ("zh;q=0", ENGLISH),
        ("*", ENGLISH),
        ("zh;q=2", ENGLISH),
        ("zh;q=1e9", ENGLISH),
        ("../../etc/passwd, zh-CN", CHINESE),
        ("zh-CN" + " " * 300, ENGLISH),
        (",".join(["de"] * 10) + ",zh-CN", ENGLISH),
        (";;;,,,=", ENGLISH),
    ],
)
def test_the_browser_is_heard(header: str, code: str) -> None:
    """The best of ours among what it asks for, by its weights; what cannot be read is passed over."""
    assert asked_for(header) == code


@given(header=st.text(max_size=300))
def test_no_header_breaks_a_page(header: str) -> None:
    """Any header gives one of ours."""
    assert asked_for(header) in {ENGLISH, CHINESE}


def test_a_person_chooses_before_the_browser() -> None:
    """One's own choice counts, one that is not known does not."""
    languages = Languages(lambda code: Language() if code == ENGLISH else _TALK)
    assert languages.of(CHINESE, header="en").code == CHINESE
    assert languages.of(ENGLISH, header="zh").code == ENGLISH
    assert languages.of("tlh", header="zh").code == CHINESE
    assert languages.of(None).code == ENGLISH


def test_a_text_keeps_its_pattern_on_the_way_to_a_page() -> None:
    """The filters of the pages give texts that can be said again."""
    moments = Moments("Europe/Berlin", lambda: datetime(2026, 3, 3, tzinfo=UTC))
    filters = _environment(moments, language=_TALK, compiled=_Compiled()).filters
    at = datetime(2026, 3, 9, 12, tzinfo=UTC)
    for text in (filters["money"](120, "EUR"), filters["day"](at), filters["time"](at), filters["ago"](at),
                 filters["amount"](12.0, "g"), filters["amounts"](1.0, 2.0, "g"), filters["count"](2, "pack"),
                 filters["trust"](0.9), filters["exactly"](2.0, "g"), filters["bridge_trouble"]("x")):  # fmt: skip
        assert isinstance(text, Said)
