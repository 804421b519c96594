"""Shares: everything that can be asked about them and done to them."""

from __future__ import annotations

from accsyn_engine.services.access.share_lists import assign, deassign, find, servers
from accsyn_engine.services.access.sharing import activate, create, deactivate, delete, update

__all__ = ["activate", "assign", "create", "deactivate", "deassign", "delete", "find", "servers", "update"]
