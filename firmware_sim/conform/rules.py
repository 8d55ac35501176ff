"""The rules of the protocol that an observer can check, as a table. `anchor` leads into docs/protocol.md."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

PAGE = "docs/protocol.md"

REBIRTH_WITHIN_S = 30.0
ONLINE_WITHIN_S = 10.0
FILL_WITHIN_S = 30.0
CLOCK_SKEW_MAX_S = 86_400.0
AHEAD_MAX_S = 300.0
BACK_MAX_S = 60.0
READINGS_A_MINUTE_MAX = 120


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `remedy` is what to do when it is broken.

    `occasion` says how to bring about what the rule is about; empty where every device shows it by itself.
    """

    id: str
    text: str
    anchor: str
    remedy: str
    occasion: str = ""

    @property
    def link(self) -> str:
        """Where the rule stands."""
        return f"{PAGE}#{self.anchor}"


_TABLE = (
    Rule(
        "topic.leaf",
        "a device publishes on birth, state and reading, and on nothing else below its topic",
        "topics",
        "remove the other topics, or put them outside restock/",
    ),
    Rule(
        "topic.device",
        "the payload names the device that the topic names",
        "topics",
        "take both from one setting",
    ),
    Rule(
        "topic.qos",
        "everything is published with QoS 1",
        "delivery",
        "publish with QoS 1: with QoS 0 a lost packet is lost for good",
    ),
    Rule(
        "payload.json",
        "a payload is one JSON object in UTF-8: no NaN or Infinity, no key twice, no number that overflows",
        "payloads",
        "use a JSON writer, and leave out a value that is not a number",
    ),
    Rule(
        "payload.size",
        "a payload has at most 65,536 bytes",
        "limits",
        "send fewer values in one reading",
    ),
    Rule(
        "birth.sent",
        "a device announces itself with a birth certificate",
        "birth",
        "publish the birth after every connect, before anything else",
    ),
    Rule(
        "birth.schema",
        "the birth has its fields and no others",
        "birth",
        "compare with the table",
    ),
    Rule(
        "birth.profile",
        "the birth names a profile that is known here and describes native devices",
        "birth",
        "name a profile that ships, or give yours to this check with --profile and to the hub in its own folder",
    ),
    Rule(
        "birth.before",
        "the birth of a boot comes before its state and its readings",
        "birth",
        "publish in the order birth, state, readings",
        "restart the device, or give --rebirth",
    ),
    Rule(
        "birth.retained",
        "the broker keeps the last birth as retained",
        "birth",
        "publish the birth with the retain flag",
    ),
    Rule(
        "birth.first_seq",
        "first_seq is the oldest reading that the device still holds",
        "birth",
        "send nothing older than the first_seq that was announced, and never announce a lower one",
        "restart the device, or give --rebirth",
    ),
    Rule(
        "birth.resend",
        "after a birth the device sends again what the hub has not acknowledged",
        "acknowledgements",
        "keep each reading until its ack, and send all of them, in order, after a birth",
        "ask for a birth, or cut the connection, while readings wait for their ack",
    ),
    Rule(
        "state.schema",
        "the state has its fields and no others, and says online or offline",
        "state-and-last-will",
        "compare with the table",
    ),
    Rule(
        "state.online",
        "after the birth the device says online, naming the boot of that birth",
        "state-and-last-will",
        "publish the state right after the birth",
        "restart the device, or cut its connection",
    ),
    Rule(
        "state.retained",
        "the broker keeps the last state as retained",
        "state-and-last-will",
        "publish the state with the retain flag, and set it in the will",
    ),
    Rule(
        "state.current",
        "no readings come while the state says offline",
        "state-and-last-will",
        "say online after every connect",
    ),
    Rule(
        "will.offline",
        "when the connection is lost the broker says offline for the boot that was online",
        "state-and-last-will",
        "set the last will at every connect, with the boot of this start, and keep the client id the same",
        "pull the plug of the device, and wait one and a half times its keepalive",
    ),
    Rule(
        "reading.schema",
        "a reading has its fields and no others",
        "reading",
        "compare with the table",
    ),
    Rule(
        "reading.retained",
        "no reading is retained",
        "retained-messages",
        "publish readings without the retain flag, and clear the one that the broker keeps",
    ),
    Rule(
        "values.name",
        "every value has a name that the profile declares",
        "values-and-units",
        "use the names in the profile's match.native",
    ),
    Rule(
        "values.type",
        "every value has the declared type",
        "values-and-units",
        'send 1 and not "1", true and not 1; leave out what you do not know',
    ),
    Rule(
        "values.unit",
        'every value carries the declared UCUM unit, a text or flag ""',
        "values-and-units",
        "convert in the device, and send the unit of match.native letter by letter",
    ),
    Rule(
        "values.range",
        "every value is inside the range of its signal",
        "values-and-units",
        "leave out a value that the sensor cannot mean; do not send a stand-in such as -1 or 255",
        "send a value that the profile takes as it stands, without a guard or a calibration",
    ),
    Rule(
        "seq.gap",
        "seq counts the readings of a boot without a gap",
        "boot-and-seq",
        "give a number only to a reading that is kept, and send all that are kept",
    ),
    Rule(
        "seq.order",
        "readings are sent in the order of their seq",
        "boot-and-seq",
        "send one after the other, each after the PUBACK of the one before",
    ),
    Rule(
        "seq.same",
        "a reading that is sent again is the same, byte for byte",
        "boot-and-seq",
        "keep the bytes that were sent; never use a seq for two readings",
        "cut the connection, or ask for a birth, while readings wait for their ack",
    ),
    Rule(
        "boot.new",
        "every start has a new boot",
        "boot-and-seq",
        "make the boot from random bytes, or count starts in flash",
        "restart the device",
    ),
    Rule(
        "ack.heeded",
        "what the hub has acknowledged is not sent again",
        "acknowledgements",
        "on ack, forget everything of that boot up to and including its seq",
        "ask for a birth after some acks",
    ),
    Rule(
        "cmd.rebirth",
        f"the device answers the command rebirth with its birth within {REBIRTH_WITHIN_S:.0f} seconds",
        "commands",
        "subscribe to cmd with QoS 1 at every connect, and announce again when it says rebirth",
        'give --rebirth, or publish {"cmd":"rebirth"} on its cmd topic',
    ),
    Rule(
        "time.window",
        "the time of a reading is within 24 hours of now",
        "time",
        "set the clock before the first reading is taken",
    ),
    Rule(
        "time.ahead",
        f"the time of a reading is not ahead of now by more than {AHEAD_MAX_S / 60:.0f} minutes",
        "time",
        "send UTC and not local time, and keep the clock set",
    ),
    Rule(
        "time.order",
        f"in one boot, times do not go back by more than {BACK_MAX_S:.0f} seconds",
        "time",
        "take no reading before the clock is set for the first time",
    ),
    Rule(
        "rate.limit",
        f"a device takes at most {READINGS_A_MINUTE_MAX} readings in a minute",
        "limits",
        "send when a value has changed enough to matter, and every few minutes besides",
    ),
)

RULES = MappingProxyType({rule.id: rule for rule in _TABLE})
