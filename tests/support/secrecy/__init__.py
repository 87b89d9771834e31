"""That no secret of a test run stands where it must not: logs, answers that refuse, metrics, arguments of processes.

While tests run, every secret that passes the test process is noted (``meeting``: what HTTP clients send and get, what
processes get in their environment; at the end, the files in which systems keep secrets), and what cannot be found later
is written down (``observing``: arguments of all processes, metrics of all services, refusals, captured output). When all
fixtures have ended, everything is searched once (``searching``), by a fixture (``plugin``) whose failure is one of the
run. A finding tells file, line and kind, never the secret.

A code of six digits cannot be told from other numbers, so it is found only beside the word. The same holds for
values of fewer than ``LEAST`` characters and for single words: they are not noted. What a person types into a shell,
``curl -H`` say, is an argument of a program that is not ours.
"""
