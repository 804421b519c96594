"""Accounts, users, shares and grants beyond the story."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accsyn_engine.paths import PathError
from accsyn_engine.services import audit
from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Caller, Find
from accsyn_engine.services.errors import (
    BadValueError,
    ExistsError,
    ForbiddenError,
    NotAllowedNowError,
    NotFoundError,
    PathRefusedError,
    SessionExpiredError,
    WrongCredentialsError,
)
from accsyn_engine.services.people import accounts, users
from accsyn_engine.services.records import workspaces
from accsyn_engine.services.work import jobs
from accsyn_engine.store.schema import api_key, outbox
from tests.engine.services.world import DATASET, World


def _key(world: World, caller: Caller) -> str:
    return accounts.key(world.context, world.admin, caller.code)["api_key"]


def test_a_key_is_256_bits_and_only_its_digest_is_stored(world: World) -> None:
    key = _key(world, world.jennifer)
    assert len(bytes.fromhex(key)) == 32
    with world.context.reading() as work:
        stored = [row.digest for row in work.connection.execute(api_key.select())]
    assert key not in stored
    assert world.context.keys.digest(key) in stored


def test_only_an_admin_makes_keys_for_others(world: World) -> None:
    assert accounts.key(world.context, world.jennifer)["api_key"]
    with pytest.raises(ForbiddenError):
        accounts.key(world.context, world.workflow, world.jennifer.code)


def test_a_key_is_no_good_under_another_name_or_for_a_disabled_user(world: World) -> None:
    key = _key(world, world.jennifer)
    with pytest.raises(WrongCredentialsError):
        accounts.authenticate_key(world.context, world.workflow.code, key)
    users.update(world.context, world.admin, world.jennifer.user_id, {"status": "disabled"})
    with pytest.raises(WrongCredentialsError):
        accounts.authenticate_key(world.context, world.jennifer.code, key)


def test_logging_in_is_written_down_once_a_minute(world: World) -> None:
    key = _key(world, world.jennifer)
    for seconds in (0, 30, 40):
        world.clock.pass_s(seconds)
        accounts.authenticate_key(world.context, world.jennifer.code, key)
    with world.context.reading() as work:
        assert work.connection.execute(api_key.select()).all()[-1].last_used == world.clock.at


def test_a_session_is_bound_to_where_it_was_given_and_ends_after_30_days(world: World) -> None:
    session = accounts.session(world.context, world.jennifer)
    enter = {"address": "10.0.0.7", "device": "test"}
    assert accounts.authenticate_session(world.context, world.jennifer.code, session, **enter).role == "standard"
    assert accounts.session(world.context, world.jennifer, reuse=session) == session
    for wrong in ({"address": "10.9.9.9"}, {"device": "other"}):
        with pytest.raises(SessionExpiredError):
            accounts.authenticate_session(world.context, world.jennifer.code, session, **(enter | wrong))
    world.clock.pass_s(30 * 24 * 3600 + 61)
    with pytest.raises(SessionExpiredError):
        accounts.authenticate_session(world.context, world.jennifer.code, session, **enter)
    assert accounts.session(world.context, world.jennifer, reuse=session) != session


def test_a_session_used_every_day_goes_on_until_logout(world: World) -> None:
    session = accounts.session(world.context, world.jennifer)
    enter = {"address": "10.0.0.7", "device": "test"}
    for _ in range(40):
        world.clock.pass_s(24 * 3600)
        accounts.authenticate_session(world.context, world.jennifer.code, session, **enter)
    accounts.logout(world.context, world.jennifer, session)
    with pytest.raises(SessionExpiredError):
        accounts.authenticate_session(world.context, world.jennifer.code, session, **enter)


@pytest.mark.parametrize(
    "code", ["", "jennifer", "a@b", "a b@c.org", "a@b.org,c@d.org", "<x@y.org>", None, "x@y.org\nBcc: z"]
)
def test_what_is_no_address_is_not_invited(world: World, code: str | None) -> None:
    with pytest.raises(BadValueError, match="e-mail address"):
        users.create(world.context, world.admin, {"code": code})


def test_an_employee_gets_the_default_volume_unless_told_otherwise(world: World) -> None:
    made = users.create(world.context, world.admin, {"code": "a@geoscan.org", "role": "employee"})
    none = {"code": "b@geoscan.org", "role": "employee", "give_default_volume_access": False}
    other = users.create(world.context, world.admin, none)
    grants = [
        len(acls.find(world.context, world.admin, Find(query=f"entity=user:{user['id']} and target=production")))
        for user in (made, other)
    ]
    assert grants == [1, 0]


def test_an_employee_may_not_invite_colleagues_nor_change_roles(world: World) -> None:
    with pytest.raises(ForbiddenError, match="employee"):
        users.create(world.context, world.workflow, {"code": "a@geoscan.org", "role": "employee"})
    with pytest.raises(ForbiddenError, match="roles"):
        users.update(world.context, world.workflow, world.jennifer.user_id, {"role": "employee"})
    with pytest.raises(ForbiddenError, match="andrea"):
        users.update(world.context, world.workflow, world.admin.user_id, {"name": "x"})


def test_another_role_loses_all_grants(world: World) -> None:
    world.share()
    users.update(world.context, world.admin, world.jennifer.user_id, {"role": "employee"})
    assert acls.find(world.context, world.admin, Find(query=f"entity=user:{world.jennifer.user_id}")) == []


def test_the_last_admin_stays(world: World) -> None:
    for change in ({"role": "employee"}, {"status": "disabled"}):
        with pytest.raises(NotAllowedNowError, match="only admin"):
            users.update(world.context, world.admin, world.admin.user_id, change)
    with pytest.raises(NotAllowedNowError, match="yourself"):
        users.delete(world.context, world.admin, world.admin.user_id)


def test_a_deleted_user_comes_back_by_invitation_with_the_old_key(world: World) -> None:
    key = _key(world, world.jennifer)
    users.delete(world.context, world.workflow, world.jennifer.user_id)
    assert users.find(world.context, world.workflow, Find(query="code=jennifer@gda.com", single=True)) == []
    with pytest.raises(WrongCredentialsError):
        accounts.authenticate_key(world.context, world.jennifer.code, key)
    again = users.create(world.context, world.workflow, {"code": "jennifer@gda.com"})
    assert again["id"] == world.jennifer.user_id
    assert accounts.authenticate_key(world.context, world.jennifer.code, key).user_id == again["id"]


def test_a_user_with_jobs_is_not_deactivated_but_deleted_with_them(world: World) -> None:
    world.share()
    job = world.send()
    with pytest.raises(NotAllowedNowError, match="package"):
        users.deactivate(world.context, world.workflow, world.jennifer.user_id)
    users.delete(world.context, world.workflow, world.jennifer.user_id)
    assert world.job(job)["status"] == "aborted"


def test_a_deactivated_user_is_found_only_as_inactive_and_comes_back(world: World) -> None:
    users.deactivate(world.context, world.workflow, world.jennifer.user_id)
    counts = [
        len(users.find(world.context, world.workflow, Find(query="code=jennifer*", inactive=inactive, single=True)))
        for inactive in (False, True)
    ]
    assert counts == [0, 1]
    users.activate(world.context, world.workflow, "jennifer@gda.com")
    assert len(users.find(world.context, world.workflow, Find(query="code=jennifer*"))) == 1


def test_the_bare_list_of_users_begins_with_the_caller(world: World) -> None:
    assert world.jennifer.code
    assert users.find(world.context, world.workflow, Find())[0]["code"] == world.workflow.code


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"code": "a/b", "path": "x"}, BadValueError),
        ({"path": "x"}, BadValueError),
        ({"code": "a", "path": "../x"}, PathError),
        ({"code": "a", "path": "C:\\x"}, PathError),
        ({"code": "a", "path": ""}, BadValueError),
        ({"code": "a", "path": "x", "parent": "nosuch"}, NotFoundError),
        ({"code": "production", "path": "x"}, ExistsError),
        ({"code": "PRODUCTION", "path": "x"}, ExistsError),
        ({"code": "a", "path": 7}, BadValueError),
        ({"code": "a", "type": "collection"}, BadValueError),
        ({"code": "a", "type": "volume", "path": "relative"}, PathError),
    ],
)
def test_a_share_that_makes_no_sense_is_refused(world: World, data: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        shares.create(world.context, world.admin, "share", data)
    assert len(shares.find(world.context, world.admin, "share", Find())) == 1


@pytest.mark.parametrize("path", ["proj002", "/proj002/", "proj002\\", "/mnt/production/proj002", "./proj002"])
def test_a_path_is_relative_however_it_is_written(world: World, path: str) -> None:
    assert shares.create(world.context, world.admin, "folder", {"code": "a", "path": path})["path"] == "proj002"


def test_an_employee_shares_only_what_they_may_read(world: World) -> None:
    shares.create(world.context, world.admin, "volume", {"code": "archive", "path": "/mnt/archive"})
    with pytest.raises(PathRefusedError, match="archive/x"):
        shares.create(world.context, world.workflow, "share", {"code": "a", "parent": "archive", "path": "x"})
    with pytest.raises(ForbiddenError):
        shares.create(world.context, world.workflow, "volume", {"code": "v", "path": "/v"})


def test_another_volume_can_become_the_default(world: World) -> None:
    made = shares.create(world.context, world.admin, "volume", {"code": "archive", "path": "\\\\alpha\\archive"})
    assert (made["default"], made["path"]) == (False, "\\\\alpha\\archive")
    shares.update(world.context, world.admin, made["id"], {"default": True})
    defaults = shares.find(world.context, world.admin, "volume", Find(query="default=true"))
    assert [share["code"] for share in defaults] == ["archive"]
    with pytest.raises(NotAllowedNowError, match="default volume"):
        shares.delete(world.context, world.admin, made["id"])


def test_a_disabled_share_gives_no_access_and_an_enabled_one_does_again(world: World) -> None:
    share = world.share()
    path = f"share=proj002-outsourcing/{DATASET}"
    verdicts = []
    for status in ("disabled", "enabled"):
        shares.update(world.context, world.workflow, share["id"], {"status": status})
        verdicts.append(acls.why(world.context, world.admin, "jennifer@gda.com", path)["read"])
    assert verdicts == [False, True]


def test_a_deactivated_share_takes_its_jobs_along_and_comes_back_with_its_grants(world: World) -> None:
    share = world.share()
    world.workstation()
    job = world.publish()
    shares.deactivate(world.context, world.workflow, share["id"])
    assert world.job(job)["error_code"] == "access-revoked"
    assert shares.find(world.context, world.admin, "share", Find(query="code=proj002*", single=True)) == []
    with pytest.raises(NotFoundError):
        world.publish()
    shares.activate(world.context, world.workflow, share["id"])
    assert world.publish()["status"] == "init"


def test_a_deleted_share_is_gone_and_files_are_nobodys_business(world: World) -> None:
    share = world.share()
    shares.delete(world.context, world.workflow, share["id"])
    assert acls.find(world.context, world.admin, Find(query=f"target=share:{share['id']}")) == []
    with pytest.raises(NotFoundError):
        shares.delete(world.context, world.workflow, share["id"])


def test_a_volume_in_use_stays(world: World) -> None:
    world.share()
    made = shares.create(world.context, world.admin, "volume", {"code": "archive", "path": "/mnt/archive"})
    shares.create(world.context, world.admin, "folder", {"code": "old", "parent": "archive", "path": "old"})

    with pytest.raises(NotAllowedNowError, match="shares below"):
        shares.delete(world.context, world.admin, made["id"])
    made_job = jobs.create(world.context, world.admin, {"source": "share=old/x", "destination": "jennifer@gda.com:x"})
    with pytest.raises(NotAllowedNowError, match='"x" uses'):
        shares.delete(world.context, world.admin, made["id"], force=True)
    jobs.update(world.context, world.admin, made_job["id"], {"status": "aborted"})
    assert shares.delete(world.context, world.admin, made["id"], force=True)


def test_a_grant_given_again_changes_the_one_there_is(world: World) -> None:
    share = world.share()
    again = world.grant(share["id"], f"/{DATASET}/", write=True)
    found = acls.find(world.context, world.workflow, Find(query=f"target=share:{share['id']} and path={DATASET}"))
    assert [(grant["id"], grant["write"]) for grant in found] == [(again["id"], True)]


def test_a_grant_carries_every_field_clients_read(world: World) -> None:
    share = world.share()
    given = world.grant(share["id"], "x", write=False)
    fields = "acknowledged created creator description entity id path read role status target token write entity_hr target_hr"
    assert set(fields.split()) <= set(given)
    assert given["entity"] == f"user:{world.jennifer.user_id}"


def test_a_grant_that_gives_nothing_is_refused(world: World) -> None:
    share = world.share()
    data = {"entity": "jennifer@gda.com", "target": share["code"], "read": False, "write": False}
    with pytest.raises(BadValueError, match="revoke"):
        acls.grant(world.context, world.workflow, data)
    with pytest.raises(BadValueError, match='"target"'):
        acls.grant(world.context, world.workflow, {"entity": "jennifer@gda.com", "read": True})


def test_a_grant_to_an_unknown_address_invites_it_unless_told_otherwise(world: World) -> None:
    share = world.share()
    data = {"entity": "user:new@gda.com", "target": f"share:{share['id']}", "path": "x", "read": True}
    with pytest.raises(NotFoundError, match=r"new@gda\.com"):
        acls.grant(world.context, world.workflow, data | {"invite": False})
    acls.grant(world.context, world.workflow, data | {"notify": True})
    assert users.find(world.context, world.workflow, Find(query="code=new@gda.com"))[0]["role"] == "standard"


def test_an_employee_grants_only_what_they_have_and_never_a_volume(world: World) -> None:
    shares.create(world.context, world.admin, "volume", {"code": "archive", "path": "/mnt/archive"})
    shares.create(world.context, world.admin, "folder", {"code": "old", "parent": "archive", "path": "old"})
    give = {"entity": world.jennifer.code, "read": True}
    with pytest.raises(PathRefusedError):
        acls.grant(world.context, world.workflow, give | {"target": "old"})
    with pytest.raises(ForbiddenError):
        acls.grant(world.context, world.workflow, give | {"target": "production"})
    with pytest.raises(ForbiddenError):
        acls.grant(world.context, world.workflow, {"entity": world.admin.code, "read": True, "target": "old"})


def test_the_reasons_of_a_verdict_name_the_grants(world: World) -> None:
    world.share()
    asked = "share=proj002-outsourcing/TO_VENDORS/task.txt"
    why = acls.why(world.context, world.jennifer, "jennifer@gda.com", asked)
    assert (why["read"], why["write"]) == (True, False)
    assert "proj002-outsourcing" in why["reasons"][0]
    assert acls.why(world.context, world.jennifer, "jennifer@gda.com", "share=proj002-outsourcing")["read"] is False
    with pytest.raises(ForbiddenError):
        acls.why(world.context, world.jennifer, "andrea@geoscan.org", asked)


def test_a_disabled_grant_gives_nothing(world: World) -> None:
    share = world.share()
    [grant] = acls.find(world.context, world.workflow, Find(query=f"target=share:{share['id']} and path=to_vendors"))
    acls.update(world.context, world.workflow, grant["id"], {"status": "disabled"})
    assert not acls.why(world.context, world.admin, "jennifer@gda.com", "share=proj002-outsourcing/TO_VENDORS")["read"]


def test_every_change_is_in_the_audit_with_who_and_where_from(world: World) -> None:
    share = world.share()
    caller = replace(world.workflow, address="192.0.2.1")
    shares.update(world.context, caller, share["id"], {"description": "Outsourcing"})
    [newest, *_] = audit.find(world.context, world.admin, entitytype="share", id=share["id"])
    assert (newest["user"], newest["address"], newest["action"]) == (caller.code, "192.0.2.1", "share.update")


def test_the_workspace_and_its_site_are_found_by_code(world: World) -> None:
    [found] = workspaces.find(world.context, world.jennifer, Find(query="code=geoscan"))
    [site] = workspaces.sites(world.context, world.jennifer, Find(query="code=hq"))
    assert (found["code"], site["code"], site["id"]) == ("geoscan", "hq", found["id"])


def test_an_invitation_leaves_one_mail_and_none_when_asked_for_none(world: World) -> None:
    users.create(world.context, world.admin, {"code": "a@gda.com", "message": "Welcome!"})
    users.create(world.context, world.admin, {"code": "b@gda.com", "mail": False})
    with world.context.reading() as work:
        mails = [row.data for row in work.connection.execute(outbox.select())]
    assert [mail["to"] for mail in mails] == ["a@gda.com"]
    assert "Welcome!" in mails[0]["text"]
