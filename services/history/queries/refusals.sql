-- Who is refused what, and why: refused records by signer, RPC and reason, newest first.
-- hours = 24: how far back to look, in hours
-- count = 50: how many lines to show
SELECT colony, role, who, identity, payloadtype, status, refusal, count() AS times, max(time) AS last
FROM records
WHERE status != 200 AND time > now64(9) - toIntervalHour({hours:UInt32})
GROUP BY colony, role, who, identity, payloadtype, status, refusal
ORDER BY last DESC, times DESC
LIMIT {count:UInt32}
