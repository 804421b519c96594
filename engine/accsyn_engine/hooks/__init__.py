"""Hook scripts: `run_hook` starts one, `HookResult` says what became of it."""

from __future__ import annotations

from accsyn_engine.hooks.runner import HookResult, check_command, run_hook

__all__ = ["HookResult", "check_command", "run_hook"]
