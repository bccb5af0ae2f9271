-- Who does the work: attempts, seconds of work and share of success, by executor.
-- hours = 24: how far back to look, in hours
-- count = 20: how many executors to show
SELECT
    executor,
    executortype,
    count() AS attempts_made,
    round(sum(executed), 1) AS seconds_worked,
    round(countIf(outcome = 'succeeded') / countIf(outcome != 'running'), 4) AS success
FROM attempts
WHERE assigned > now64(9) - toIntervalHour({hours:UInt32})
GROUP BY executor, executortype
ORDER BY seconds_worked DESC, executor
LIMIT {count:UInt32}
