"""The words of the eras, in and out."""

from __future__ import annotations

import pytest

from accsyn_engine.api.protocol import Family
from accsyn_engine.api.words import attribute_today, inward, outward, role_word, uri_today


@pytest.mark.parametrize(
    ("old", "today"),
    [
        ("organization/site/find", "site/find"),
        ("organization/file", "workspace/file"),
        ("organization/publish/preprocess", "workspace/publish/preprocess"),
        ("job/task/create", "task/create"),
        ("workarea/find", "share/find"),
        ("acl/find", "acl/find"),
    ],
)
def test_uris_of_former_generations_mean_todays(old: str, today: str) -> None:
    assert uri_today(old) == today


@pytest.mark.parametrize("word", ["user", "client", "standard", "Standard"])
def test_every_eras_word_for_a_vendor_becomes_standard(word: str) -> None:
    assert inward("user", {"code": "jennifer@gda.com", "clearance": word})["role"].lower() == "standard"


def test_a_new_name_wins_over_its_old_one() -> None:
    assert inward("acl", {"ident": "user:old", "entity": "user:new"}) == {"entity": "user:new"}


def test_a_share_of_2019_is_a_folder_and_its_root_a_volume() -> None:
    assert inward("share", {"type": "root"}) == {"type": "volume"}
    assert inward("share", {"type": "standard"}) == {"type": "folder"}
    assert inward("share", {"type": None}) == {"type": None}


def test_the_old_family_reads_its_own_words() -> None:
    answer = outward(Family.V1, "user", {"role": "standard", "clearance": "standard"})
    assert answer == {"role": "user", "clearance": "user"}
    assert outward(Family.V1, "acl", {"entity": "user:1"}) == {"entity": "user:1", "ident": "user:1"}
    assert outward(Family.V1, "share", {"type": "volume", "default": True}) == {"type": "root", "default": True}


def test_the_old_family_calls_the_workspace_organization_in_parties() -> None:
    job = {"source": "workspace:1", "source_hr": "workspace:geoscan", "destination": "user:2", "destination_hr": None}
    answer = outward(Family.V1, "job", job)
    assert answer["source"] == "organization:1"
    assert answer["source_hr"] == "organization:geoscan"
    assert (answer["destination"], answer["destination_hr"]) == ("user:2", None)


def test_the_new_family_reads_the_new_words() -> None:
    job = {"source": "workspace:1", "role": "standard"}
    assert outward(Family.V3, "job", job) == job


def test_only_the_attributes_asked_for_are_answered_under_the_names_asked_with() -> None:
    grant = {"id": "1", "entity": "user:1", "path": "/"}
    assert outward(Family.V1, "acl", grant, ("ident", "path")) == {"ident": "user:1", "path": "/"}
    assert outward(Family.V3, "acl", grant, ("nonsense",)) == {"nonsense": None}


def test_what_is_no_entity_goes_out_as_it_is() -> None:
    assert outward(Family.V1, "user", True) is True


def test_old_attribute_names_are_known_by_kind() -> None:
    assert attribute_today("acl", "ident") == "entity"
    assert attribute_today("job", "ident") == "ident"


def test_the_role_in_a_login_is_the_eras() -> None:
    assert role_word(Family.V1, "standard") == "user"
    assert role_word(Family.V1, "employee") == "employee"
    assert role_word(Family.V3, "standard") == "standard"
