-- Work that was lost and done again: attempts put back, why, and what they had cost, by executor.
-- hours = 24: how far back to look, in hours
SELECT executor, outcome, count() AS attempts_lost, round(sum(executed), 1) AS seconds_lost, max(ended) AS last
FROM attempts
WHERE startsWith(outcome, 'put back') AND assigned > now64(9) - toIntervalHour({hours:UInt32})
GROUP BY executor, outcome
ORDER BY seconds_lost DESC, executor, outcome
