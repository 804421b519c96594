"""Shares and grants: who may read and write where, and why."""

from __future__ import annotations
