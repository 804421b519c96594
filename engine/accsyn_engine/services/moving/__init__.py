"""Agents and their attempts: who moves what now, and how it went."""

from __future__ import annotations
