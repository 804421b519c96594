"""Every operation of one released accsyn Python API, called on a real engine; run by that release's own Python path.

Arguments: the release, the arguments of Session() as JSON, a word that no other run uses. Prints one JSON object: what
each row of the table came to, and which of the client's methods nobody called. With the release alone it prints the
names of the rows, and of those that this release has.

A row has one of three ends: it works (its function returns, after its own checks), the engine refuses it for good with a
sentence that has the given words, or it is not there yet and the engine says so with a sentence.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Callable
from typing import Any

import accsyn_api

Check = Callable[[Any], None]

RELEASE = tuple(int(part) for part in sys.argv[1].split(".")[:3])
TAG = sys.argv[3] if len(sys.argv) > 3 else ""
ROWS: list[tuple[Check, tuple[str, ...], tuple[int, ...], tuple[int, ...], str, bool]] = []
MADE: dict[str, dict[str, Any]] = {}

# Called by every other method, with the arguments of their caller.
INNER = {"rest"}


class Recorder:
    """The client's session, which notes the methods that are called."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(self.session, name)


def row(
    *methods: str,
    since: tuple[int, ...] = (1,),
    until: tuple[int, ...] = (9,),
    refused: str = "",
    lacks: bool = False,
) -> Callable[[Check], Check]:
    """Add a function to the table; it is called for releases that have all the methods and lie between the two."""

    def add(function: Check) -> Check:
        ROWS.append((function, methods, since, until, refused, lacks))
        return function

    return add


def same(got: Any, wanted: Any) -> None:
    assert got == wanted, f"{got!r} is not {wanted!r}"


def first(answer: Any) -> Any:
    """Until 1.2.4 some methods hand out the list."""
    return answer[0] if isinstance(answer, list) else answer


def update(session: Any, kind: str, ident: str, **changes: Any) -> Any:
    name = "update" if hasattr(session.session, "update") else "update_one"
    return first(getattr(session, name)(kind, ident, changes))


def find_tasks(session: Any, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.find("task WHERE job.id=" + job)
    return found


# --- the client itself ------------------------------------------------------------------------------------------------


@row("help", "get_hostname", "get_last_message", "str")
def small_words(session: Any) -> None:
    session.help()
    assert session.get_hostname()
    session.get_last_message()
    assert "a" in session.str({"a": 1})


@row("dump")
def dump(session: Any) -> None:
    assert "a" in session.dump({"a": 1})


@row("decode_query")
def decode_query(session: Any) -> None:
    same(session.decode_query("User WHERE code=a")["entitytype"], "user")


@row("base64_encode", "get_base_uri", "info", "json_serial", "obscure_dict_string", "safe_dumps", "safely_printable")
def words_of_the_first_generation(session: Any) -> None:
    assert session.base64_encode("a")
    same(session.get_base_uri("task"), "job/task")
    session.info("a")
    session.obscure_dict_string('{"a": "b"}')
    assert session.safe_dumps({"a": 1})
    session.safely_printable("a")
    session.json_serial(datetime.datetime(2026, 1, 1))


@row("verbose", "warning")
def notes_of_the_first_generation(session: Any) -> None:
    session.verbose("a")
    session.warning("a")


@row("event")
def event(session: Any) -> None:
    assert session.event("GET", "user/find", {})["result"]


@row("login", until=(3,))
def login_renews_the_session(session: Any) -> None:
    key, session.session._session_key = session._session_key, None  # as the client does when a session has expired
    assert session.login(revive_session_key=key)
    same(session._session_key, key)


@row("login", since=(3,), refused="Already logged in")
def login_again(session: Any) -> None:
    session.login()


@row("get_session_key")
def get_session_key(session: Any) -> None:
    assert session.get_session_key()


@row("generate_session_key")
def generate_session_key(session: Any) -> None:
    assert session.generate_session_key()


@row("get_api_key", refused="shown once")
def get_api_key(session: Any) -> None:
    session.get_api_key()


# --- finding ----------------------------------------------------------------------------------------------------------


@row("find")
def entitytypes(session: Any) -> None:
    assert {"user", "share", "acl"} <= set(session.find("entitytypes"))


@row("find")
def attributes(session: Any) -> None:
    assert "code" in session.find("attributes WHERE entitytype=user")


@row("find", since=(1, 3))
def attributes_to_create(session: Any) -> None:
    assert "code" in session.find("attributes WHERE entitytype=user", create=True)


@row("find")
def find_users(session: Any) -> None:
    assert session.find("user", limit=1)
    same(list(session.find("user", attributes=["code"])[0]), ["code"])


@row("find_one")
def find_one_user(session: Any) -> None:
    same(session.find_one("user WHERE code=workflow@geoscan.org")["code"], "workflow@geoscan.org")
    same(session.find_one("user WHERE code=nobody@gda.com"), None)


@row("find_one")
def my_profile(session: Any) -> None:
    same(session.find_one("User")["code"], "andrea@geoscan.org")


@row("find")
def expression_in_parentheses(session: Any) -> None:
    found = session.find("user WHERE (code=workflow@geoscan.org AND status=enabled)")
    same(len(found), 1)


def finds(word: str, **limits: Any) -> None:
    @row("find", **limits)
    def find(session: Any) -> None:
        assert isinstance(session.find(word), list)

    find.__name__ = "find_" + word


for entity in ("share", "volume", "folder", "home", "collection", "acl", "job", "queue", "client", "app", "server",
               "userserver", "lane", "workspace", "organization", "site", "engine", "transfer", "delivery",
               "request"):  # fmt: skip
    finds(entity)
for entity in ("stream", "compute"):
    finds(entity, refused="not offered here")


@row("find")
def find_shares_of_the_right_types(session: Any) -> None:
    found = {share["code"] for share in session.find("share")}
    same("production" in found, RELEASE < (3, 2))  # since then the word means folders only
    assert session.find_one("volume WHERE code=production")


@row("get_entity")
def get_entity(session: Any) -> None:
    user = session.find_one("user WHERE code=workflow@geoscan.org")
    same(session.get_entity("User", user["id"])["code"], user["code"])
    same(session.get_entity("user", "0" * 24), None)


# --- people, shares, grants -------------------------------------------------------------------------------------------


@row("create")
def create_user(session: Any) -> None:
    MADE["user"] = session.create("user", {"code": f"{TAG}@gda.com"})
    role = MADE["user"]["clearance" if RELEASE < (2,) else "role"]
    same(role, "user" if RELEASE < (3,) else "standard")


@row("create", refused="@gda.com")
def create_user_again(session: Any) -> None:
    session.create("user", {"code": f"{TAG}@gda.com"})


@row("update_one")
def update_user(session: Any) -> None:
    changed = first(session.update_one("user", MADE["user"]["id"], {"name": "Jennifer"}))
    same(changed["name"], "Jennifer")


@row("update")
def update_user_newer(session: Any) -> None:
    same(session.update("user", MADE["user"]["id"], {"name": "Jen"})["name"], "Jen")


@row("create")
def create_folder(session: Any) -> None:
    MADE["share"] = session.create("share", {"code": f"{TAG}-folder", "parent": "production", "path": "proj002"})
    same(MADE["share"]["type"], "standard" if RELEASE < (3,) else "folder")


@row("create")
def create_acl(session: Any) -> None:
    MADE["acl"] = session.create("acl", {
        "entity": "user:" + MADE["user"]["id"], "target": "share:" + MADE["share"]["id"], "path": "TO_VENDORS",
        "read": True, "write": False,
    })  # fmt: skip
    assert MADE["acl"]["read"]


@row("find")
def find_acl_by_two_attributes(session: Any) -> None:
    found = session.find(f"acl WHERE (entity=user:{MADE['user']['id']} AND path=TO_VENDORS)")
    same([row["id"] for row in found], [MADE["acl"]["id"]])


@row("update_one", until=(3, 2))
def update_acl(session: Any) -> None:
    assert update(session, "acl", MADE["acl"]["id"], write=True)["write"]


@row("delete_one", until=(3, 2))
def delete_acl(session: Any) -> None:
    assert session.delete_one("acl", MADE["acl"]["id"]) is True


@row("grant")
def grant(session: Any) -> None:
    given = session.grant("user", MADE["user"]["code"], "folder", MADE["share"]["id"], {"read": True, "path": "a"})
    same(given["path"].strip("/"), "a")


@row("access")
def access(session: Any) -> None:
    rows = session.access("folder", MADE["share"]["id"])
    same({row["user"] for row in rows}, {MADE["user"]["id"]})


@row("access", since=(3, 4))
def access_of_one_user(session: Any) -> None:
    rows = session.access("folder", MADE["share"]["id"], "user", MADE["user"]["id"])
    same({row["path"].strip("/") for row in rows}, {"a", "TO_VENDORS"})
    assert session.access("share", MADE["share"]["id"], recursive=True)


@row("revoke")
def revoke(session: Any) -> None:
    while session.access("folder", MADE["share"]["id"]):
        assert session.revoke("user", MADE["user"]["code"], "folder", MADE["share"]["id"]) is True
    same(session.access("folder", MADE["share"]["id"]), [])


@row("create")
def create_volume(session: Any) -> None:
    MADE["volume"] = session.create("volume", {"code": f"{TAG}-volume", "path": f"/srv/{TAG}"})


@row("assign", "assignments", "deassign")
def servers_of_a_share(session: Any) -> None:
    client = session.find_one("server")
    ids = {"share": MADE["volume"]["id"], "client": client["id"], "main": True}
    assert session.assign("share", "server", ids)
    assert client["id"] in [row["id"] for row in session.assignments("share", MADE["volume"]["id"])]
    assert session.deassign("share", "server", ids)
    same(session.assignments("share", MADE["volume"]["id"]), [])


# --- jobs, tasks, queues ----------------------------------------------------------------------------------------------


def job_of(name: str) -> dict[str, Any]:
    return {
        "code": name, "status": "paused",
        "tasks": {"0": {"source": "proj002/TO_VENDORS", "destination": f"{MADE['user']['code']}:proj002/{name}"}},
    }  # fmt: skip


@row("create", "find_one")
def create_job(session: Any) -> None:
    MADE["job"] = session.create("job", job_of(TAG + "_job"))
    same(session.find_one(f"job WHERE code={TAG}_job")["id"], MADE["job"]["id"])


@row("create", since=(3, 2))
def create_transfer(session: Any) -> None:
    made = session.create("transfer", job_of(TAG + "_transfer"), allow_duplicates=True)
    assert session.delete_one("transfer", made["id"]) is True


@row("create")
def create_task(session: Any) -> None:
    task = {"uri": "1", "source": "proj002/DATASET_001_1203", "destination": f"{MADE['user']['code']}:proj002/more"}
    session.create("task", [task], MADE["job"]["id"])
    same({row["uri"] for row in find_tasks(session, MADE["job"]["id"])}, {"0", "1"})


@row("find", since=(3, 2))
def find_tasks_by_parent(session: Any) -> None:
    same(len(session.find("task", entityid=MADE["job"]["id"])), 2)


@row("update_one")
def update_task(session: Any) -> None:
    task = find_tasks(session, MADE["job"]["id"])[0]
    same(update(session, "task", task["id"], status="excluded")["status"], "excluded")


@row("update_many")
def update_tasks(session: Any) -> None:
    changes = [{"uri": "0", "status": "queued"}, {"uri": "1", "status": "excluded"}]
    job = MADE["job"]["id"]
    changed = session.update_many("task", job, changes) if RELEASE >= (3, 2) else session.update_many("task", changes, job)
    # Pending: the receiver has no machine yet that says where the files go.
    same([task["status"] for task in changed], ["pending", "excluded"])


@row("update_one")
def update_job(session: Any) -> None:
    same(update(session, "job", MADE["job"]["id"], description="Words")["description"], "Words")


@row("create")
def create_queue(session: Any) -> None:
    MADE["queue"] = session.create("queue", {"code": f"{TAG}-queue", "name": f"{TAG}-queue", "priority": 600, "type": 2})
    same(MADE["queue"]["priority"], 600)
    assert session.find_one(f"queue WHERE code={TAG}-queue")


@row("delete_one", since=(3, 2))
def delete_queue(session: Any) -> None:
    assert session.delete_one("queue", MADE["queue"]["id"]) is True


@row("delete_one", until=(3, 2))
def delete_queue_as_a_job(session: Any) -> None:
    assert session.delete_one("queue", MADE["queue"]["id"]) is True


@row("create")
def create_delivery(session: Any) -> None:
    MADE["delivery"] = session.create("delivery", {"name": TAG + " delivery"})
    same(MADE["delivery"]["name"], TAG + " delivery")


@row("create")
def create_request(session: Any) -> None:
    same(session.create("request", {"name": TAG + " request"})["name"], TAG + " request")


@row("create", lacks=True)
def create_collection(session: Any) -> None:
    session.create("collection", {"code": TAG + "-collection", "name": TAG + "-collection"})


@row("create")
def create_site(session: Any) -> None:
    MADE["site"] = session.create("site", {"code": TAG + "-site"})
    assert session.find_one(f"site WHERE code={TAG}-site")
    same(update(session, "site", MADE["site"]["id"], description="Words")["description"], "Words")
    assert session.delete_one("site", MADE["site"]["id"]) is True


@row("update_one")
def update_workspace(session: Any) -> None:
    workspace = session.find_one("workspace")
    same(update(session, "workspace", workspace["id"], description=TAG)["description"], TAG)


@row("update_one")
def update_client(session: Any) -> None:
    server = session.find_one("server")
    same(update(session, "server", server["id"], metadata={"tag": TAG})["metadata"], {"tag": TAG})


@row("create")
def create_home(session: Any) -> None:
    code = f"home.{TAG}@gda.com"
    made = session.create("user", {"code": code, "create_home_share": True})
    same(len(session.find(f"home WHERE user={code}")), 1)
    assert session.delete_one("user", made["id"]) is True


@row("create", refused="accsyn-engine agent")
def create_client(session: Any) -> None:
    session.create("client", {"code": TAG})


@row("create", refused="not offered here")
def create_compute(session: Any) -> None:
    session.create("compute", {"code": TAG})


@row("create", refused="not offered here")
def create_stream(session: Any) -> None:
    session.create("stream", {"code": TAG})


@row("delete_one", refused="excluded")
def delete_task(session: Any) -> None:
    session.delete_one("task", find_tasks(session, MADE["job"]["id"])[0]["id"])


@row("delete_many", lacks=True)
def delete_files_of_a_collection(session: Any) -> None:
    session.delete_many("collection", MADE["share"]["id"], {"files": ["0" * 36]})


@row("grant", "create")
def grant_on_a_delivery(session: Any) -> None:
    assert session.grant("user", MADE["user"]["id"], "delivery", MADE["delivery"]["id"])


@row("access", "create")
def recipients(session: Any) -> None:
    assert session.access("delivery", MADE["delivery"]["id"])


@row("revoke", "create")
def revoke_on_a_delivery(session: Any) -> None:
    assert session.revoke("user", MADE["user"]["id"], "delivery", MADE["delivery"]["id"])


# --- files ------------------------------------------------------------------------------------------------------------

FOLDER = f"volume=production/proj002/{TAG}"


@row("ls")
def ls(session: Any) -> None:
    names = {entry["filename"] for entry in session.ls("volume=production/proj002")}
    assert {"TO_VENDORS", "DATASET_001_1203"} <= names
    assert session.ls("volume=production/proj002", recursive=True, maxdepth=2, files_only=True)


@row("getsize")
def getsize(session: Any) -> None:
    same(session.getsize("volume=production/proj002/TO_VENDORS/analysis_task_description.txt"), 200)


@row("exists")
def exists(session: Any) -> None:
    same(session.exists("volume=production/proj002"), True)
    same(session.exists("volume=production/nothing"), False)


@row("mkdir")
def mkdir(session: Any) -> None:
    assert session.mkdir(FOLDER) is True
    assert session.exists(FOLDER)


@row("rename")
def rename(session: Any) -> None:
    assert session.rename(FOLDER, FOLDER + "_renamed") is True


@row("mv")
def mv(session: Any) -> None:
    assert session.mv(FOLDER + "_renamed", FOLDER + "_moved") is True
    assert session.exists(FOLDER + "_moved")


# A fault of these clients: on the wire this is a mkdir, so nothing may be removed.
@row("rm", refused="exists already")
def rm_says_mkdir(session: Any) -> None:
    assert session.exists(FOLDER + "_moved")
    session.rm(FOLDER + "_moved")


@row("delete")
def delete_folder(session: Any) -> None:
    assert session.delete(FOLDER + "_moved", force=True) is True
    same(session.exists(FOLDER + "_moved"), False)


@row("prepublish")
def prepublish(session: Any) -> None:
    answer = session.prepublish([{"id": "1", "filename": "a.dat", "size": 3}])
    same(answer["files"][0]["id"], "1")


# --- settings, records, machines --------------------------------------------------------------------------------------


def words_of_setting(session: Any, method: str, *words: str) -> Any:
    """Until 3.2 a setting's name came first and its scope by name."""
    if RELEASE >= (3, 3):
        return getattr(session, method)("workspace", *words)
    return getattr(session, method)(*words, scope="workspace")


@row("set_setting", "get_setting")
def settings(session: Any) -> None:
    assert words_of_setting(session, "set_setting", "transfer_speedlimit", "25")
    same(session.get_setting("transfer_speedlimit"), "25")


@row("get_settings")
def all_settings(session: Any) -> None:
    same(session.get_settings("workspace")["transfer_speedlimit"], "25")


@row("delete_setting")
def delete_setting(session: Any) -> None:
    assert session.delete_setting("workspace", "transfer_speedlimit")


@row("logs")
def logs(session: Any) -> None:
    assert isinstance(session.logs("user", pagination_limit=5)["result"], list)


@row("metrics", lacks=True)
def metrics(session: Any) -> None:
    session.metrics(f"job WHERE id={MADE['job']['id']}", attributes=["speed"])


@row("report", lacks=True)
def report(session: Any) -> None:
    assert session.report(f"job WHERE id={MADE['job']['id']}")


@row("integration", lacks=True)
def integration(session: Any) -> None:
    session.integration("ftrack", "ping", {"a": 1})


@row("gui_is_running", "server_is_running")
def running(session: Any) -> None:
    assert session.gui_is_running() in (None, True, False)
    assert session.server_is_running() in (None, True, False)


@row("app_is_running", "daemon_is_running")
def running_newer(session: Any) -> None:
    assert session.app_is_running() in (None, True, False)
    assert session.daemon_is_running() in (None, True, False)


# --- the end of things ------------------------------------------------------------------------------------------------


@row("delete_one")
def delete_job(session: Any) -> None:
    assert session.delete_one("job", MADE["job"]["id"]) is True


@row("offline_one", until=(3, 2))
def offline_share(session: Any) -> None:
    assert session.offline_one("share", MADE["volume"]["id"]) is True


@row("offline_one", since=(3, 2))
def offline_share_newer(session: Any) -> None:
    assert session.offline_one("folder", MADE["share"]["id"]) is True
    assert session.activate_one("folder", MADE["share"]["id"]) is True


@row("deactivate_one", "activate_one")
def deactivate_and_activate(session: Any) -> None:
    assert session.deactivate_one("user", MADE["user"]["id"]) is True
    assert session.activate_one("user", MADE["user"]["code"]) is True


@row("delete_one")
def delete_the_rest(session: Any) -> None:
    for kind in ("share", "user"):
        assert session.delete_one(kind, MADE[kind]["id"]) is True


def applies(methods: tuple[str, ...], since: tuple[int, ...], until: tuple[int, ...]) -> bool:
    return since <= RELEASE < until and all(hasattr(accsyn_api.Session, method) for method in methods)


def end_of(function: Check, session: Any) -> str:
    try:
        function(session)
    except AssertionError as error:
        return f"AssertionError: {error}"
    except Exception as error:  # each release has its own class
        return f"{type(error).__name__}: {error}"
    return "works"


def carry_out() -> dict[str, Any]:
    session = Recorder(accsyn_api.Session(**json.loads(sys.argv[2])))
    results = {}
    for function, methods, since, until, refused, lacks in ROWS:
        if applies(methods, since, until):
            results[function.__name__] = {"said": end_of(function, session), "refused": refused, "lacks": lacks}
    named = (name for name in dir(accsyn_api.Session) if not name.startswith("_"))
    public = {name for name in named if callable(getattr(accsyn_api.Session, name))}
    return {"results": results, "uncalled": sorted(public - session.called - INNER)}


def table() -> dict[str, Any]:
    """What there is to do, without an engine."""
    names = [function.__name__ for function, *_ in ROWS]
    applying = [row[0].__name__ for row in ROWS if applies(row[1], row[2], row[3])]
    return {"rows": names, "applies": applying}


print(json.dumps(carry_out() if len(sys.argv) > 2 else table()))
