"""What the embedded stack tells its parts, and what `.env.example` tells a person."""

import json
import re
from pathlib import Path

import pytest
from schwifty import IBAN

from infra.local.folder import DataFolder
from infra.local.ports import claim
from infra.local.site import NOSTRO_ACCOUNTS, REPOSITORY, Site
from infra.settings import Settings


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = DataFolder(tmp_path)
    folder.prepare()
    with folder.exclusive():
        return Site(folder, claim(folder, (), api_port=None, fixed=False), folder.secrets())


def test_the_example_names_every_setting_in_order() -> None:
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^#(AURUM_[A-Z0-9_]+)=", example, flags=re.MULTILINE)
    assert named == [f"AURUM_{name.upper()}" for name in Settings.model_fields]


def test_the_example_uncommented_is_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    lines = re.findall(r"^#(AURUM_[A-Z0-9_]+=.+)$", example, flags=re.MULTILINE)
    env_file = tmp_path / "env"
    env_file.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert Settings(_env_file=env_file) == Settings()


def test_addresses_are_the_stacks_own_and_the_rest_is_the_callers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURUM_WIRE_SLA_SECONDS", "7")
    monkeypatch.setenv("AURUM_BANK_HOURS", "calendar")
    monkeypatch.setenv("AURUM_TEMPORAL_ADDRESS", "elsewhere:1")
    environment = site.environment({"AURUM_LOG_LEVEL": "DEBUG"})
    assert environment["AURUM_WIRE_SLA_SECONDS"] == "7"
    assert environment["AURUM_BANK_HOURS"] == "calendar"
    assert environment["AURUM_LOG_LEVEL"] == "DEBUG"
    assert environment["AURUM_TEMPORAL_ADDRESS"] == site.temporal_address
    assert json.loads(environment["AURUM_NOSTRO_ACCOUNTS"]) == NOSTRO_ACCOUNTS


def test_bank_hours_are_always_unless_somebody_says_otherwise(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AURUM_BANK_HOURS", raising=False)
    assert site.environment({})["AURUM_BANK_HOURS"] == "always"


def test_nostro_accounts_have_valid_ibans() -> None:
    assert sorted(NOSTRO_ACCOUNTS) == ["EUR", "GBP", "USD"]
    for iban in NOSTRO_ACCOUNTS.values():
        assert IBAN(iban, allow_invalid=False).country_code == "NL"


def test_a_folder_keeps_its_ports_and_secrets(site: Site) -> None:
    folder = site.folder
    with folder.exclusive():
        assert folder.secrets() == site.secrets
        assert claim(folder, (), api_port=None, fixed=False) == site.ports
        assert claim(folder, (), api_port=1234, fixed=False)["api"] == 1234
    for path in (folder.root / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0
