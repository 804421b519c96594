"""Settings: arguments over environment over file, each knows where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accsyn_plugins import config
from accsyn_plugins.config import KNOWN, ConfigFileError, SettingMissingError, load_settings

FILE = """
server = "https://file:1"
workspace = "file"
remap = true
[status]
published = "delivered"
allowed = ["a", "B"]
[volumes]
production = "/file"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "accsyn.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_arguments_go_before_environment_before_file_before_defaults(file: Path) -> None:
    environment = {"ACCSYN_SERVER": "https://environment:1", "ACCSYN_WORKSPACE": "environment"}
    settings = load_settings({"server": "https://argument:1", "user": None}, environment, file)
    found = {name: (settings.get(name), settings.origin(name)) for name in ("server", "workspace", "remap", "share")}
    assert found == {
        "server": ("https://argument:1", "argument"),
        "workspace": ("environment", "ACCSYN_WORKSPACE"),
        "remap": ("true", str(file)),
        "share": ("{project}-outsourcing", "default"),
    }
    assert settings.is_on("remap")
    assert settings.words("status.allowed") == ("a", "b")
    assert settings.get("status.published") == "delivered"
    assert settings.volumes() == {"production": "/file"}


@pytest.mark.parametrize(("name", "variables"), KNOWN.items())
def test_every_variable_of_the_table_is_read_the_first_before_the_others(name: str, variables: Any) -> None:
    environment = {variable: f"value of {variable}" for variable in variables}
    settings = load_settings(environment=environment)
    assert (settings.get(name), settings.origin(name)) == (f"value of {variables[0]}", variables[0])


def test_a_mapped_volume_is_named_in_its_variable() -> None:
    environment = {"ACCSYN_PRODUCTION_PATH": "/p", "ACCSYN_BIG_DISK_PATH": "/b", "ACCSYN_CREDENTIALS_PATH": "/c"}
    assert load_settings(environment={**environment, "ACCSYN_OLD_PATH": ""}).volumes() == {
        "production": "/p",
        "big_disk": "/b",
    }


def test_the_file_of_the_platforms_folder_is_read_when_it_is_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "default_file", lambda: file)
    assert load_settings().get("workspace") == "file"
    monkeypatch.setattr(config, "default_file", lambda: file.with_name("none.toml"))
    assert load_settings().get("workspace") == ""


def test_a_file_that_was_named_must_be_there_and_be_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match=r"none\.toml cannot be read"):
        load_settings(environment={"ACCSYN_CONFIG": str(tmp_path / "none.toml")})
    bad = tmp_path / "bad.toml"
    bad.write_text("server = ", encoding="utf-8")
    with pytest.raises(ConfigFileError, match=r"bad\.toml cannot be read"):
        load_settings(file=bad)


def test_a_key_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("SECRET\n", encoding="ascii")
    settings = load_settings(environment={"ACCSYN_API_KEY": f"@{tmp_path / 'key'}"})
    assert settings.get("key") == "SECRET"
    with pytest.raises(ConfigFileError):
        load_settings(environment={"ACCSYN_API_KEY": "@/no/such/file"})


def test_no_value_shows_in_a_printed_setting() -> None:
    assert "SECRET" not in repr(load_settings({"key": "SECRET"}))


def test_a_missing_setting_is_an_error_that_names_every_way_to_give_it() -> None:
    with pytest.raises(SettingMissingError) as caught:
        load_settings(environment={}).require("sheet")
    assert "give --sheet, or set ACCSYN_SHEET, or write sheet = ... in" in caught.value.message
    assert load_settings({"sheet": "a"}).require("sheet") == "a"


def test_what_is_remembered_lies_in_the_platforms_folder_or_the_given_one(tmp_path: Path) -> None:
    assert load_settings(environment={"ACCSYN_STATE": str(tmp_path)}).state_folder() == tmp_path
    assert load_settings(environment={}).state_folder().name == "accsyn"
