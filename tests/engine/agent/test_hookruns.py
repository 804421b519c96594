"""Hook scripts that the engine orders: started after its yes, run once, their end told until it is heard."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.engine.agent.conftest import until


@pytest.fixture
def server(small_engine, start, tmp_path: Path):
    (tmp_path / "volume").mkdir()
    return start("alpha", role="server", volumes={"production": str(tmp_path / "volume")})


def order(small_engine, agent, run: str, command: str, **data) -> None:
    words = {"run": run, "hook": "post-done-server", "command": command, "data": {"code": "päckage"}}
    small_engine.emit(
        agent.client, "hook.run", {**words, "timeout_s": 60, "key": f"key-of-{run}", "answer": False, **data}
    )


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "hook.py"
    path.write_text("import json, os, sys, time\n" + body)
    return f"python3 {path} ${{PATH_JSON_INPUT}}"


def test_a_hook_runs_after_the_engines_yes_and_its_end_is_told(small_engine, server, tmp_path):
    body = "print(json.load(open(sys.argv[1]))['code'], os.environ['ACCSYN_HOOK_KEY'], sys.executable)"
    order(small_engine, server, "r1", script(tmp_path, body))
    end = small_engine.wait_for("hooks/r1/end")[0]
    assert (end["exit_code"], end["error"], end["answer"]) == (0, None, None)
    assert end["output"] == f"päckage key-of-r1 {sys.executable}\n"
    assert [path for path, _ in small_engine.posts if path.startswith("hooks")] == ["hooks/r1/start", "hooks/r1/end"]


def test_a_hook_the_engine_does_not_want_any_more_is_not_run(small_engine, server, tmp_path):
    small_engine.proceed = False
    order(small_engine, server, "r1", script(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')"))
    small_engine.wait_for("hooks/r1/start")
    small_engine.proceed = True
    order(small_engine, server, "r2", script(tmp_path, "pass"))
    small_engine.wait_for("hooks/r2/end")
    assert not (tmp_path / "ran").exists()
    assert not small_engine.posted("hooks/r1/end")


def test_a_run_that_is_ordered_again_runs_once(small_engine, server, tmp_path):
    command = script(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    for _ in range(3):
        order(small_engine, server, "r1", command)
    small_engine.wait_for("hooks/r1/end")
    order(small_engine, server, "r1", command)
    order(small_engine, server, "r2", script(tmp_path, "pass"))
    small_engine.wait_for("hooks/r2/end")
    assert (tmp_path / "ran").read_text() == "x"


def test_the_end_of_a_hook_is_told_when_the_engine_is_back(small_engine, server, tmp_path):
    go = tmp_path / "go"
    order(small_engine, server, "r1", script(tmp_path, f"while not os.path.exists({str(go)!r}): time.sleep(0.02)"))
    small_engine.wait_for("hooks/r1/start")
    small_engine.down()
    go.write_text("")
    until(lambda: "the hook post-done-server ended: well" in server.log)
    small_engine.up()
    assert small_engine.wait_for("hooks/r1/end")[0]["exit_code"] == 0


def test_a_hook_that_an_ending_agent_cuts_short_is_left_without_an_end(small_engine, server, tmp_path):
    order(small_engine, server, "r1", script(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w'); time.sleep(600)"))
    until((tmp_path / "ran").exists)
    assert server.end() == 0
    assert not small_engine.posted("hooks/r1/end")
    assert "because the agent was stopped" in server.log


def test_an_answer_goes_back_and_a_failure_is_a_sentence(small_engine, server, tmp_path):
    command = script(tmp_path, "json.dump({'files': []}, open(sys.argv[2], 'w'))") + " ${PATH_JSON_OUTPUT}"
    order(small_engine, server, "r1", command, answer=True)
    assert small_engine.wait_for("hooks/r1/end")[0]["answer"] == {"files": []}
    order(small_engine, server, "r2", "/nowhere/hook.py", answer=True)
    end = small_engine.wait_for("hooks/r2/end")[0]
    assert end["exit_code"] is None
    assert "/nowhere/hook.py" in end["error"]


def test_a_persons_machine_runs_nothing_for_the_studio_unless_started_with_hooks(small_engine, start, tmp_path):
    agents = [start("gda"), start("staff", hooks=True)]
    for number, agent in enumerate(agents):
        order(small_engine, agent, f"r{number}", script(tmp_path, "print('ran')"))
    ends = [small_engine.wait_for(f"hooks/r{number}/end")[0] for number in range(2)]
    assert [end["output"] for end in ends] == ["", "ran\n"]
    assert "--hooks to allow it" in ends[0]["error"]


def test_a_server_is_asked_about_a_command_before_it_is_set(small_engine, server):
    for number, command in enumerate(("/nowhere/hook ${PATH_JSON_INPUT}", "python3 /x.py")):
        asked = {"request": f"q{number}", "operation": "hook.check", "data": {"command": command}}
        small_engine.emit(server.client, "request", asked)
    refused, fine = (small_engine.wait_for(f"requests/q{number}")[0] for number in range(2))
    assert (refused["error"]["code"], fine["answer"]) == ("hook-not-found", True)
