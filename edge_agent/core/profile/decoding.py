"""How bytes become one tree: the format of the payload, and what is encoded once more inside it."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field as Limited
from pydantic import StringConstraints, model_validator

from edge_agent.core.decoding.payload import pointer_steps
from edge_agent.core.profile.parts import Part, Pointer, ValueName

Format = Literal["json", "text", "cbor", "msgpack", "sparkplug_b", "bytes"]
Encoding = Literal["hex", "base64"]
_Size = Annotated[int, Limited(ge=1, le=64)]
_Offset = Annotated[int, Limited(ge=0, le=4_095)]
_Tag = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}){1,4}$")]
_NUMBER_BYTES_MAX = 8
_FLOAT_BYTES = (4, 8)


class Key(Part):
    """Bytes that name an element: `length` of them from `offset`, as lower-case hex."""

    offset: _Offset = 0
    length: Annotated[int, Limited(ge=1, le=8)]


class Field(Part):
    """One value in a row of bytes. `mask`, then `shift` to the right; both for `uint` only."""

    offset: _Offset = 0
    length: _Size
    type: Literal["uint", "int", "float", "bcd", "hex", "text"]
    endian: Literal["little", "big"] = "big"
    mask: Annotated[int, Limited(ge=1, le=2**64 - 1)] | None = None
    shift: Annotated[int, Limited(ge=0, le=63)] = 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.type in {"uint", "int", "bcd"} and self.length > _NUMBER_BYTES_MAX:
            raise ValueError(f"a {self.type} has at most {_NUMBER_BYTES_MAX} bytes")
        if self.type == "float" and self.length not in _FLOAT_BYTES:
            raise ValueError("a float has 4 or 8 bytes")
        if self.type != "uint" and (self.mask is not None or self.shift):
            raise ValueError("mask and shift are for uint")
        return self


class Records(Part):
    """Tag, length, value, one after the other. `length` is a size in bytes of the length itself, or `by_tag`.

    A tag that is not listed ends the reading where its length is unknown (`by_tag`), and is passed over otherwise.
    """

    tag_length: Annotated[int, Limited(ge=1, le=4)]
    length: Literal["by_tag", 1, 2]
    endian: Literal["little", "big"] = "big"
    tags: Annotated[dict[_Tag, dict[ValueName, Field]], Limited(min_length=1, max_length=64)]
    sizes: Annotated[dict[_Tag, Annotated[int, Limited(ge=0, le=255)]], Limited(max_length=64)] = {}  # noqa: RUF012 - copied

    @model_validator(mode="after")
    def _sized(self) -> Self:
        tags = {*self.tags, *self.sizes}
        if any(len(tag) != 2 * self.tag_length for tag in tags):
            raise ValueError(f"tags and sizes: a tag has {self.tag_length} bytes, so {2 * self.tag_length} hex digits")
        if (self.length == "by_tag") != bool(self.sizes) or (self.sizes and not self.tags.keys() <= self.sizes.keys()):
            raise ValueError("sizes: the value's length in bytes, for every tag, and only with length: by_tag")
        return self


class Layout(Part):
    """What stands in a row of bytes: fields at fixed places, or records."""

    head: Annotated[int, Limited(ge=0, le=255)] = 0
    tail: Annotated[int, Limited(ge=0, le=255)] = 0
    fields: Annotated[dict[ValueName, Field], Limited(min_length=1, max_length=64)] | None = None
    records: Records | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.fields is None) == (self.records is None):
            raise ValueError("either fields or records is needed")
        return self


class _Coded(Part):
    format: Format | Literal["list"]  # a list only inside a tree
    encoding: Encoding | None = None
    layout: Layout | None = None

    @model_validator(mode="after")
    def _bytes_have_a_layout(self) -> Self:
        if (self.format == "bytes") != (self.layout is not None) or (self.encoding and self.format != "bytes"):
            raise ValueError("layout and encoding go with format: bytes, and it needs a layout")
        return self


class Inner(_Coded):
    """A text of the tree that is encoded once more; what comes out replaces it. A `list` is a text with commas.

    With `each`, the place holds a list of such texts, which becomes an object: `key` names each of them, the first of a
    name stands, and one that is too short for its key is left out. With `unit: last`, a unit behind the last part of a
    list is that of all its bare numbers.
    """

    path: Pointer
    unit: Literal["last"] | None = None
    each: bool = False
    key: Key | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.each != (self.key is not None) or (self.each and self.format != "bytes"):
            raise ValueError("each, key and format: bytes go together")
        if self.format == "bytes" and self.encoding is None:
            raise ValueError("bytes inside a tree are hex or base64: encoding is needed")
        if self.unit is not None and self.format != "list":
            raise ValueError("unit goes with format: list")
        if self.format in {"cbor", "msgpack", "sparkplug_b"}:
            raise ValueError("inside a tree there is a list, json, text or bytes")
        return self

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """`path`, taken apart."""
        return pointer_steps(self.path)


class Decoding(_Coded):
    """How the payload becomes a tree, and then what inside the tree, in order."""

    format: Format

    inner: Annotated[tuple[Inner, ...], Limited(max_length=8)] = ()
