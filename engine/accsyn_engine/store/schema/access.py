"""What is shared, from which servers, and with whom."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, String, Table, Text, UniqueConstraint, text

from accsyn_engine.store.schema.base import ID, metadata, primary_id, stamps

share = Table(
    "share",
    metadata,
    primary_id(),
    Column("code", String(254), nullable=False, unique=True),
    Column("name", String(254), nullable=False),
    Column("type", String(16), nullable=False),  # volume | folder | home | collection
    Column("parent_id", ID, ForeignKey("share.id"), index=True),  # the volume of a folder or home
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), index=True),  # the owner of a home
    Column("path", Text, nullable=False, server_default=""),  # a volume: on its server; else relative to the volume
    Column("case_sensitive", Boolean, nullable=False, server_default=text("true")),  # volumes
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("status", String(16), nullable=False),  # enabled | disabled
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("ended_with", ID),  # the id of what was deactivated and took this along
    Column("email", String(254)),  # whom to tell of what arrives here
    Column("queue_id", ID, ForeignKey("queue.id", ondelete="SET NULL")),  # where jobs to it go by default
    Column("paths", JSON, nullable=False, server_default=text("'{}'")),  # a volume's path by operating system
    Column("description", Text, nullable=False, server_default=""),
    Column("metadata", JSON, nullable=False),
    *stamps(),
)

volume_server = Table(
    "volume_server",
    metadata,
    Column("volume_id", ID, ForeignKey("share.id", ondelete="CASCADE"), primary_key=True),
    Column("client_id", ID, ForeignKey("client.id", ondelete="CASCADE"), primary_key=True),
    Column("site_id", ID, ForeignKey("site.id", ondelete="CASCADE"), index=True),  # null: the main site
)

acl = Table(
    "acl",
    metadata,
    primary_id(),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("share_id", ID, ForeignKey("share.id", ondelete="CASCADE"), nullable=False, index=True),
    Column(
        "path", Text, nullable=False
    ),  # relative to the share, "/" separators, no leading "/"; "" is the share itself
    Column("read", Boolean, nullable=False),
    Column("write", Boolean, nullable=False),
    Column("status", String(16), nullable=False),  # enabled | disabled
    Column("acknowledged", Boolean, nullable=False, server_default=text("false")),
    Column("ended_with", ID),  # the id of the user or share whose deactivation disabled this grant
    Column("description", Text, nullable=False, server_default=""),
    *stamps(),
    UniqueConstraint("user_id", "share_id", "path"),
)
