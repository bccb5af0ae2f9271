-- The signed records behind one process: who signed what about it, with digests and signatures.
-- processid: id of the process
WITH found AS (SELECT submitted FROM processes WHERE processid = {processid:String})
SELECT r.partition, r.offset, r.time, r.role, r.who, r.identity, r.payloadtype, r.status, r.digest, r.signature
FROM records AS r
INNER JOIN
(
    SELECT partition, created AS offset FROM processes WHERE processid = {processid:String}
    UNION DISTINCT
    SELECT partition, assigned_offset FROM attempts
    WHERE submitted IN (SELECT submitted FROM found) AND processid = {processid:String}
    UNION DISTINCT
    SELECT partition, offset FROM attempts
    WHERE submitted IN (SELECT submitted FROM found) AND processid = {processid:String}
    UNION DISTINCT
    SELECT partition, offset FROM logs WHERE processid = {processid:String}
    UNION DISTINCT
    SELECT partition, offset FROM processes WHERE processid = {processid:String}
) AS told ON r.partition = told.partition AND r.offset = told.offset
ORDER BY r.partition, r.offset
