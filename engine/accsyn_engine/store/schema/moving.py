"""The agents, what they are told and asked, and the attempts to move a job."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from accsyn_engine.store.schema.base import ID, metadata, primary_id, stamps

client = Table(
    "client",
    metadata,
    primary_id(),
    Column("code", String(254), nullable=False),  # host name, not unique
    Column("type", Integer, nullable=False),  # 0 app, 1 server, 2 user server
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("instance", String(64), nullable=False),  # made once per data folder of an agent
    Column("boot", String(64), nullable=False),  # made at each start of the agent
    Column("status", String(16), nullable=False),  # init | online | offline; see `enabled`
    Column("os", String(64), nullable=False, server_default=""),
    Column("version", String(64), nullable=False, server_default=""),
    Column("address", String(64), nullable=False, server_default=""),  # as the engine saw it
    Column("maps", JSON, nullable=False),  # [{"code": volume code, "read": bool, "write": bool}]
    Column("downloads", Boolean, nullable=False, server_default=text("false")),  # has a folder for what is not mapped
    Column("advertise", JSON, nullable=False),  # addresses at which it can be reached
    Column("event_seq", BigInteger, nullable=False, server_default=text("0")),  # the last number given in client_event
    Column("last_checkin", BigInteger, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("site_id", ID, ForeignKey("site.id", ondelete="SET NULL")),  # null: the main site of a server, else roaming
    Column("parent_id", ID, ForeignKey("client.id", ondelete="SET NULL")),
    Column("host_ident", String(64), nullable=False, server_default=""),  # the machine's, whoever runs an agent on it
    Column("username", String(254), nullable=False, server_default=""),  # of the operating system
    Column("roles", String(64), nullable=False, server_default=""),  # storage, site; comma between
    Column("metrics", JSON),
    Column("benchmark", JSON),
    Column("metadata", JSON, nullable=False),
    *stamps(),
    UniqueConstraint("user_id", "instance"),
)

transfer = Table(  # one attempt of a job: two agents, one session between them, one lease
    "transfer",
    metadata,
    primary_id(),
    Column("job_id", ID, ForeignKey("job.id", ondelete="CASCADE")),  # null: a probe of the line
    Column("probe", JSON),  # a probe's {"seconds", "bytes"}
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # offered | accepted | listening | running | ended
    Column("sender_id", ID, ForeignKey("client.id"), nullable=False),
    Column("receiver_id", ID, ForeignKey("client.id"), nullable=False),
    Column("sender_boot", String(64), nullable=False),
    Column("receiver_boot", String(64), nullable=False),
    Column("listener", String(16), nullable=False),  # sender | receiver: the side that opens a port
    Column("connector_certificate", Text),
    Column("listener_certificate", Text),
    Column("addresses", JSON),
    Column("port", Integer),
    Column("streams", Integer, nullable=False),
    Column("acked_before", BigInteger, nullable=False),  # the job's bytes_done and bytes_moved when this attempt began
    Column("moved_before", BigInteger, nullable=False),
    Column("rate", BigInteger),  # bytes a second that arrive now; null before the first report
    Column("sender_line", JSON),  # what each end last told of the line, see services.moving.lines
    Column("receiver_line", JSON),
    Column("failures", JSON),  # what the sender reported at its end, kept until the receiver's
    Column("lease_until", BigInteger),  # null once ended
    Column("outcome", String(16)),  # done | failed | lost | stopped
    Column("error_code", String(64)),
    Column("error", Text),
    Column("created", BigInteger, nullable=False),
    Column("ended", BigInteger),
    UniqueConstraint("job_id", "attempt"),
    Index("ix_transfer_lease", "lease_until"),
    Index("ix_transfer_sender", "sender_id", "state"),
    Index("ix_transfer_receiver", "receiver_id", "state"),
)

line = Table(  # what the last transfer or probe from one agent to another found out about the way between them
    "line",
    metadata,
    Column("sender_id", ID, ForeignKey("client.id", ondelete="CASCADE"), primary_key=True),
    Column("receiver_id", ID, ForeignKey("client.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("transport", String(8), nullable=False),  # udp | tcp
    Column("rtt_us", BigInteger),  # the shortest round trip, microseconds
    Column("capacity", BigInteger),  # bytes per second
    Column("loss_ppm", BigInteger),  # lost datagrams of a million sent
    Column("measured", BigInteger, nullable=False),
)

client_event = Table(  # what an agent is told, numbered per agent without gaps
    "client_event",
    metadata,
    Column("client_id", ID, ForeignKey("client.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created", BigInteger, nullable=False),
)

agent_request = Table(  # a question to an agent: list a folder, size of a file, ...
    "agent_request",
    metadata,
    primary_id(),
    Column("client_id", ID, ForeignKey("client.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("operation", String(32), nullable=False),
    Column("data", JSON, nullable=False),
    Column("state", String(16), nullable=False),  # asked | answered | refused
    Column("answer", JSON),
    Column("deadline", BigInteger, nullable=False, index=True),
    Column("created", BigInteger, nullable=False),
)
