"""The alert rules: each fires when it should and not otherwise (promtool), and says what to do on a page that exists."""
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import NamedTuple

import yaml

REPO = Path(__file__).resolve().parents[3]
FOLDER = REPO / "deploy/prometheus"
RULES = FOLDER / "quorate.rules.yml"


class Case(NamedTuple):
    """`sick` and `well`: {series: values, one every `step` minutes}. With `sick` the alert fires after so many minutes with these labels, and not
    a minute after the start; with `well` never."""
    alert: str
    sick: dict
    well: dict
    minutes: int
    labels: dict
    step: int = 1


AGENT = 'instance="a",job="quorate-agent",region="eu-west"'
STREAM = 'redis_stream_length{stream="{reu-west}:jobs"}'
CELLS = 'quorate_agent_cells_total{{region="{}",verdict="{}"}}'
LATE = 'quorate_agent_slot_lateness_seconds_bucket{{region="eu-west",le="{}"}}'
EU = {"region": "eu-west"}
CERTIFICATE = 'probe_ssl_earliest_cert_expiry{job="quorate-certificates",instance="db:6379"}'
SEEN = {"job": "quorate-certificates", "instance": "db:6379"}
OF_AGENT = {"instance": "a", "job": "quorate-agent", "region": "eu-west"}


def agent(metric, labels=""):
    return f"{metric}{{{AGENT}{',' if labels else ''}{labels}}}"


CASES = [
    Case("QuorateDaemonDown", {'up{job="quorate-archiver",instance="a"}': "1 0x9"}, {'up{job="quorate-archiver",instance="a"}': "1x9"}, 5,
         {"job": "quorate-archiver", "instance": "a"}),
    Case("QuorateNobodyPlans", {'up{job="quorate-coordinator",instance="a"}': "1 0x9", 'up{job="quorate-coordinator",instance="b"}': "1 0x9"},
         {'up{job="quorate-coordinator",instance="a"}': "0x9", 'up{job="quorate-coordinator",instance="b"}': "1x9"}, 5, {}),
    Case("QuorateNobodySeals", {'up{job="quorate-agent",instance="a"}': "1x9"}, {'up{job="quorate-archiver",instance="b"}': "1x9"}, 5,
         {"job": "quorate-archiver"}),
    Case("QuorateNotReady", {'probe_success{job="quorate-ready",instance="a"}': "1 0x9"}, {'probe_success{job="quorate-ready",instance="a"}': "1x9"},
         5, {"job": "quorate-ready", "instance": "a"}),
    Case("QuorateNoAgentInRegion", {agent("up"): "1 0x9", 'up{job="quorate-agent",instance="b",region="us-east"}': "1x9"},
         {agent("up"): "0x9", 'up{job="quorate-agent",instance="b",region="eu-west"}': "1x9"}, 5, EU),
    Case("QuorateAgentDown", {agent("up"): "1 0x9"}, {agent("up"): "1 0x3 1x9"}, 8, OF_AGENT),
    Case("QuorateStoreUnreachable", {'redis_up{job="redis",instance="r"}': "1 0x9"}, {'redis_up{job="redis",instance="r"}': "1x9", "pg_up": "1x9"},
         5, {"job": "redis", "instance": "r"}),
    Case("QuoratePlanningLag", {'quorate_coordinator_planning_lag_seconds{region="eu-west",instance="a"}': "0 30x9"},
         {'quorate_coordinator_planning_lag_seconds{region="eu-west",instance="a"}': "0 9x9"}, 5, EU),
    Case("QuorateShardsNotPlanned", {'quorate_coordinator_shards_held{instance="a"}': "32x9", 'quorate_coordinator_shards_held{instance="b"}': "32x4 0x5"},
         {'quorate_coordinator_shards_held{instance="a"}': "32 32 32 64x7", 'quorate_coordinator_shards_held{instance="b"}': "32 32 32 0x7"}, 9, {}),
    Case("QuorateShardsNotSealed", {'quorate_archiver_shards_held{instance="a"}': "64x4 60x5"}, {'quorate_archiver_shards_held{instance="a"}': "64x9"},
         9, {}),
    # A day of 50 jobs, then ever more; or a day of waves of the same height.
    Case("QuorateQueueGrows", {STREAM: "50x288 50+200x8"}, {STREAM: " ".join(["20 300"] * 148)}, 1475, EU, step=5),
    Case("QuorateQueueDeep", {STREAM: "500x20", 'quorate_coordinator_jobs_enqueued_total{region="eu-west"}': "0+600x20"},
         {STREAM: "200x20", 'quorate_coordinator_jobs_enqueued_total{region="eu-west"}': "0+600x20"}, 15, EU),
    Case("QuorateJobsNotTaken", {'quorate_coordinator_jobs_trimmed_total{region="eu-west"}': "0x3 0+10x9"},
         {'quorate_coordinator_jobs_trimmed_total{region="eu-west"}': "7x12"}, 9, EU),
    Case("QuorateRefusedCalls", {'quorate_coordinator_refusals_total{why="UNAUTHENTICATED"}': "0+20x60"},
         {'quorate_coordinator_refusals_total{why="UNAUTHENTICATED"}': "0+1x60"}, 50, {"why": "UNAUTHENTICATED"}),
    Case("QuorateSecretsLocked", {'quorate_coordinator_secrets_locked{instance="a"}': "0 1x9"},
         {'quorate_coordinator_secrets_locked{instance="a"}': "0x3 1 0x6"}, 8, {"instance": "a"}),
    Case("QuorateCredentialsMissing", {'quorate_coordinator_credentials_missing_total{region="eu-west"}': "0x3 0+5x40"},
         {'quorate_coordinator_credentials_missing_total{region="eu-west"}': "7x44"}, 40, EU),
    Case("QuorateAgentBlind", {agent("quorate_agent_blind"): "0 1x9", agent("quorate_agent_overloaded"): "0x9"},
         {agent("quorate_agent_blind"): "0x9", agent("quorate_agent_overloaded"): "0 1x3 0x9"}, 8, OF_AGENT),
    Case("QuorateBadVantage", {CELLS.format("eu-west", "FAIL"): "0+40x20", CELLS.format("eu-west", "UP"): "0+60x20",
                               # The others have had no FAIL since they started, so no series of it.
                               **{CELLS.format(region, "UP"): "0+98x20" for region in ("us-east", "us-west")}},
         {CELLS.format(region, verdict): count for region in ("eu-west", "us-east", "us-west")
          for verdict, count in (("FAIL", "0+40x20"), ("UP", "0+60x20"))}, 15, EU),
    Case("QuorateSpoolInUse", {agent("quorate_agent_spool_cells"): "0 5+5x9"}, {agent("quorate_agent_spool_cells"): "0 5 5 0x9"}, 8, OF_AGENT),
    Case("QuorateCellsLost", {agent("quorate_agent_spooled_total", 'outcome="lost"'): "0x2 0+9x9"},
         {agent("quorate_agent_spooled_total", 'outcome="saved"'): "0+9x9", agent("quorate_agent_recorded_total", 'outcome="fresh"'): "0+9x9"}, 6, EU),
    Case("QuorateClockOff", {agent("quorate_agent_clock_offset_seconds"): "0 -3x9"},
         {agent("quorate_agent_clock_offset_seconds"): "0 0.4x9", 'quorate_coordinator_clock_offset_seconds{instance="c"}': "0 -0.4x9"}, 8, OF_AGENT),
    Case("QuorateProbesLate", {LATE.format("1"): "0+10x30", LATE.format("2.5"): "0+100x30", LATE.format("+Inf"): "0+100x30"},
         {LATE.format("1"): "0+99x30", LATE.format("2.5"): "0+100x30", LATE.format("+Inf"): "0+100x30"}, 20, EU),
    Case("QuorateSealingLate", {'quorate_archiver_watermark_lag_seconds{instance="a"}': "0 60x9"},
         {'quorate_archiver_watermark_lag_seconds{instance="a"}': "0 10x9"}, 5, {}),
    Case("QuorateWatermarkLag", {'quorate_archiver_watermark_lag_seconds{instance="a"}': "0 181x9"},
         {'quorate_archiver_watermark_lag_seconds{instance="a"}': "0 180x9"}, 5, {}),
    Case("QuorateHousekeepingLate", {'quorate_archiver_rollup_lag_seconds{instance="a"}': "0 9000x60"},
         {'quorate_archiver_rollup_lag_seconds{instance="a"}': "0 3600x60", 'quorate_archiver_compaction_lag_seconds{instance="a"}': "0 3600x60"}, 45, {}),
    Case("QuorateCompactionRefused", {'quorate_archiver_compaction_refused_total{instance="a"}': "0x2 1x9"},
         {'quorate_archiver_compaction_refused_total{instance="a"}': "1x9"}, 6, {"instance": "a"}),
    Case("QuorateLeasesLost", {'quorate_archiver_leases_lost_total{instance="a"}': "0+20x60"},
         {'quorate_archiver_leases_lost_total{instance="a"}': "0+1x60"}, 50, {"instance": "a"}),
    Case("QuorateRedisMemory", {'redis_memory_used_bytes{instance="r"}': "90x9", 'redis_memory_max_bytes{instance="r"}': "1000 100x9"},
         {'redis_memory_used_bytes{instance="r"}': "90x9", 'redis_memory_max_bytes{instance="r"}': "0x9"}, 8, {"instance": "r"}),
    Case("QuoratePostgresConnections", {'pg_stat_database_numbackends{instance="p",datname="quorate"}': "5 95x9", 'pg_settings_max_connections{instance="p"}':
                                        "100x9"},
         {'pg_stat_database_numbackends{instance="p",datname="quorate"}': "40x9", 'pg_settings_max_connections{instance="p"}': "100x9"}, 8,
         {"instance": "p"}),
    # promtool's clock begins at 0.
    Case("QuorateCertificateExpires", {CERTIFICATE: "99999999 1000000x90"}, {CERTIFICATE: "99999999x90"}, 80, SEEN),
    Case("QuorateCertificateExpiresSoon", {CERTIFICATE: "99999999 200000x9"}, {CERTIFICATE: "1000000x9"}, 8, SEEN),
    Case("QuorateCertificateNotSeen", {'probe_success{job="quorate-certificates",instance="db:6379"}': "1 0x30"},
         {'probe_success{job="quorate-certificates",instance="db:6379"}': "1x30"}, 25, SEEN),
]


def alerts():
    return {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "alert" in rule}


def series_of(inputs):
    return [{"series": name, "values": values} for name, values in inputs.items()]


def firing(alert, at, labels):
    """A test of promtool; @param labels: None where it must not fire."""
    expected = []
    if labels is not None:
        all_labels = {"alertname": alert, "alertstate": "firing", **labels}
        expected = [{"labels": "ALERTS{" + ",".join(f"{k}={json.dumps(v)}" for k, v in sorted(all_labels.items())) + "}", "value": 1}]
    return {"expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}', "eval_time": f"{at}m", "exp_samples": expected}


def anchors(page):
    """The fragments that a renderer of Markdown makes of the headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", page)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Rules(unittest.TestCase):
    def promtool(self, tests, step=1):
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"rule_files": [str(RULES)], "evaluation_interval": f"{step}m", "tests": tests}, file)  # JSON is YAML
            file.flush()
            done = subprocess.run(["promtool", "test", "rules", file.name], capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_each_alert_fires_when_it_should_and_not_otherwise(self):
        tests = {}
        for case in CASES:
            labels = {**case.labels, "severity": alerts()[case.alert]["labels"]["severity"]}
            tests.setdefault(case.step, []).extend([
                {"interval": f"{case.step}m", "input_series": series_of(case.sick),
                 "promql_expr_test": [firing(case.alert, 0, None), firing(case.alert, case.minutes, labels)]},
                {"interval": f"{case.step}m", "input_series": series_of(case.well), "promql_expr_test": [firing(case.alert, case.minutes, None)]}])
        for step, of_step in tests.items():
            self.promtool(of_step, step)

    def test_no_alert_is_without_a_case(self):
        self.assertEqual(sorted(alerts()), sorted(case.alert for case in CASES))

    def test_what_an_alert_says_is_filled_in(self):
        self.promtool([{"interval": "1m", "input_series": series_of({'up{job="quorate-agent",instance="a",region="eu-west"}': "0x5"}),
                        "alert_rule_test": [{"eval_time": "3m", "alertname": "QuorateNoAgentInRegion", "exp_alerts": [{
                            "exp_labels": {"severity": "critical", "region": "eu-west"}, "exp_annotations": {
                                "summary": "No agent answers in eu-west",
                                "description": "From eu-west nobody looks; its cells are UNKNOWN, and a P1 has one witness less.",
                                "runbook_url": "docs/operations/runbook-alerts.md#agents"}}]}]}])

    def test_each_alert_says_what_is_wrong_and_where_to_read_on(self):
        for name, rule in alerts().items():
            with self.subTest(alert=name):
                self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
                self.assertEqual({"summary", "description", "runbook_url"}, set(rule["annotations"]))
                page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
                self.assertRegex(page, r"^docs/operations/")
                self.assertIn(anchor, anchors((REPO / page).read_text()))

    def test_the_runbook_lists_each_alert_and_no_other(self):
        page = (REPO / "docs/operations/runbook-alerts.md").read_text()
        self.assertEqual(sorted(alerts()), sorted(set(re.findall(r"`(Quorate[A-Z]\w+)`", page))))

    def test_promtool_accepts_the_configuration(self):
        done = subprocess.run(["promtool", "check", "config", FOLDER / "prometheus.yml"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        done = subprocess.run(["prometheus-blackbox-exporter", "--config.check", f"--config.file={FOLDER / 'blackbox.yml'}"], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
