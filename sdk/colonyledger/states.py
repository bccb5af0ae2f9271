"""What the states of processes, workflows and executors are called, and which of them are final."""

from __future__ import annotations

from colonyledger.wire import ExecutorState, ProcessState

__all__ = ["executor_state_name", "is_final", "state_name"]

_FINAL = frozenset({ProcessState.SUCCESS, ProcessState.FAILED, ProcessState.CANCELLED})
_NAMES = {int(state): state.name.lower() for state in ProcessState} | {
    int(ProcessState.SUCCESS): "successful"
}
_EXECUTOR_NAMES = {int(state): state.name.lower() for state in ExecutorState}


def is_final(state: int) -> bool:
    """Whether a process or workflow in `state` has ended for good (protocol: queue.md section 1)."""
    return state in _FINAL


def state_name(state: int) -> str:
    """A state of a process or workflow in words, such as "waiting"."""
    return _NAMES.get(state, f"state {state}")


def executor_state_name(state: int) -> str:
    """A state of an executor in words, such as "approved"."""
    return _EXECUTOR_NAMES.get(state, f"state {state}")
