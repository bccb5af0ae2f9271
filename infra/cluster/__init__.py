"""The production shape on one machine without Docker: brokers, nodes on one ledger, a load balancer."""
