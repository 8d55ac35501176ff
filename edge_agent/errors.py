"""Every error that the hub raises, split by what the caller can do about it.

HubError
├── ConfigurationError      fix the configuration: exit code 2, one line
├── ProfileError            fix a device profile: it is refused, the others load
├── BackupError             a backup that cannot be made, read or put back: what was there is as it was
├── DraftError              a sample from which no profile can be drafted: give another
├── DecodeError             a device's fault: the message is kept in quarantine with the reason
├── RefusedError            the caller may not, or no longer, do this: say why, change nothing
│   ├── StaleTermsError     the terms on the page are not the terms that stand now
│   ├── NotAllowedError     the person lacks the role, or the amount is above their limit
│   │   └── PinNeededError  the person's PIN was not given
│   ├── BudgetError         the mandate has no room for this draw
│   └── HandoverMovedError  another hand-over took this number: seal again
├── RetryLaterError         the outside is away: keep the work and try again
│   ├── BridgeUnreachableError
│   ├── BrokerUnreachableError
│   ├── ChannelUnreachableError   a message to a person was not taken
│   ├── TracesUnreachableError    nobody takes the traces: they are dropped
│   └── StoreBusyError
├── FailClosedError         a check that guards money failed: sends stop, ingest and pages go on
│   ├── StoreCorruptError
│   │   └── StoreMalformedError   SQLite itself cannot read it
│   ├── StoreNewerError     a newer program has migrated it: exit code 2, nothing is touched
│   ├── StoreFailedError
│   │   ├── StoreUnreadableError  it cannot be opened
│   │   └── RoomReservedError     what room is left is kept for orders: readings wait, sends go on
│   ├── SendsStoppedError   something stands against sending: it is shown, and a person acts
│   ├── HubForkedError      the bridge has met another hub with this one's identity
│   ├── EgressRefusedError  a message that is not on the list of what may leave the home
│   ├── PolicyTamperedError
│   └── AuthorityTamperedError
└── BugError                our own contradiction: report it
"""

from __future__ import annotations


class HubError(Exception):
    """Root of everything the hub raises on purpose."""


class ConfigurationError(HubError):
    """The configuration is wrong; the message names the field, the value and what is allowed."""


class ProfileError(HubError):
    """A device profile is wrong; the message names the file and the field."""


class DraftError(HubError):
    """A sample payload or topic from which no profile can be drafted; the message says why and what to give instead."""


class BackupError(HubError):
    """A backup that cannot be made, read or put back; the message says why, and nothing was changed."""


class DecodeError(HubError):
    """A message that cannot be turned into readings.

    `reason` is one of the closed list in `core.messages.QuarantineReason`, `detail` says what was found.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class RefusedError(HubError):
    """The request is understood and refused; nothing was changed."""


class StaleTermsError(RefusedError):
    """The person saw other terms than those that stand now."""


class NotAllowedError(RefusedError):
    """The person's role does not allow this, or not up to this amount."""


class PinNeededError(NotAllowedError):
    """The person has a PIN, and it was not given with this answer."""


class BudgetError(RefusedError):
    """The draw does not fit the mandate as it stands inside the transaction."""


class HandoverMovedError(RefusedError):
    """The terms carry a hand-over number that was given away meanwhile: seal and sign them again."""


class RetryLaterError(HubError):
    """Something outside is away; the work is kept."""


class BridgeUnreachableError(RetryLaterError):
    """The cloud bridge gave no usable answer."""


class BrokerUnreachableError(RetryLaterError):
    """The MQTT broker could not be reached, or ended the connection."""


class ChannelUnreachableError(RetryLaterError):
    """A channel to a person gave no usable answer."""


class TracesUnreachableError(RetryLaterError):
    """Nobody takes the traces of the hub's work; those that were offered are dropped."""


class ProductsUnreachableError(RetryLaterError):
    """Open Food Facts gave no usable answer."""


class StoreBusyError(RetryLaterError):
    """Another process holds the store."""


class FailClosedError(HubError):
    """A check that guards money failed, so nothing is sent until a person has looked."""


class StoreCorruptError(FailClosedError):
    """The store did not pass its integrity check."""


class StoreMalformedError(StoreCorruptError):
    """SQLite itself calls the store malformed."""


class StoreNewerError(FailClosedError):
    """The store has a schema that this program does not know; only a person can say which of the two to exchange."""


class StoreFailedError(FailClosedError):
    """The disk under the store is full or fails; nothing more is acknowledged."""


class StoreUnreadableError(StoreFailedError):
    """The store's file cannot be opened or read."""


class RoomReservedError(StoreFailedError):
    """The rest of the disk is kept for orders; readings are not acknowledged."""


class SendsStoppedError(FailClosedError):
    """Nothing is sent while a problem stands that `ports.Safety` names."""


class HubForkedError(FailClosedError):
    """The bridge holds another intent under this hub's number, or has frozen the household because of one."""


class EgressRefusedError(FailClosedError):
    """A message whose purpose, path or body is not on the list of what may leave the home."""


class PolicyTamperedError(FailClosedError):
    """The household's policy is not the one that its owner signed."""


class AuthorityTamperedError(FailClosedError):
    """A mandate or a leave is not the one that the household signed."""


class BugError(HubError):
    """A state that our own rules exclude."""
