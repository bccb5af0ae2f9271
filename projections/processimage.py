"""Processes as a snapshot of the state keeps them: what cannot be computed from anything else, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from colonyledger.wire import ZERO_TIME, Attribute, ChannelEntry, ProcessOf, encode

from projections.channel import Channels
from projections.process import LiveProcess, Processes
from projections.queue import Needs

__all__ = ["ChannelsImage", "ProcessImage", "ProcessRun", "ProcessesEnd", "ProcessesLoader", "dump_processes"]

_RUN = 1_000
"""Most processes in one run."""
_RUN_BYTES = 1 << 20
"""Bytes of specs and values after which a run ends."""

_attributes = msgspec.json.Decoder(list[Attribute])
_values = msgspec.json.Decoder(list[Any])
_entries = msgspec.json.Decoder(dict[str, list[ChannelEntry]])


class ProcessImage(msgspec.Struct, array_like=True, gc=False):
    """A process. JSON is kept as such: numbers in it may have any size. Times that are not set are None."""

    processid: str
    initiatorid: str
    initiatorname: str
    spec: bytes
    assignedexecutorid: str
    isassigned: bool
    state: int
    prioritytime: int
    submissiontime: datetime | None
    starttime: datetime | None
    endtime: datetime | None
    waituntil: datetime | None
    """`waitdeadline` of the record; that of the fold is in nanoseconds."""
    execuntil: datetime | None
    retries: int
    attributes: bytes
    waitforparents: bool
    parents: tuple[str, ...]
    children: tuple[str, ...]
    processgraphid: str
    input: bytes
    output: bytes
    errors: tuple[str, ...]
    needs: int
    """Its place among the needs of the run."""
    funcname: str
    nodename: str
    label: str
    maxwaittime: int
    maxexectime: int
    maxretries: int
    submitted: int
    offset: int
    index: int
    started: int
    waitdeadline: int
    execdeadline: int
    attempt: int
    assigned_by: int
    nonce: str
    unfinished_parents: int
    closed: bool
    moved: int


class ProcessRun(msgspec.Struct, array_like=True, tag="processes", gc=False):
    """Some processes of a colony, in the order of submission, and the needs that they share."""

    needs: list[Needs]
    processes: list[ProcessImage]


class ChannelsImage(msgspec.Struct, array_like=True, tag="channels", gc=False):
    """The channels of one process of the runs before."""

    processid: str
    entries: bytes
    rested: int
    size: int


class ProcessesEnd(msgspec.Struct, array_like=True, tag="processes end", gc=False):
    """There are no more processes of the colony; `moves` is how many changes of state there were."""

    moves: int


def dump_processes(processes: Processes) -> Iterator[ProcessRun | ChannelsImage | ProcessesEnd]:
    """The processes of one colony."""
    run, places, size = ProcessRun([], []), dict[Needs, int](), 0
    for process in processes.by_id.values():
        place = places.setdefault(process.needs, len(places))
        if place == len(run.needs):
            run.needs.append(process.needs)
        image = _image(process, place)
        run.processes.append(image)
        size += len(image.spec) + len(image.input) + len(image.output) + len(image.attributes)
        if len(run.processes) == _RUN or size > _RUN_BYTES:
            yield run
            run, places, size = ProcessRun([], []), {}, 0
    if run.processes:
        yield run
    for process in processes.by_id.values():
        channels = process.channels
        if channels is not None:
            entries = encode(channels.by_name)
            yield ChannelsImage(process.record.processid, entries, channels.rested, channels.size)
    yield ProcessesEnd(processes.moves)


def _image(process: LiveProcess, needs: int) -> ProcessImage:
    record = process.record
    return ProcessImage(
        record.processid,
        record.initiatorid,
        record.initiatorname,
        bytes(record.spec),
        record.assignedexecutorid,
        record.isassigned,
        record.state,
        record.prioritytime,
        _moment(record.submissiontime),
        _moment(record.starttime),
        _moment(record.endtime),
        _moment(record.waitdeadline),
        _moment(record.execdeadline),
        record.retries,
        encode(record.attributes) if record.attributes else b"",
        record.waitforparents,
        tuple(record.parents),
        tuple(record.children),
        record.processgraphid,
        encode(record.input) if record.input else b"",
        encode(record.output) if record.output else b"",
        tuple(record.errors),
        needs,
        process.funcname,
        process.nodename,
        process.label,
        process.maxwaittime,
        process.maxexectime,
        process.maxretries,
        process.submitted,
        process.offset,
        process.index,
        process.started,
        process.waitdeadline,
        process.execdeadline,
        process.attempt,
        process.assigned_by,
        process.nonce,
        process.unfinished_parents,
        process.closed,
        process.moved,
    )


def _moment(moment: datetime) -> datetime | None:
    return None if moment == ZERO_TIME else moment


class ProcessesLoader:
    """Fills the table of one colony from its runs."""

    def __init__(self, processes: Processes, colony: str) -> None:
        self._processes = processes
        self._colony = colony
        self._in_order: dict[str, LiveProcess] = {}
        self._texts: dict[str, str] = {}

    def take(self, run: ProcessRun) -> None:
        """Take a run; its processes are in the table once `finish` is called."""
        needs = [self._processes.shared(each) for each in run.needs]
        for image in run.processes:
            self._in_order[image.processid] = self._process(image, needs[image.needs])

    def take_channels(self, image: ChannelsImage) -> None:
        """Give a process its channels."""
        self._in_order[image.processid].channels = Channels(
            _entries.decode(image.entries), image.rested, image.size
        )

    def finish(self, end: ProcessesEnd) -> None:
        """Put all processes into the table."""
        self._processes.restore(self._in_order.values(), end.moves)

    def _process(self, image: ProcessImage, needs: Needs) -> LiveProcess:
        text = self._texts.setdefault
        record = ProcessOf(
            image.processid,
            text(image.initiatorid, image.initiatorid),
            text(image.initiatorname, image.initiatorname),
            msgspec.Raw(image.spec),
            text(image.assignedexecutorid, image.assignedexecutorid),
            image.isassigned,
            image.state,
            image.submitted if image.prioritytime == image.submitted else image.prioritytime,
            image.submissiontime or ZERO_TIME,
            image.starttime or ZERO_TIME,
            image.endtime or ZERO_TIME,
            image.waituntil or ZERO_TIME,
            image.execuntil or ZERO_TIME,
            image.retries,
            tuple(_attributes.decode(image.attributes)) if image.attributes else (),
            image.waitforparents,
            image.parents,
            image.children,
            image.processgraphid,
            _values.decode(image.input) if image.input else (),
            _values.decode(image.output) if image.output else (),
            image.errors,
        )
        return LiveProcess(
            record,
            self._colony,
            needs,
            text(image.funcname, image.funcname),
            text(image.nodename, image.nodename),
            text(image.label, image.label),
            image.maxwaittime,
            image.maxexectime,
            image.maxretries,
            image.submitted,
            image.offset,
            image.index,
            image.started,
            image.waitdeadline,
            image.execdeadline,
            image.attempt,
            image.assigned_by,
            image.nonce,
            image.unfinished_parents,
            None,
            image.closed,
            image.moved,
        )
