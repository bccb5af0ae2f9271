-- Processes as they stand: the newest version of each wins. Ordered for "this process".

CREATE TABLE IF NOT EXISTS process_rows
(
    colony       LowCardinality(String)         COMMENT 'Name of the colony',
    processid    String                         COMMENT 'Id of the process, 64 hex digits' CODEC(ZSTD(1)),
    partition    UInt32                         COMMENT 'Partition of the ledger',
    offset       UInt64                         COMMENT 'Offset of the record that changed it last: the version' CODEC(Delta, ZSTD(1)),
    created      UInt64                         COMMENT 'Offset of the record that submitted it' CODEC(Delta, ZSTD(1)),
    workflow     String                         COMMENT 'Id of its workflow; empty if it is in none' CODEC(ZSTD(1)),
    node         LowCardinality(String)         COMMENT 'Name of its node in the workflow',
    function     LowCardinality(String)         COMMENT 'Name of the function',
    label        LowCardinality(String)         COMMENT 'Label of the function specification',
    initiatorid  LowCardinality(String)         COMMENT 'Id of who submitted it',
    initiator    LowCardinality(String)         COMMENT 'Name of who submitted it',
    executortype LowCardinality(String)         COMMENT 'Type of executor it asks for',
    executorid   LowCardinality(String)         COMMENT 'Id of the executor that has, or had, it; empty while it waits',
    executor     LowCardinality(String)         COMMENT 'Name of that executor',
    state        Enum8('waiting' = 0, 'running' = 1, 'successful' = 2, 'failed' = 3, 'cancelled' = 4) COMMENT 'State',
    waitforparents Bool                         COMMENT 'Whether it still waits for parents',
    priority     Int32                          COMMENT 'Priority',
    prioritytime Int64                          COMMENT 'Place in the queue: submission less one day per priority, nanoseconds',
    submitted    DateTime64(9, 'UTC')           COMMENT 'When it was submitted' CODEC(DoubleDelta, ZSTD(1)),
    started      Nullable(DateTime64(9, 'UTC')) COMMENT 'When it was assigned last' CODEC(ZSTD(1)),
    ended        Nullable(DateTime64(9, 'UTC')) COMMENT 'When it was finished, or put back last' CODEC(ZSTD(1)),
    waitdeadline Nullable(DateTime64(9, 'UTC')) COMMENT 'Until when it may wait' CODEC(ZSTD(1)),
    execdeadline Nullable(DateTime64(9, 'UTC')) COMMENT 'Until when it may run' CODEC(ZSTD(1)),
    retries      UInt32                         COMMENT 'How often it was put back after a deadline',
    attempts     UInt32                         COMMENT 'How often it was assigned',
    parents      Array(String)                  COMMENT 'Ids of the processes it waits for' CODEC(ZSTD(1)),
    children     Array(String)                  COMMENT 'Ids of the processes that wait for it' CODEC(ZSTD(1)),
    spec         String                         COMMENT 'Function specification, JSON' CODEC(ZSTD(1)),
    input        String                         COMMENT 'Input, a JSON list' CODEC(ZSTD(1)),
    output       String                         COMMENT 'Output, a JSON list' CODEC(ZSTD(1)),
    errors       Array(String)                  COMMENT 'Why it failed' CODEC(ZSTD(1)),
    removed      Bool                           COMMENT 'Whether it was removed'
)
ENGINE = ReplacingMergeTree(offset)
PARTITION BY toYYYYMM(submitted)
ORDER BY (colony, processid)
COMMENT 'Versions of processes as written; read the view processes';

CREATE VIEW IF NOT EXISTS processes
(
    colony       LowCardinality(String)         COMMENT 'Name of the colony',
    processid    String                         COMMENT 'Id of the process, 64 hex digits',
    partition    UInt32                         COMMENT 'Partition of the ledger',
    offset       UInt64                         COMMENT 'Offset of the record that changed it last',
    created      UInt64                         COMMENT 'Offset of the record that submitted it',
    workflow     String                         COMMENT 'Id of its workflow; empty if it is in none',
    node         LowCardinality(String)         COMMENT 'Name of its node in the workflow',
    function     LowCardinality(String)         COMMENT 'Name of the function',
    label        LowCardinality(String)         COMMENT 'Label of the function specification',
    initiatorid  LowCardinality(String)         COMMENT 'Id of who submitted it',
    initiator    LowCardinality(String)         COMMENT 'Name of who submitted it',
    executortype LowCardinality(String)         COMMENT 'Type of executor it asks for',
    executorid   LowCardinality(String)         COMMENT 'Id of the executor that has, or had, it; empty while it waits',
    executor     LowCardinality(String)         COMMENT 'Name of that executor',
    state        LowCardinality(String)         COMMENT 'waiting, running, successful, failed or cancelled',
    waitforparents Bool                         COMMENT 'Whether it still waits for parents',
    priority     Int32                          COMMENT 'Priority',
    prioritytime Int64                          COMMENT 'Place in the queue: submission less one day per priority, nanoseconds',
    submitted    DateTime64(9, 'UTC')           COMMENT 'When it was submitted',
    started      Nullable(DateTime64(9, 'UTC')) COMMENT 'When it was assigned last',
    ended        Nullable(DateTime64(9, 'UTC')) COMMENT 'When it was finished, or put back last',
    waitdeadline Nullable(DateTime64(9, 'UTC')) COMMENT 'Until when it may wait',
    execdeadline Nullable(DateTime64(9, 'UTC')) COMMENT 'Until when it may run',
    retries      UInt32                         COMMENT 'How often it was put back after a deadline',
    attempts     UInt32                         COMMENT 'How often it was assigned',
    parents      Array(String)                  COMMENT 'Ids of the processes it waits for',
    children     Array(String)                  COMMENT 'Ids of the processes that wait for it',
    spec         String                         COMMENT 'Function specification, JSON',
    input        String                         COMMENT 'Input, a JSON list',
    output       String                         COMMENT 'Output, a JSON list',
    errors       Array(String)                  COMMENT 'Why it failed',
    removed      Bool                           COMMENT 'Whether it, or its colony, was removed'
)
COMMENT 'Processes as they stand, each once'
AS WITH (SELECT maxMap(map(colony, offset)) FROM removal_rows) AS removals
SELECT
    colony, processid, partition, offset, created, workflow, node, function, label, initiatorid, initiator,
    executortype, executorid, executor, CAST(p.state AS LowCardinality(String)) AS state, waitforparents, priority,
    prioritytime, submitted, started, ended, waitdeadline, execdeadline, retries, attempts, parents, children,
    spec, input, output, errors, CAST(p.removed OR removals[colony] > offset AS Bool) AS removed
FROM process_rows AS p FINAL
WHERE true;
