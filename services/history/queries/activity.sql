-- Who signed what: records by signer and RPC, with first and last time.
-- hours = 24: how far back to look, in hours
SELECT colony, role, who, payloadtype, count() AS signed, min(time) AS first, max(time) AS last
FROM records
WHERE time > now64(9) - toIntervalHour({hours:UInt32})
GROUP BY colony, role, who, payloadtype
ORDER BY colony, role, who, signed DESC, payloadtype
