"""The repository names no machine and no place that its reader does not have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tidy.sources import Repository, none_of, sample

# A character class keeps a pattern from finding itself.
MACHINE_PATHS = re.compile(r"(?<![\w.$}])/(?:wor[k]|roo[t]|home/\w+|Users/\w+)/")
TEMPORARY_PATHS = re.compile(r"(?<![\w.$}])/tm[p]/")
HOSTS = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|repo1?\.maven\.|maven\.apache\.org/maven2"
    r"|crates\.io|proxy\.golang\.org|deb\.debian\.org|unpkg\.com|jsdelivr\.net"
)
MAKERS = re.compile(
    r"\b(?:clau[d]e|anthropi[c]|opena[i]|chatgp[t]|copilo[t]|AI[- ](?:generated|assisted|written)"
    r"|language mode[l]s?|(?:the|our) (?:founde[r]|CE[O])|issues sho[w]|co-authored-b[y])\b",
    re.IGNORECASE,
)
CREDENTIALS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KE[Y]-----")

EVERYWHERE = {
    "a path of one machine": MACHINE_PATHS,
    "a package registry; clients know theirs": HOSTS,
    "not a matter of the project": MAKERS,
    "a secret": CREDENTIALS,
}


def words(repository: Repository) -> list[str]:
    problems = []
    for name, text in repository.texts.items():
        patterns = dict(EVERYWHERE)
        if not name.startswith("tests/"):
            patterns["a fixed temporary path; take tempfile or a setting"] = TEMPORARY_PATHS
        for number, line in enumerate(text.splitlines(), 1):
            for reason, pattern in patterns.items():
                if found := pattern.search(line):
                    problems.append(f"{name}:{number}: {found[0]!r} is {reason}")
    return problems


def test_words(repository: Repository) -> None:
    none_of(words(repository))


@pytest.mark.parametrize(
    "line",
    [
        "see /wor" + "k/main",
        "cd /hom" + "e/ann/x",
        "open('/tm" + "p/x')",
        "--index-url https://pypi" + ".org/simple",
        "resolved: registry.npmjs" + ".org",
        "written by Clau" + "de",
        "the found" + "er wants it",
        "-----BEGIN EC PRIVATE KE" + "Y-----",
    ],
)
def test_a_word_is_found(tmp_path: Path, line: str) -> None:
    repository = sample(tmp_path, {"docs/a.md": f"one\n{line}\n"})
    assert [problem.partition(": ")[0] for problem in words(repository)] == ["docs/a.md:2"]


def test_relative_paths_are_fine(tmp_path: Path) -> None:
    text = "framework/x ./work/x $HOME/work/x https://example.org/work/x https://maven.apache.org/POM/4.0.0\n"
    assert words(sample(tmp_path, {"a.md": text})) == []


def test_tests_may_name_temporary_paths(tmp_path: Path) -> None:
    assert words(sample(tmp_path, {"tests/a.py": "name = '/tm" + "p/x'\n"})) == []
