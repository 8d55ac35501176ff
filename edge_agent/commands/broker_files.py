"""The broker's side of `restock-hub enroll`: from the list of who is enrolled to files, and the word to the broker.

One order for every change: the list, then the broker's files, then SIGHUP. A run that was cut off is finished by the
next one, which writes all files from the list.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from edge_agent.adapters import broker_config, hub_login
from edge_agent.adapters.device_credentials import Register, save_register
from edge_agent.adapters.home_ca import HomeAuthority
from edge_agent.config import HubConfig
from edge_agent.core.broker.acl import Login, check_kinds, mosquitto_acl, mosquitto_passwords, nats_users
from edge_agent.core.broker.home_assistant import hub_to_home_assistant
from edge_agent.core.broker.settings import (
    FILE_NAMES,
    MEMORY_MIB_MAX,
    STORE_MIB_MAX,
    is_loopback,
    mosquitto_settings,
    nats_settings,
    plan,
)
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.leave.grants import Grant, hub_writes
from edge_agent.errors import ConfigurationError

_WARN_BEFORE = timedelta(days=60)


class BrokerSide:
    """One home's broker: its listeners, the hub's own logins, its files. It changes nothing but by `settle`."""

    def __init__(self, config: HubConfig, *, folder: Path, now: Callable[[], datetime]) -> None:
        self._broker = config.broker
        self._home = config.home.id
        self._hub = config.home.hub
        wanted = config.home_assistant
        self._names = Names(config.home.id, wanted.prefix) if wanted.enabled else None
        self._folder = folder
        self._now = now
        self._plan = plan(
            self._broker.kind,
            home=self._home,
            host=self._broker.host,
            port=self._broker.port,
            tls_port=self._broker.tls_port,
            certificates=self._broker.certificate_port if self._broker.certificates else None,
        )

    @property
    def hub_users(self) -> tuple[str, ...]:
        """The hub's logins: one that reads, one that speaks, one for a passing look, and one to Home Assistant.

        The last one is there only where the configuration wants it, so that turning that on changes no other home.
        """
        to_home_assistant = () if self._names is None else (f"{self._hub}-ha",)
        return (self._hub, f"{self._hub}-out", f"{self._hub}-look", *to_home_assistant)

    def addresses(self, *, certificate: bool) -> Mapping[str, object]:
        """Where this device connects, and by which authority it knows the broker."""
        wanted = "certificate" if certificate else "password"
        fits = [each for each in self._plan.listeners if each.tls in {wanted, *(() if certificate else ("none",))}]
        names = self._broker.names
        return {
            "addresses": [
                f"mqtts://{name}:{each.port}" if each.tls != "none" else f"mqtt://{each.joined}"
                for each in fits
                for name in (names if each.tls != "none" and names else (each.host,))
            ],
            **({"ca_file": str(self._folder / FILE_NAMES["ca"])} if any(each.tls != "none" for each in fits) else {}),
        }

    def settle(self, register: Register) -> Mapping[str, object]:
        """Keep the list, write the broker's files from it, and tell the broker: what a person must know of that.

        Raises: ConfigurationError where this broker cannot serve these logins; nothing is written then.
        """
        self._check(register)
        register, hub = self._with_hub(register)
        save_register(self._folder, register)
        broker_config.write_files(self._folder, self._settings())
        secured = self._secure(register)
        logins = self._login_files(register)
        broker_config.write_files(self._folder, logins)
        program, file = ("nats-server", "nats.conf") if self._plan.kind == "nats" else ("mosquitto", "mosquitto.conf")
        told = broker_config.tell_broker(self._folder, settings=file, logins=(*logins, *secured))
        return {
            "broker": told.value,
            "in_force": told.in_force,
            "start": f"{program} -c {self._folder / file}",
            **self._warned(register),
            **hub,
        }

    def authority(self) -> HomeAuthority:
        """The home's own, made on first use."""
        return HomeAuthority.load_or_make(self._folder, home=self._home, now=self._now())

    def _warned(self, register: Register) -> Mapping[str, object]:
        """Whose certificate ends soon, if anybody's does."""
        credentials = (*register.hub, *(each for device in register.live for each in device.credentials))
        end = self._now() + _WARN_BEFORE
        soon = [each.user for each in credentials if each.expires_at and each.expires_at < end]
        return {"expires_soon": soon} if soon else {}

    def _check(self, register: Register) -> None:
        """What cannot be is said before anything is written."""
        if self._plan.kind == "nats":
            devices = register.model_copy(update={"hub": ()})
            check_kinds(self._logins(devices), certificates=self._broker.certificates)
        if not self._broker.names and not all(is_loopback(each.host) for each in self._plan.listeners):
            raise ConfigurationError("broker.names: name at least one name or address by which devices call the broker")

    def _with_hub(self, register: Register) -> tuple[Register, Mapping[str, object]]:
        """The hub's own logins, made where its files hold none of the kind that it needs."""
        needs_certificate = self._plan.kind == "nats" and self._broker.certificates
        is_of_kind = bool(register.hub) and all(bool(each.serial) == needs_certificate for each in register.hub)
        if is_of_kind and hub_login.has(self._folder, register.hub, connections=len(self.hub_users)):
            return register, {}
        number = register.hub_issued + 1
        if needs_certificate:
            user = f"{self._hub}~{number}"
            credentials = hub_login.new_certificate(self._folder, user, authority=self.authority(), now=self._now())
        else:
            credentials = hub_login.new_passwords(self._folder, self.hub_users, now=self._now())
        files = {"mqtt.cert_file": hub_login.CERTIFICATE, "mqtt.key_file": hub_login.KEY} if needs_certificate else {}
        told = {
            "environment": str(self._folder / hub_login.ENVIRONMENT),
            **{name: str(self._folder / file) for name, file in files.items()},
            **self.addresses(certificate=needs_certificate),
        }
        fresh = register.ended(register.hub).model_copy(update={"hub": credentials, "hub_issued": number})
        return fresh, {"hub": told}

    def _logins(self, register: Register) -> list[Login]:
        writes = hub_writes(self._home, [each.grant for each in register.live])
        parts: tuple[Grant, ...] = (Grant((), ("#",)), Grant(writes, ()), Grant((), ("#",)))
        if self._names is not None:
            parts, writes = (*parts, hub_to_home_assistant(self._names)), (*writes, *self._names.writes)
        grants = parts if len(register.hub) == len(parts) else (Grant(writes, ("#",)),)
        own = list(zip(register.hub, grants, strict=False))  # none before the hub has any
        theirs = [(credential, device.grant) for device in register.live for credential in device.credentials]
        return [
            Login(user=each.user, grant=grant, mosquitto=each.mosquitto, nats=each.nats) for each, grant in own + theirs
        ]

    def _settings(self) -> Mapping[str, str]:
        folder = str(self._folder)
        if self._plan.kind == "nats":
            return {"nats.conf": nats_settings(self._plan, folder=folder)}
        user = pwd.getpwuid(os.geteuid()).pw_name
        return {"mosquitto.conf": mosquitto_settings(self._plan, folder=folder, user=user)}

    def _login_files(self, register: Register) -> Mapping[str, str]:
        logins = self._logins(register)
        if self._plan.kind == "nats":
            text = nats_users(logins, store_mib_max=STORE_MIB_MAX, memory_mib_max=MEMORY_MIB_MAX)
            return {FILE_NAMES["nats_users"]: text}
        return {FILE_NAMES["passwords"]: mosquitto_passwords(logins), FILE_NAMES["acl"]: mosquitto_acl(logins)}

    def _secure(self, register: Register) -> tuple[str, ...]:
        """Where there is TLS, see to the broker's certificate and to what is revoked; the names of those files."""
        if all(each.tls == "none" for each in self._plan.listeners):
            return ()
        authority = self.authority()
        authority.keep_server(self._broker.names or ("localhost",), now=self._now())
        serials = [int(each.serial, 16) for each in register.revoked]
        authority.keep_revocations(self._folder / FILE_NAMES["revoked"], serials, now=self._now())
        return FILE_NAMES["certificate"], FILE_NAMES["revoked"]
