"""What the documents promise is there: linked files and headings, make targets, names of the SDK."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path, PurePosixPath

import pytest

from tests.tidy.sources import Repository, none_of, sample

FENCE = re.compile(r"^ *(```+|~~~+) *(\w*).*?\n(.*?)^ *\1", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
COMMAND = re.compile(r"(?:^|[;&|$(] *)make((?: +[^\s;&|#`]+)*)", re.MULTILINE)
SETTING = re.compile(r"\w+=(?:\"[^\"]*\"|'[^']*'|\S*)")
TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)(.*)", re.MULTILINE)


def broken_links(repository: Repository) -> list[str]:
    documents = repository.markdown()
    folders = {str(folder) for name in repository.names for folder in PurePosixPath(name).parents}
    problems = []
    for name, text in documents.items():
        for found in LINK.finditer(SPAN.sub("", FENCE.sub("", text))):
            target = found[1] or found[2]
            if re.match(r"[a-z]+:", target):
                continue
            path, _, heading = target.partition("#")
            place = _resolved(name, path) if path else name
            if place not in folders and place not in repository.names:
                problems.append(f"{name}:1: {target} is not in the repository")
            elif heading and place in documents and heading not in _anchors(documents[place]):
                problems.append(f"{name}:1: {target}: no such heading")
    return problems


def unknown_targets(repository: Repository) -> list[str]:
    targets = {found[1] for found in TARGET.finditer(repository.texts["Makefile"])}
    problems = []
    for name, text in repository.markdown().items():
        snippets = [found[3] for found in FENCE.finditer(text)] + SPAN.findall(FENCE.sub("", text))
        for command in (found for snippet in snippets for found in COMMAND.finditer(snippet)):
            words = SETTING.sub("", command[1]).split()
            goals = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
            problems += [f"{name}:1: make {goal}: no such target" for goal in goals if goal not in targets]
    return problems


def undocumented_targets(repository: Repository) -> list[str]:
    return [
        f"Makefile:1: {found[1]} has no ## description, so make help does not list it"
        for found in TARGET.finditer(repository.texts["Makefile"])
        if "## " not in found[2]
    ]


def broken_python(repository: Repository) -> list[str]:
    """Python in documents that does not parse, or takes from our packages what they do not have."""
    problems = []
    for name, text in repository.markdown().items():
        for language, snippet in ((found[2], found[3]) for found in FENCE.finditer(text)):
            if language not in {"python", "py"}:
                continue
            try:
                tree = ast.parse(snippet)
            except SyntaxError as error:
                problems.append(f"{name}:1: Python that does not parse: {error}")
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module:
                    missing = [alias.name for alias in node.names if not _importable(node.module, alias.name)]
                    problems += [
                        f"{name}:1: from {node.module} import {missing_name}: no such name"
                        for missing_name in missing
                    ]
    return problems


def _importable(module: str, name: str) -> bool:
    if module.partition(".")[0] not in {"colonyledger", "projections", "services"}:
        return True
    try:
        return hasattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return False


def _resolved(document: str, path: str) -> str:
    parts: list[str] = [] if path.startswith("/") else list(PurePosixPath(document).parent.parts)
    for part in PurePosixPath(path.lstrip("/")).parts:
        if part == "..":
            if not parts:
                return path
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


def _anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    plain = (
        re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found[1]) for found in HEADING.finditer(FENCE.sub("", text))
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}


def test_links_lead_somewhere(repository: Repository) -> None:
    none_of(broken_links(repository))


def test_make_commands_in_documents_exist(repository: Repository) -> None:
    none_of(unknown_targets(repository))


def test_make_targets_are_described(repository: Repository) -> None:
    none_of(undocumented_targets(repository))


def test_python_in_documents_is_real(repository: Repository) -> None:
    none_of(broken_python(repository))


@pytest.mark.parametrize(
    "text",
    [
        "see [it](gone.md)",
        "see [it](../../outside.md)",
        "![picture](gone.png)",
        "[ref]: gone.md",
        "[it](b.md#no-such-heading)",
        "[it](#no-such-heading)",
    ],
)
def test_a_broken_link_is_found(tmp_path: Path, text: str) -> None:
    repository = sample(tmp_path, {"docs/a.md": f"# Top\n\n{text}\n", "docs/b.md": "# Other\n"})
    assert len(broken_links(repository)) == 1


def test_good_links_pass(tmp_path: Path) -> None:
    text = (
        "# A title, with `code`\n[b](b.md) [c](../c.txt) [d](../docs) [e](b.md#one--two) "
        "[f](#a-title-with-code) [g](https://example.org/x.md) [h](/c.txt)\n"
        "```\n[x](nowhere.md)\n```\n`[y](nowhere.md)`\n"
    )
    assert (
        broken_links(sample(tmp_path, {"docs/a.md": text, "docs/b.md": "## One & two\n", "c.txt": ""})) == []
    )


def test_an_unknown_make_target_is_found(tmp_path: Path) -> None:
    script = 'cd x && make -j demo ARGS="-k x"  # make believe\nmake gone\n'
    text = f"To make sense, run `make test` or:\n```sh\n{script}```\n`make lost`\n"
    repository = sample(
        tmp_path, {"README.md": text, "Makefile": "test: x  ## Test\ndemo:\n\ttrue\nBIN := x\n"}
    )
    assert unknown_targets(repository) == [
        "README.md:1: make gone: no such target",
        "README.md:1: make lost: no such target",
    ]
    assert undocumented_targets(repository) == [
        "Makefile:1: demo has no ## description, so make help does not list it"
    ]


@pytest.mark.parametrize(
    "snippet",
    [
        "from colonyledger.record import Recrod",
        "from colonyledger.gone import x",
        "from projections import gone",
        "def f(:",
    ],
)
def test_broken_python_is_found(tmp_path: Path, snippet: str) -> None:
    assert len(broken_python(sample(tmp_path, {"a.md": f"```python\n{snippet}\n```\n"}))) == 1


def test_good_python_passes(tmp_path: Path) -> None:
    snippet = "from colonyledger.record import Record\nfrom elsewhere import thing\n"
    assert broken_python(sample(tmp_path, {"a.md": f"```python\n{snippet}```\n```json\n{{\n```\n"})) == []
