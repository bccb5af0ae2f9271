"""Which arguments a function of an executor gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from colonyledger.binding import Binding
from colonyledger.client import Client
from colonyledger.context import Call
from colonyledger.errors import ConfigurationError
from colonyledger.output import Failure, Output, output_of
from colonyledger.spec import function_spec
from colonyledger.sync.client import SyncClient
from colonyledger.sync.context import SyncCall
from colonyledger.wire import FunctionArgument, Process

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass
class Point:
    x: int
    y: int = 0


class Matrix:
    """A type that only its own library can make."""


def a_process(args: list[Any], kwargs: dict[str, Any], inputs: list[Any]) -> Process:
    spec = function_spec("f", args=args, kwargs=kwargs)
    return Process(processid="p", initiatorid="i", initiatorname="n", spec=spec, input=inputs)


def called(function: Callable[..., Any], *args: Any, inputs: list[Any] | None = None, **kwargs: Any) -> Any:
    """What `function` returns for a process with these arguments and inputs."""
    call = SyncCall(SyncClient("http://localhost:1"), a_process(list(args), kwargs, inputs or []))
    positional, named = Binding(function).arguments(call)
    return function(*positional, **named)


def test_plain_arguments() -> None:
    assert called(lambda x, y: (x, y), 1, "a") == (1, "a")
    assert called(lambda x, y=2: (x, y), 1) == (1, 2)
    assert called(lambda *xs, **ys: (xs, ys), 1, 2, k=3) == ((1, 2), {"k": 3})
    assert called(lambda x, *, y: (x, y), 1, y=2) == (1, 2)
    assert called(lambda x, y: (x, y), y=1, x=2) == (2, 1)


def test_inputs_take_the_place_of_arguments() -> None:
    assert called(lambda *xs: xs, 9, inputs=[4, 5]) == (4, 5)
    assert called(lambda x, k: (x, k), 9, inputs=[4], k=1) == (4, 1)


def test_the_call_is_given_to_whoever_asks_for_it() -> None:
    def all_of_it(call: SyncCall) -> Any:
        return list(call.args), dict(call.kwargs), list(call.input), call.process.processid

    def first(call: SyncCall, x: int) -> Any:
        return x, call.args

    def last(x: int, call: SyncCall) -> Any:
        return x, call.args

    def named(*xs: int, call: SyncCall) -> Any:
        return xs, call.args

    assert called(all_of_it, 1, inputs=[4], k=2) == ([1], {"k": 2}, [4], "p")
    assert called(first, 1, inputs=[4]) == (4, [1])
    assert called(last, 1, inputs=[4]) == (4, [1])
    assert called(named, 1, inputs=[4, 5]) == ((4, 5), [1])


def test_an_async_function_gets_the_async_call() -> None:
    async def wanting(call: Call) -> None: ...

    call = Call(Client("http://localhost:1"), a_process([], {}, []))
    assert Binding(wanting).arguments(call) == ((call,), {})


def test_the_wrong_call_is_refused_at_once() -> None:
    async def asynchronous(call: SyncCall) -> None: ...

    def synchronous(call: Call) -> None: ...

    with pytest.raises(ConfigurationError, match="asynchronous is async: annotate call with Call"):
        Binding(asynchronous)
    with pytest.raises(ConfigurationError, match="synchronous is not async: annotate call with SyncCall"):
        Binding(synchronous)


def test_arguments_become_what_the_function_is_annotated_with() -> None:
    def typed(point: Point, points: list[Point], factor: float, *rest: int, **named: int) -> Any:
        return point, points, factor, rest, named

    result = called(typed, {"x": 1}, [{"x": 2, "y": 3}], 2, 4, 5, k=6)
    assert result == (Point(1), [Point(2, 3)], 2.0, (4, 5), {"k": 6})


def test_text_is_read_as_what_is_wanted() -> None:
    def typed(x: int, y: float, z: bool, text: str) -> Any:
        return x, y, z, text

    assert called(typed, "3", "0.5", "true", "3") == (3, 0.5, True, "3")


def test_exact_values_are_kept() -> None:
    def either(x: int | str) -> Any:
        return x

    assert called(either, "3") == "3"
    assert called(either, 3) == 3


def test_types_of_other_libraries_and_unknown_ones_are_left_alone() -> None:
    def foreign(x: Matrix, y: list[Matrix], z: Decimal, w: Any) -> Any:
        return x, y, z, w

    assert called(foreign, 1, 2, 3, 4) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((), {}, "missing a required argument: 'x'"),
        ((1, 2), {}, "too many positional arguments"),
        ((1,), {"x": 2}, "multiple values for argument 'x'"),
        ((1,), {"z": 2}, "unexpected keyword argument 'z'"),
        (("a",), {}, "The argument x does not fit square: Expected `int`, got `str`"),
        (([1],), {}, "Expected `int`, got `array`"),
    ],
)
def test_what_does_not_fit_is_said_in_words(
    args: tuple[Any, ...], kwargs: dict[str, Any], words: str
) -> None:
    def square(x: int) -> int:
        return x * x

    with pytest.raises(Failure) as raised:
        called(square, *args, **kwargs)
    assert "square" in str(raised.value)
    assert words in str(raised.value)


def test_a_function_describes_itself() -> None:
    def square(call: SyncCall, x: int, scale: float = 1.0, *rest: Point) -> float:
        """Square a number.

        More of it.
        """
        return x * x * scale

    binding = Binding(square)
    assert (binding.name, binding.description, binding.is_async) == ("square", "Square a number.", False)
    assert binding.described_arguments() == [
        FunctionArgument(name="x", type="int", required=True),
        FunctionArgument(name="scale", type="float"),
        FunctionArgument(name="rest", type="Point"),
    ]
    assert Binding(square, "other", "Words.").name == "other"
    assert Binding(square, "other", "Words.").description == "Words."


@pytest.mark.parametrize(
    ("value", "output"),
    [
        (None, []),
        (4, [4]),
        ([1, 2], [[1, 2]]),
        (Output([1, 2]), [1, 2]),
        (Output(), []),
        ("", [""]),
        (False, [False]),
    ],
)
def test_outputs(value: object, output: list[Any]) -> None:
    assert output_of(value) == output


def test_failures_have_words() -> None:
    assert Failure("a", "b").errors == ["a", "b"]
    assert Failure().errors == ["The function failed without saying why."]
