"""The part of the composition root that speaks with Home Assistant; made only where the configuration asks for it."""

from __future__ import annotations

from edge_agent import __version__
from edge_agent.adapters.home_assistant import HomeAssistantVoice
from edge_agent.adapters.store.chain import Chain
from edge_agent.config import HubConfig, Secrets
from edge_agent.core.home_assistant.discovery import About
from edge_agent.core.home_assistant.names import Names
from edge_agent.errors import ConfigurationError
from edge_agent.leave_ports import AccountStore, PolicyStore
from edge_agent.pipeline.home_assistant import HomeAssistant, Safety
from edge_agent.pipeline.home_assistant_answers import Answers, HomeAssistantAnswers, Leave
from edge_agent.pipeline.overview import HomeOverview
from edge_agent.ports import Clock, HouseholdStore

_CODE_LENGTH_MIN, _CODE_LENGTH_MAX = 6, 64


def wire_voice(config: HubConfig, secret: Secrets, *, client_id: str) -> HomeAssistantVoice:
    """The connection; it is opened by `async with`. `client_id` is the hub's own, as of its other connections."""
    user, password = secret.home_assistant
    names = Names(config.home.id, config.home_assistant.prefix)
    return HomeAssistantVoice(config.mqtt, names=names, client_id=f"{client_id}-ha", user=user, password=password)


def wire_home_assistant(
    config: HubConfig,
    secret: Secrets,
    *,
    voice: HomeAssistantVoice,
    overview: HomeOverview,
    household: HouseholdStore,
    answers: Answers,
    accounts: AccountStore,
    policies: PolicyStore,
    safety: Safety,
    chain: Chain,
    clock: Clock,
) -> HomeAssistant:
    """What is said and what may be asked for.

    Raises: ConfigurationError for a code that is too short to be one.
    """
    said, leave = config.home_assistant, _leave(config, secret)
    return HomeAssistant(
        about=About(
            names=Names(config.home.id, said.prefix), home_name=config.home.name, version=__version__, page=said.page
        ),
        answers=None
        if leave is None
        else HomeAssistantAnswers(
            leave,
            answers=answers,
            orders=overview,
            accounts=accounts,
            policies=policies,
            audit=chain,
            clock=clock,
        ),
        voice=voice,
        home=overview,
        household=household,
        safety=safety,
        clock=clock,
    )


async def listen(voice: HomeAssistantVoice, side: HomeAssistant) -> None:
    """Do one thing that Home Assistant says. Raises what the stores raise; what was asked for is then not done."""
    side.hear(await voice.receive())


def _leave(config: HubConfig, secret: Secrets) -> Leave | None:
    told, code = config.home_assistant, secret.home_assistant_code.get_secret_value()
    if not told.buttons:
        return None
    if code and not _CODE_LENGTH_MIN <= len(code) <= _CODE_LENGTH_MAX:
        raise ConfigurationError(
            f"environment: RESTOCK_HOME_ASSISTANT_CODE: {_CODE_LENGTH_MIN} to {_CODE_LENGTH_MAX} characters are "
            "needed, or none at all for no code"
        )
    return Leave(
        account=told.account,
        order_max_minor=told.order_max_minor,
        day_max_minor=told.day_max_minor,
        snooze_h=told.snooze_h,
        code=code,
    )
