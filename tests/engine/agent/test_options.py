from __future__ import annotations

from pathlib import Path

import pytest

from accsyn_engine.agent import AgentOptions, maps_from_environment, parse_maps, parse_ports
from accsyn_engine.agent.agent import listening_host
from accsyn_engine.agent.errors import (
    FolderMissingError,
    NoDownloadFolderError,
    NoMapError,
    NotLocalError,
    OptionsError,
)
from accsyn_engine.agent.patience import Patience
from accsyn_engine.agent.roots import Place, Roots


def options(**values) -> AgentOptions:
    return AgentOptions(
        **{"server": "https://engine:8443", "user": "a@b.c", "key": "k", "data": Path("/data"), **values}
    )


def test_every_volume_variable_is_read_and_its_value_kept_as_text():
    environment = {
        "ACCSYN_PRODUCTION_PATH": "E:\\WORK\\GEOSCAN\\Production",
        "ACCSYN_MY_VOL_2_PATH": "/mnt/my vol",
        "ACCSYN_EMPTY_PATH": " ",
        "ACCSYN_API_KEY": "secret",
        "ACCSYN_PATH": "/x",
        "PATH": "/usr/bin",
    }
    assert maps_from_environment(environment) == {
        "production": "E:\\WORK\\GEOSCAN\\Production",
        "my_vol_2": "/mnt/my vol",
    }


@pytest.mark.parametrize("volume", ["my-vol.2", "My-Vol.2", "MY_VOL_2"])
def test_a_variable_stands_for_every_volume_of_its_name(volume):
    assert options(maps={"my_vol_2": "/mnt"}).map_of(volume) == "/mnt"


def test_the_exact_code_goes_before_the_variable():
    both = options(maps={"my_vol": "/from/variable", "my-vol": "/from/option"})
    assert both.map_of("my-vol") == "/from/option"
    assert both.map_of("archive") is None


@pytest.mark.parametrize("pair", ["production", "=path", "production=", ""])
def test_a_map_that_is_none_is_a_sentence(pair):
    with pytest.raises(OptionsError, match="write CODE=FOLDER"):
        parse_maps([pair])


def test_maps_and_ports_are_read():
    assert parse_maps(["a=/x", "b=C:\\y=z"]) == {"a": "/x", "b": "C:\\y=z"}
    assert parse_ports("45190-45210") == (45190, 45210)
    assert parse_ports("5000") == (5000, 5000)


@pytest.mark.parametrize("ports", ["", "a-b", "5-4", "0-5", "1-70000"])
def test_ports_that_are_none_are_a_sentence(ports):
    with pytest.raises(OptionsError, match="is no range of ports"):
        parse_ports(ports)


@pytest.mark.parametrize(
    ("addresses", "host"),
    [
        (("127.0.0.1",), "127.0.0.1"),
        (("localhost", "127.0.0.1"), "127.0.0.1"),
        (("127.0.0.1", "10.0.0.5"), "0.0.0.0"),
        (("alpha.geoscan.org",), "0.0.0.0"),
        ((), "0.0.0.0"),
    ],
)
def test_ports_open_on_the_loopback_only_when_nothing_else_is_announced(addresses, host):
    assert listening_host(addresses) == host


def test_waits_stay_short_for_two_minutes_then_double_up_to_the_longest_and_start_again():
    patience = Patience(lambda: 0.5, first_s=0.25, longest_s=5)
    waits = [patience.next_s() for _ in range(126)]
    assert waits[:4] == [0.25, 0.5, 1, 1]
    assert 110 < sum(waits[:120]) < 130
    assert waits[119:] == [1, 2, 4, 5, 5, 5, 5]
    patience.reset()
    assert patience.next_s() == 0.25
    assert Patience(lambda: 0.0, first_s=1).next_s() == 0.75


def test_roots_lead_to_folders_that_exist(tmp_path):
    (tmp_path / "v").mkdir()
    roots = Roots(options(maps={"production": str(tmp_path / "v")}, download=str(tmp_path / "in")), "gda-ws1")
    assert roots.place({"map": "production"}, "a/b") == Place(tmp_path / "v", "a/b")
    assert roots.place({"download": True}, "a") == Place(tmp_path / "in", "a")
    assert (tmp_path / "in").is_dir()
    local = roots.place({"local": True}, str(tmp_path / "v" / "x" / "y"))
    assert local.root / local.path == tmp_path.resolve() / "v" / "x" / "y"
    assert roots.landing({"local": True}, str(tmp_path / "v" / "x" / "y")) == Place(tmp_path.resolve() / "v", "x/y")


@pytest.mark.parametrize(
    ("root", "path", "error", "words"),
    [
        (
            {"map": "archive"},
            "",
            NoMapError,
            "set ACCSYN_ARCHIVE_PATH or start the agent there with --map archive=FOLDER",
        ),
        ({"map": "gone"}, "", FolderMissingError, "/not/mounted"),
        ({"map": "windows"}, "", NotLocalError, "is not an absolute path on gda-ws1"),
        ({"download": True}, "", NoDownloadFolderError, "--download FOLDER"),
        ({"local": True}, "relative", NotLocalError, "relative"),
        ({"local": True}, "C:\\x", NotLocalError, "gda-ws1"),
        ({"local": True}, "/a/../b", NotLocalError, "gda-ws1"),
    ],
)
def test_a_root_that_leads_nowhere_is_a_sentence(root, path, error, words):
    roots = Roots(options(maps={"gone": "/not/mounted", "windows": "E:\\WORK"}), "gda-ws1")
    with pytest.raises(error, match=words.replace("\\", "\\\\")):
        roots.place(root, path)
