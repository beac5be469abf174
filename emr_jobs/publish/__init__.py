"""How a day reaches its readers: staged where nobody sees it, audited, then published at once.

`lake` and `search` know one target each, `audit` judges what is staged, `day` orders the steps.
"""
