-- How far the history has come, and which colonies were removed on the way.

CREATE TABLE IF NOT EXISTS position_rows
(
    partition UInt32 COMMENT 'Partition of the ledger',
    next      UInt64 COMMENT 'All records before this offset are in the history',
    origin    String COMMENT 'What tells the ledger from others, 64 hex digits: digest of the first record of the partition; in a ledger that continues another one, hashed with the number of partitions',
    schema    UInt32 COMMENT 'Version of these tables',
    written   DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this was noted, by the clock of the engine'
)
ENGINE = ReplacingMergeTree(next)
ORDER BY (partition)
COMMENT 'How far the history has come';

CREATE TABLE IF NOT EXISTS removal_rows
(
    colony    LowCardinality(String) COMMENT 'Name of the colony; another one may have it now',
    partition UInt32                 COMMENT 'Partition of the ledger',
    offset    UInt64                 COMMENT 'Offset of the record that removed it',
    time      DateTime64(9, 'UTC')   COMMENT 'When it was removed'
)
ENGINE = ReplacingMergeTree
ORDER BY (colony, partition, offset)
COMMENT 'Colonies that were removed with everything in them';
