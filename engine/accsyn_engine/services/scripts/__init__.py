"""Hook scripts: when they run, what they are told, how they ended."""

from __future__ import annotations
