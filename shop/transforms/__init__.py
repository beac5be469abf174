"""The business rules: pure DataFrame -> DataFrame functions, one module per dataset.

No read, write, count, cache, clock or session in here. Every dataset ends with a select in contract order.
"""
