"""How fast this project is beside what a user would write instead, on the same inputs, in turn.

    python -m bench day --rows 20000 --times 3

A bench counts nothing before the results are equal. Sides run in alternating order on the same running services; wall,
CPU of all processes that a side started, and their memory come from outside (`measure`). What is written: RESULTS.md
and a picture a bench. Peers stand in `peers/` and run in an environment of their own.
"""
