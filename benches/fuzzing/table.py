"""Reads lines of a name, a tab, and what a fuzzer said at its end; writes a table in Markdown.

usage: table.py FILE NAME (the one that the others are compared with)
"""
import re
import statistics
import sys

SAID = [
    re.compile(r"(?P<cases>\d+) inputs, .*\((?P<seconds>[\d.]+) s"),
    re.compile(r"(?P<cases>\d+) cases in (?P<seconds>[\d.]+) s"),
]

path, beside = sys.argv[1:]
rates = {}
for line in open(path, encoding="utf-8"):
    name, said = line.rstrip("\n").split("\t", 1)
    found = next(filter(None, (pattern.search(said) for pattern in SAID)), None)
    if found is None:
        sys.exit(f"{name} did not say how many: {said!r}")
    rates.setdefault(name, []).append(int(found["cases"]) / float(found["seconds"]))

base = statistics.median(rates[beside])
print("| | cases per second, median | least to most | times boofuzz |")
print("|---|---:|---:|---:|")
for name, all_of in rates.items():
    median = statistics.median(all_of)
    times = median / base
    shown = f"{times:.1f}" if times >= 1 else f"{times:.2f}"
    print(f"| {name} | {median:.0f} | {min(all_of):.0f} to {max(all_of):.0f} | {shown} |")
