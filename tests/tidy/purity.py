"""What the pure core may not do, as far as a syntax tree shows it.

The same ledger prefix must fold to the same state on every machine. So projections import only from
a short list, call nothing that looks at the machine, the clock or chance, and take nothing out of a
set in the set's own order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.sources import Repository

__all__ = ["impurities"]

STANDARD_LIBRARY = frozenset(
    [
        "__future__",
        "base64",
        "binascii",
        "bisect",
        "calendar",
        "collections",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
    ]
)
OWN = ("projections", "colonyledger.identity", "colonyledger.record", "colonyledger.wire")

BUILTINS = {
    **dict.fromkeys(("open", "print", "input", "breakpoint"), "the core does no I/O"),
    **dict.fromkeys(("eval", "exec", "compile", "__import__"), "the core runs no text"),
    **dict.fromkeys(("hash", "id"), "its value differs from run to run"),
}
CLOCKS = frozenset(("now", "utcnow", "today", "localtime", "generate"))
"""Methods that read a clock or make chance: datetime.now, date.today, Identity.generate."""
ZONED = frozenset(("fromtimestamp", "astimezone", "timestamp"))
"""Methods of datetime that take the machine's time zone if they are given none."""

SET_TYPES = frozenset(("set", "frozenset", "Set", "AbstractSet", "MutableSet", "FrozenSet"))
SET_METHODS = frozenset(("union", "intersection", "difference", "symmetric_difference"))
ORDERED_BY = frozenset(
    ("list", "tuple", "iter", "enumerate", "zip", "map", "filter", "deque", "next", "sum", "reversed", "dict")
)
"""Calls whose result shows the order of what they are given."""
ORDER_FREE = frozenset(("sorted", "min", "max", "any", "all", "len", "set", "frozenset"))
"""Calls whose result does not, unless a key gives two elements the same rank."""
ORDERED_METHODS = frozenset(("join", "extend", "fromkeys", "from_iterable", "appendleft", "extendleft"))


def impurities(repository: Repository) -> list[str]:
    """Everything in projections that could make two folds of one ledger differ."""
    modules = [module for module in repository.modules if module.name.split(".")[0] == "projections"]
    fields = {name for module in modules for name in _set_fields(module.tree)}
    problems = []
    for module in modules:
        found = [*_imports(module.tree), *_calls(module.tree), *_unordered(module.tree, fields)]
        problems += [f"{module.path}:{line}: {reason}" for line, reason in found]
    return sorted(problems)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith):
            yield node.lineno, "the core waits for nothing; it has no async code"
            continue
        else:
            continue
        for name in names:
            allowed = name.split(".")[0] in {*STANDARD_LIBRARY, "msgspec"}
            if not allowed and not any(name == own or name.startswith(own + ".") for own in OWN):
                yield node.lineno, f"imports {name}, which is not on the list of the pure core"


def _calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
            yield node.lineno, f"calls {node.func.id}(): {BUILTINS[node.func.id]}"
        elif isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            yield node.lineno, f"calls .{node.func.attr}(): the core's only clock is the record's append time"
        elif isinstance(node.func, ast.Attribute) and node.func.attr in ZONED and _zone_missing(node):
            yield node.lineno, f"calls .{node.func.attr}() without a zone, so with the machine's"


def _zone_missing(call: ast.Call) -> bool:
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr == "timestamp":
        return False  # ruff's DTZ rules keep naive datetimes out
    needed = 2 if call.func.attr == "fromtimestamp" else 1
    return len(call.args) < needed and not any(keyword.arg in {"tz", "tzinfo"} for keyword in call.keywords)


def _set_fields(tree: ast.Module) -> Iterator[str]:
    """Names of class fields that are declared to be sets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for statement in ast.walk(node):
                if isinstance(statement, ast.AnnAssign) and _is_set_type(statement.annotation):
                    target = statement.target
                    if isinstance(target, ast.Name):
                        yield target.id
                    elif isinstance(target, ast.Attribute):
                        yield target.attr


def _is_set_type(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Subscript(value=value):
            return _is_set_type(value)
        case ast.BinOp(left=left, right=right):
            return _is_set_type(left) or _is_set_type(right)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in SET_TYPES
        case ast.Constant(value=str(text)):
            return _is_set_type(ast.parse(text, mode="eval").body)
    return False


class _Sets:
    """Which expressions of one module are sets, by the names that hold sets somewhere in it."""

    def __init__(self, tree: ast.Module, fields: set[str]) -> None:
        self.fields = fields
        self.names: set[str] = set()
        known = -1
        while known < len(self.names):  # a name may hold what another name holds
            known = len(self.names)
            self.names.update(name for node in ast.walk(tree) for name in self._holders(node))

    def _holders(self, node: ast.AST) -> list[str]:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation) if _is_set_type(annotation):
                return [name]
            case ast.Assign(targets=targets, value=value) if self.is_set(value):
                return [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.arg(arg=name, annotation=ast.expr() as annotation) if _is_set_type(annotation):
                return [name]
        return []

    def is_set(self, node: ast.expr) -> bool:
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return name in self.names
            case ast.Attribute(attr=name):
                return name in self.fields
            case ast.Call(func=ast.Name(id="set" | "frozenset")):
                return True
            case ast.Call(func=ast.Attribute(value=value, attr=method)):
                return method in SET_METHODS or (method == "copy" and self.is_set(value))
            case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
                return self.is_set(left) or self.is_set(right)
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_set(body) or self.is_set(orelse)
        return False


def _unordered(tree: ast.Module, fields: set[str]) -> Iterator[tuple[int, str]]:
    sets = _Sets(tree, fields)
    free = {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ORDER_FREE
        if not _has_key(node)
        for argument in node.args
    }
    for node in ast.walk(tree):
        for shown in _shown_in_order(node, free):
            if sets.is_set(shown):
                yield (
                    shown.lineno,
                    f"takes {ast.unparse(shown)} in a set's order, which differs from run to run; sort it",
                )


def _shown_in_order(node: ast.AST, free: set[int]) -> list[ast.expr]:
    """What `node` goes through in order, where the order can be seen afterwards."""
    match node:
        case ast.For(iter=iterated):
            return [iterated]
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
            return [] if id(node) in free else [generator.iter for generator in node.generators]
        case ast.Starred(value=value) | ast.YieldFrom(value=value):
            return [value]
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in ORDERED_BY:
            return arguments
        case ast.Call(func=ast.Name(id="sorted" | "min" | "max"), args=arguments) if _has_key(node):
            return arguments
        case ast.Call(func=ast.Attribute(attr="pop", value=value), args=[]):
            return [value]
        case ast.Call(func=ast.Attribute(attr=method), args=arguments) if method in ORDERED_METHODS:
            return arguments
    return []


def _has_key(call: ast.Call) -> bool:
    return any(keyword.arg == "key" for keyword in call.keywords)
