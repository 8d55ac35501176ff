"""What the first run keeps in the data folder: the draft until it is a home, and the broker that was chosen.

Both hold a password of the broker in the clear, and so are for the hub's own user only. Until the draft is finished the
folder holds no key, no store and no household, so a first run that was cut off leaves no half of one.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edge_agent.adapters.sealing import has_secret
from edge_agent.adapters.secret_file import write_whole
from edge_agent.config import HubConfig, Secrets
from edge_agent.core.setup.first_steps import Broker, Draft
from edge_agent.errors import ConfigurationError
from edge_agent.folder import HOUSEHOLD_FILE, STORE_FILE

DRAFT_FILE = "first-run.json"
BROKER_FILE = "broker.json"
_FILE_BYTES_MAX = 262_144


def is_commissioned(folder: Path) -> bool:
    """Whether there is, or ever was, a home in this folder. A store that was lost does not open the set-up again."""
    return has_secret(folder) or any((folder / name).exists() for name in (STORE_FILE, HOUSEHOLD_FILE))


def is_due(folder: Path) -> bool:
    """Whether the first run has to begin, or to go on."""
    draft = DraftFile(folder)
    return draft.load().is_finished if is_commissioned(folder) else True


class DraftFile:
    """The draft in a data folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / DRAFT_FILE

    def load(self) -> Draft:
        """What was told so far; nothing yet where there is no file. Raises: ConfigurationError."""
        content = _read(self._path)
        try:
            return Draft() if content is None else Draft.model_validate_json(content)
        except ValidationError as exc:
            raise ConfigurationError(f"{self._path}: {_first(exc)}; remove the file to begin the set-up anew") from exc

    def save(self, draft: Draft) -> None:
        """Keep it; durable before this returns."""
        write_whole(self._path, draft.model_dump_json(indent=2).encode())

    def remove(self) -> None:
        """It has become a home."""
        self._path.unlink(missing_ok=True)


def keep_broker(folder: Path, broker: Broker) -> None:
    """The broker that was chosen, for every start from now on."""
    write_whole(folder / BROKER_FILE, broker.model_dump_json(indent=2).encode())


def with_chosen_broker(config: HubConfig, secret: Secrets) -> tuple[HubConfig, Secrets]:
    """The configuration with the broker of the first run; what the file or the environment says itself stands.

    Raises: ConfigurationError when the broker's file cannot be used.
    """
    path = Path(config.home.data_dir) / BROKER_FILE
    content = _read(path)
    if content is None or names_broker(config):
        return config, secret
    try:
        return with_broker(config, secret, Broker.model_validate_json(content))
    except ValidationError as exc:
        raise ConfigurationError(f"{path}: {_first(exc)}") from exc


def with_broker(config: HubConfig, secret: Secrets, broker: Broker) -> tuple[HubConfig, Secrets]:
    """The configuration as it would be with this broker; a login of the environment stands."""
    mqtt = config.mqtt.model_copy(update={"url": broker.url})
    if not secret.mqtt_user:
        secret = secret.model_copy(update={"mqtt_user": broker.user, "mqtt_password": broker.password})
    return config.model_copy(update={"mqtt": mqtt}), secret


def names_broker(config: HubConfig) -> bool:
    """Whether the configuration's file says itself which broker it is."""
    return "url" in config.mqtt.model_fields_set


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read ({exc.strerror})") from exc
    if len(content) > _FILE_BYTES_MAX:
        raise ConfigurationError(f"{path}: larger than {_FILE_BYTES_MAX} bytes")
    return content


def _first(error: ValidationError) -> str:
    """Where it is wrong, without the value: that may be a password."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
