-- How long work waits for executors: median and 95th percentile of the seconds in the queue, by executor type and hour.
-- hours = 24: how far back to look, in hours
SELECT
    executortype,
    toStartOfHour(assigned) AS hour,
    count() AS assignments,
    round(quantileTDigest(0.5)(waited), 3) AS median,
    round(quantileTDigest(0.95)(waited), 3) AS p95
FROM attempts
WHERE assigned > now64(9) - toIntervalHour({hours:UInt32})
GROUP BY executortype, hour
ORDER BY executortype, hour
