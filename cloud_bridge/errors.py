"""Every error that the bridge raises, split by what the caller can do about it.

BridgeError
├── ConfigurationError       fix the configuration: exit code 2, one line
├── RefusedError             the hub's request is refused and nothing was changed (4xx)
│   ├── NotAuthenticError    the signature, the household or the time is not good (401)
│   ├── UnknownOrderError    no such order for this household (404)
│   ├── ConflictError        the same id with another body (409)
│   ├── ForkedError          two intents of one hub have one number: the household is frozen (409)
│   ├── BehindError          the hub does not know of an order that its own hub made: it must ask for the head (409)
│   ├── HouseholdFrozenError nothing is sent for this household until the operator thaws it (409)
│   ├── TooLargeError        the body is over the limit (413)
│   ├── MalformedError       a value is not in the form of `wire` (422)
│   └── TermsRefusedError    these terms cannot be served here (422)
│       ├── OfferExpiredError   the offer had ended before the intent arrived
│       ├── MandateRefusedError a mandate may not draw at a merchant of class C
│       └── WithdrawnError      the household took it back before it arrived
├── MerchantError            what a merchant's connector raises
│   ├── MerchantAwayError    no byte of an order was acted on: safe to try again with the same key
│   │   └── MerchantFailingError  it is there, and this very request makes it fail: trying on for ever is no use
│   ├── MerchantUnclearError an order may or may not exist: the outcome is unknown, look it up
│   └── MerchantRefusedError the merchant said no, with its reason
├── StoreError               the store cannot be opened, is held by another process, or failed: nothing was changed
│   ├── StoreNewerError      a newer program has migrated it: exit code 2, nothing is touched
│   └── MerchantOrderTakenError   the merchant's order id belongs to another order already: an answer not to believe
├── StaleClaimError          another worker or a cancel changed the order since it was read: drop the work
└── BugError                 our own contradiction: report it
"""

from __future__ import annotations


class BridgeError(Exception):
    """Root of everything the bridge raises on purpose."""


class ConfigurationError(BridgeError):
    """The configuration is wrong; the message names the field, the value and what is allowed."""


class RefusedError(BridgeError):
    """The request is understood and refused; nothing was changed."""


class NotAuthenticError(RefusedError):
    """The request or the intent is not signed by a household that this bridge serves."""


class UnknownOrderError(RefusedError):
    """This household has no such order."""


class ConflictError(RefusedError):
    """The id is already taken by another body."""


class ForkedError(RefusedError):
    """Two intents of one hub have the same number: the hub was copied, or restored from a backup."""


class BehindError(RefusedError):
    """There is an order of this hub with a higher number than it knows of: it is a copy, or missed an answer."""


class HouseholdFrozenError(RefusedError):
    """After a fork nothing is sent for this household until the operator thaws it."""


class TooLargeError(RefusedError):
    """The request's body is over the limit."""


class MalformedError(RefusedError):
    """A value is not in the form that `wire` asks for; the message names it and says what is wanted."""


class TermsRefusedError(RefusedError):
    """These terms name something that this bridge does not serve, or do not add up."""


class OfferExpiredError(TermsRefusedError):
    """The offer had ended before the intent arrived."""


class MandateRefusedError(TermsRefusedError):
    """A lost answer of a class C merchant needs a person, so a mandate may not draw there."""


class WithdrawnError(TermsRefusedError):
    """The household took this intent back before it arrived here."""


class MerchantError(BridgeError):
    """Root of what a merchant's connector raises. `retry_after_s`: how long it asked to be left alone, if it did."""

    retry_after_s: float | None = None


class MerchantAwayError(MerchantError):
    """The merchant could not be reached, or said that it did nothing.

    `retry_after_s` is how long it asked to be left alone, clamped by whoever read it.
    """

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class MerchantFailingError(MerchantAwayError):
    """The merchant answered that it failed on this request (HTTP 500). Some shops tell that they are sold out so."""


class MerchantUnclearError(MerchantError):
    """The merchant may have acted; nobody knows until it is looked up."""


class MerchantRefusedError(MerchantError):
    """The merchant refused, for the given reason; `session_id` is the session that it refused, where it named one."""

    def __init__(self, code: str, detail: str, *, session_id: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.session_id = session_id


class StoreError(BridgeError):
    """The store cannot be opened, is held by another process, or failed; nothing was changed."""


class StoreNewerError(StoreError):
    """The store was migrated by a newer program than this one."""


class MerchantOrderTakenError(StoreError):
    """The merchant named an order that another intent has already; nothing was changed."""


class StaleClaimError(BridgeError):
    """The order was changed by somebody else since it was read, so this work must be dropped."""


class BugError(BridgeError):
    """A state that our own rules exclude."""
