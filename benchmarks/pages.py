"""The pages with figures and their pictures: the sections that a run writes, between markers, leaving the rest alone."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = ["PAGES", "PICTURES", "machine", "record", "replaced"]

_DOCS = Path(__file__).parent.parent / "docs"
PAGES = (_DOCS / "performance.md", _DOCS / "steady.md")
PICTURES = _DOCS / "pictures"


def replaced(page: str, section: str, content: str) -> str:
    """A page with the text between a section's markers replaced.

    Raises:
        ValueError: the page does not have the markers, once each and in order.
    """
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"the page has no section {section}: {begin} … {end}")
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n\n{content.strip()}\n\n{end}{rest.partition(end)[2]}"


def record(section: str, content: str, command: str, load: float, pictures: Mapping[str, str]) -> None:
    """Write a section and its pictures, with the command that it is from, the machine, and its load before.

    Raises:
        ValueError: no page has the section's markers.
    """
    origin = (
        f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} by `{command}` on {machine()}, "
        f"which had a load of {load:.1f} before."
    )
    marked = [page for page in PAGES if f"<!-- {section}: begin -->" in page.read_text("utf-8")]
    page = marked[0] if marked else PAGES[0]
    page.write_text(replaced(page.read_text("utf-8"), section, f"{origin}\n\n{content}"), "utf-8")
    PICTURES.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (PICTURES / name).write_text(picture, "utf-8")


def machine() -> str:
    """The machine in words: processor, memory, system, Python."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"{os.cpu_count()} × {_processor()}, {gib:.0f} GiB, {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {python}"
    )


def _processor() -> str:
    try:
        info = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*: (.+)$", info, re.MULTILINE)
    return found[1].strip() if found else platform.machine()
