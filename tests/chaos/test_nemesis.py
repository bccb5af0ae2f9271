"""The plan of faults follows from its seed."""

from __future__ import annotations

from itertools import islice

from tests.chaos.nemesis import Fault, every_fault, for_ever


def test_every_fault_happens_once() -> None:
    steps = list(every_fault(1))
    assert sorted(fault for step in steps for fault in step.faults) == sorted(Fault)
    assert steps == list(every_fault(1))
    assert steps != list(every_fault(2))


def test_a_plan_without_an_end() -> None:
    steps = list(islice(for_ever(1), 1000))
    assert {fault for step in steps for fault in step.faults} == set(Fault)
    assert any(len(step.faults) > 1 for step in steps)
    assert steps == list(islice(for_ever(1), 1000))


def test_some_faults_alone() -> None:
    kinds = (Fault.PAUSE_BROKER, Fault.CUT_DEAF)
    assert {fault for step in islice(for_ever(1, kinds), 1000) for fault in step.faults} == set(kinds)
