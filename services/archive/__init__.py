"""Archives of ledgers: closed stretches of each partition as immutable objects, and what says that none is missing.

What an archive consists of is in docs/archive.md.
"""

from services.archive.archiving import Archived, archive
from services.archive.ledger import ArchiveLedger
from services.archive.reading import Archive
from services.archive.restoring import restore
from services.archive.stores import ArchiveStore, is_archive, open_archive_store

__all__ = [
    "Archive",
    "ArchiveLedger",
    "ArchiveStore",
    "Archived",
    "archive",
    "is_archive",
    "open_archive_store",
    "restore",
]
