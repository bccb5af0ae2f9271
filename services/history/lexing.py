"""SQL as a list of tokens, and back.

What is checked and what is run is the text that `text_of` writes: no comments, one blank between
tokens, nothing but what `tokens_of` knows. So no trick with comments, escapes or odd characters can
make the engine read something else than the check did.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

__all__ = ["SqlRefused", "Token", "TokenKind", "check_characters", "text_of", "tokens_of"]

_TOKEN = re.compile(
    r"""
      (?P<blank>   [ \t\r\n]+ | --[^\n]* | /\*.*?\*/ )
    | (?P<string>  '(?:[^'\\]|\\.|'')*' )
    | (?P<quoted>  `[^`\\"]*` | "[^`\\"]*" )
    | (?P<number>  (?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![A-Za-z_]) )
    | (?P<word>    [A-Za-z_][A-Za-z0-9_]* )
    | (?P<symbol>  -> | :: | <=> | <> | != | == | <= | >= | \|\| | [-+*/%(),.\[\]<>=?:{}] )
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class SqlRefused(Exception):
    """The question may not be asked like this; the text is a sentence for who asked."""


class TokenKind(Enum):
    """What a token is."""

    WORD = "word"
    """A keyword, or a name without quotes."""
    QUOTED = "quoted"
    """A name in backquotes or double quotes."""
    STRING = "string"
    NUMBER = "number"
    SYMBOL = "symbol"


class Token(NamedTuple):
    """A token as it is written."""

    kind: TokenKind
    text: str

    @property
    def name(self) -> str:
        """The name that a word or a quoted name stands for."""
        return self.text[1:-1] if self.kind is TokenKind.QUOTED else self.text

    @property
    def keyword(self) -> str:
        """A word in capitals; empty for anything else."""
        return self.text.upper() if self.kind is TokenKind.WORD else ""


def check_characters(text: str) -> None:
    """Refuse control characters: some readers take one for the end of the text.

    Raises:
        SqlRefused: there is one.
    """
    control = _CONTROL.search(text)
    if control is not None:
        raise SqlRefused(f"The query, or a parameter, holds the control character {control[0]!r}.")


def tokens_of(sql: str) -> list[Token]:
    """The tokens of `sql`, without comments.

    Raises:
        SqlRefused: there is something in it that no question needs.
    """
    check_characters(sql)
    tokens = []
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        if found is None:
            raise SqlRefused(f"The query cannot be read from {sql[at : at + 20]!r} on (character {at + 1}).")
        if found.lastgroup != "blank":
            tokens.append(Token(TokenKind(found.lastgroup), found[0]))
        at = found.end()
    return tokens


def text_of(tokens: Sequence[Token]) -> str:
    """The tokens as SQL."""
    return " ".join(token.text for token in tokens)
