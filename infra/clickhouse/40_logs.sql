-- Lines that executors wrote. Ordered for "this process".

CREATE TABLE IF NOT EXISTS log_rows
(
    colony    LowCardinality(String) COMMENT 'Name of the colony',
    processid String                 COMMENT 'Id of the process; empty: the line belongs to the executor alone' CODEC(ZSTD(1)),
    time      DateTime64(9, 'UTC')   COMMENT 'When it was written; different for all lines of a colony' CODEC(DoubleDelta, ZSTD(1)),
    partition UInt32                 COMMENT 'Partition of the ledger',
    offset    UInt64                 COMMENT 'Offset of the record that holds it' CODEC(Delta, ZSTD(1)),
    fact      UInt32                 COMMENT 'Number of the fact in the outcome of that record',
    executor  LowCardinality(String) COMMENT 'Name of the executor that wrote it',
    message   String                 COMMENT 'The line' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (colony, processid, time, partition, offset, fact)
COMMENT 'Log lines as written; read the view logs';

CREATE VIEW IF NOT EXISTS logs
(
    colony    LowCardinality(String) COMMENT 'Name of the colony',
    processid String                 COMMENT 'Id of the process; empty: the line belongs to the executor alone',
    time      DateTime64(9, 'UTC')   COMMENT 'When it was written; different for all lines of a colony',
    partition UInt32                 COMMENT 'Partition of the ledger',
    offset    UInt64                 COMMENT 'Offset of the record that holds it',
    fact      UInt32                 COMMENT 'Number of the fact in the outcome of that record',
    executor  LowCardinality(String) COMMENT 'Name of the executor that wrote it',
    message   String                 COMMENT 'The line'
)
COMMENT 'Log lines, each once'
AS SELECT
    colony, processid, time, partition, offset, fact, executor, message
FROM log_rows AS l FINAL
WHERE true;
