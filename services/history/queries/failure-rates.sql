-- Which functions fail: share of ended attempts that failed or were put back, by function.
-- hours = 24: how far back to look, in hours
SELECT
    function,
    count() AS ended_attempts,
    countIf(outcome = 'failed') AS failed,
    countIf(startsWith(outcome, 'put back')) AS put_back,
    round((failed + put_back) / ended_attempts, 4) AS rate
FROM attempts
WHERE outcome != 'running' AND assigned > now64(9) - toIntervalHour({hours:UInt32})
GROUP BY function
ORDER BY rate DESC, ended_attempts DESC, function
