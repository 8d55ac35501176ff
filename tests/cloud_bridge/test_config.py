"""The configuration: strict, bounded, safe by default; a mistake is one line that says what is allowed."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cloud_bridge.__main__ import main
from cloud_bridge.config import BridgeConfig, load, merchant_secrets
from cloud_bridge.errors import ConfigurationError
from cloud_bridge.merchant_config import SecretKind, UcpConfig
from cloud_bridge.sections import is_loopback

GOOD = f"""
[server]
port = 8490
[store]
url = "sqlite:///{{folder}}/bridge.sqlite3"
[[households]]
id = "home-1"
public_key = "{base64.b64encode(bytes(32)).decode()}"
[[merchants]]
id = "grocer-1"
kind = "ucp"
url = "http://127.0.0.1:8183"
currency = "USD"
buyer_name = "Our Home"
buyer_email = "home@example.com"
payment_handler = "mock_payment_handler"
[merchants.destinations.home]
street_address = "1 Elm St"
address_locality = "Springfield"
address_region = "IL"
postal_code = "62704"
address_country = "US"
"""
TOKEN = "RESTOCK_PAYMENT_TOKEN_GROCER_1"


@pytest.fixture
def write(tmp_path: Path) -> object:
    """Write a configuration, with one piece of the good one replaced."""

    def written(old: str = "", new: str = "") -> Path:
        assert old in GOOD
        path = tmp_path / "bridge.toml"
        path.write_text(GOOD.format(folder=tmp_path).replace(old, new, 1) if old else GOOD.format(folder=tmp_path))
        return path

    return written


def test_the_defaults_stay_on_loopback(write) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """What is not configured is not reachable from outside."""
    config = load(write())
    assert is_loopback(config.server.host)
    assert config.merchants[0].destinations["home"].postal_code == "62704"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("port = 8490", "port = 84900", "server.port = 84900"),
        ("port = 8490", 'port = "8490"', "server.port = '8490'"),
        ("port = 8490", "prot = 8490", "server.prot = 8490"),
        ("port = 8490", 'host = "0.0.0.0"', "server = "),
        ("http://127.0.0.1:8183", "http://shop.example", "merchants.0.url = 'http://shop.example'"),
        ("http://127.0.0.1:8183", "https://user@shop.example", "merchants.0.url"),
        ('currency = "USD"', 'currency = "usd"', "merchants.0.currency = 'usd'"),
        ('kind = "ucp"', 'kind = "simulated"', "merchants.0.kind = 'simulated'"),
        (base64.b64encode(bytes(32)).decode(), "AAAA", "households.0.public_key = 'AAAA'"),
        ("sqlite:///", "mysql:///", "store.url"),
        ("sqlite:///", "postgresql+psycopg://bridge@db.example/", "?sslmode=verify-full"),
        ("sqlite:///", "postgresql+psycopg://bridge@127.0.0.1/b?host=db.example&sslmode=", "folder of a unix socket"),
        ("sqlite:///", "postgresql+psycopg://bridge@127.0.0.1/b?options=", "options is not among"),
        ("[server]", "[worker]\nlease_s = 79.9\n[server]", "80 or more"),
        ("[server]", "[server", "not valid TOML"),
        ('currency = "USD"', 'currency = "USD"\nwebhooks = "none"', "merchants.0.webhooks = 'none'"),
        ('currency = "USD"', 'currency = "USD"\nap2 = true', "merchants.0.ap2 = True"),
        (
            'url = "http://127.0.0.1:8183"',
            'url = "https://shop.example"\nwebhooks = "unsigned_hints"',
            "webhooks without a signature are allowed on loopback only",
        ),
        ("sqlite:///", "postgresql+psycopg://bridge@/", "signing.key_file is wanted"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(write, capsys, old: str, new: str, field: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Field, value and what is allowed, on standard error; nothing on standard output."""
    code = main(["run", "--config", str(write(old, new))])
    said = capsys.readouterr()
    assert (code, said.out, said.err.count("\n")) == (2, "", 1)
    assert field in said.err


def test_a_password_in_the_stores_url_is_refused_and_not_shown(write, capsys) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """The line says where it belongs."""
    path = write("sqlite:///", "postgresql+psycopg://bridge:very-secret@127.0.0.1/")
    assert main(["run", "--config", str(path)]) == 2
    said = capsys.readouterr().err
    assert "RESTOCK_BRIDGE_DATABASE_PASSWORD" in said
    assert "very-secret" not in said


def test_the_bridges_key_lies_beside_its_store_unless_told_otherwise(write, tmp_path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """So that one folder holds what has to be kept."""
    assert load(write()).signing_key_file == tmp_path / "restock-bridge-key.pem"
    elsewhere = write("[server]", '[signing]\nkey_file = "/etc/restock/key.pem"\n[server]')
    assert load(elsewhere).signing_key_file == Path("/etc/restock/key.pem")


def test_a_missing_token_names_its_variable(write, capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """The secret is not in the file, so the line says where it belongs."""
    monkeypatch.delenv(TOKEN, raising=False)
    assert main(["run", "--config", str(write())]) == 2
    assert TOKEN in capsys.readouterr().err


def test_the_check_prints_effective_values_and_masks_secrets(write, capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Defaults are shown, tokens are not."""
    monkeypatch.setenv(TOKEN, "very-secret")
    monkeypatch.setenv("RESTOCK_BRIDGE_DATABASE_PASSWORD", "very-secret")
    assert main(["--check-config", "--config", str(write())]) == 0
    out = capsys.readouterr().out
    shown = json.loads(out)
    assert shown["database_password"] == "**********"
    assert (shown["worker"]["poll_s"], shown["secrets"]) == (60.0, {"grocer-1": {"payment_token": "**********"}})
    assert "very-secret" not in out


def test_tokens_are_read_by_merchant_id(write) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Upper case, with _ for -."""
    secrets = merchant_secrets(load(write()), {TOKEN: "t"})
    assert secrets["grocer-1"][SecretKind.PAYMENT_TOKEN].get_secret_value() == "t"
    with pytest.raises(ConfigurationError):
        merchant_secrets(load(write()), {})


SECRET = "RESTOCK_WEBHOOK_SECRET_GROCER_1"
SHARED = base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize("given", [SHARED, f"whsec_{SHARED}"])
def test_a_webhook_secret_is_read_by_merchant_id_and_masked(write, capsys, monkeypatch, given: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Both ways of writing it are one secret, and neither is shown."""
    config = write('kind = "ucp"', 'kind = "ucp"\nwebhooks = "shared_secret"')
    secrets = merchant_secrets(load(config), {TOKEN: "t", SECRET: given})
    assert secrets["grocer-1"][SecretKind.WEBHOOK_SECRET].get_secret_value() == given
    monkeypatch.setenv(TOKEN, "t")
    monkeypatch.setenv(SECRET, given)
    assert main(["--check-config", "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["secrets"]["grocer-1"]["webhook_secret"] == "**********"
    assert SHARED not in out


@pytest.mark.parametrize("given", [None, "", "whsec_", "short", "k" * 31, "!" * 44, "\u00e4" * 44, "A" * 400])
def test_what_is_no_webhook_secret_names_its_variable_and_is_not_told(write, given: str | None) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """24 to 64 bytes in base64, or the bridge does not start."""
    config = write('kind = "ucp"', 'kind = "ucp"\nwebhooks = "shared_secret"')
    with pytest.raises(ConfigurationError, match=SECRET) as refused:
        merchant_secrets(load(config), {TOKEN: "t"} | ({} if given is None else {SECRET: given}))
    assert not given or given not in str(refused.value)
    assert SecretKind.WEBHOOK_SECRET not in merchant_secrets(load(write()), {TOKEN: "t"})["grocer-1"]


def test_two_merchants_cannot_share_one_webhook_secret(write) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Each could speak for the other one."""
    config = load(write('kind = "ucp"', 'kind = "ucp"\nwebhooks = "shared_secret"'))
    twice = config.model_copy(update={"merchants": [*config.merchants, _renamed(config, "grocer-2")]})
    tokens = {TOKEN: "t", "RESTOCK_PAYMENT_TOKEN_GROCER_2": "t"}
    with pytest.raises(ConfigurationError, match="RESTOCK_WEBHOOK_SECRET_GROCER_2"):
        merchant_secrets(twice, tokens | {SECRET: SHARED, "RESTOCK_WEBHOOK_SECRET_GROCER_2": f"whsec_{SHARED}"})


def _renamed(config: BridgeConfig, name: str) -> UcpConfig:
    return config.merchants[0].model_copy(update={"id": name})


@pytest.mark.parametrize("arguments", [[], ["run"], ["fly", "--config", "x"], ["run", "--config", "no-such-file"]])
def test_wrong_usage_is_one_line_and_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Also when the file is not there."""
    try:
        code = main(arguments)
    except SystemExit as exc:
        code = int(exc.code or 0)
    assert (code, capsys.readouterr().err.count("\n")) == (2, 1)


def test_migrate_and_report_work_without_tokens(write, capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """A report before the first start fails with one line; after a migration it is empty."""
    monkeypatch.delenv(TOKEN, raising=False)
    path = str(write())
    assert main(["report", "--config", path]) == 1
    assert main(["migrate", "--config", path]) == 0
    capsys.readouterr()
    assert main(["report", "--config", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"orders": [], "attempts": 0}
