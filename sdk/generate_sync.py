"""Write the synchronous client from the asynchronous one: colonyledger/sync/ from colonyledger/.

    python sdk/generate_sync.py

The asynchronous sources use no feature that these word by word replacements do not cover; what they
write is committed, and a test checks that it is up to date.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "colonyledger"
SOURCES = ("channel.py", "client.py", "context.py", "workflow.py", "rpc/*.py")
TARGET = "sync"

RENAMED = {
    "AsyncBaseTransport": "BaseTransport",
    "AsyncClient": "Client",
    "AsyncExitStack": "ExitStack",
    "AsyncGenerator": "Generator",
    "AsyncIterator": "Iterator",
    "Call": "SyncCall",
    "Channel": "SyncChannel",
    "Client": "SyncClient",
    "Workflow": "SyncWorkflow",
    "WorkflowRun": "SyncWorkflowRun",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aclosing": "closing",
    "asynccontextmanager": "contextmanager",
    "asyncio": "time",
    "enter_async_context": "enter_context",
    "colonyledger.channel": "colonyledger.sync.channel",
    "colonyledger.client": "colonyledger.sync.client",
    "colonyledger.context": "colonyledger.sync.context",
    "colonyledger.rpc": "colonyledger.sync.rpc",
    "colonyledger.workflow": "colonyledger.sync.workflow",
    "transport.abort": "close",
    "websockets.asyncio": "websockets.sync",
}
DROPPED = (
    r"\bawait ",
    r"\basync (?=def\b|with\b|for\b)",
    r"  # noqa: ASYNC\d+",
    r"    def __await__\(.*?\n\n",
    r" `await run` is `await run.wait\(\)`.",
)
WORDS = re.compile(r"\b(?:" + "|".join(map(re.escape, RENAMED)) + r")\b")
GONE = re.compile("|".join(DROPPED), re.DOTALL)


def synchronous(source: str) -> str:
    """The synchronous form of asynchronous `source`, not yet formatted."""
    return WORDS.sub(lambda found: RENAMED[found[0]], GONE.sub("", source))


def generate(folder: Path) -> None:
    """Write all files of the synchronous client into `folder`."""
    for pattern in SOURCES:
        for path in sorted(PACKAGE.glob(pattern)):
            name = path.relative_to(PACKAGE)
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            docstring, _, code = synchronous(path.read_text("utf-8")).partition("\n\nfrom __future__")
            remark = (
                f"# Written by sdk/generate_sync.py from colonyledger/{name.as_posix()}; change that one.\n"
            )
            text = f"{remark}{docstring}\n\nfrom __future__{code}" if code else f"{remark}{docstring}"
            target.write_text(_tidy(text, PACKAGE / TARGET / name), "utf-8")


def _tidy(text: str, path: Path) -> str:
    """`text` with its imports sorted and its lines folded, as the file `path` of this project would be."""
    for command in (["check", "--quiet", "--fix", "--select", "I,F401"], ["format", "--quiet"]):
        done = subprocess.run(  # noqa: S603 - ruff, on our own text
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        text = done.stdout
    return text


if __name__ == "__main__":
    generate(PACKAGE / TARGET)
