-- What waits now: how many processes are ready for executors of each type, and since when the oldest waits.
SELECT
    colony,
    executortype,
    countIf(NOT waitforparents) AS ready,
    countIf(waitforparents) AS waiting_for_parents,
    minIf(submitted, NOT waitforparents) AS oldest
FROM processes
WHERE state = 'waiting' AND NOT removed
GROUP BY colony, executortype
ORDER BY ready DESC, colony, executortype
