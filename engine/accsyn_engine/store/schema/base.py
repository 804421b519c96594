"""What all tables share: the collection they belong to, the form of an id, and who made and changed a row."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID = String(24)


def primary_id() -> Column[str]:
    """The id of an entity."""
    return Column("id", ID, primary_key=True)


def stamps() -> list[Column[object]]:
    """Who made and who last changed a row, by e-mail address, and when."""
    return [
        Column("created", BigInteger, nullable=False),
        Column("creator", String(254), nullable=False, server_default=""),
        Column("modified", BigInteger),
        Column("modifier", String(254)),
    ]
