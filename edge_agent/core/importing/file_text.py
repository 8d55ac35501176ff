"""The text of an imported profile's file, and of an overlay that is still to be filled in."""

from __future__ import annotations

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.drafting.yaml import flow, quoted, scalar
from edge_agent.core.importing.device import Channel, ImportedDevice, short

_BLOCK_DEPTH = 3  # levels that have a line for each member; below, an object stands on one line if it fits
HEAD = "# Made by `restock-hub profiles import`: change the overlay and import again, rather than this file."
_NEVER_BLOCK = frozenset({"payload", "expect", "transform", "unit", "range", "require", "topics", "sentinels"})
_CHANNELS_MAX = 100


def profile_text(document: dict[str, Tree]) -> str:
    """A profile file that a strict reader takes back as this document."""
    return "\n".join([HEAD, *_block(document, depth=0)]) + "\n"


def draft_text(device: ImportedDevice) -> str:
    """An overlay for the device, with every value as a comment that says what it could be."""
    lines = [
        f"# An overlay for {short(device.title)}: take the # from what is used up, give it a name of the closed list,",
        "# and import again with --overlay. Keep this file outside the folder of profiles.",
        f"overlay: home.{_slug(device.title)}",
        f"title: {quoted(short(device.title))}",
        f"device: {quoted(device.names[-1] if device.names else device.id)}",
        "signals:",
    ]
    for channel in device.channels[:_CHANNELS_MAX]:
        lines += _channel_lines(channel)
    if device.controls:
        lines.append("# commands:")
        lines += [f"#   {_slug(each.key)}: {{from: {quoted(each.key)}}}" for each in device.controls[:_CHANNELS_MAX]]
    return "\n".join(lines) + "\n"


def _channel_lines(channel: Channel) -> list[str]:
    about = [short(channel.title, 80)]
    if channel.unit_said:
        about.append(f"in {short(channel.unit_said, 20)}")
    if channel.bounds is not None:
        about.append(f"{channel.bounds[0]:g} to {channel.bounds[1]:g}")
    words = [*channel.on, *channel.off] or list(channel.words)
    if words:
        about.append("one of " + ", ".join(short(each, 40) for each in words[:12]))
    first = next(iter(channel.suggests), "QUANTITY")
    name = channel.known.signal if channel.known else f"SUBJECT.{first}"
    if len(channel.suggests) > 1:
        about.append("could be " + ", ".join(channel.suggests))
    states = ", ".join(f"{scalar(each)}: TODO" for each in words)
    fields = f"from: {quoted(channel.key)}" + (f", states: {{{states}}}" if words else "")
    return [f"  # {'; '.join(about)}", f"  # {name}: {{{fields}}}"]


def _slug(text: str) -> str:
    slug = "".join(each if each.isascii() and each.isalnum() else "_" for each in text.lower()).strip("_")
    return slug[:40] or "device"


def _block(tree: dict[str, Tree], *, depth: int) -> list[str]:
    lines: list[str] = []
    indent = "  " * depth
    for key, value in tree.items():
        head = f"{indent}{scalar(key)}:"
        if not value or not isinstance(value, (dict, list)) or key in _NEVER_BLOCK or depth + 1 > _BLOCK_DEPTH:
            lines.append(f"{head} {flow(value, indent=2 * depth)}")
        elif isinstance(value, dict):
            lines += [head, *_block(value, depth=depth + 1)]
        else:
            lines.append(head)
            for each in value:
                lines += _item(each, depth=depth)
    return lines


def _item(tree: Tree, *, depth: int) -> list[str]:
    indent = "  " * (depth + 1)
    if not isinstance(tree, dict) or not tree or depth + 2 > _BLOCK_DEPTH:
        return [f"{indent}- {flow(tree, indent=2 * depth + 4)}"]
    first, *rest = _block(tree, depth=depth + 2)
    return [f"{indent}- {first.lstrip()}", *rest]
