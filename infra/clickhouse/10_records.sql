-- What was signed: one row for each record of the ledger, with what the fold made of it.
-- Ordered for "this colony, this RPC, this time"; `record_rows` is what is written, `records` what is read.

CREATE TABLE IF NOT EXISTS record_rows
(
    partition   UInt32                 COMMENT 'Partition of the ledger',
    offset      UInt64                 COMMENT 'Offset in the partition',
    time        DateTime64(9, 'UTC')   COMMENT 'When it was appended, by the clock of the ledger' CODEC(DoubleDelta, ZSTD(1)),
    arrived     DateTime64(9, 'UTC')   COMMENT 'When the node received it, by the clock of the node' CODEC(DoubleDelta, ZSTD(1)),
    kind        LowCardinality(String) COMMENT 'rpc: signed by a member or owner; system: signed by a node',
    payloadtype LowCardinality(String) COMMENT 'Name of the RPC or system event',
    colony      LowCardinality(String) COMMENT 'Name of the colony it is about; empty: the whole server',
    identity    LowCardinality(String) COMMENT 'Id of the key that signed it, 64 hex digits',
    role        LowCardinality(String) COMMENT 'Role of the signer after the record: server owner, colony owner, executor, user, node or stranger',
    who         LowCardinality(String) COMMENT 'Name of the executor or user that signed it; for others the role',
    status      UInt16                 COMMENT 'Status of the answer: 200, or that of the refusal',
    refusal     String                 COMMENT 'Why it was refused; empty if it was not' CODEC(ZSTD(1)),
    digest      FixedString(32)        COMMENT 'SHA3-256 of the payload: the bytes that were signed',
    signature   FixedString(65)        COMMENT 'Signature of the digest: r, s, v',
    node        LowCardinality(String) COMMENT 'Run of the node that appended it',
    sequence    UInt64                 COMMENT 'Number of the record in that run',
    rules       UInt32                 COMMENT 'Version of the rules in force at the node',
    payload     String                 COMMENT 'The signed JSON' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (colony, payloadtype, time, partition, offset)
COMMENT 'Records of the ledger as written; read the view records';

CREATE VIEW IF NOT EXISTS records
(
    partition   UInt32                 COMMENT 'Partition of the ledger',
    offset      UInt64                 COMMENT 'Offset in the partition; (partition, offset) names the record',
    time        DateTime64(9, 'UTC')   COMMENT 'When it was appended, by the clock of the ledger',
    arrived     DateTime64(9, 'UTC')   COMMENT 'When the node received it, by the clock of the node',
    kind        LowCardinality(String) COMMENT 'rpc: signed by a member or owner; system: signed by a node',
    payloadtype LowCardinality(String) COMMENT 'Name of the RPC or system event',
    colony      LowCardinality(String) COMMENT 'Name of the colony it is about; empty: the whole server',
    identity    LowCardinality(String) COMMENT 'Id of the key that signed it, 64 hex digits',
    role        LowCardinality(String) COMMENT 'Role of the signer after the record: server owner, colony owner, executor, user, node or stranger',
    who         LowCardinality(String) COMMENT 'Name of the executor or user that signed it; for others the role',
    status      UInt16                 COMMENT 'Status of the answer: 200, or that of the refusal',
    refusal     String                 COMMENT 'Why it was refused; empty if it was not',
    digest      String                 COMMENT 'SHA3-256 of the payload, 64 hex digits',
    signature   String                 COMMENT 'Signature of the digest (r, s, v), 130 hex digits',
    node        LowCardinality(String) COMMENT 'Run of the node that appended it',
    sequence    UInt64                 COMMENT 'Number of the record in that run',
    rules       UInt32                 COMMENT 'Version of the rules in force at the node',
    payload     String                 COMMENT 'The signed JSON'
)
COMMENT 'Records of the ledger, each once'
AS SELECT
    partition, offset, time, arrived, kind, payloadtype, colony, identity, role, who, status, refusal,
    lower(hex(r.digest)) AS digest, lower(hex(r.signature)) AS signature, node, sequence, rules, payload
FROM record_rows AS r FINAL
WHERE true;
