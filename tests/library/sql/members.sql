-- snowflake.members: everybody who had joined by the end of the day.
SELECT MEMBER_ID, NAME, BRANCH, JOINED_AT
FROM OFFICE.MEMBERS
WHERE JOINED_AT < CAST(:end AS TIMESTAMP_NTZ)
