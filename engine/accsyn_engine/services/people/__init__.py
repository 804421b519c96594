"""Accounts, users, their homes, and the letters they get."""

from __future__ import annotations
