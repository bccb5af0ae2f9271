"""Whether a question may be asked: one SELECT over the history's own tables, with functions that only compute.

Three checks, each of which has to pass: the words (no keyword that writes or changes settings, no
function that is not on the list, called or named), the shape as a SQL parser reads it (one SELECT,
every source a table of the history, a subquery or a CTE in scope), and later the engine's own
limits (`services.history.scope`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from services.history.lexing import SqlRefused, Token, TokenKind, text_of, tokens_of
from services.history.parameters import filled
from services.history.vocabulary import CALLS, FORBIDDEN, TYPES, is_function

__all__ = ["MAX_SQL_LENGTH", "Question", "checked"]

MAX_SQL_LENGTH = 65_536
"""Characters of a question."""

_MAX_DEPTH = 60
_EXPLAINED = ("PLAN", "PIPELINE", "SYNTAX")
_NO_NAMES = CALLS - {"OFFSET"} | {"ARRAY"}
"""Keywords that AS makes no name of without quotes, lest one reader takes them for what they say."""
_STATE_TYPE = "aggregatefunction"


class Question(NamedTuple):
    """A question that passed."""

    explain: str
    """`EXPLAIN` and what is to be explained; empty if the question is to be answered."""
    has_ctes: bool
    """Whether `text` begins with common table expressions."""
    text: str
    """The SELECT, without the word WITH if it has common table expressions."""
    tables: tuple[str, ...]
    """The tables that it reads, in the order of their names."""


def checked(
    sql: str, parameters: Mapping[str, Any], tables: Collection[str], known: Collection[str]
) -> Question:
    """Check a question.

    `tables` may be read; `known` are the names, in lower case, of all functions that the engine has:
    one that is not on the list may not even be named, for the engine calls functions by bare names.

    Raises:
        SqlRefused: why it may not be asked.
    """
    if len(sql) > MAX_SQL_LENGTH:
        raise SqlRefused(f"The query has {len(sql)} characters, more than {MAX_SQL_LENGTH}.")
    tokens = filled(tokens_of(sql.strip().removesuffix(";")), parameters)
    explain, tokens = _explained(tokens)
    if not tokens or tokens[0].keyword not in ("SELECT", "WITH"):
        raise SqlRefused("A query starts with SELECT, WITH or EXPLAIN.")
    _check_words(tokens, known)
    from services.history.shape import tables_read  # noqa: PLC0415 (the parser takes half a second to load)

    names = tables_read(text_of(tokens), tables)
    has_ctes = tokens[0].keyword == "WITH"
    return Question(explain, has_ctes, text_of(tokens[1:] if has_ctes else tokens), names)


def _explained(tokens: list[Token]) -> tuple[str, list[Token]]:
    if not tokens or tokens[0].keyword != "EXPLAIN":
        return "", tokens
    if len(tokens) > 1 and tokens[1].keyword in _EXPLAINED:
        return f"EXPLAIN {tokens[1].keyword}", tokens[2:]
    return "EXPLAIN", tokens[1:]


def _check_words(tokens: Sequence[Token], known: Collection[str]) -> None:
    depth = 0
    following = [*tokens[1:], Token(TokenKind.SYMBOL, "")]
    before = Token(TokenKind.SYMBOL, "")
    for token, after in zip(tokens, following, strict=True):
        if token.text in "([{":
            depth += 1
            if depth > _MAX_DEPTH:
                raise SqlRefused(f"The query is nested deeper than {_MAX_DEPTH} levels.")
        elif token.text in ")]}":
            depth -= 1
        if token.kind is TokenKind.STRING and _STATE_TYPE in token.text.lower():
            raise SqlRefused("States of aggregate functions cannot be made from text.")
        if token.kind in (TokenKind.WORD, TokenKind.QUOTED):
            _check_word(before, token, after, known)
        before = token


def _check_word(before: Token, token: Token, after: Token, known: Collection[str]) -> None:
    keyword, name = token.keyword, token.name.lower()
    if keyword in FORBIDDEN:
        raise SqlRefused(f"{keyword} cannot be used: {FORBIDDEN[keyword]}.")
    called = after.text == "("
    if before.keyword == "AS" and not called and keyword in _NO_NAMES:
        raise SqlRefused(f"The name {token.text} must be quoted.")
    if keyword in CALLS:
        if keyword == "IN" and called and not _ends_value(before):
            raise SqlRefused("Write x IN (…) instead of in(x, …).")
    elif called and (token.kind is TokenKind.QUOTED or not (is_function(name) or name in TYPES)):
        raise SqlRefused(f"The function {token.name} cannot be used here.")
    elif name in known and not is_function(name) and name not in TYPES:
        raise SqlRefused(
            f"The name {token.name} is that of a function that cannot be used here; take another."
        )


def _ends_value(token: Token) -> bool:
    """Whether a value may end with this token, so that IN after it is an operator."""
    if token.kind is TokenKind.SYMBOL:
        return token.text in (")", "]")
    return (
        token.keyword in ("", "NOT", "GLOBAL", "END", "NULL", "TRUE", "FALSE") or token.keyword not in CALLS
    )
