"""One way each to bring a store's rows onto the disk: ours, a hand-written loop, and what users would pick instead.

Each is a program: ``python -m tests.benchmarks.drivers.<name> URL FOLDER RESOURCE``; see ``measured.py`` for what it prints.
"""
