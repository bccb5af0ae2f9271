"""Commands about the nodes that serve."""

from __future__ import annotations

from colonyledger.cli.session import Session, command, group
from colonyledger.cli.tables import number, table, text

app = group("Look at the nodes of a server.")


@command(app, "info", examples=["colony cluster info"])
def show_cluster(session: Session) -> None:
    """List the nodes that serve (server owner)."""
    cluster = session.server_owner.get_cluster()
    columns = [text("Name"), text("Host"), number("API port"), text("Leader")]
    rows = [(node.name, node.host, node.apiport, node.name == cluster.leader.name) for node in cluster.nodes]
    session.show(cluster, table("Nodes", columns, rows))
