"""Who may do what, written down a second time and as plainly as can be: dictionaries, no database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

COUNTED = {"employee": {"volume", "folder", "home"}, "standard": {"folder", "home"}}


@dataclass(frozen=True)
class User:
    role: str
    enabled: bool = True
    active: bool = True


@dataclass(frozen=True)
class Share:
    type: str
    volume: str
    path: str = ""
    owner: str = ""
    enabled: bool = True
    active: bool = True
    went_with: str = ""


@dataclass
class Model:
    default: str
    users: dict[str, User] = field(default_factory=dict)
    shares: dict[str, Share] = field(default_factory=dict)
    grants: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)

    # What may be seen.

    def elevated(self, who: str) -> bool:
        return self.users[who].role != "standard"

    def sees_user(self, who: str, other: str) -> bool:
        role = self.users[who].role
        return other in self.users and (
            role == "admin" or who == other or (role == "employee" and self.users[other].role == "standard")
        )

    def sees_share(self, who: str, code: str) -> bool:
        if code not in self.shares:
            return False
        share, role = self.shares[code], self.users[who].role
        granted = any(user == who and on == code for user, on, _ in self.grants)
        if role == "admin":
            return True
        if role == "standard":
            return granted and share.enabled and share.type != "volume"
        is_shared = share.type == "folder" or (share.type == "home" and self.users[share.owner].role == "standard")
        return granted or share.owner == who or (is_shared and self.holds_on(who, share.volume))

    def sees_grant(self, who: str, grant: tuple[str, str, str]) -> bool:
        user, code, _ = grant
        return user == who or (self.sees_user(who, user) and self.sees_share(who, code))

    def sees_job(self, who: str, parties: set[str], volume: str) -> bool:
        held = volume in self.shares and "read" in self.grants.get((who, volume, ""), set())
        is_theirs = self.users[who].role == "employee" and held and self.counts("employee", self.shares[volume])
        return self.users[who].role == "admin" or who in parties or is_theirs

    def holds_on(self, who: str, volume: str) -> bool:
        return any(user == who and self.shares[code].volume == volume for user, code, _ in self.grants)

    # What may be done with files.

    def may(self, who: str, right: str, volume: str, path: str) -> bool:
        role = self.users[who].role
        return role == "admin" or any(
            user == who
            and right in rights
            and self.counts(role, self.shares[code])
            and self.shares[code].volume == volume
            and below(path, joined(self.shares[code].path, sub))
            for (user, code, sub), rights in self.grants.items()
        )

    def counts(self, role: str, share: Share) -> bool:
        volume = self.shares[share.volume]
        return share.type in COUNTED[role] and all(one.enabled and one.active for one in (share, volume))

    # What may be changed. Each says whether, the caller does it.

    def may_invite(self, who: str, code: str, role: str) -> bool:
        known = self.users.get(code)
        is_free = known is None or (not known.active and self.sees_user(who, code))
        return self.elevated(who) and is_free and (self.users[who].role == "admin" or role == "standard")

    def may_end_user(self, who: str, other: str) -> bool:
        return self.elevated(who) and who != other and self.sees_user(who, other) and not self.is_last_admin(other)

    def may_change_role(self, who: str, other: str, role: str) -> bool:
        return self.users[who].role == "admin" and (role == "admin" or not self.is_last_admin(other))

    def is_last_admin(self, who: str) -> bool:
        others = (user for code, user in self.users.items() if code != who)
        is_admin = self.users[who].role == "admin"
        return is_admin and not any(user.role == "admin" and user.enabled and user.active for user in others)

    def may_change_share(self, who: str, code: str) -> bool:
        is_admin = self.users[who].role == "admin"
        return self.elevated(who) and self.sees_share(who, code) and (is_admin or self.shares[code].type != "volume")

    def may_end_share(self, who: str, code: str) -> bool:
        return self.may_change_share(who, code) and code != self.default

    def may_share(self, who: str, volume: str, path: str) -> bool:
        return self.elevated(who) and self.may(who, "read", volume, path)

    def may_grant(self, who: str, other: str, code: str, path: str, rights: set[str]) -> bool:
        if not (self.elevated(who) and self.sees_user(who, other) and self.sees_share(who, code)):
            return False
        share = self.shares[code]
        if self.users[who].role == "admin":
            return True
        is_theirs = self.users[other].role == "standard" and share.type != "volume"
        place = joined(share.path, path)
        is_held = all(self.may(who, right, share.volume, place) for right in rights)
        return is_theirs and self.users[other].enabled and share.enabled and is_held

    def may_revoke(self, who: str, grant: tuple[str, str, str]) -> bool:
        is_mine = self.users[who].role == "admin" or self.users[grant[0]].role == "standard"
        return self.elevated(who) and self.sees_grant(who, grant) and is_mine

    # What a change takes along.

    def set_user(self, code: str, **values: object) -> None:
        before = self.users[code]
        self.users[code] = replace(before, **values)  # type: ignore[arg-type]
        if self.users[code].role != before.role:
            self.drop_grants(user=code)

    def set_share(self, code: str, **values: object) -> None:
        self.shares[code] = replace(self.shares[code], **values)  # type: ignore[arg-type]

    def end_share(self, code: str, *, went_with: str = "") -> None:
        self.set_share(code, active=False, went_with=went_with)
        for other, share in list(self.shares.items()):
            if share.type != "volume" and share.volume == code and share.active:
                self.set_share(other, active=False, went_with=code)

    def bring_back(self, code: str) -> None:
        for other, share in list(self.shares.items()):
            if share.went_with == code:
                self.set_share(other, active=True, went_with="")

    def drop_share(self, code: str) -> None:
        for other in [other for other, share in self.shares.items() if code in {other, share.volume}]:
            self.drop_grants(share=other)
            del self.shares[other]

    def drop_grants(self, *, user: str = "", share: str = "") -> None:
        for grant in [grant for grant in self.grants if user == grant[0] or share == grant[1]]:
            del self.grants[grant]


def below(path: str, ancestor: str) -> bool:
    return ancestor in {"", path} or path.startswith(f"{ancestor}/")


def joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)
