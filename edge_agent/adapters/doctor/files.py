"""Keys, certificates and devices' logins, household.json, profiles and the model, as they lie on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509

from edge_agent.adapters import household
from edge_agent.adapters.device_credentials import load_register
from edge_agent.adapters.forecaster import OnnxForecaster
from edge_agent.adapters.keys import HouseholdKey, has_keys, load_or_create
from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.config import HubConfig
from edge_agent.core.doctor import Finding, fine, judge_certificate, note, problem
from edge_agent.errors import HubError
from edge_agent.folder import HOUSEHOLD_FILE

BROKER_FOLDER = "broker"
_CERTIFICATE_BYTES_MAX = 1 << 20
_RENEW_OWN = "restock-hub enroll --config FILE writes the broker's certificate anew; reload the broker."
_RENEW_HUB = "restock-hub enroll HUB --rotate, with home.hub for HUB; then restart the hub."
_REPLACE = "Ask whoever runs the broker for a new one, and put it there."


def look_at_keys(folder: Path, found: list[HouseholdKey]) -> Iterator[Finding]:
    """The household's key, which signs orders; what can be used is added to `found`."""
    if not has_keys(folder):
        yield problem(
            "The household's keys are not both there: nothing can be signed.",
            str(folder),
            "Put a backup back (restock-hub restore). For a new home: restock-hub setup.",
        )
        return
    try:
        found.append(load_or_create(folder))
    except (HubError, OSError) as exc:
        yield problem(f"The household's keys cannot be used: {exc}", str(folder), "Restore both from a backup.")
    else:
        yield fine("The household's keys can be used.", str(folder))


def look_at_certificates(folder: Path, config: HubConfig, *, now: datetime) -> Iterator[Finding]:
    """When each certificate ends: those that the configuration names, the broker's, and the devices'."""
    broker = folder / BROKER_FOLDER
    own = {broker / "ca.crt": _REPLACE, broker / "server.crt": _RENEW_OWN, broker / "hub.crt": _RENEW_HUB}
    named = {Path(each): _REPLACE for each in (config.mqtt.ca_file, config.mqtt.cert_file) if each}
    for path, do in {**named, **{path: do for path, do in own.items() if path.exists()}}.items():
        yield from _certificates_in(path, now=now, do=do)
    if not broker.is_dir():
        return
    try:
        register = load_register(broker, home=config.home.id)
    except (HubError, OSError) as exc:
        yield problem(f"The list of devices' logins cannot be read: {exc}", str(broker), "Restore it from a backup.")
        return
    for device in register.live:
        for each in device.credentials:
            if each.expires_at is not None:
                do = f"restock-hub enroll {device.device} --rotate --overlap 7d; give the device its new certificate."
                where = f"{broker}, device {device.device}"
                yield judge_certificate(begins=each.issued_at, ends=each.expires_at, now=now, where=where, do=do)


def look_at_household(folder: Path) -> Iterator[Finding]:
    """Whether household.json fits, without the copy that the hub keeps of a good one."""
    path = folder / HOUSEHOLD_FILE
    if not path.exists():
        yield note("There is no household.json: no items are kept.", str(path), "restock-hub setup makes one.")
        return
    try:
        items = household.read_file(path).items
    except (HubError, OSError) as exc:
        yield problem(f"It does not fit: {exc}.", str(path), "Mend the line that is named; the hub reads it again.")
    else:
        yield fine(f"It fits. Items: {len(items)}.", str(path))


def look_at_profiles(config: HubConfig) -> Iterator[Finding]:
    """Whether every profile of a device loads."""
    where = ", ".join(config.profiles) or "the profiles that ship with the hub"
    try:
        loaded = load_profiles(profile_folders(config.profiles), samples=False)
    except (HubError, OSError) as exc:
        yield problem(f"The profiles cannot be read: {exc}", where, "Mend `profiles` in the configuration.")
        return
    for refused in loaded.refused:
        yield problem(f"A profile is refused: {refused}", where, "restock-hub profiles check FOLDER says more.")
    if not loaded.refused:
        yield fine(f"{len(loaded.registry.profiles())} profiles load.", where)


def look_at_model(artefact_folder: Path) -> Iterator[Finding]:
    """Whether the consumption model can be used. Without one, rules forecast."""
    try:
        OnnxForecaster(artefact_folder)
    except (HubError, OSError) as exc:
        yield problem(
            f"The consumption model cannot be used, so plain rules forecast: {exc}",
            str(artefact_folder),
            "Install the release again, or mend model.artefact_dir.",
        )
    else:
        yield fine("The consumption model can be used.", str(artefact_folder))


def _certificates_in(path: Path, *, now: datetime, do: str) -> Iterator[Finding]:
    try:
        with path.open("rb") as file:
            chain = x509.load_pem_x509_certificates(file.read(_CERTIFICATE_BYTES_MAX))
    except (OSError, ValueError) as exc:
        yield problem(f"It cannot be read as a certificate: {exc}", str(path), do)
        return
    for certificate in chain:
        yield judge_certificate(
            begins=certificate.not_valid_before_utc,
            ends=certificate.not_valid_after_utc,
            now=now,
            where=f"{path} ({certificate.subject.rfc4514_string()})" if len(chain) > 1 else str(path),
            do=do,
        )
