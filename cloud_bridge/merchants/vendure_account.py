"""The household's account at a Vendure shop: its session, which is opened when it is needed and kept in memory only.

A customer has one active order at a time, and logging in moves the basket of the session into the account. So the
account's basket is a thing that orders wait for in line: `turn` is held by whoever uses it.
"""

from __future__ import annotations

import asyncio

from pydantic import SecretStr, TypeAdapter

from cloud_bridge.errors import MerchantAwayError, MerchantUnclearError
from cloud_bridge.merchants.vendure_api import Reply, ShopApi
from cloud_bridge.merchants.vendure_documents import Customer
from cloud_bridge.merchants.vendure_queries import ADOPT, LOGIN

_CUSTOMER: TypeAdapter[Customer | None] = TypeAdapter(Customer | None)
_TYPED: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


class Account:
    """One customer of one shop."""

    def __init__(self, api: ShopApi, *, name: str, password: SecretStr) -> None:
        self.turn = asyncio.Lock()
        self._api = api
        self._name = name
        self._password = password
        self._token: SecretStr | None = None

    async def ask(self, document: str, **variables: object) -> Reply:
        """Read something as the customer; a session that has ended is opened anew. The document asks for who it is.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        if self._token is not None:
            reply = await self._api.ask(document, token=self._token, **variables)
            if reply.value("activeCustomer", _CUSTOMER) is not None:
                return reply
        await self._log_in()
        reply = await self._api.ask(document, token=self._token, **variables)
        if reply.value("activeCustomer", _CUSTOMER) is None:
            raise MerchantUnclearError("the shop has forgotten a session that it has just opened")
        return reply

    async def change(self, document: str, **variables: object) -> Reply:
        """Change the account's basket, in the session that was read just before. Never sent twice.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        return await self._api.ask(document, token=self._token, **variables)

    async def adopt(self, token: SecretStr, *, mark: dict[str, str]) -> None:
        """Put the mark on the bill of a session's basket, and move the basket into the account.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        reply = await self._api.ask(
            ADOPT, token=token, mark=mark, name=self._name, password=self._password.get_secret_value()
        )
        self._token = _logged_in(reply)

    async def _log_in(self) -> None:
        reply = await self._api.ask(LOGIN, token=None, name=self._name, password=self._password.get_secret_value())
        self._token = _logged_in(reply)


def _logged_in(reply: Reply) -> SecretStr:
    result = reply.value("login", _TYPED).get("__typename")
    if result != "CurrentUser" or reply.token is None:
        raise MerchantAwayError("the shop does not let our account in: see its user name and password")
    return reply.token
