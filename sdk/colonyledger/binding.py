"""From a process's arguments to those of a Python function.

A function gets the positional arguments that were submitted or, if the process has parents with
outputs, those outputs instead (protocol: workflows.md section 3), and the keyword arguments. They
are converted to the types that its parameters are annotated with. A parameter annotated with `Call`
(`SyncCall` if the function is not async) gets the call itself; a function with no other parameter
takes what it needs from there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, get_type_hints

import msgspec
from msgspec import inspect as msgspec_inspect

from colonyledger.context import Call
from colonyledger.errors import ConfigurationError
from colonyledger.output import Failure
from colonyledger.sync.context import SyncCall
from colonyledger.wire import FunctionArgument

__all__ = ["Binding"]

_UNRESOLVED = (NameError, AttributeError, TypeError, SyntaxError)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Binding:
    """A Python function under the name that it is asked for by.

    Raises:
        ConfigurationError: it wants a Call and is not async, or a SyncCall and is async.
    """

    def __init__(self, function: Callable[..., Any], name: str = "", description: str = "") -> None:
        self.function = function
        self.name = name or function.__name__
        self.description = description or (inspect.getdoc(function) or "").partition("\n")[0]
        self.is_async = inspect.iscoroutinefunction(function)
        self._signature = inspect.signature(function)
        self._hints = {
            parameter.name: _hint(function, parameter.annotation)
            for parameter in self._signature.parameters.values()
        }
        self._call_name = self._name_of_call()
        self._own = self._signature.replace(
            parameters=[
                parameter
                for parameter in self._signature.parameters.values()
                if parameter.name != self._call_name
            ]
        )
        self._kinds = {name: kind for name, hint in self._hints.items() if (kind := _convertible(hint))}

    @property
    def wants_call(self) -> bool:
        """Whether the function asks for the call."""
        return bool(self._call_name)

    def arguments(self, call: Call | SyncCall) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional and keyword arguments to call the function with.

        Raises:
            Failure: what was submitted does not fit the function; the text says how.
        """
        bound = inspect.BoundArguments(self._signature, {})
        if self._own.parameters or not self._call_name:
            bound.arguments.update(self._bound(call))
        if self._call_name:
            bound.arguments[self._call_name] = call
        return bound.args, bound.kwargs

    def described_arguments(self) -> list[FunctionArgument]:
        """The function's parameters, for people to read."""
        return [
            FunctionArgument(
                name=parameter.name,
                type=_text(parameter.annotation),
                required=parameter.default is parameter.empty and parameter.kind not in _VARIADIC,
            )
            for parameter in self._own.parameters.values()
        ]

    def _name_of_call(self) -> str:
        wanted, other = (Call, SyncCall) if self.is_async else (SyncCall, Call)
        for name, hint in self._hints.items():
            if hint is other:
                article = "async: annotate" if self.is_async else "not async: annotate"
                raise ConfigurationError(
                    f"The function {self.name} is {article} {name} with {wanted.__name__} instead of "
                    f"{other.__name__}."
                )
            if hint is wanted:
                return name
        return ""

    def _bound(self, call: Call | SyncCall) -> Mapping[str, Any]:
        try:
            bound = self._own.bind(*(call.input or call.args), **call.kwargs)
        except TypeError as error:
            raise Failure(f"The arguments do not fit {self.name}{self._own}: {error}.") from None
        for name, kind in self._kinds.items():
            if name not in bound.arguments:
                continue
            value = bound.arguments[name]
            match self._signature.parameters[name].kind:
                case inspect.Parameter.VAR_POSITIONAL:
                    converted: Any = tuple(self._converted(name, item, kind) for item in value)
                case inspect.Parameter.VAR_KEYWORD:
                    converted = {key: self._converted(key, item, kind) for key, item in value.items()}
                case _:
                    converted = self._converted(name, value, kind)
            bound.arguments[name] = converted
        return bound.arguments

    def _converted(self, name: str, value: object, kind: Any) -> object:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            try:  # a command line sends all arguments as text
                return msgspec.convert(value, kind, strict=False)
            except msgspec.ValidationError:
                raise Failure(f"The argument {name} does not fit {self.name}: {error}.") from None


def _hint(function: Callable[..., Any], annotation: Any) -> Any:
    """The type that `annotation` means, Any if that cannot be found out."""
    if annotation is inspect.Parameter.empty:
        return Any
    holder = SimpleNamespace(__annotations__={"it": annotation})
    try:
        return get_type_hints(holder, getattr(function, "__globals__", {}))["it"]
    except _UNRESOLVED:
        named = {"Call": Call, "SyncCall": SyncCall}
        return named.get(str(annotation).rpartition(".")[2], Any)


def _convertible(hint: Any) -> Any:
    """`hint` if JSON can be converted to it, else None."""
    if hint in (Any, Call, SyncCall):
        return None
    try:
        return None if _is_foreign(msgspec_inspect.type_info(hint)) else hint
    except _UNRESOLVED:
        return None


def _is_foreign(kind: msgspec_inspect.Type) -> bool:
    """Whether `kind` is, or is a collection of, something that only its own library can make."""
    if isinstance(kind, msgspec_inspect.UnionType):
        return any(_is_foreign(option) for option in kind.types)
    if isinstance(kind, msgspec_inspect.DictType):
        return _is_foreign(kind.value_type)
    if isinstance(kind, msgspec_inspect.ListType | msgspec_inspect.VarTupleType | msgspec_inspect.SetType):
        return _is_foreign(kind.item_type)
    return isinstance(kind, msgspec_inspect.CustomType)


def _text(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
