"""Every error that the bridge raises, split by what the caller can do about it.

BridgeError
├── ConfigurationError       fix the configuration: exit code 2, one line
├── RefusedError             the hub's request is refused and nothing was changed (4xx)
│   ├── NotAuthenticError    the signature, the household or the time is not good (401)
│   ├── UnknownOrderError    no such order for this household (404)
│   ├── ConflictError        the same id with another body (409)
│   ├── TooLargeError        the body is over the limit (413)
│   └── TermsRefusedError    these terms cannot be served here (422)
│       └── OfferExpiredError   the offer had ended before the intent arrived
├── MerchantError            what a merchant's connector raises
│   ├── MerchantAwayError    no byte of an order was acted on: safe to try again with the same key
│   ├── MerchantUnclearError an order may or may not exist: the outcome is unknown, look it up
│   └── MerchantRefusedError the merchant said no, with its reason
├── StoreError               the store cannot be opened, is held by another process, or failed: nothing was changed
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


class TooLargeError(RefusedError):
    """The request's body is over the limit."""


class TermsRefusedError(RefusedError):
    """These terms name something that this bridge does not serve, or do not add up."""


class OfferExpiredError(TermsRefusedError):
    """The offer had ended before the intent arrived."""


class MerchantError(BridgeError):
    """Root of what a merchant's connector raises."""


class MerchantAwayError(MerchantError):
    """The merchant could not be reached, or said that it did nothing."""


class MerchantUnclearError(MerchantError):
    """The merchant may have acted; nobody knows until it is looked up."""


class MerchantRefusedError(MerchantError):
    """The merchant refused, for the given reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class StoreError(BridgeError):
    """The store cannot be opened, is held by another process, or failed; nothing was changed."""


class MerchantOrderTakenError(StoreError):
    """The merchant named an order that another intent has already; nothing was changed."""


class StaleClaimError(BridgeError):
    """The order was changed by somebody else since it was read, so this work must be dropped."""


class BugError(BridgeError):
    """A state that our own rules exclude."""
