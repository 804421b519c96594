"""Making an engine, its configuration, and what a second `init` may not do."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from accsyn_engine import config
from accsyn_engine.config import BadConfigError, EngineConfig, NoEngineHereError, Smtp
from accsyn_engine.ids import Ids
from accsyn_engine.paths import PathError
from accsyn_engine.services import settings, setup
from accsyn_engine.services.context import Find
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotAllowedNowError, NotFoundError
from accsyn_engine.services.people import accounts
from accsyn_engine.services.records import catalog
from accsyn_engine.services.setup import FolderExistsError
from accsyn_engine.services.work import queues
from tests.engine.services.world import StandingClock, World


def _init(data: Path, **words: Any) -> setup.Initialised:
    given: dict[str, Any] = {"workspace": "GeoScan", "admin": "Andrea@geoscan.org", "volumes": [("production", "/p")]}
    return setup.initialise(data=data, clock=StandingClock(), ids=Ids(), **(given | words))


def test_a_new_engine_has_an_admin_whose_key_works(tmp_path: Path) -> None:
    made = _init(tmp_path / "e", volumes=[("production", "\\\\alpha\\production"), ("archive", "/a/")])
    context = setup.open_engine(tmp_path / "e", clock=StandingClock(), ids=Ids())
    caller = accounts.authenticate_key(context, "andrea@geoscan.org", made.api_key)
    assert (caller.user_id, caller.role, accounts.local_admin(context).code) == (made.admin_id, "admin", caller.code)
    context.database.close()


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    _init(tmp_path / "e")
    before = {file: file.read_bytes() for file in (tmp_path / "e").iterdir()}
    with pytest.raises(FolderExistsError, match="exists already"):
        _init(tmp_path / "e")
    assert {file: file.read_bytes() for file in (tmp_path / "e").iterdir()} == before


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"workspace": "geo scan"}, BadValueError),
        ({"admin": "andrea"}, BadValueError),
        ({"volumes": []}, BadValueError),
        ({"volumes": [("a", "/x"), ("A", "/y")]}, BadValueError),
        ({"volumes": [("a/b", "/x")]}, BadValueError),
        ({"volumes": [("a", "relative")]}, PathError),
        ({"volumes": [("a", "")]}, PathError),
    ],
)
def test_what_was_mistyped_makes_nothing(tmp_path: Path, words: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        _init(tmp_path / "e", **words)
    assert not (tmp_path / "e").exists()


def test_the_secret_is_for_the_owner_alone(tmp_path: Path) -> None:
    made = _init(tmp_path / "e")
    assert stat.S_IMODE(made.config.key_file.stat().st_mode) == 0o600
    assert len(made.config.key_file.read_bytes()) == 64
    assert stat.S_IMODE((tmp_path / "e").stat().st_mode) == 0o700


def test_the_configuration_is_read_as_it_was_written(tmp_path: Path) -> None:
    smtp = Smtp(host="mail.geoscan.org", password='p"ä\\ß', security="tls")
    written = EngineConfig(data=tmp_path, workspace="geoscan", url="https://a:1", smtp=smtp, hook_timeout_s=7)
    (tmp_path / config.FILE).write_text(config.dump(written), encoding="utf-8")
    assert config.load(tmp_path) == written
    assert "ä" not in repr(written)
    assert written.database_url.endswith("/engine.sqlite")


@pytest.mark.parametrize("text", ["workspace = ", 'workspace = "a"\nnonsense = 1', "[smtp]\nport = 1"])
def test_a_configuration_that_cannot_be_read_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / config.FILE).write_text(text, encoding="utf-8")
    with pytest.raises(BadConfigError, match=r"engine\.toml"):
        config.load(tmp_path)


def test_a_folder_without_an_engine_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoEngineHereError, match="init"):
        setup.open_engine(tmp_path, clock=StandingClock(), ids=Ids())


def test_three_queues_are_built_in_and_one_is_called_medium(world: World) -> None:
    found = queues.find(world.context, world.jennifer, Find())
    assert [(queue["name"], queue["priority"], queue["default"]) for queue in found] == [
        ("High", 999, False),
        ("Medium", 500, True),
        ("Low", 1, False),
    ]
    assert len(queues.find(world.context, world.jennifer, Find(query="name='medium'"))) == 1


def test_the_jobs_of_a_deleted_queue_move_to_the_default(world: World) -> None:
    world.share()
    made = queues.create(world.context, world.admin, {"name": "Night shift", "priority": 100})
    job = world.send(queue="night-shift")
    queues.delete(world.context, world.admin, made["id"])
    assert world.job(job)["queue_hr"] == "medium"
    with pytest.raises(NotAllowedNowError, match="default queue"):
        queues.delete(world.context, world.admin, "medium")
    with pytest.raises(ForbiddenError):
        queues.create(world.context, world.workflow, {"name": "x"})


def test_settings_are_text_under_their_names(world: World) -> None:
    settings.put(world.context, world.admin, name="job_max_retries", value=3)
    assert settings.get(world.context, world.workflow, name="job_max_retries") == "3"
    assert settings.get(world.context, world.workflow) == {"job_max_retries": "3"}
    settings.delete(world.context, world.admin, name="job_max_retries")
    assert settings.get(world.context, world.workflow, name="job_max_retries", default="1") == "1"


def test_a_share_has_settings_of_its_own(world: World) -> None:
    share = world.share()
    settings.put(world.context, world.admin, scope="folder", id=share["code"], name="transfer_mode", value="copy")
    assert settings.get(world.context, world.workflow, scope="share", id=share["id"]) == {"transfer_mode": "copy"}


def test_a_jobs_settings_are_its_peoples(world: World) -> None:
    world.share()
    job = world.send()
    settings.put(world.context, world.jennifer, scope="job", id=job["id"], name="transfer_speedlimit", value="5")
    assert world.job(job)["settings"] == {"transfer_speedlimit": "5"}
    settings.delete(world.context, world.jennifer, scope="job", id=job["id"], name="transfer_speedlimit")
    assert world.job(job)["settings"] == {}


@pytest.mark.parametrize(
    "words", [{"name": "", "value": "x"}, {"name": "a", "value": None}, {"name": "a", "value": "x", "scope": "moon"}]
)
def test_settings_that_make_no_sense_are_refused(world: World, words: dict[str, Any]) -> None:
    with pytest.raises(BadValueError):
        settings.put(world.context, world.admin, **words)


def test_the_catalog_names_kinds_and_attributes(world: World) -> None:
    assert {"user", "share", "acl", "job", "task"} <= set(catalog.entitytypes(world.context, world.jennifer))
    assert "role" in catalog.attributes(world.context, world.jennifer, "User")
    assert "tasks" in catalog.attributes(world.context, world.jennifer, "job", create=True)
    assert "status" in catalog.attributes(world.context, world.jennifer, "task", update=True)
    with pytest.raises(NotFoundError):
        catalog.attributes(world.context, world.jennifer, "spaceship")
