#!/usr/bin/env python3
"""Checks the house rules on a source tree; prints each violation as file:line: rule: message."""
import sys
from pathlib import Path

import docs
import fences
import layers
import style
from source import Tree

CHECKS = (layers.check, fences.check, style.check, docs.check)


def violations(root):
    tree = Tree(root)
    return [found for check in CHECKS for found in check(tree)]


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    found = violations(root)
    for violation in found:
        print(violation)
    print(f"architecture: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
