"""What a device profile may say: a closed vocabulary, checked strictly, with no expressions, templates or code.

A profile is read in a fixed order: match, decode, select, guard, parse, transform, unit, range, bind.
`core.decoding.extract` applies it to a payload, `core.registry` finds the one that fits a message. This package holds
the vocabulary and the rules between fields, one module for each part of a file; `device_profiles/schema.json` is made
from it.
"""

from edge_agent.core.profile.conditions import Condition, Guard, Scalar
from edge_agent.core.profile.consumables import Command, Consumable, Product
from edge_agent.core.profile.decoding import Decoding, Field, Inner, Key, Layout, Records
from edge_agent.core.profile.document import Compiled, Expected, Message, Profile, Sample, json_schema
from edge_agent.core.profile.matching import Freshness, Match, NativeValue
from edge_agent.core.profile.signal import Signal, UnitRule
from edge_agent.core.profile.transforms import (
    Calibrate,
    Clamp,
    DivideBy,
    Invert,
    Lookup,
    Minus,
    Offset,
    Scale,
    Times,
    Transform,
)

__all__ = [
    "Calibrate",
    "Clamp",
    "Command",
    "Compiled",
    "Condition",
    "Consumable",
    "Decoding",
    "DivideBy",
    "Expected",
    "Field",
    "Freshness",
    "Guard",
    "Inner",
    "Invert",
    "Key",
    "Layout",
    "Lookup",
    "Match",
    "Message",
    "Minus",
    "NativeValue",
    "Offset",
    "Product",
    "Profile",
    "Records",
    "Sample",
    "Scalar",
    "Scale",
    "Signal",
    "Times",
    "Transform",
    "UnitRule",
    "json_schema",
]
