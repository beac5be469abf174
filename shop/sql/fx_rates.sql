-- intermediate.fx_rates: for each currency the newest rate of the week up to the day.
-- RANK, not ROW_NUMBER: two rates of a currency on one date both stay, and the key check blocks the day.
SELECT
  CAST(:partition AS DATE) AS PARTITION_DATE,
  NULLIF(TRIM(CURRENCY), '') AS CURRENCY,
  RATE_DATE,
  CAST(USD_RATE AS NUMBER(18, 8)) AS USD_RATE
FROM FINANCE.FX_RATES
WHERE RATE_DATE BETWEEN DATEADD(DAY, -7, CAST(:partition AS DATE)) AND CAST(:partition AS DATE)
QUALIFY RANK() OVER (PARTITION BY NULLIF(TRIM(CURRENCY), '') ORDER BY RATE_DATE DESC) = 1
