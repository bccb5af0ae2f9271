-- Which functions take longest: median, 95th percentile and maximum of the seconds that succeeded attempts ran.
-- hours = 24: how far back to look, in hours
-- count = 20: how many functions to show
SELECT
    function,
    count() AS runs,
    round(quantileTDigest(0.5)(executed), 3) AS median,
    round(quantileTDigest(0.95)(executed), 3) AS p95,
    round(max(executed), 3) AS longest
FROM attempts
WHERE outcome = 'succeeded' AND assigned > now64(9) - toIntervalHour({hours:UInt32})
GROUP BY function
ORDER BY p95 DESC, function
LIMIT {count:UInt32}
