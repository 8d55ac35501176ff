"""How a basket at a Vendure shop is named in our store: by its order's code, and its session's token, sealed.

Whoever has the token can look into an unpaid basket, with the household's address in it. So it is kept under a key made
from the bridge's own, and is worth nothing any more once the basket was taken to the account (the shop drops it then).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from cloud_bridge.signing_key import SigningKey

_PURPOSE = b"restock: tokens of baskets at a shop"


@dataclass(frozen=True, slots=True)
class Basket:
    """An order's code, and the token of the session that opened it; None where that cannot be read any more."""

    code: str
    token: SecretStr | None


class Baskets:
    """Names of baskets. The same key opens them after a restart and on another replica."""

    def __init__(self, key: SigningKey) -> None:
        scalar = key.private.private_numbers().private_value.to_bytes(32, "big")
        derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(scalar)
        self._seal = Fernet(base64.urlsafe_b64encode(derived))

    def session_id(self, code: str, token: SecretStr) -> str:
        """The name of a basket."""
        return f"{code}.{self._seal.encrypt(token.get_secret_value().encode()).decode()}"

    def open(self, session_id: str) -> Basket:
        """The basket of that name."""
        code, _, sealed = session_id.partition(".")
        try:
            return Basket(code, SecretStr(self._seal.decrypt(sealed.encode()).decode()))
        except InvalidToken:
            return Basket(code, None)
