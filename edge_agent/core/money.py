"""Money in words: integer minor units and an ISO 4217 code, as a person reads them. Never a float."""

from __future__ import annotations

# ISO 4217 list one: every currency whose minor unit is not a hundredth.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"), 0),
    **dict.fromkeys(("VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def exponent(currency: str) -> int:
    """How many decimal places the minor unit of `currency` has.

    Source: ISO 4217:2015, list one.
    """
    return _EXPONENTS.get(currency, 2)


def format_money(amount_minor: int, currency: str) -> str:
    """An amount as a person reads it: `$1,234.50`, `JPY 1,200`, `-€0.05`.

    Units: `amount_minor` is in minor units of `currency`. A code stands where its sign would be ambiguous.
    """
    places = exponent(currency)
    whole, rest = divmod(abs(amount_minor), 10**places)
    digits = f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    sign = "-" if amount_minor < 0 else ""
    symbol = _SIGNS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{currency} {digits}"
