"""A PostgreSQL database as tracking store: opened by one process at a time, so that a new one is made once.

MLflow makes its tables when a process first opens a database, and several that do so at once fail in all but one. A
lock of PostgreSQL's own holds across machines, needs no table, and is gone with the connection of whoever held it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plimsoll.config.secrets import Redactor
from plimsoll.errors import InfrastructureError
from plimsoll.tracking.location import Location

_LOCK = 0x706C696D736F6C6C
"""«plimsoll»: nobody else's key."""
_WAIT_SECONDS = 120
"""How long another process may take to make the tables."""
_CONNECT_SECONDS = 10
_PSYCOPG = ("psycopg", "psycopg2")


@contextmanager
def opened_alone(location: Location, redactor: Redactor) -> Iterator[None]:
    """No other process of ours opens this database inside the block.

    Raises:
        InfrastructureError: it can't be reached, or another process is at it for too long.
    """
    import sqlalchemy
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        url = sqlalchemy.make_url(location.uri)
        # Nobody is to wait for minutes for a host that is not there; other drivers have other names for it.
        if url.get_driver_name() in _PSYCOPG and "connect_timeout" not in url.query:
            url = url.update_query_dict({"connect_timeout": str(_CONNECT_SECONDS)})
        engine = sqlalchemy.create_engine(url, poolclass=NullPool)
        connection = engine.connect()
    except (SQLAlchemyError, ImportError) as error:
        raise _unreached(location, redactor, error) from error
    with connection:
        try:
            connection.execute(sqlalchemy.text(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'"))
            # Ends with the transaction, so that it also holds behind a pool that hands connections on.
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        except SQLAlchemyError as error:
            raise InfrastructureError(
                f"{location.shown} is being opened by another process since {_WAIT_SECONDS} s",
                remedy="see in pg_stat_activity what it waits for",
            ) from error
        yield


def _unreached(location: Location, redactor: Redactor, error: Exception) -> InfrastructureError:
    told = " ".join(str(getattr(error, "orig", None) or error).split())
    return InfrastructureError(
        f"the tracking database {location.shown} can't be opened: {redactor.text(told)[:500]}",
        remedy="check that it runs and that its address is right; a driver comes with plimsoll-llm[postgres]",
    )
