"""The tutorial's whole story on one machine, with real processes, real files and real hashes."""

from __future__ import annotations

from accsyn_engine.demo.play import run

__all__ = ["run"]
