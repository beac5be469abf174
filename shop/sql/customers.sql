-- intermediate.customers: customers that are not deleted, with the points recorded before the end of the day.
-- Text is trimmed and blank is null, as everywhere. Sums are cast: a bare SUM is a double on some servers.
WITH points AS (
  SELECT NULLIF(TRIM(CUSTOMER_ID), '') AS CUSTOMER_ID, CAST(SUM(POINTS) AS NUMBER(38, 0)) AS POINTS
  FROM CRM.LOYALTY_LEDGER
  WHERE RECORDED_AT < CAST(:end AS TIMESTAMP_NTZ)
  GROUP BY NULLIF(TRIM(CUSTOMER_ID), '')
), customers AS (
  SELECT
    NULLIF(TRIM(CUSTOMER_ID), '') AS CUSTOMER_ID,
    NULLIF(TRIM(NAME), '') AS NAME,
    NULLIF(TRIM(SEGMENT), '') AS SEGMENT,
    NULLIF(TRIM(COUNTRY), '') AS COUNTRY,
    CREATED_AT,
    SHA2(NULLIF(LOWER(TRIM(EMAIL)), ''), 256) AS EMAIL_SHA256
  FROM CRM.CUSTOMERS
  WHERE NOT COALESCE(IS_DELETED, FALSE)
)
SELECT
  CAST(:partition AS DATE) AS PARTITION_DATE,
  customers.CUSTOMER_ID AS CUSTOMER_ID,
  customers.NAME AS NAME,
  customers.SEGMENT AS SEGMENT,
  customers.COUNTRY AS COUNTRY,
  customers.CREATED_AT AS CREATED_AT,
  customers.EMAIL_SHA256 AS EMAIL_SHA256,
  COALESCE(points.POINTS, 0) AS LOYALTY_POINTS
FROM customers LEFT JOIN points ON points.CUSTOMER_ID = customers.CUSTOMER_ID
