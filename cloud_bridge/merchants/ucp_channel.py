"""Requests to one UCP merchant, signed as its version wants it, and answers with their signature checked.

An answer that is signed must be signed right: whatever else it says, a wrong signature makes it unclear. An answer
without a signature is taken as it is, unless the configuration wants them all signed (in UCP they need not be).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cloud_bridge.errors import MerchantAwayError, MerchantUnclearError, NotAuthenticError
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.merchants.profile_source import ProfileSource
from cloud_bridge.merchants.signatures import Checker, RequestSigner, UnknownKeyError, is_signed
from cloud_bridge.merchants.ucp_profile import MerchantProfile
from cloud_bridge.merchants.ucp_versions import Signing

log = logging.getLogger(__name__)

_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Channel:
    """`profile_url` makes the address of our own profile for a version; `new_key` makes ids of requests.

    `now` gives the real time. With `signed_answers`, a successful answer without a signature is unclear.
    """

    http: MerchantHttp
    profiles: ProfileSource
    signer: RequestSigner
    profile_url: Callable[[str], str]
    new_key: Callable[[], str]
    now: Callable[[], datetime]
    signed_answers: bool

    async def ask(self, method: str, path: str, *, key: str | None = None, body: bytes | None = None) -> Answer:
        """Send one request once. Reads get a key, too: 2026-01-11 wants the header on everything.

        Raises: MerchantAwayError when it cannot have arrived; MerchantUnclearError when it may have, and also when
        the answer's signature is wrong.
        """
        profile = await self.profiles.current()
        headers = {
            "UCP-Agent": f'profile="{self.profile_url(profile.dialect.version)}"',
            "Request-Id": self.new_key(),
            "Idempotency-Key": key or self.new_key(),
        }
        full_path = profile.path + path
        if profile.dialect.signing is Signing.DETACHED:
            headers["Request-Signature"] = self.signer.detached(body)
        else:
            headers = self.signer.message(method, self.http.origin + full_path, headers=headers, body=body)
        answer = await self.http.ask(method, full_path, headers=headers, body=body)
        await self._check(answer, profile)
        return answer

    async def _check(self, answer: Answer, profile: MerchantProfile) -> None:
        if not profile.keys or not is_signed(answer.headers):
            if self.signed_answers and answer.status in _SUCCESS:
                raise MerchantUnclearError("the answer is not signed by a published key")
            return
        try:
            self._verify(answer, profile)
        except UnknownKeyError:
            await self._check_again(answer)
        except NotAuthenticError as exc:
            raise MerchantUnclearError(str(exc)) from exc

    async def _check_again(self, answer: Answer) -> None:
        try:
            self._verify(answer, await self.profiles.refreshed())
        except (NotAuthenticError, MerchantAwayError) as exc:
            raise MerchantUnclearError(str(exc)) from exc

    def _verify(self, answer: Answer, profile: MerchantProfile) -> None:
        checker = Checker(profile.keys, now=self.now())
        checker.response(answer.status, headers=answer.headers, body=answer.body)
