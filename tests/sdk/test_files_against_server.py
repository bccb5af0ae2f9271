"""Files, snapshots and blueprints through the client, against a real server."""

from __future__ import annotations

import pytest
from colonyledger.client import Client
from colonyledger.errors import AccessDenied, Conflict, InvalidRequest, NotFound
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddFile,
    Blueprint,
    BlueprintDefinition,
    BlueprintDefinitionNames,
    BlueprintDefinitionSpec,
    BlueprintHandler,
    BlueprintMetadata,
    BlueprintSchema,
    File,
    FileData,
    FileLabel,
    FileReference,
    S3Object,
)

from tests.sdk.conftest import FaultyServer, Members


def new_file(label: str, name: str, size: int = 0) -> File:
    place = S3Object(server="store:9000", port=-1, accesskey="a", secretkey="s", object="0bj", bucket="b")
    return File(label=label, name=name, size=size, checksum="cc", ref=FileReference("s3", place))


async def test_files(members: Members, kind: str) -> None:
    label, user = f"/{kind}", members.user
    first = await user.add_file(new_file(label, "f", 1))
    second = await user.add_file(new_file(label, "f", 2))
    other = await user.add_file(new_file(f"{label}/below", "g", 3))
    assert second.sequencenr > first.sequencenr
    assert await user.get_file(first.fileid) == first
    assert await user.get_latest_file(label, "f") == second
    assert await user.get_file_revisions(label, "f") == [second, first]
    assert await user.get_files(label) == [FileData("f", "cc", 2, "0bj")]
    labels = [FileLabel(label, 1), FileLabel(f"{label}/below", 1)]
    assert await user.get_file_labels(label) == labels
    assert await user.get_file_labels(label, exact=True) == labels
    await user.remove_file(first.fileid)
    with pytest.raises(NotFound):
        await user.get_file(first.fileid)
    await user.remove_file_revisions(label, "f")
    await user.remove_file(other.fileid)
    assert await user.get_file_labels(label) == []
    with pytest.raises(AccessDenied):
        await members.colony_owner.get_files(label)


async def test_keys_of_the_store_are_not_sent(faulty: FaultyServer, identity: Identity) -> None:
    faulty.says(File())
    async with Client(faulty.url, identity, colony="dev") as client:
        await client.add_file(new_file("/a", "f"))
    (sent,) = faulty.messages(AddFile)
    assert sent.file is not None
    assert (sent.file.colonyname, sent.file.ref.s3object.object) == ("dev", "0bj")
    assert (sent.file.ref.s3object.accesskey, sent.file.ref.s3object.secretkey) == ("", "")


async def test_snapshots(members: Members, kind: str) -> None:
    user = members.user
    file = await user.add_file(new_file(f"/{kind}/src", "f"))
    first = await user.create_snapshot(f"/{kind}/", f"{kind}-1")
    second = await user.create_snapshot(f"/{kind}", f"{kind}-2")
    assert (first.label, first.fileids) == (f"/{kind}", [file.fileid])
    with pytest.raises(Conflict):
        await user.create_snapshot("/", f"{kind}-1")
    await user.remove_file(file.fileid)
    assert await user.get_file(first.fileids[0]) == file
    assert await user.get_snapshot(first.snapshotid) == first
    assert await user.get_snapshot_by_name(second.name) == second
    mine = [each for each in await user.get_snapshots() if each.name.startswith(kind)]
    assert mine == [second, first]
    await user.remove_snapshot(first.snapshotid)
    await user.remove_snapshot_by_name(second.name)
    with pytest.raises(NotFound):
        await user.get_snapshot(second.snapshotid)
    with pytest.raises(NotFound):
        await user.get_file(file.fileid)


async def test_removing_all_snapshots(members: Members, kind: str) -> None:
    mine = members.user.using(colony=kind)
    await members.server_owner.add_colony(kind, members.colony_owner_identity.id)
    await members.colony_owner.using(colony=kind).add_user("ann", (await members.user.get_users())[0].userid)
    await mine.create_snapshot("/", "v1")
    await mine.remove_all_snapshots()
    assert await mine.get_snapshots() == []
    await members.server_owner.remove_colony(kind)


async def test_a_blueprint_from_its_definition_to_its_end(members: Members, kind: str) -> None:
    user, owner = members.user, members.colony_owner
    reconciler = await members.executor(kind)
    schema = BlueprintSchema(properties={"replicas": BlueprintSchema(type="integer")}, required=["replicas"])
    spec = BlueprintDefinitionSpec(
        names=BlueprintDefinitionNames(kind), schema=schema, handler=BlueprintHandler(kind, "reconcile")
    )
    definition = await owner.add_blueprint_definition(
        BlueprintDefinition(metadata=BlueprintMetadata(kind), spec=spec)
    )
    assert definition.metadata.colonyname == "dev"
    assert await user.get_blueprint_definition(kind) == definition
    assert definition in await user.get_blueprint_definitions()
    with pytest.raises(InvalidRequest, match="required field 'replicas' is missing"):
        await user.add_blueprint(Blueprint(kind=kind, metadata=BlueprintMetadata(kind)))
    blueprint = await user.add_blueprint(
        Blueprint(kind=kind, metadata=BlueprintMetadata(kind), spec={"replicas": 1})
    )
    process = await reconciler.assign(timeout=30)
    assert process is not None
    assert process.spec.kwargs == {"kind": kind, "blueprintName": kind}
    await reconciler.update_blueprint_status(kind, {"running": 1})
    blueprint.spec = {"replicas": 2}
    updated = await user.update_blueprint(blueprint)
    assert (updated.metadata.generation, updated.status) == (1, {"running": 1})
    assert (await user.update_blueprint(updated, force_generation=True)).metadata.generation == 2
    forced = await user.reconcile_blueprint(kind, force=True)
    assert forced.spec.kwargs["force"] is True
    assert (await user.get_blueprint(kind)).metadata.generation == 3
    assert [each.metadata.name for each in await user.get_blueprints(kind=kind)] == [kind]
    with pytest.raises(Conflict, match=f"1 blueprint.s. of kind '{kind}' still exist"):
        await owner.remove_blueprint_definition(kind)
    await user.remove_blueprint(kind)
    history = await user.get_blueprint_history(blueprint.blueprintid, limit=3)
    assert [change.changetype for change in history] == ["delete", "reconcile", "update"]
    await owner.remove_blueprint_definition(kind)
    with pytest.raises(NotFound):
        await user.get_blueprint_definition(kind)
