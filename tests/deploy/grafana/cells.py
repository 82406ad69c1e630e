"""Cells and blocks as the archive stores them: archiver/store/packed_cell.hpp, archiver/compaction/minute_block.hpp.

Written anew, as no program of the archiver makes a month in seconds; test_dashboards.py holds what Postgres unpacks of it
against the cells that went in."""
import random
import struct
from typing import NamedTuple

PLACES = 60  # minutes of a block
UNKNOWN, UP, SLOW, DEGRADED, AUTH, FAIL, MAINT = range(7)
VOTES = range(UP, MAINT)
HEALTHY = range(UP, FAIL)
_NONE = 0xFFFF


def short_number(units):
    """The code of a time in 10 microseconds: exact below 8192, then its first 13 binary digits."""
    if units < 8192:
        return units
    shift = units.bit_length() - 13
    return (shift + 1) << 12 | (units >> shift) - 4096


def _of(code):
    return code if code < 4096 else (4096 + code % 4096) << (code >> 12) - 1


class Look(NamedTuple):
    """What a probe measured: the packed bytes behind the flags, and the total in 10 microseconds."""
    bytes: bytes
    total: int


def looks(seed, count, slower=0):
    """So many looks of a region, with times as over an ocean; `slower` milliseconds are added to tools/list."""
    rng, made = random.Random(seed), []
    base = rng.randrange(2000, 15000)
    for number in range(count):
        connect, tls = base // 5 + rng.randrange(400), base // 3 + rng.randrange(900)
        initialize = _NONE if number % 2 else short_number(base // 4 + rng.randrange(700))
        tools = base // 3 + rng.randrange(1500) + slower * 100
        total = short_number(connect + tls + tools + (0 if number % 2 else base // 4) + rng.randrange(300))
        made.append(Look(struct.pack(">HHHHHHB", rng.randrange(42_000), total, short_number(connect), short_number(tls), initialize,
                                     short_number(tools), rng.randrange(3)), _of(total)))
    return made


NOTHING = Look(struct.pack(">HHHHHHB", *[_NONE] * 6, 255), -1)
# Two seconds, then a refusal.
REFUSED = Look(struct.pack(">HHHHHHB", 9000, short_number(1200), _NONE, _NONE, _NONE, _NONE, 0), 1200)


def head(region, verdict, reason=0, phase=0, status=200, flags=0):
    """A cell up to its flags, which differ little: made once for each case."""
    return struct.pack(">BHBBB", region, verdict << 13 | verdict << 10 | status, reason, phase, flags)


class Minute(NamedTuple):
    """A row of quorate.minute without its time, and what a block keeps beside it."""
    outcome: tuple  # decision, scope, rule_row, uptime_use
    verdicts: tuple
    cells: bytes
    totals: tuple  # of the healthy cells, ascending

    def kind(self):
        """The columns of quorate.minute_kind behind the rule's version."""
        return (*self.outcome, len(self.verdicts), *(self.verdicts.count(v) for v in (UP, SLOW, DEGRADED, FAIL, AUTH, UNKNOWN, MAINT)))


def minute(outcome, cells):
    """@param cells: (verdict, head, look) by region."""
    totals = sorted(look.total for verdict, _, look in cells if verdict in HEALTHY)
    return Minute(outcome, tuple(verdict for verdict, _, _ in cells),
                  b"\0" + b"".join(begin + look.bytes for _, begin, look in cells), tuple(totals))


class Block(NamedTuple):
    record_bytes: int
    kinds: tuple
    middle: tuple
    spread: tuple
    longest: tuple
    shape: tuple
    template: bytes
    records: bytes


def pack(minutes, kind_ids):
    """An hour of an endpoint: what is the same in all minutes stands in the template once, the rest in their records, each
    behind two bytes of its batch."""
    columns = list(zip(*(m.cells for m in minutes)))
    same = [len(set(column)) == 1 for column in columns]
    shape, template, kept = [0, 0], bytearray(), []
    for position, constant in enumerate(same):
        if constant:
            if kept and not same[position - 1]:
                shape += [len(template), len(kept)]
            template.append(columns[position][0])
        else:
            kept.append(position)
    shape += [len(template), len(kept)]
    records = b"".join(struct.pack(">H", place) + bytes(m.cells[position] for position in kept) for place, m in enumerate(minutes))
    lower = [m.totals[(len(m.totals) - 1) // 2] if m.totals else -1 for m in minutes]
    upper = [m.totals[len(m.totals) // 2] if m.totals else -1 for m in minutes]
    return Block(len(kept) + 2, tuple(kind_ids[m.kind()] for m in minutes), tuple(lower),
                 tuple(u - l for u, l in zip(upper, lower)), tuple(m.totals[-1] if m.totals else -1 for m in minutes),
                 tuple(shape), bytes(template), records)
