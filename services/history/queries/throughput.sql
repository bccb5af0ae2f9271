-- Load of one executor type, minute by minute: submitted, assigned and ended.
-- executortype: type of executor
-- hours = 1: how far back to look, in hours
SELECT minute, sum(submitted_) AS submitted, sum(assigned_) AS assigned, sum(ended_) AS ended
FROM
(
    SELECT toStartOfMinute(submitted) AS minute, 1 AS submitted_, 0 AS assigned_, 0 AS ended_
    FROM processes
    WHERE executortype = {executortype:String} AND submitted > now64(9) - toIntervalHour({hours:UInt32})
    UNION ALL
    SELECT toStartOfMinute(assigned), 0, 1, 0
    FROM attempts
    WHERE executortype = {executortype:String} AND assigned > now64(9) - toIntervalHour({hours:UInt32})
    UNION ALL
    SELECT toStartOfMinute(assumeNotNull(ended)), 0, 0, 1
    FROM attempts
    WHERE executortype = {executortype:String} AND ended > now64(9) - toIntervalHour({hours:UInt32})
)
GROUP BY minute
ORDER BY minute
