"""Real scripts in real processes."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from accsyn_engine.clock import SystemClock
from accsyn_engine.hooks.runner import HookResult, run_hook, shown


@pytest.fixture
def script(tmp_path: Path):
    def write(body: str) -> str:
        path = tmp_path / "a hook.py"
        path.write_text("import json, os, sys, time, signal, subprocess\n" + body, encoding="utf-8")
        return f"python3 '{path}' ${{PATH_JSON_INPUT}}"

    return write


def run(command: str, data: object = None, **options) -> HookResult:
    return run_hook(command, data, key="key-1", **options)


def test_a_hook_reads_its_input_and_its_output_is_kept(script):
    data = {"user_hr": "jennifer@gda.com", "tasks": {"0": {"path": "Überblick/データ 1.dat"}}}
    result = run(script("print(sorted(json.load(open(sys.argv[1], encoding='ascii'))['tasks'].items()))"), data)
    assert result == HookResult(exit_code=0, output="[('0', {'path': 'Überblick/データ 1.dat'})]\n")


def test_the_input_is_utf8_without_a_byte_order_mark(script):
    result = run(script("sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"), {"name": "å"})
    assert result.output.startswith("{")
    assert json.loads(result.output) == {"name": "å"}


def test_the_private_folder_is_gone_afterwards_and_closed_to_others_during_the_run(script):
    body = "p = os.path.dirname(sys.argv[1]); open(os.path.join(p, 'left'), 'w').close(); print(oct(os.stat(p).st_mode & 0o777), p)"
    mode, path = run(script(body)).output.split()
    assert mode == "0o700"
    assert not Path(path).exists()


def test_the_engines_own_interpreter_runs_it_and_comes_first_on_the_path(script):
    result = run(
        script(
            "print(sys.executable); print(os.environ['PATH'].split(os.pathsep)[0]); print(os.environ['ACCSYN_HOOK_KEY'])"
        )
    )
    assert result.output.splitlines() == [sys.executable, str(Path(sys.executable).parent), "key-1"]


def test_a_python_started_by_the_hook_is_the_engines_too(script):
    result = run(script("subprocess.run(['python3', '-c', 'import sys; print(sys.prefix)'])"))
    assert result.output.strip() == sys.prefix


def test_nothing_of_the_agents_secrets_reaches_the_hook(script):
    environment = {**os.environ, "ACCSYN_API_KEY": "topsecret", "AWS_SECRET_ACCESS_KEY": "topsecret"}
    assert "topsecret" not in run(script("print(dict(os.environ))"), environment=environment).output


def test_standard_input_is_closed(script):
    assert run(script("print(repr(sys.stdin.read()))"), timeout_s=20).output == "''\n"


def test_a_path_with_shell_characters_is_no_command(script, tmp_path: Path):
    canary = tmp_path / "canary"
    command = script("print(sys.argv[2])") + f" '$(touch {canary}); `touch {canary}` & touch {canary}'"
    assert run(command).error is None
    assert not canary.exists()


def test_exit_code_1_is_a_sentence_with_the_last_line_printed(script):
    result = run(script("print('starting'); sys.exit('the tracker did not answer')"))
    assert result.exit_code == 1
    assert result.code == "hook-exit"
    assert result.output == "starting\nthe tracker did not answer\n"
    assert "ended with exit code 1 (the tracker did not answer)" in str(result.error)
    assert "a hook.py" in str(result.error)


def test_a_hook_that_kills_itself_names_the_signal(script):
    result = run(script("os.kill(os.getpid(), signal.SIGKILL)"))
    assert result.exit_code == -9
    assert "killed by signal 9 (SIGKILL)" in str(result.error)


def test_a_hook_that_hangs_is_killed_with_all_its_children(script, tmp_path: Path):
    pid_file = tmp_path / "child"
    body = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid))\n"
        "print('before the hang')\n"
        "time.sleep(600)\n"
    )
    clock = SystemClock()
    begun = clock.monotonic()
    result = run(script(body), timeout_s=1)
    assert clock.monotonic() - begun < 10
    assert result.exit_code is None
    assert result.code == "hook-timeout"
    assert "did not end within 1 seconds" in str(result.error)
    assert result.output == "before the hang\n"
    assert is_gone(int(pid_file.read_text()))


def test_a_child_left_in_the_background_does_not_hold_the_run_up(script, tmp_path: Path):
    pid_file = tmp_path / "child"
    body = (
        f"child = subprocess.Popen(['sleep', '60']); open({str(pid_file)!r}, 'w').write(str(child.pid)); print('done')"
    )
    clock = SystemClock()
    begun = clock.monotonic()
    result = run(script(body))
    assert clock.monotonic() - begun < 10
    assert (result.exit_code, result.output) == (0, "done\n")
    os.kill(int(pid_file.read_text()), signal.SIGKILL)


def test_the_agents_end_ends_the_hook_early_and_says_so(script):
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    result = run(script("time.sleep(600)"), stopping=stop.is_set)
    assert result.was_stopped
    assert "because the agent was stopped" in str(result.error)


def test_binary_output_is_kept_readable(script):
    result = run(script("sys.stdout.buffer.write(bytes(range(256)))"))
    assert result.error is None
    assert "\x00" not in result.output
    assert "ABCDEF" in result.output


def test_an_endless_printer_is_kept_in_bounds(script):
    result = run(script("for i in range(40): sys.stdout.buffer.write(b'x' * 100000 + b'\\n')"))
    assert result.error is None
    assert len(result.output) < 70_000


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("/nowhere/done.py", "hook-not-found"),
        ("no-such-program-at-all x", "hook-not-found"),
        ("/etc/passwd", "hook-not-executable"),
        ("/", "hook-not-executable"),
        ("python3 'open", "hook-command-unreadable"),
        ("", "hook-command-unreadable"),
    ],
)
def test_a_command_that_cannot_start_is_a_sentence_that_names_it(command, code):
    result = run(command)
    assert result.exit_code is None
    assert result.code == code
    assert command in str(result.error)


def test_a_script_whose_interpreter_is_missing_is_a_sentence(tmp_path: Path):
    path = tmp_path / "done"
    path.write_text("#!/nowhere/python\n")
    path.chmod(0o755)
    assert run(str(path)).code == "hook-not-started"


def test_a_script_that_does_not_exist_says_so_in_pythons_words():
    result = run("python3 /nowhere/done.py")
    assert result.exit_code == 2
    assert "No such file or directory" in str(result.error)


def test_an_answer_comes_back_and_may_begin_with_a_byte_order_mark(tmp_path: Path):
    path = tmp_path / "pre.py"
    path.write_text("import json,sys\njson.dump({'files': []}, open(sys.argv[2], 'w', encoding='utf-8-sig'))")
    result = run(f"python3 {path} ${{PATH_JSON_INPUT}} ${{PATH_JSON_OUTPUT}}", want_answer=True)
    assert (result.error, result.answer) == (None, {"files": []})


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (None, "hook-no-answer"),
        ("", "hook-no-answer"),
        ("{'files': []}", "hook-bad-answer"),
        ("[" * 100_000, "hook-bad-answer"),
    ],
)
def test_a_missing_or_wrong_answer_is_a_sentence(tmp_path: Path, written, code):
    path = tmp_path / "pre.py"
    path.write_text(f"import sys\nt = {written!r}\nif t is not None: open(sys.argv[2], 'w').write(t)")
    result = run(f"python3 {path} ${{PATH_JSON_INPUT}} ${{PATH_JSON_OUTPUT}}", want_answer=True)
    assert (result.exit_code, result.code, result.answer) == (0, code, None)
    assert str(path) in str(result.error)


def test_a_long_command_is_named_by_its_beginning():
    assert len(shown("x " * 500)) == 200
    assert shown("a\n b") == "a b"


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True
