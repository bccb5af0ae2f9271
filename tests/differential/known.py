"""All differences from the reference that are meant, by the tables of docs/compatibility.md."""

from __future__ import annotations

from collections.abc import Callable

from tests.differential.comparing import MISSING, Difference
from tests.differential.deviations import Deviation
from tests.differential.scene import Move

__all__ = ["DEVIATIONS", "deviation_for"]

When = Callable[[Move, Difference], bool]

_REFUSED_ANYWAY = (400, 403, 404, 500)


def _statuses(ours: tuple[int, ...], theirs: tuple[int, ...]) -> When:
    return lambda _, difference: difference.ours[0] in ours and difference.theirs[0] in theirs


def _status(row: str, payloadtypes: str, ours: int, *theirs: int) -> Deviation:
    """The reference answers with another status."""
    return Deviation(row, tuple(payloadtypes.split()), ("status",), _statuses((ours,), theirs))


def _text(row: str, payloadtypes: str, *parts: str) -> Deviation:
    """The same status with another text, in which ours has one of the parts."""
    return Deviation(
        row,
        tuple(payloadtypes.split()),
        ("message",),
        lambda _, difference: any(part in difference.ours for part in parts),
    )


def _place(row: str, payloadtypes: str, places: str, when: When = lambda move, difference: True) -> Deviation:
    """Another value at a place of the reply."""
    return Deviation(row, tuple(payloadtypes.split()), tuple(places.split()), when)


EVERYWHERE = (
    Deviation(
        "texts of errors",
        ("*",),
        ("message",),
        lambda _, difference: difference.theirs != "" and difference.ours.startswith(difference.theirs),
    ),
    _place(
        "fields that are omitted when empty",
        "*",
        "*",
        lambda _, difference: difference.theirs == MISSING and difference.ours in (0, False),
    ),
    Deviation(
        "an object that is named by id alone",
        ("*",),
        ("status",),
        lambda move, difference: difference.theirs[0] == 403 and difference.ours[0] in (400, 404, 500),
    ),
    Deviation(
        "something in a colony that is named",
        ("*",),
        ("status",),
        lambda move, difference: difference.ours[0] == 403 and difference.theirs[0] in (400, 404, 500),
    ),
    _text("a signature that cannot be read", "*", "Invalid signature: failed to recover"),
)

MEMBERS = (
    _place("lists of everything there is", "getcoloniesmsg getfilelabelsmsg", "reply.order"),
    Deviation("one more row each time", ("addfunctionmsg",), ("reply.functionid", "reply.*"), parts=True),
    _place("several colonies may have one owner", "addcolonymsg", "reply.name"),
    _place("the same | reply with the request", "change*idmsg", "reply"),
    _status("RPCs for any member |", "*", 403, 200),
    _status("| `addusermsg` | ids may repeat", "addusermsg", 400, 200),
    _status("| `addexecutormsg` | ids may repeat", "addexecutormsg", 400, 200),
    _status("the name of a removed executor stays taken", "addexecutormsg", 200, 400),
    _status("bring a removed executor back", "approveexecutormsg rejectexecutormsg", 400, 200),
    _status("several members may end up with one id", "changeuseridmsg changeexecutoridmsg", 409, 200),
    _place("signs of life | assign calls only", "getexecutor*", "*.lastheardfromtime"),
    _place("most counts are 0", "getstatisticsmsg", "*"),
    _place("ports of its cluster store", "getclustermsg", "*"),
)

WORK = (
    _status("channels of cancelled processes come back", "channel*msg", 404, 200),
    _status("graph and child are not checked", "addchildmsg", 400, 200),
    _place("a node may be drawn above its parent", "getprocessgraphmsg", "reply.nodes.*.position.*"),
    _status("`addattributemsg` | colony and state", "addattributemsg", 200, 400),
    _text("`addattributemsg` | colony and state", "addattributemsg", "has an attribute"),
    _place("what the executor runs stays with the old id", "get*", "*.assignedexecutorid"),
    _status(
        "what the executor runs stays with the old id", "close*msg setoutputmsg add*msg channel*msg", 200, 403
    ),
    _place(
        "have no initiator who could use",
        "addchildmsg getprocess*msg assignprocessmsg",
        "*.initiatorid *.initiatorname",
    ),
    _place(
        "`maxwaittime` of a child runs from", "addchildmsg getprocess*msg assignprocessmsg", "*.waitdeadline"
    ),
    _place("SUCCESS turns into FAILED; no end", "getprocess*msg", "*.endtime *.errors"),
    _place("`submitworkflowspecmsg` | the reply has no", "submitworkflowspecmsg", "reply.submissiontime"),
    _place(
        "the reply shows the process as it was before",
        "assignprocessmsg",
        "*.attributes.*.state *.execdeadline",
    ),
    _place("members of a workflow that change state together", "getprocess*", "*.order"),
    _status("`closefailedmsg` again", "closefailedmsg", 200, 400),
    _text("unknown ids end the server", "addchildmsg", "graph is nil"),
    _text(
        "texts copied from other RPCs", "setoutputmsg addlogmsg", "Failed to add log", "Failed to set output"
    ),
)

STORAGE = (
    _place("nothing if the label itself has no files", "*snapshot*msg", "*.fileids"),
    _place("nothing if the label itself has no files", "getfilelabelsmsg", "reply"),
    _status("a snapshot is left with an id that leads nowhere", "getfilemsg", 200, 400),
    _place("`files` counts revisions", "getfilelabelsmsg", "*.files"),
    _place("nobody knows who did it", "addfilemsg getfilemsg *snapshot*msg", "*initiator*"),
    _place("counts all files of the server", "addfilemsg getfilemsg", "*sequencenr"),
    _status("not found: 400 by id", "getfilemsg getsnapshotmsg", 404, 400, 500),
    _status("`createsnapshotmsg` | name in use: 500", "createsnapshotmsg", 409, 500),
)

AUTOMATION = (
    _place("`reconcileblueprintmsg` with `force`, refused", "*blueprint*msg", "*.generation"),
    _status("no history entry, and the history is out of reach", "getblueprinthistorymsg", 200, 404),
    _place("a UUID; local time called UTC", "getblueprinthistorymsg", "*.timestamp"),
    _place("a cron is first scheduled by a check", "*cron*msg", "*checkerperiod *nextrun"),
    _place("replies with the cron as it was", "runcronmsg", "*.prevprocessgraphid *.lastrun"),
    _status("`getcronmsg`, `removecronmsg`, `runcronmsg` | unknown id", "*cronmsg", 404, 400, 500),
    _status("`addblueprintdefinitionmsg` | name in use", "addblueprintdefinitionmsg", 409, 500),
    _text("a workflow that is no JSON", "addcronmsg addgeneratormsg", "is not valid JSON"),
    _place("`queuesize` and `checkerperiod` are 0", "*generator*msg", "*checkerperiod *queuesize"),
    _status("`resolvegeneratormsg` | unknown: 500", "*generatormsg", 404, 500),
)

DEVIATIONS = EVERYWHERE + MEMBERS + WORK + STORAGE + AUTOMATION


def deviation_for(move: Move, difference: Difference) -> Deviation | None:
    """The deviation that explains a difference, None if none does."""
    return next((each for each in DEVIATIONS if each.explains(move, difference)), None)
