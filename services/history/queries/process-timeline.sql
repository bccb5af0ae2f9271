-- Everything that happened to one process, in order: submission, assignments, ends of attempts, log lines.
-- processid: id of the process
WITH found AS (SELECT submitted FROM processes WHERE processid = {processid:String})
SELECT time, event, attempt, who, detail
FROM
(
    SELECT submitted AS time, 1 AS step, 'submitted' AS event, toUInt32(0) AS attempt, initiator AS who, function AS detail
    FROM processes WHERE processid = {processid:String}
    UNION ALL
    SELECT assigned, 2, 'assigned', attempt, executor, concat('waited ', toString(round(waited, 3)), ' s')
    FROM attempts WHERE submitted IN (SELECT submitted FROM found) AND processid = {processid:String}
    UNION ALL
    SELECT assumeNotNull(ended), 4, outcome, attempt, executor, concat('ran ', toString(round(assumeNotNull(executed), 3)), ' s')
    FROM attempts
    WHERE submitted IN (SELECT submitted FROM found) AND processid = {processid:String} AND ended IS NOT NULL
    UNION ALL
    SELECT time, 3, 'log', 0, executor, message
    FROM logs WHERE processid = {processid:String}
)
ORDER BY time, step, attempt
