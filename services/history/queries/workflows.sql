-- How long workflows take: from submission to the end of their last process, seconds of work in them, and how they stand.
-- hours = 24: how far back to look, in hours
-- count = 20: how many workflows to show
SELECT
    workflow,
    any(initiator) AS submitted_by,
    min(submitted) AS at,
    count() AS processes_in_it,
    countIf(state = 'successful') AS successful,
    countIf(state = 'failed') AS failed,
    round(dateDiff('millisecond', min(submitted), max(ended)) / 1000, 3) AS seconds,
    round(sum(dateDiff('millisecond', started, ended)) / 1000, 3) AS seconds_of_work
FROM processes
WHERE workflow != '' AND submitted > now64(9) - toIntervalHour({hours:UInt32})
GROUP BY workflow
ORDER BY at DESC
LIMIT {count:UInt32}
