"""Who works here, and how they prove it."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, Text, text

from accsyn_engine.store.schema.base import ID, metadata, primary_id, stamps

workspace = Table(
    "workspace",
    metadata,
    primary_id(),
    Column("code", String(64), nullable=False, unique=True),
    Column("name", String(254), nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("metadata", JSON, nullable=False, server_default=text("'{}'")),
    *stamps(),
)

site = Table(  # a place with servers of its own; "hq" is the main one, "roaming" where everybody else is
    "site",
    metadata,
    primary_id(),
    Column("code", String(64), nullable=False, unique=True),
    Column("name", String(254), nullable=False),
    Column("is_main", Boolean, nullable=False, server_default=text("false")),
    Column("status", String(16), nullable=False, server_default="enabled"),  # enabled | disabled
    Column("addresses", JSON, nullable=False, server_default=text("'[]'")),  # networks a client there calls from
    Column("description", Text, nullable=False, server_default=""),
    Column("metadata", JSON, nullable=False, server_default=text("'{}'")),
    *stamps(),
)

user = Table(
    "user",
    metadata,
    primary_id(),
    Column("code", String(254), nullable=False, unique=True),  # the e-mail address, lower case
    Column("name", String(254), nullable=False),
    Column("role", String(16), nullable=False),  # admin | employee | standard
    Column("status", String(16), nullable=False),  # enabled | disabled
    Column("active", Boolean, nullable=False, server_default=text("true")),  # false once deactivated
    Column("description", Text, nullable=False, server_default=""),
    Column("metadata", JSON, nullable=False),
    Column("logged_in", BigInteger),
    Column("phase", String(16), nullable=False, server_default=""),  # registered | "" until the first login
    Column("queue_id", ID, ForeignKey("queue.id", ondelete="SET NULL")),  # where the user's jobs go by default
    *stamps(),
)

api_key = Table(
    "api_key",
    metadata,
    primary_id(),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", String(64), nullable=False, unique=True),  # keyed BLAKE2b of the key; the key is shown once
    Column("label", String(64), nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger),
    Column("revoked", BigInteger),
)

session_key = Table(
    "session_key",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("address", String(64), nullable=False),
    Column("device", String(254), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger, nullable=False),
)

login_failure = Table(  # wrong keys of late, by account and by address
    "login_failure",
    metadata,
    Column("subject", String(260), primary_key=True),  # "user:x@y" | "address:1.2.3.4"
    Column("failures", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),  # when the count began
    Column("refused_until", BigInteger),
)
