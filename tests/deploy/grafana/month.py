"""A month of 200 endpoints from five regions, as a deployment's archive would hold it: two days of minutes as they are sealed,
28 days packed, rollups of 90 days, incidents, notices, tool lists, and a few endpoints in trouble now.

The month is one UTC day over and over, so that no more than a day is made in Python; the rest is copied by Postgres."""
import io
import pathlib
from typing import NamedTuple

import cells
from cells import AUTH, DEGRADED, FAIL, MAINT, SLOW, UNKNOWN, UP

ENDPOINTS = 200
REGIONS = ["ap-south", "eu-west", "sa-east", "us-east", "us-west"]
TENANTS = ["acme", "globex", "initech"]
DAY = 1440
SHARDS = 64
_SQL = pathlib.Path(__file__).with_name("month.sql")


class Trouble(NamedTuple):
    """Minutes of every day in which these regions (from 1) see something else than UP."""
    first: int
    length: int
    regions: tuple
    verdict: int
    reason: str
    phase: str
    decision: str
    scope: str
    severity: int  # of the incident that it opens; 0: none


def troubles(endpoint):
    """What happens to an endpoint each day."""
    at, one = endpoint * 37 % 1300, (endpoint % 5 + 1,)
    every = (1, 2, 3, 4, 5)
    found = {
        3: Trouble(at, 25, one, UNKNOWN, "not_reported", "", "OK", "", 0),
        5: Trouble(at, 40, every, MAINT, "", "", "MAINT", "", 0),
        7: Trouble(at, 12, every, FAIL, "connection_refused", "tcp", "P1", "global", 1),
        9: Trouble(at, 8, (1, 2, 3), FAIL, "http_bad_gateway", "http", "P1", "widespread", 1),
        11: Trouble(at, 30, one, FAIL, "timeout_connect", "tcp", "P2", "regional", 2),
        13: Trouble(at, 45, one, SLOW, "slow", "tools_list", "P3", "regional", 3),
        15: Trouble(at, 90, every, DEGRADED, "tool_missing", "tools_list", "OK", "", 0),
        17: Trouble(0, DAY, every, AUTH, "auth_required", "initialize", "OK", "", 0),
    }.get(endpoint % 20)
    return [found] if found else []


# endpoint: what it is in since 20 minutes ago. Endpoints without a trouble of every day; 2 and 62 share a host.
_DOWN = Trouble(0, 20, (1, 2, 3, 4, 5), FAIL, "connection_refused", "tcp", "P1", "global", 1)
NOW = {2: _DOWN, 62: _DOWN,
       4: Trouble(0, 20, (2,), FAIL, "timeout_tls", "tls", "P2", "regional", 2),
       6: Trouble(0, 20, (4,), SLOW, "slow", "tools_list", "P3", "regional", 3),
       8: Trouble(0, 20, (1, 2, 3), FAIL, "http_unavailable", "http", "P1", "partial", 1),
       10: Trouble(0, 20, (1, 2, 3, 4), UNKNOWN, "agent_dead", "", "LOW_VISIBILITY", "", 0)}


class Names:
    """Numbers of names, as the migration wrote them."""

    def __init__(self, server, database):
        rows = server.psql("SELECT kind, name, value FROM quorate.enum_name", database, options=("-At", "-F", "\t"))
        self._of = {(kind, name): int(value) for kind, name, value in (row.split("\t") for row in rows.splitlines())}

    def __call__(self, kind, name):
        return self._of[kind, name] if name or kind == "scope" else 0


class Maker:
    def __init__(self, names):
        self.names = names
        self.looks = [cells.looks(region, 1024) for region in range(1, 6)]
        self.slow = [cells.looks(100 + region, 1024, slower=900) for region in range(1, 6)]
        self.heads = {}

    def head(self, region, trouble):
        key = (region, trouble and (trouble.verdict, trouble.reason, trouble.phase))
        if key not in self.heads:
            if trouble is None:
                self.heads[key] = cells.head(region, UP)
            else:
                status = 0 if trouble.verdict in (FAIL, UNKNOWN, MAINT) else 401 if trouble.verdict == AUTH else 200
                self.heads[key] = cells.head(region, trouble.verdict, self.names("reason", trouble.reason), self.names("phase", trouble.phase),
                                             status, 1 if trouble.verdict == FAIL else 4 if trouble.verdict == SLOW else 0)
        return self.heads[key]

    def minute(self, endpoint, of_day, trouble):
        made = []
        for region in range(1, 6):
            index = (endpoint * 131 + of_day * 17 + region) % 1024
            if trouble is None or region not in trouble.regions:
                made.append((UP, self.head(region, None), self.looks[region - 1][index]))
            else:
                look = {FAIL: cells.REFUSED, UNKNOWN: cells.NOTHING, MAINT: cells.NOTHING,
                        SLOW: self.slow[region - 1][index]}.get(trouble.verdict, self.looks[region - 1][index])
                made.append((trouble.verdict, self.head(region, trouble), look))
        return cells.minute(self.outcome(trouble), made)

    def outcome(self, trouble):
        """decision, scope, rule row, use for uptime."""
        if trouble is None:
            return self.names("decision", "OK"), self.names("scope", ""), 8, 0
        row = {"P1": 4, "P2": 5, "P3": 6, "MAINT": 0, "LOW_VISIBILITY": 2}.get(trouble.decision, 8)
        use = {"P1": 1, "MAINT": 2, "LOW_VISIBILITY": 2}.get(trouble.decision, 0)
        return self.names("decision", trouble.decision), self.names("scope", trouble.scope), row, use

    def day(self, endpoint):
        plan = [None] * DAY
        for trouble in troubles(endpoint):
            plan[trouble.first:trouble.first + trouble.length] = [trouble] * trouble.length
        return [self.minute(endpoint, of_day, trouble) for of_day, trouble in enumerate(plan)]


def _array(values):
    return "{" + ",".join(map(str, values)) + "}"


def _quantiles(totals):
    totals = sorted(totals)
    return [totals[int(len(totals) * share)] / 100 if totals else r"\N" for share in (0.5, 0.95, 0.99)]


class Tables:
    """The text of COPY, by table."""

    def __init__(self):
        self.text = {}

    def add(self, table, *columns):
        self.text.setdefault(table, io.StringIO()).write("\t".join(map(str, columns)) + "\n")

    def script(self):
        return "".join(f"COPY {table} FROM STDIN;\n{text.getvalue()}\\.\n" for table, text in self.text.items())


def load(server, database):
    """Fills a migrated database."""
    names, tables, kind_ids = Names(server, database), Tables(), {}
    maker = Maker(names)
    for endpoint in range(1, ENDPOINTS + 1):
        day = maker.day(endpoint)
        _pattern(tables, endpoint, day, kind_ids)
        for trouble in troubles(endpoint):
            _trouble(tables, "trouble", endpoint, trouble, names)
        if endpoint in NOW:
            _trouble(tables, "now_trouble", endpoint, NOW[endpoint], names)
            for ago in range(NOW[endpoint].length):
                _row(tables, "now_minute", endpoint, ago, maker.minute(endpoint, ago, NOW[endpoint]))
    for kind, number in kind_ids.items():
        tables.add("kind", number, *kind)
    for number, region in enumerate(REGIONS, 1):
        tables.add("region_name", number, region)
    before, after = _SQL.read_text().split("-- COPY\n")
    server.psql(before + tables.script() + after, database, seconds=1200)


def _row(tables, table, endpoint, place, minute):
    tables.add(table, endpoint, place, *minute.outcome, r"\\x" + minute.cells.hex())


def _pattern(tables, endpoint, day, kind_ids):
    for place, minute in enumerate(day):
        kind_ids.setdefault(minute.kind(), len(kind_ids) + 1)
        _row(tables, "pattern", endpoint, place, minute)
    tables.add("day_quantiles", endpoint, *_quantiles([total for minute in day for total in minute.totals]))
    for hour in range(24):
        minutes = day[hour * cells.PLACES:(hour + 1) * cells.PLACES]
        block = cells.pack(minutes, kind_ids)
        same_kind = len(set(block.kinds)) == 1
        tables.add("block_pattern", endpoint, hour, block.record_bytes, block.kinds[0] if same_kind else r"\N",
                   r"\N" if same_kind else _array(block.kinds), _array(block.middle),
                   _array(block.spread) if any(block.spread) else r"\N", _array(block.longest), _array(block.shape),
                   r"\\x" + block.template.hex(), r"\\x" + block.records.hex())
        use = [minute.outcome[3] for minute in minutes]
        verdicts = [verdict for minute in minutes for verdict in minute.verdicts]
        tables.add("hour_pattern", endpoint, hour, use.count(0), use.count(1), use.count(2),
                   len(verdicts) - verdicts.count(MAINT), sum(verdict in cells.VOTES for verdict in verdicts),
                   *_quantiles([total for minute in minutes for total in minute.totals]))


def _trouble(tables, table, endpoint, trouble, names):
    tables.add(table, endpoint, trouble.first, trouble.length, _array(trouble.regions), trouble.verdict,
               names("reason", trouble.reason) or r"\N", names("decision", trouble.decision), names("scope", trouble.scope), trouble.severity)
