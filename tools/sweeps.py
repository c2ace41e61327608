#!/usr/bin/env python3
"""Times sweeps of one network by several programs, in turns, so that what else the machine does meets all of them.

usage: sweeps.py [-n ROUNDS] [-c REGEXP] NAME='COMMAND' NAME='COMMAND' ...
A command's result is how many lines of its output match the regular expression (an IPv4 address, a tab or blanks, a MAC) or,
for a command that prints JSON, how many IPv4 addresses are in its "addresses". Prints, for each name, least and median wall time
and processor time (user and system) and what was found in every round.
"""
import argparse, json, os, re, statistics, subprocess, sys, time

arguments = argparse.ArgumentParser(usage=__doc__)
arguments.add_argument("-n", type=int, default=5)
arguments.add_argument("-c", default=r"^\d+\.\d+\.\d+\.\d+\s+[0-9a-f:]{17}")
arguments.add_argument("command", nargs="+")
options = arguments.parse_args()
commands = [c.split("=", 1) for c in options.command]


def found(text):
    addresses = set()
    for line in text.splitlines():
        if line.startswith("{"):
            addresses.update(a for a in json.loads(line)["addresses"] if "." in a)
        elif re.search(options.c, line):
            addresses.update(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", line)[:1])
    return len(addresses)


results = {name: [] for name, _ in commands}
for _ in range(options.n):
    for name, command in commands:
        before, began = os.times(), time.monotonic()
        out = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        wall, after = time.monotonic() - began, os.times()
        cpu = after.children_user - before.children_user + after.children_system - before.children_system
        results[name].append((wall, cpu, found(out.stdout), out.returncode))
print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, {options.n} rounds; seconds")
print(f"{'':24}{'wall least':>12}{'median':>9}{'CPU least':>11}{'median':>9}  found")
for name, runs in results.items():
    wall, cpu = [r[0] for r in runs], [r[1] for r in runs]
    counts = sorted({r[2] for r in runs})
    print(f"{name:24}{min(wall):12.2f}{statistics.median(wall):9.2f}{min(cpu):11.2f}{statistics.median(cpu):9.2f}  "
          f"{'-'.join(map(str, [counts[0], counts[-1]] if len(counts) > 1 else counts))}")
