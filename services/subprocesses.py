"""Modules of ours that run in processes of their own, so that a server does not wait for what takes long."""

from __future__ import annotations

import asyncio
import contextlib
import sys

__all__ = ["output_of"]


async def output_of(module: str, *arguments: str) -> bytes:
    """What `python -m module` writes; whoever cancels this kills it.

    Raises:
        OSError: it cannot be started.
        RuntimeError: it failed; the text, its last line, says why.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        told, errors = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"its process ended with {process.returncode}")
    return told
