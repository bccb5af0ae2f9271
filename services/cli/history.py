"""`colony history`: question the history in SQL, and write it from the ledger."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Annotated

import msgspec
import typer
from colonyledger.cli import Session, command
from colonyledger.cli.session import group
from colonyledger.cli.tables import table, text
from colonyledger.errors import ConfigurationError, InvalidArgument
from colonyledger.wire import HistoryResult, QueryHistory, QueryServerHistory

from services.cli.places import DataDirectory, LedgerPlace, history_place, progress_bar, reading, told
from services.cli.results import ResultFormat, print_result
from services.history.named import UnknownQuery, named_queries, named_query

__all__ = ["app"]

app = group("Question the history of the ledger in SQL, and write it anew.")

_SERVER_SECONDS = 60.0
"""How long the server may take to answer a question."""
_OWN_SECONDS = 3600
_OWN_MEMORY = 8 * 1024**3
_OWN_RESULT = 4 * 1024**3

HistoryPlace = Annotated[
    str,
    typer.Option(
        help="The history: a directory, or clickhouse://user:password@host:port/database",
        rich_help_panel="Where to look",
    ),
]


class _Replayed(msgspec.Struct):
    """What `history replay` did."""

    records: int
    rows: int
    seconds: float


@command(
    app,
    "query",
    examples=[
        'colony history query "SELECT function, avg(executed) FROM attempts GROUP BY function"',
        "colony history query --named slowest-functions -p hours=1",
        'colony history query --data-dir data "SELECT * FROM attempts" -o parquet --file attempts.parquet',
    ],
)
def run_query(
    session: Session,
    *,
    sql: Annotated[str, typer.Argument(help="One SELECT over records, processes, attempts and logs")] = "",
    named: Annotated[str, typer.Option(help="A query of `colony history queries` instead")] = "",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE for {NAME:Type} in the query")
    ] = None,
    max_rows: Annotated[int, typer.Option(min=1, max=100_000_000, help="Rows to show at most")] = 10_000,
    output: Annotated[
        ResultFormat, typer.Option("--output", "-o", help="How to print the rows")
    ] = ResultFormat.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="Same as -o json")] = False,
    file: Annotated[Path | None, typer.Option(help="Write the rows to this file")] = None,
    all_colonies: Annotated[
        bool, typer.Option("--all-colonies", help="Ask as the owner of the server [COLONIES_SERVER_PRVKEY]")
    ] = False,
    data_dir: DataDirectory = None,
    history: HistoryPlace = "",
) -> None:
    """Run a query, and print its rows.

    The server answers the owner of a colony (COLONIES_COLONY_PRVKEY) with the rows of that colony, and its own
    owner (COLONIES_SERVER_PRVKEY) with all rows. With --data-dir or --history the history itself is read, which
    a server must not have open if it is a directory.
    """
    if bool(named) == bool(sql.strip()):
        raise InvalidArgument("Give either a query or --named NAME.")
    parameters = _pairs(parameter or [])
    if named:
        with told(UnknownQuery):
            query = named_query(named)
            sql, parameters = query.sql, query.values(parameters)
    place = history_place(data_dir, history)
    if place:
        result = _read(place, sql, parameters, max_rows)
    else:
        result = _ask(session, sql, parameters, max_rows, all_colonies=all_colonies)
    print_result(session, result, ResultFormat.JSON if as_json else output, file)


@command(app, "queries", examples=["colony history queries"])
def list_queries(session: Session) -> None:
    """List the queries that have a name, with what they answer and what they need to know."""
    queries = named_queries()
    rows = [
        (
            query.name,
            query.answers,
            "\n".join(
                f"{name}{'' if given.default is None else f'={given.default}'}: {given.meaning}"
                for name, given in query.parameters.items()
            ),
        )
        for query in queries
    ]
    columns = [text("Name"), text("Answers"), text("Parameters")]
    session.show(queries, table("Queries for colony history query --named", columns, rows))


@command(
    app,
    "replay",
    examples=[
        "colony history replay --data-dir data",
        "colony history replay --ledger kafka://broker:9092 --history clickhouse://host:8123/colony_history",
    ],
)
def run_replay(
    session: Session,
    *,
    data_dir: DataDirectory = None,
    ledger: LedgerPlace = "",
    history: HistoryPlace = "",
    afresh: Annotated[bool, typer.Option("--afresh", help="Drop the tables of the history first")] = False,
) -> None:
    """Write the whole history from the first record of the ledger on. Doing it again changes nothing."""
    place = history_place(data_dir, history)
    if not place:
        raise ConfigurationError(
            "Say where the history is: --data-dir DIRECTORY of a server, or --history PLACE."
        )
    started = perf_counter()
    records, rows = asyncio.run(_replay(data_dir, ledger, place, afresh=afresh))
    done = _Replayed(records, rows, round(perf_counter() - started, 3))
    session.say(
        "History written",
        done,
        Records=records,
        Rows=rows,
        Seconds=f"{done.seconds:.1f}",
        History=_shown(place),
    )


async def _replay(data_dir: Path | None, ledger: str, place: str, *, afresh: bool) -> tuple[int, int]:
    from services.history.engine import HistoryError  # noqa: PLC0415 (slow to load)
    from services.history.opening import open_history  # noqa: PLC0415 (slow to load)
    from services.history.replay import replay  # noqa: PLC0415

    with told(HistoryError):
        async with reading(data_dir, ledger) as source:
            engine = open_history(place)
            try:
                with progress_bar() as progress:
                    done = await replay(source, engine, afresh=afresh, progress=progress)
            finally:
                engine.close()
    return done.records, done.rows


def _read(place: str, sql: str, parameters: Mapping[str, str], max_rows: int) -> HistoryResult:
    """Ask the history itself."""
    from services.history.asking import ask  # noqa: PLC0415 (slow to load)
    from services.history.engine import HistoryError  # noqa: PLC0415
    from services.history.lexing import SqlRefused  # noqa: PLC0415
    from services.history.opening import open_history  # noqa: PLC0415
    from services.history.scope import Limits  # noqa: PLC0415

    if "://" not in place and not Path(place).is_dir():
        raise ConfigurationError(f"There is no history in {place}; `colony history replay` writes one.")
    limits = Limits(max_rows, _OWN_SECONDS, _OWN_MEMORY, _OWN_RESULT, os.cpu_count() or 1)
    with told(HistoryError, SqlRefused):
        engine = open_history(place)
        try:
            result = ask(engine, None, sql, parameters, limits)
        finally:
            engine.close()
    result.rows = [msgspec.json.decode(row) for row in map(bytes, result.rows)]
    return result


def _ask(
    session: Session, sql: str, parameters: Mapping[str, str], max_rows: int, *, all_colonies: bool
) -> HistoryResult:
    """Ask the server."""
    given = dict(parameters)
    if not all_colonies:
        try:
            client = session.colony_owner
        except ConfigurationError:
            all_colonies = True
        else:
            mine = QueryHistory(colonyname=client.colony, sql=sql, parameters=given, maxrows=max_rows)
            return client.call(mine, timeout=_SERVER_SECONDS)
    try:
        owner = session.server_owner
    except ConfigurationError as error:
        raise ConfigurationError(
            "Nobody is there to ask the server: set COLONIES_COLONY_PRVKEY and COLONIES_COLONY_NAME for one colony, "
            "or COLONIES_SERVER_PRVKEY for all; or read the history itself with --data-dir or --history."
        ) from error
    return owner.call(
        QueryServerHistory(sql=sql, parameters=given, maxrows=max_rows), timeout=_SERVER_SECONDS
    )


def _pairs(given: list[str]) -> dict[str, str]:
    for pair in given:
        if "=" not in pair:
            raise InvalidArgument(f"--parameter {pair} has no value; give it as NAME=VALUE.")
    return dict(pair.split("=", 1) for pair in given)


def _shown(place: str) -> str:
    """A place without the password in it."""
    scheme, separator, rest = place.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else place
