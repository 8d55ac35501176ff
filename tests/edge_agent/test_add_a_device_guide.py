"""The guide for adding a device says what the commands do: its payloads, draft, profile and commands are tried."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from edge_agent.__main__ import _parser
from edge_agent.adapters.drafts import unfinished, with_questions
from edge_agent.adapters.profile_tools import check_profiles
from edge_agent.adapters.strict_yaml import load_yaml
from edge_agent.core.drafting.draft import draft
from edge_agent.core.topics import device_id, in_family

GUIDE = (Path(__file__).parents[2] / "docs" / "add-a-device.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", GUIDE, flags=re.DOTALL)
FINISHED = next(body for kind, body in BLOCKS if kind == "yaml" and body.startswith("profile:"))
EXCERPT = next(body for kind, body in BLOCKS if kind == "yaml" and "TODO_1" in body)
COMMANDS = [
    line[2:] for kind, body in BLOCKS if not kind for line in body.splitlines() if line.startswith("$ restock-hub")
]


def drafted() -> str:
    """The draft that the guide's payloads give, with the serial numbers that they had."""
    samples = [
        each["payload"] | {"sn": f"SD200-007712{number}"}
        for number, each in enumerate(load_yaml(FINISHED.encode())["samples"])
    ]
    payloads = [json.dumps(each).encode() for each in samples]
    return draft(payloads, topic="soapy/kitchen/state", encode=lambda _form, _tree: b"").text


def test_the_finished_profile_is_sound(tmp_path: Path) -> None:
    """Beside all that ship."""
    (tmp_path / "soapy.yaml").write_text(FINISHED)
    checked = check_profiles([tmp_path], every_signal=True)
    assert checked.doubts == ()
    assert with_questions(checked.problems, folder=tmp_path) == ()
    assert f"{len(checked.profiles)} profiles, {checked.samples} samples, 0 problems" in GUIDE


def test_the_draft_is_the_one_that_is_shown() -> None:
    """Line by line; and as many signals and questions as the guide says."""
    assert EXCERPT in drafted()
    assert "3 signals, 18 TODOs." in GUIDE
    assert len(load_yaml(drafted().encode())["signals"]) == 3


def test_the_check_says_what_is_shown(tmp_path: Path) -> None:
    """With only the samples unanswered, what comes out is proposed in the words of the guide."""
    waiting = re.sub(r"    expect:\n(      .*\n)+", "    expect: TODO\n", FINISHED)
    (tmp_path / "soapy.yaml").write_text(waiting)
    (found,) = unfinished(tmp_path)
    assert len(found.lines) == 2
    for line in found.lines:
        said = re.sub(r"^.*?: line \d+: ", "", line)
        assert said in GUIDE


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command: str) -> None:
    """The parser takes it as it stands, without what is for the shell."""
    assert _parser().parse_args(shlex.split(command.partition(" > ")[0])[1:]).command


def test_a_number_that_rises_is_turned_as_shown(tmp_path: Path) -> None:
    """Measured from the lid, with the depth in another field: 14 of 40 cm are 65 % left."""
    turned = next(body for kind, body in BLOCKS if kind == "yaml" and "select: /salt/cm" in body)
    head = FINISHED.partition("signals:\n")[0].replace("soapy", "softee")
    samples = """samples:
  - name: half
    payload: {model: "SD-200", ts: 1767268740, salt: {cm: 14, max: 40}}
    expect: {salt.remaining: {value: 65, unit: "%"}}
"""
    (tmp_path / "softee.yaml").write_text(f"{head}signals:\n{turned}{samples}")
    assert with_questions(check_profiles([tmp_path]).problems, folder=tmp_path) == ()


@pytest.mark.parametrize(
    ("signal", "payload", "wanted"),
    [
        ("fuel.remaining", '{hopper: {lvl: "63 %", sens: ok}}', '{value: 63, unit: "%"}'),
        ("fuel.remaining", '{hopper: {lvl: "0 %", sens: fault}}', "unknown"),
        ("salt.remaining", "{dist_mm: 340}", '{value: 15, unit: "%"}'),
        ("salt.remaining", "{dist_mm: 420}", '{value: 0, unit: "%"}'),
        ("salt.remaining", "{dist_mm: 999}", "unknown"),
    ],
    ids=["measured", "guard", "in the tank", "past empty", "no echo"],
)
def test_guards_and_clamp_do_what_the_guide_says(tmp_path: Path, signal: str, payload: str, wanted: str) -> None:
    """Each example stands in a profile as it stands in the guide."""
    example = next(
        body for kind, body in BLOCKS if kind == "yaml" and body.startswith(f"  {signal}:") and "guard:" in body
    )
    head = FINISHED.partition("match:\n")[0].replace("soapy", "other")
    (tmp_path / "other.yaml").write_text(
        f"{head}match: {{topic: 'a/{{device}}/b'}}\ndecode: {{format: json}}\nmerge: snapshot\nsignals:\n{example}"
        f"samples:\n  - {{name: it, payload: {payload}, expect: {{{signal}: {wanted}}}}}\n"
    )
    assert with_questions(check_profiles([tmp_path]).problems, folder=tmp_path) == ()


def test_bytes_inside_a_text_are_read_as_shown(tmp_path: Path) -> None:
    """The guide's layout and signal, with the sample that gives nothing away; as it was drafted it is refused."""
    decode = next(body for kind, body in BLOCKS if kind == "yaml" and body.startswith("decode:"))
    signal = next(body for kind, body in BLOCKS if kind == "yaml" and "select: /raw/salt" in body)
    head = FINISHED.partition("match:\n")[0].replace("soapy", "hexed")
    profile = f"{head}match: {{topic: 'a/{{device}}/b'}}\n{decode}merge: snapshot\nsignals:\n{signal}samples:\n"
    for raw in ("A5020AB800D8041200DB", "000000B80000"):
        assert f'"{raw}"' in GUIDE
        sample = f'  - {{name: it, payload: {{raw: "{raw}"}}, expect: {{salt.remaining: {{value: 18.4, unit: kg}}}}}}\n'
        (tmp_path / "hexed.yaml").write_text(profile + sample)
        assert check_profiles([tmp_path], every_signal=True).problems == ()
    taken_out = "  - {name: it, payload: {raw: REDACTED}, expect: {salt.remaining: unknown}}\n"
    (tmp_path / "hexed.yaml").write_text(profile + taken_out)
    assert "no sample shows it with a value" in check_profiles([tmp_path], every_signal=True).problems[0]
    assert '"no sample shows it with a value"' in GUIDE


def test_the_name_of_a_device_with_capitals_is_the_one_that_is_shown() -> None:
    """It is made readable, with a mark of its own."""
    assert f"`{in_family('pelletstove', device_id('4C11AE'))}`" in GUIDE


def test_every_section_that_is_named_is_there() -> None:
    """In the guide, and the one on bytes in the reference."""
    heads = {_anchor(line) for line in GUIDE.splitlines() if line.startswith("#")}
    assert set(re.findall(r"\]\(#([^)]*)\)", GUIDE)) <= heads
    reference = (Path(__file__).parents[2] / "device_profiles" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"device_profiles/README.md#([^)]*)\)", GUIDE)
    assert set(named) <= {_anchor(line) for line in reference.splitlines() if line.startswith("#")}


def _anchor(line: str) -> str:
    """As a reader of Markdown makes it of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
