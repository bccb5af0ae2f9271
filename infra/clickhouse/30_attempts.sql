-- One row for each assignment. Ordered for "this colony, this executor type, this time".
-- An attempt is written in three parts, when the process becomes ready, when it is assigned and when
-- the attempt ends; the parts are merged column by column, in any order and any number of times.

CREATE TABLE IF NOT EXISTS attempt_rows
(
    colony          LowCardinality(String) COMMENT 'Name of the colony',
    executortype    LowCardinality(String) COMMENT 'Type of executor',
    submitted       DateTime64(9, 'UTC')   COMMENT 'When the process was submitted' CODEC(DoubleDelta, ZSTD(1)),
    processid       String                 COMMENT 'Id of the process, 64 hex digits' CODEC(ZSTD(1)),
    attempt         UInt32                 COMMENT 'Number of the assignment of this process, from 1',
    partition       SimpleAggregateFunction(max, UInt32) COMMENT 'Partition of the ledger',
    offset          SimpleAggregateFunction(max, UInt64) COMMENT 'Offset of the newest record that told of the attempt',
    workflow        SimpleAggregateFunction(max, String) COMMENT 'Id of the workflow' CODEC(ZSTD(1)),
    node            SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Name of the node in the workflow',
    function        SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Name of the function',
    label           SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Label of the function specification',
    executorid      SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Id of the executor',
    executor        SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Name of the executor',
    ready           SimpleAggregateFunction(max, DateTime64(9, 'UTC')) COMMENT 'When the process became ready for this attempt' CODEC(ZSTD(1)),
    assigned        SimpleAggregateFunction(max, DateTime64(9, 'UTC')) COMMENT 'When it was assigned; 1970 if it was not yet' CODEC(ZSTD(1)),
    assigned_offset SimpleAggregateFunction(max, UInt64) COMMENT 'Offset of the record that assigned it',
    ended           SimpleAggregateFunction(max, DateTime64(9, 'UTC')) COMMENT 'When the attempt ended; 1970 if it did not yet' CODEC(ZSTD(1)),
    outcome         SimpleAggregateFunction(max, Enum8('running' = 0, 'succeeded' = 1, 'failed' = 2, 'cancelled' = 3, 'put back (deadline)' = 4, 'put back (undelivered)' = 5, 'put back (executor removed)' = 6)) COMMENT 'How it ended'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(submitted)
ORDER BY (colony, executortype, submitted, processid, attempt)
COMMENT 'Parts of attempts as written; read the view attempts';

CREATE VIEW IF NOT EXISTS attempts
(
    colony          LowCardinality(String) COMMENT 'Name of the colony',
    processid       String                 COMMENT 'Id of the process, 64 hex digits',
    attempt         UInt32                 COMMENT 'Number of the assignment of this process, from 1',
    workflow        String                 COMMENT 'Id of the workflow; empty if the process is in none',
    node            LowCardinality(String) COMMENT 'Name of the node in the workflow',
    function        LowCardinality(String) COMMENT 'Name of the function',
    label           LowCardinality(String) COMMENT 'Label of the function specification',
    executortype    LowCardinality(String) COMMENT 'Type of the executor',
    executorid      LowCardinality(String) COMMENT 'Id of the executor',
    executor        LowCardinality(String) COMMENT 'Name of the executor',
    submitted       DateTime64(9, 'UTC')   COMMENT 'When the process was submitted',
    ready           DateTime64(9, 'UTC')   COMMENT 'When it became ready for this attempt: submitted, last parent succeeded, or put back',
    assigned        DateTime64(9, 'UTC')   COMMENT 'When it was assigned',
    ended           Nullable(DateTime64(9, 'UTC')) COMMENT 'When the attempt ended; null while it runs',
    waited          Float64                COMMENT 'Seconds from ready to assigned',
    executed        Nullable(Float64)      COMMENT 'Seconds from assigned to ended; null while it runs',
    outcome         LowCardinality(String) COMMENT 'running, succeeded, failed, cancelled, put back (deadline), put back (undelivered), put back (executor removed) or colony removed',
    partition       UInt32                 COMMENT 'Partition of the ledger',
    assigned_offset UInt64                 COMMENT 'Offset of the record that assigned it',
    offset          UInt64                 COMMENT 'Offset of the newest record that told of the attempt: when it has ended, the one that ended it'
)
COMMENT 'Assignments, each once'
AS WITH (SELECT maxMap(map(colony, offset)) FROM removal_rows) AS removals
SELECT
    colony, processid, attempt, CAST(a.workflow AS String) AS workflow,
    CAST(a.node AS LowCardinality(String)) AS node, CAST(a.function AS LowCardinality(String)) AS function,
    CAST(a.label AS LowCardinality(String)) AS label, executortype,
    CAST(a.executorid AS LowCardinality(String)) AS executorid,
    CAST(a.executor AS LowCardinality(String)) AS executor, submitted,
    CAST(a.ready AS DateTime64(9, 'UTC')) AS ready, CAST(a.assigned AS DateTime64(9, 'UTC')) AS assigned,
    if(a.outcome = 'running', NULL, CAST(a.ended AS DateTime64(9, 'UTC'))) AS ended,
    (toUnixTimestamp64Nano(a.assigned) - toUnixTimestamp64Nano(a.ready)) / 1e9 AS waited,
    if(a.outcome = 'running', NULL, (toUnixTimestamp64Nano(a.ended) - toUnixTimestamp64Nano(a.assigned)) / 1e9) AS executed,
    CAST(if(a.outcome = 'running' AND removals[colony] > a.offset, 'colony removed', toString(a.outcome)) AS LowCardinality(String)) AS outcome,
    CAST(a.partition AS UInt32) AS partition, CAST(a.assigned_offset AS UInt64) AS assigned_offset,
    CAST(a.offset AS UInt64) AS offset
FROM attempt_rows AS a FINAL
WHERE a.assigned > toDateTime64(0, 9, 'UTC');
