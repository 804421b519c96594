"""The two things people do: send a task to its vendor, publish a result back. Host-agnostic, plan first."""

from __future__ import annotations
