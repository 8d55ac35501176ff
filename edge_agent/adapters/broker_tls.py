"""The hub's side of TLS to its broker: whom it trusts, and the certificate that it shows."""

from __future__ import annotations

import ssl

from edge_agent.config import MqttConfig
from edge_agent.errors import ConfigurationError


def broker_tls(config: MqttConfig) -> ssl.SSLContext:
    """A context that checks the broker's name, and shows `mqtt.cert_file` where there is one.

    Raises: ConfigurationError for a file that cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=config.ca_file or None)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigurationError(f"mqtt.ca_file = {config.ca_file!r}: cannot be used: {exc}") from exc
    if config.cert_file:
        try:
            context.load_cert_chain(config.cert_file, config.key_file or None)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigurationError(f"mqtt.cert_file = {config.cert_file!r}: cannot be used: {exc}") from exc
    return context
