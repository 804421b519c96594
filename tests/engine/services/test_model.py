"""Nothing that the reference model denies is ever allowed, and a list is what single gets say, whatever people do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Caller, Find
from accsyn_engine.services.errors import NobodyAnswersError
from accsyn_engine.services.moving import files
from accsyn_engine.services.people import users
from accsyn_engine.services.work import job_lists, jobs
from accsyn_plugins.errors import AccsynError
from tests.engine.services.model import Model, Share, User, joined
from tests.engine.services.world import open_world

BOSS = "andrea@geoscan.org"
PEOPLE = (BOSS, "second@geoscan.org", "erin@geoscan.org", "emil@geoscan.org", "vera@gda.com", "viktor@gda.com")
ROLES = ("admin", "employee", "standard")
VOLUMES = ("production", "archive")
FOLDERS = ("f1", "f2", "f3")
PATHS = ("a", "a/b", "a/b/c", "ab", "c")
BOTH = frozenset({"read", "write"})

people = st.sampled_from(PEOPLE)
folders = st.sampled_from(FOLDERS)
volumes = st.sampled_from(VOLUMES)
places = st.sampled_from(PATHS)
below_shares = st.sampled_from(("", "b", "b/c"))
statuses = st.sampled_from(("enabled", "disabled"))
some_rights = st.sampled_from((frozenset({"read"}), frozenset({"write"}), BOTH))


class People(RuleBasedStateMachine):
    """People of all roles at once, and the model beside them."""

    original: Path
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.original, self.folder)
        self.world = open_world(self.folder)
        self.context = self.world.context
        self.model = Model("production", {BOSS: User("admin")}, {"production": Share("volume", "production")})
        self.sent: dict[str, tuple[str, str, str, str]] = {}  # who sends what to whom, by job
        self.ids = {BOSS: self.world.admin.user_id}
        shares.create(self.context, self.world.admin, "volume", {"code": "archive", "path": "/mnt/archive"})
        self.model.shares["archive"] = Share("volume", "archive")
        for code, role in zip(PEOPLE[1:], ("admin", "employee", "employee", "standard", "standard"), strict=True):
            self.invite(BOSS, code, role, gives=code != "emil@geoscan.org")

    def teardown(self) -> None:
        try:
            for who in PEOPLE:
                self.lists_are_what_single_gets_say(who)
        finally:
            self.context.database.close()

    def can_call(self, who: str) -> bool:
        user = self.model.users.get(who)
        return user is not None and user.enabled and user.active

    def caller(self, who: str) -> Caller:
        return Caller(self.ids[who], who, self.model.users[who].role, address="10.0.0.9")

    def does(self, who: str, act: Callable[..., Any], *args: Any, allowed: bool) -> Any:
        """Have somebody do something; None when the engine refuses it."""
        if not self.can_call(who):
            return None
        try:
            answer = act(self.context, self.caller(who), *args)
        except AccsynError:
            return None
        assert allowed, f"{who} ({self.model.users[who].role}) was allowed {act.__name__}{args}"
        return answer

    # People.

    @rule(who=people, code=people, role=st.sampled_from(ROLES), gives=st.booleans())
    def invite(self, who: str, code: str, role: str, gives: bool) -> None:
        data = {"code": code, "role": role, "give_default_volume_access": gives, "mail": False}
        made = self.does(who, users.create, data, allowed=self.can_call(who) and self.model.may_invite(who, code, role))
        if made is None:
            return
        self.ids[code] = made["id"]
        if code in self.model.users:
            self.model.set_user(code, role=role, enabled=True, active=True)
        else:
            self.model.users[code] = User(role)
        if role == "standard":
            known = self.model.shares.get(code)
            volume = self.model.default if known is None else known.volume
            self.model.shares[code] = Share("home", volume, joined("accsyn", code), owner=code)
            self.model.grants[code, code, ""] = set(BOTH)
        elif role == "employee" and gives:
            self.model.grants[code, self.model.default, ""] = set(BOTH)

    @rule(who=people, other=people, status=statuses)
    def enable_or_disable(self, who: str, other: str, status: str) -> None:
        allowed = self.can_call(who) and self.model.sees_user(who, other)
        stays = status == "disabled" and (who == other or self.model.is_last_admin(other))
        if self.does(who, users.update, other, {"status": status}, allowed=allowed and not stays):
            self.model.set_user(other, enabled=status == "enabled")

    @rule(who=people, other=people, role=st.sampled_from(ROLES))
    def change_role(self, who: str, other: str, role: str) -> None:
        is_same = other in self.model.users and self.model.users[other].role == role
        allowed = self.can_call(who) and self.model.sees_user(who, other)
        allowed = allowed and (is_same or self.model.may_change_role(who, other, role))
        if self.does(who, users.update, other, {"role": role}, allowed=allowed):
            self.model.set_user(other, role=role)

    @rule(who=people, other=people)
    def deactivate_user(self, who: str, other: str) -> None:
        allowed = self.can_call(who) and other in self.model.users and self.model.may_end_user(who, other)
        if self.does(who, users.deactivate, other, allowed=allowed and not self.has_jobs(other)):
            self.model.set_user(other, active=False)
            if other in self.model.shares and self.model.shares[other].active:
                self.model.set_share(other, active=False, went_with=other)

    @rule(who=people, other=people)
    def activate_user(self, who: str, other: str) -> None:
        allowed = self.can_call(who) and self.model.elevated(who) and self.model.sees_user(who, other)
        if not self.does(who, users.activate, other, allowed=allowed):
            return
        self.model.set_user(other, active=True, enabled=True)
        home = self.model.shares.get(other)
        if home is not None and home.went_with == other:
            is_in_use = self.model.shares[home.volume].active
            self.model.set_share(other, active=is_in_use, went_with="" if is_in_use else home.volume)

    @rule(who=people, other=people)
    def delete_user(self, who: str, other: str) -> None:
        allowed = self.can_call(who) and other in self.model.users and self.model.may_end_user(who, other)
        if self.does(who, users.delete, other, allowed=allowed):
            self.model.set_user(other, active=False)
            self.model.drop_grants(user=other)
            self.model.drop_share(other)

    # Shares.

    @rule(who=people, code=folders, volume=volumes, path=places)
    def share_folder(self, who: str, code: str, volume: str, path: str) -> None:
        allowed = self.can_call(who) and volume in self.model.shares and code not in self.model.shares
        allowed = allowed and self.model.may_share(who, volume, path)
        data = {"code": code, "parent": volume, "path": path}
        if self.does(who, shares.create, "folder", data, allowed=allowed):
            self.model.shares[code] = Share("folder", volume, path)

    @rule(who=people, code=st.sampled_from(FOLDERS + VOLUMES + PEOPLE), status=statuses)
    def enable_or_disable_share(self, who: str, code: str, status: str) -> None:
        allowed = self.can_call(who) and self.model.may_change_share(who, code)
        allowed = allowed and not (code == self.model.default and status == "disabled")
        if self.does(who, shares.update, code, {"status": status}, allowed=allowed):
            self.model.set_share(code, enabled=status == "enabled")

    @rule(who=people, code=st.sampled_from(FOLDERS + VOLUMES + PEOPLE))
    def deactivate_share(self, who: str, code: str) -> None:
        allowed = self.can_call(who) and self.model.may_end_share(who, code)
        allowed = allowed and self.model.shares[code].type != "home"
        if self.does(who, shares.deactivate, code, allowed=allowed):
            self.model.end_share(code, went_with=self.model.shares[code].went_with)

    @rule(who=people, code=st.sampled_from(FOLDERS + VOLUMES + PEOPLE))
    def activate_share(self, who: str, code: str) -> None:
        allowed = self.can_call(who) and self.model.may_change_share(who, code)
        if self.does(who, shares.activate, code, allowed=allowed):
            self.model.set_share(code, active=True, went_with="")
            self.model.bring_back(code)

    @rule(who=people, code=st.sampled_from(FOLDERS + VOLUMES + PEOPLE), force=st.booleans())
    def delete_share(self, who: str, code: str, force: bool) -> None:
        allowed = self.can_call(who) and self.model.may_end_share(who, code)
        if self.does(who, shares.delete, code, force, allowed=allowed):
            self.model.drop_share(code)

    # Grants.

    @rule(
        who=people,
        other=people,
        code=st.sampled_from(FOLDERS + VOLUMES + PEOPLE),
        path=below_shares,
        rights=some_rights,
    )
    def grant(self, who: str, other: str, code: str, path: str, rights: frozenset[str]) -> None:
        allowed = self.can_call(who) and self.model.may_grant(who, other, code, path, set(rights))
        given = {"entity": other, "target": code, "path": path, "invite": False}
        data = given | {right: right in rights for right in BOTH}
        if not self.does(who, acls.grant, data, allowed=allowed):
            return
        self.model.grants[other, code, path] = set(rights)
        if self.model.users[who].role == "admin":
            self.model.set_user(other, enabled=True)
            self.model.set_share(code, enabled=True)

    @precondition(lambda self: self.model.grants)
    @rule(who=people, data=st.data())
    def revoke(self, who: str, data: st.DataObject) -> None:
        grant = data.draw(st.sampled_from(sorted(self.model.grants)))
        found = {self.key(row): row["id"] for row in acls.find(self.context, self.world.admin, _all(False))}
        found |= {self.key(row): row["id"] for row in acls.find(self.context, self.world.admin, _all(True))}
        allowed = self.can_call(who) and self.model.may_revoke(who, grant)
        if self.does(who, acls.revoke, found[grant], allowed=allowed):
            del self.model.grants[grant]

    # Files and jobs.

    @rule(who=people, volume=volumes, path=places, to=places, operation=st.sampled_from(("rename", "move", "delete")))
    def move_files(self, who: str, volume: str, path: str, to: str, operation: str) -> None:
        if not self.can_call(who):
            return
        ends = (path,) if operation == "delete" else (path, to)
        allowed = volume in self.model.shares and all(self.model.may(who, "write", volume, end) for end in ends)
        data = {"path": f"volume={volume}/{path}", "path_to": f"volume={volume}/{to}"}
        try:
            files.operate(self.context, self.caller(who), operation, data)
        except NobodyAnswersError:  # allowed, but no server is there
            assert allowed, f"{who} may {operation} {data}"
        except AccsynError:
            return

    @rule(who=people, other=people, volume=volumes, path=places)
    def send(self, who: str, other: str, volume: str, path: str) -> None:
        allowed = self.can_call(who) and volume in self.model.shares and self.can_call(other)
        allowed = allowed and (self.model.elevated(who) or who == other) and self.model.may(who, "read", volume, path)
        data = {"source": f"volume={volume}/{path}", "destination": f"{other}:share={volume}/{path}"}
        made = self.does(who, jobs.create, data, allowed=allowed)
        if made is not None:
            self.sent[made["id"]] = (who, volume, path, other)

    def living(self) -> list[dict[str, Any]]:
        return [job for job in job_lists.find(self.context, self.world.admin, Find()) if job["status"] != "failed"]

    def has_jobs(self, code: str) -> bool:
        return any(self.ids[code] in {job["user"], job["destination"].partition(":")[2]} for job in self.living())

    # What must hold at any time.

    @rule(who=people, volume=volumes, path=places)
    def the_verdict_is_the_models(self, who: str, volume: str, path: str) -> None:
        if who in self.model.users and volume in self.model.shares and self.model.shares[volume].active:
            why = acls.why(self.context, self.world.admin, who, f"volume={volume}/{path}")
            told = {right for right in BOTH if why[right]}
            assert told == {right for right in BOTH if self.model.may(who, right, volume, path)}

    @rule()
    def nothing_runs_by_rights_that_are_gone(self) -> None:
        for job in self.living():
            who, volume, path, _ = self.sent[job["id"]]
            assert self.can_call(who)
            assert self.model.may(who, "read", volume, path), f"{who} still sends {volume}/{path}"

    @rule(who=people)
    def lists_are_what_single_gets_say(self, who: str) -> None:
        if not self.can_call(who):
            return
        caller = self.caller(who)
        seen = {code for code in self.model.users if self.model.sees_user(who, code)}
        assert self.listed(caller, users.find) == seen
        seen = {code for code in self.model.shares if self.model.sees_share(who, code)}
        assert self.listed(caller, lambda context, one, find: shares.find(context, one, "share", find)) == seen
        grants = {grant for grant in self.model.grants if self.model.sees_grant(who, grant)}
        assert self.listed(caller, acls.find, self.key) == grants
        every = {row["id"]: self.sent[row["id"]] for row in job_lists.find(self.context, self.world.admin, Find())}
        seen = {key for key, (by, volume, _, to) in every.items() if self.model.sees_job(who, {by, to}, volume)}
        assert self.listed(caller, job_lists.find, lambda row: row["id"]) == seen

    def listed(
        self,
        caller: Caller,
        find: Callable[..., list[dict[str, Any]]],
        key: Callable[[dict[str, Any]], Any] = lambda row: row["code"],
    ) -> set[Any]:
        """What a caller lists, active and not; held against what they get one by one of all there is."""
        both = [_all(inactive) for inactive in (False, True)]
        listed = {row["id"]: key(row) for which in both for row in find(self.context, caller, which)}
        every = {row["id"] for which in both for row in find(self.context, self.world.admin, which)}
        assert {one for one in every if find(self.context, caller, Find(id=one))} == set(listed)
        return set(listed.values())

    def key(self, row: dict[str, Any]) -> tuple[str, str, str]:
        user = row["entity_hr"].partition(":")[2].partition("[")[0]
        share = row["target_hr"].partition(":")[2].partition("[")[0]
        return user, share, row["path"].strip("/")


def _all(inactive: bool) -> Find:
    return Find(query="id!=none", inactive=inactive)


def test_nothing_is_allowed_that_the_model_denies(sqlite_original: Path, tmp_path: Path) -> None:
    class Studio(People):
        original = sqlite_original
        folder = tmp_path / "engine"

    run_state_machine_as_test(
        Studio,
        settings=settings(
            max_examples=10, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
