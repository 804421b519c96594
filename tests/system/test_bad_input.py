"""Bad input and bad weather, as far as it needs real processes: the sentence is checked, and that nothing changed."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accsyn_engine.demo.processes import program
from accsyn_plugins.client import RefusedError
from tests.system.conftest import fill
from tests.system.world import DATASET, SENT, VENDOR, WORK, World, tree, write_file

HOOK = "job-post-done-server"


@pytest.fixture(scope="module")
def world(studio: World) -> World:
    studio.share_with_vendor()
    studio.agent(VENDOR)
    return studio


# --- starting -----------------------------------------------------------------------------------------------------------


def test_a_second_init_into_the_same_folder_is_refused(world: World) -> None:
    before = {name: content for name, content in tree(world.data).items() if name.endswith((".toml", ".pem", ".key"))}
    volume = f"production={world.volume}"
    said = world.engine(
        "init", "--workspace", "other", "--admin", "eve@x.org", "--volume", volume, "--json", check=False
    )
    assert said.code != 0
    assert str(world.data) in said.error["message"]
    assert {name: content for name, content in tree(world.data).items() if name in before} == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--admin", "nobody", "--volume", "production={volume}"], "nobody"),
        (["--admin", "a@b.org", "--volume", "production"], "production"),
    ],
)
def test_init_with_wrong_words_makes_no_folder(world: World, arguments: list[str], words: str) -> None:
    fresh = world.folder / "fresh"
    filled = [argument.format(volume=world.volume) for argument in arguments]
    said = world.run(
        "accsyn-engine", "init", "--data", str(fresh), "--workspace", "geoscan", *filled, "--json", check=False
    )
    assert said.code != 0
    assert words in said.error["message"]
    assert not fresh.exists()


def test_serve_without_init_says_what_to_do(world: World) -> None:
    said = world.run("accsyn-engine", "serve", "--data", str(world.folder / "nowhere"), "--json", check=False)
    assert said.code == 1
    assert "init" in said.error["message"]
    assert not (world.folder / "nowhere").exists()


def test_a_second_serve_on_the_same_folder_is_refused(world: World) -> None:
    said = world.engine("serve", "--port", "0", "--json", check=False)
    assert said.code == 1
    assert str(world.data) in said.error["message"]
    world.session().login()


def test_serve_on_a_port_in_use_names_the_port_and_starts_nothing(new_world: Callable[..., World]) -> None:
    other = new_world()
    other.init()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = other.engine("serve", "--port", str(port), "--json", check=False)
    assert said.code == 1
    assert str(port) in said.error["message"]
    assert other.processes() == []


# --- who is there -------------------------------------------------------------------------------------------------------


def agent_command(world: World, *, key: str, url: str = "", name: str = "another agent") -> list[str]:
    command = [program("accsyn-engine"), "agent", "--server", url or world.url, "--user", VENDOR, "--key", key]
    return [*command, "--ca", str(world.data / "ca.pem"), "--data", str(world.folder / name)]


def test_an_agent_with_a_wrong_key_says_so_and_ends(world: World) -> None:
    before = len(world.session().find("client"))
    command = agent_command(world, key="wrong")
    done = subprocess.run(command, env=world.environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert VENDOR in done.stderr
    assert "Traceback" not in done.stderr
    assert len(world.session().find("client")) == before


@pytest.mark.parametrize("program_name", ["accsyn-engine", "accsyn-plugins"])
def test_commands_with_a_wrong_key_say_so(world: World, program_name: str) -> None:
    verbs = {
        "accsyn-engine": ["job", "list", "--server", world.url, "--user", VENDOR, "--key", "wrong", "--ca"],
        "accsyn-plugins": ["send", DATASET, "--tracker", "sheet"],
    }
    arguments = verbs[program_name]
    if program_name == "accsyn-engine":
        arguments = [*arguments, str(world.data / "ca.pem")]
    sheet = world.folder / "tasks.csv"
    sheet.write_text(
        f"project,task,dataset path,assignee,status,comment,version\nproj002,{DATASET},{DATASET},{VENDOR},,,\n"
    )
    before = sheet.read_bytes()
    extra = {**world.as_user(VENDOR), "ACCSYN_API_KEY": "wrong", "ACCSYN_SHEET": str(sheet)}
    said = world.run(program_name, *arguments, "--json", extra=extra, check=False)
    assert said.code == 1
    assert VENDOR in said.error["message"]
    assert not said.out or said.json["outcomes"] == []
    assert sheet.read_bytes() == before


def test_while_the_engine_is_down_an_agent_asks_about_each_second_and_says_so(
    new_world: Callable[..., World],
) -> None:
    other = new_world()
    fill(other)
    other.init()
    serve = other.serve()
    other.share_with_vendor()
    agent = other.agent(VENDOR)
    assert serve.stop() == 0
    times = knocks(other, seconds=8)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 3 <= len(times) <= 14  # a quarter of a second, a half, then each second: a line that was cut is soon back
    assert gaps[-1] > 0.7
    agent.wait_for(rf"engine at {re.escape(other.url)} .*; trying again in \d+ s", seconds=5)
    assert agent.process.poll() is None
    other.serve()
    job = other.send()
    other.finished(job["id"], seconds=60)
    assert "is reachable again" in agent.output
    assert tree(other.vendor_volume / SENT) == tree(other.volume / SENT)


def knocks(other: World, *, seconds: float) -> list[float]:
    """Stand in the engine's place and hang up on everybody; gives when they came."""
    times: list[float] = []
    deadline = other.clock.monotonic() + seconds
    with socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", int(other.url.rpartition(":")[2])))
        place.listen()
        while (left := deadline - other.clock.monotonic()) > 0:
            place.settimeout(left)
            with contextlib.suppress(TimeoutError):
                place.accept()[0].close()
                times.append(other.clock.monotonic())
    return times


def test_an_agent_without_an_engine_waits_for_it(world: World) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused for as long as it is held
        url = f"https://127.0.0.1:{nobody.getsockname()[1]}"
        command = agent_command(world, key="x", url=url, name="lonely")
        child = world.children.start("lonely", command, world.environment, world.folder)
        child.wait_for(re.escape(url.removeprefix("https://")), seconds=20)
        assert child.process.poll() is None
    child.stop()


# --- what moves ---------------------------------------------------------------------------------------------------------


def test_a_full_disk_at_the_vendor_fails_the_job_with_a_sentence(new_world: Callable[..., World]) -> None:
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    if shutil.which("unshare") is None or subprocess.run(own_mounts, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk of their own")
    other = new_world()
    write_file(other.volume / SENT / "source" / "small.raw", 1000)
    write_file(other.volume / SENT / "source" / "too big.raw", 12_000_000)
    other.init()
    other.serve()
    other.share_with_vendor()
    small_disk = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    script = f'mount -t tmpfs -o size=6m none "{other.vendor_volume}" && exec "$0" "$@"'
    other.agent(VENDOR, within=(*small_disk, script))
    job = other.send()
    failed = other.finished(job["id"], status="failed")
    assert "full" in failed["error"] or "space" in failed["error"]
    assert not (other.vendor_volume / SENT).exists()


def test_a_source_that_changes_while_it_is_sent_is_an_error_that_names_it(world: World) -> None:
    changing = write_file(world.volume / SENT / "source" / "changing.raw", 16_000_000)
    task = {"source": f"{SENT}/source/changing.raw", "destination": f"{VENDOR}:{SENT}/source/changing.raw"}
    slow = {"transfer_speedlimit": "4"}
    job = world.session().create("job", {"name": "changing", "tasks": {"0": task}, "settings": slow})
    world.until(lambda: world.job(job["id"])["bytes"] > 2_000_000, "the transfer to be in its middle")
    with changing.open("r+b") as file:
        file.seek(15_000_000)
        file.write(b"changed")
    failed = world.finished(job["id"], status="failed")
    changing.unlink()
    assert "changing.raw" in failed["error"]
    assert "changed" in failed["error"]
    assert not (world.vendor_volume / SENT / "source" / "changing.raw").exists()


def test_a_source_that_is_missing_is_named(world: World) -> None:
    task = {"source": f"{SENT}/source/nowhere.raw", "destination": f"{VENDOR}:{SENT}/source/nowhere.raw"}
    job = world.session().create("job", {"name": "missing", "tasks": {"0": task}})
    failed = world.finished(job["id"], status="failed")
    assert "nowhere.raw" in failed["error"]


@pytest.mark.parametrize("path", [f"{DATASET}/evil.dat", f"FROM_VENDORS/{VENDOR}/../../evil.dat", "evil.dat"])
def test_a_destination_outside_the_granted_folder_is_refused_and_named(world: World, path: str) -> None:
    source = write_file(world.vendor_volume / WORK / "evil.dat", 10)
    before = tree(world.volume)
    with pytest.raises(RefusedError, match=r"evil\.dat"):
        world.session(VENDOR).create(
            "job",
            {"tasks": {"0": {"source": str(source), "destination": f"geoscan:share=proj002-outsourcing/{path}"}}},
        )
    assert tree(world.volume) == before


# --- hooks --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hooked(world: World) -> Any:
    """Publish one file with this script as the hook; gives the job as it ended."""

    def publish(command: str, *, status: str = "failed") -> dict[str, Any]:
        world.engine("hook", "set", HOOK, command)
        write_file(world.vendor_volume / WORK / "hooked.dat", 5000)
        job = world.publish_files("hooked.dat", name="hooked")
        row = world.finished(job["id"], status=status)
        assert (world.volume / WORK / "hooked.dat").stat().st_size == 5000
        return row

    yield publish
    world.engine("hook", "clear", HOOK)


def script(world: World, text: str) -> str:
    path = world.folder / "hook script.py"
    path.write_text(text)
    return f'python3 "{path}" ${{PATH_JSON_INPUT}}'


def test_a_hook_that_exits_1_fails_the_job_with_what_it_said(world: World, hooked: Any) -> None:
    failed = hooked(script(world, "import sys\nprint('the tracker is away')\nsys.exit(1)\n"))
    assert "E#J006" in failed["error"]
    assert "the tracker is away" in failed["error"]


def test_a_hook_that_does_not_exist_is_refused_when_it_is_set(world: World) -> None:
    said = world.engine("hook", "set", HOOK, "/no/such/hook.sh ${PATH_JSON_INPUT}", check=False)
    assert said.code != 0
    assert "/no/such/hook.sh" in said.err


def test_a_hook_that_prints_binary_does_no_harm(world: World, hooked: Any) -> None:
    text = "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 100)\n"
    done = hooked(script(world, text), status="done")
    rows = world.engine("hook", "runs", done["id"], "--json").json["runs"]
    assert [row["state"] for row in rows] == ["done"]


def test_a_hook_that_hangs_is_ended_at_its_time_limit(new_world: Callable[..., World]) -> None:
    other = new_world()
    fill(other)
    other.init()
    config = other.data / "engine.toml"
    config.write_text(re.sub(r"(?m)^hook_timeout_s = .*$", "hook_timeout_s = 1", config.read_text()))
    other.serve()
    other.share_with_vendor()
    other.agent(VENDOR)
    hanging = other.folder / "hangs.py"
    hanging.write_text("import time\nprint('waiting for godot', flush=True)\ntime.sleep(600)\n")
    other.engine("hook", "set", HOOK, f'python3 "{hanging}" ${{PATH_JSON_INPUT}}')
    write_file(other.vendor_volume / WORK / "hooked.dat", 5000)
    job = other.publish_files("hooked.dat", name="hooked")
    failed = other.finished(job["id"], status="failed")
    assert "1 s" in failed["error"] or "second" in failed["error"]
    assert "waiting for godot" in failed["error"]
    assert not [process for process in other.processes() if str(hanging) in process.cmdline()]


# --- nothing stays ------------------------------------------------------------------------------------------------------


def test_sigterm_ends_the_engine_and_its_agent_cleanly(new_world: Callable[..., World]) -> None:
    other = new_world()
    other.init()
    serve = other.serve()
    other.until((other.data / "agent" / "lock").exists, "the server agent to start")
    assert serve.stop() == 0
    assert other.processes() == []
    assert not (other.data / "control.sock").exists()
    shutil.rmtree(other.data)


def test_commands_work_on_the_data_folder_when_no_engine_runs(new_world: Callable[..., World]) -> None:
    other = new_world()
    other.init()
    other.invite(VENDOR)
    assert [user["code"] for user in other.engine("user", "list", "--json").json["users"]][-1:] == [VENDOR]
    assert other.processes() == []


def test_nobody_else_may_look_into_the_data_folder(world: World) -> None:
    assert world.data.stat().st_mode & 0o077 == 0
    for name in ("ca.key", "server.key", "digest.key"):
        assert Path(world.data, name).stat().st_mode & 0o077 == 0, name
