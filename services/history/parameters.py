"""The values that a question's parameters, `{name:Type}`, stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.history.lexing import SqlRefused, Token, TokenKind, check_characters
from services.history.vocabulary import TYPES

__all__ = ["filled", "literal"]

_PARENTHESES = {"(": 1, ")": -1}


def filled(tokens: Sequence[Token], parameters: Mapping[str, Any]) -> list[Token]:
    """The tokens with a CAST of its value in place of every parameter.

    Raises:
        SqlRefused: a parameter has no value, no name or no type, or the value is none that SQL has.
    """
    result: list[Token] = []
    used: set[str] = set()
    at = 0
    while at < len(tokens):
        if tokens[at].text != "{":
            result.append(tokens[at])
            at += 1
            continue
        end = next((i for i in range(at, len(tokens)) if tokens[i].text == "}"), None)
        inside = tokens[at + 1 : end]
        if end is None or len(inside) < 3 or inside[0].kind is not TokenKind.WORD or inside[1].text != ":":
            raise SqlRefused("Braces hold a parameter, such as {hours:UInt32}.")
        name, kind = inside[0].text, inside[2:]
        _check_type(name, kind)
        if name not in parameters:
            raise SqlRefused(f"The parameter {name} has no value.")
        used.add(name)
        value = Token(TokenKind.STRING, literal(_text(name, parameters[name])))
        opening = [Token(TokenKind.WORD, "CAST"), Token(TokenKind.SYMBOL, "(")]
        result += [*opening, value, Token(TokenKind.WORD, "AS"), *kind, Token(TokenKind.SYMBOL, ")")]
        at = end + 1
    unused = sorted(set(parameters) - used)
    if unused:
        raise SqlRefused(f"The query has no parameter {unused[0]}.")
    return result


def literal(text: str) -> str:
    """`text` as a SQL string.

    Raises:
        SqlRefused: it holds control characters.
    """
    check_characters(text)
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _check_type(name: str, kind: Sequence[Token]) -> None:
    depth = 0
    for token in kind:
        depth += _PARENTHESES.get(token.text, 0)
        allowed = token.text in ("(", ")", ",") or token.kind in (TokenKind.NUMBER, TokenKind.STRING)
        if depth < 0 or not (allowed or (token.kind is TokenKind.WORD and token.text.lower() in TYPES)):
            raise SqlRefused(f"The type of the parameter {name} is none that a value can have.")
    if depth:
        raise SqlRefused(f"The type of the parameter {name} lacks a closing parenthesis.")


def _text(name: str, value: object) -> str:
    """A value as the engine reads it from text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list):
        items = (literal(item) if isinstance(item, str) else _text(name, item) for item in value)
        return f"[{','.join(items)}]"
    raise SqlRefused(
        f"The value of the parameter {name} must be a text, a number, true, false or a list of them."
    )
