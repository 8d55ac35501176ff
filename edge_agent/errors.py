"""Every error that the hub raises, split by what the caller can do about it.

HubError
├── ConfigurationError      fix the configuration: exit code 2, one line
├── ProfileError            fix a device profile: it is refused, the others load
├── DecodeError             a device's fault: the message is kept in quarantine with the reason
├── RefusedError            the caller may not, or no longer, do this: say why, change nothing
│   ├── StaleTermsError     the terms on the page are not the terms that stand now
│   └── NotAllowedError     the person lacks the role
├── RetryLaterError         the outside is away: keep the work and try again
│   ├── BridgeUnreachableError
│   └── StoreBusyError
├── FailClosedError         a check that guards money failed: sends stop, ingest and pages go on
│   ├── StoreCorruptError
│   └── StoreFailedError
└── BugError                our own contradiction: report it
"""

from __future__ import annotations


class HubError(Exception):
    """Root of everything the hub raises on purpose."""


class ConfigurationError(HubError):
    """The configuration is wrong; the message names the field, the value and what is allowed."""


class ProfileError(HubError):
    """A device profile is wrong; the message names the file and the field."""


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
    """The person's role does not allow this."""


class RetryLaterError(HubError):
    """Something outside is away; the work is kept."""


class BridgeUnreachableError(RetryLaterError):
    """The cloud bridge gave no usable answer."""


class StoreBusyError(RetryLaterError):
    """Another process holds the store."""


class FailClosedError(HubError):
    """A check that guards money failed, so nothing is sent until a person has looked."""


class StoreCorruptError(FailClosedError):
    """The store did not pass its integrity check."""


class StoreFailedError(FailClosedError):
    """The disk under the store is full or fails; nothing more is acknowledged."""


class BugError(HubError):
    """A state that our own rules exclude."""
