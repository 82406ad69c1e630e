"""Debian's Prometheus with our configuration scrapes running daemons: every metric that a rule or a dashboard names is there."""
import json
import re
import shutil
import socket
import subprocess
import unittest
import urllib.parse
from pathlib import Path

import yaml

from service import REGIONS, REPO, get, poll, service

FOLDER = REPO / "deploy/prometheus"
ENDPOINTS = 20
_NAME = r"\b(?:(?:quorate|redis|pg|probe)[a-z_]*[_:][a-z0-9_:]+|up)\b(?!\()"


def expressions():
    """(where, PromQL) of each rule and each panel."""
    for group in yaml.safe_load((FOLDER / "quorate.rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], rule["expr"]
    for path in sorted((REPO / "deploy/grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                if target["datasource"]["type"] == "prometheus":
                    yield f"{path.name}: {panel['title']}", target["expr"].replace("$__rate_interval", "30s")


def names(expression):
    return set(re.findall(_NAME, re.sub(r'"[^"]*"', '""', expression)))


class Scrape(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = cls.enterClassContext(service())
        cls.folder = cls.service.folder / "etc"
        shutil.copytree(FOLDER, cls.folder)
        cls.service.start_exporters(cls.folder / "blackbox.yml")
        # A listener that never answers: some probe is on its way at any time.
        cls.silent = cls.enterClassContext(socket.create_server(("127.0.0.1", 0), backlog=4096))
        url = f"http://127.0.0.1:{cls.silent.getsockname()[1]}/mcp"
        (cls.service.folder / "endpoints.yaml").write_text(
            "endpoints:\n" + "".join(f'  - {{name: endpoint-{number}, url: "{url}"}}\n' for number in range(ENDPOINTS)))
        done = cls.service.quorate("apply", "-f", str(cls.service.folder / "endpoints.yaml"))
        assert done.returncode == 0, done.stderr
        cls.start_prometheus()

    @classmethod
    def start_prometheus(cls):
        """With prometheus.yml as it is but for the pace and the blackbox exporter's port; who is scraped is a matter of targets/."""
        config = (cls.folder / "prometheus.yml").read_text()
        for of_ours, here in (("scrape_interval: 15s", "scrape_interval: 1s"), ("evaluation_interval: 15s", "evaluation_interval: 1s"),
                              ("scrape_interval: 1m", "scrape_interval: 1s"), ("127.0.0.1:9115", cls.service.address("blackbox"))):
            assert of_ours in config, of_ours
            config = config.replace(of_ours, here)
        (cls.folder / "prometheus.yml").write_text(config)
        at = cls.service.address
        targets = {"coordinators": [{"targets": [at("coordinator")]}], "archivers": [{"targets": [at("archiver")]}],
                   "agents": [{"targets": [at(region)], "labels": {"region": region}} for region in REGIONS],
                   "redis": [{"targets": [at("redis_exporter")]}], "postgres": [{"targets": [at("postgres_exporter")]}],
                   "certificates": [{"targets": [at("grpc"), at("redis_tls")]}]}
        for name, groups in targets.items():
            assert (cls.folder / f"targets/{name}.yml").exists(), name
            (cls.folder / f"targets/{name}.yml").write_text(json.dumps(groups))
        cls.service.start("prometheus", ["prometheus", f"--config.file={cls.folder / 'prometheus.yml'}", f"--web.listen-address={at('prometheus')}",
                                         f"--storage.tsdb.path={cls.service.folder / 'tsdb'}", "--web.enable-lifecycle"])
        poll(lambda: get(f"http://{at('prometheus')}/-/ready"), lambda answer: answer[0] == 200, "Prometheus is ready")

    def api(self, path, **query):
        status, body = get(f"http://{self.service.address('prometheus')}/api/v1/{path}?{urllib.parse.urlencode(query)}")
        self.assertEqual(200, status, body)
        return json.loads(body)["data"]

    def test_1_everybody_is_scraped(self):
        expected = {"quorate-coordinator": 1, "quorate-archiver": 1, "quorate-agent": 2, "redis": 1, "postgres": 1, "quorate-ready": 4,
                    "quorate-certificates": 2}

        def up():
            found = {}
            for target in self.api("targets")["activeTargets"]:
                found[target["labels"]["job"]] = found.get(target["labels"]["job"], 0) + (target["health"] == "up")
            return found
        poll(up, lambda found: found == expected, "all targets are up")
        for job in ("quorate-ready", "quorate-certificates"):
            poll(lambda job=job: self.api("query", query=f'min(probe_success{{job="{job}"}})')["result"],
                 lambda result: bool(result) and result[0]["value"][1] == "1", f"{job}: all answer")

    def test_2_every_metric_that_a_rule_or_a_panel_names_exists(self):
        def metrics():
            return get(f"http://{self.service.address(REGIONS[0])}/metrics")[1]
        poll(metrics, lambda page: 'quorate_agent_cells_total{verdict="FAIL"}' in page, "the agent probes")
        # Redis goes away amid probes and comes back: their cells pass through the spool, as the counters of that show.
        poll(metrics, lambda page: re.search(r"(?m)^quorate_agent_probes_in_flight [1-9]", page), "probes are on their way")
        self.service.end("redis")
        try:
            poll(metrics, lambda page: re.search(r"(?m)^quorate_agent_spool_cells [1-9]", page), "cells are kept on disk")
        finally:
            self.service.start_redis()
        # Somebody without a certificate or a token is refused, and counted.
        self.assertEqual(1, self.service.quorate("regions", as_admin=False).returncode)
        wanted = {}
        for where, expression in expressions():
            for name in names(expression):
                wanted.setdefault(name, []).append(where)
        self.assertGreater(len(wanted), 40, "hardly any names were found: the test is broken")
        poll(lambda: set(wanted) - set(self.api("label/__name__/values")), lambda missing: not missing, "every name is scraped")
        print(f"{len(wanted)} names were scraped", flush=True)

    def test_3_rules_and_panels_are_evaluated(self):
        def unwell():
            return [(rule["name"], rule["health"], rule.get("lastError")) for group in self.api("rules")["groups"] for rule in group["rules"]
                    if rule["health"] != "ok"]
        poll(unwell, lambda rules: not rules, "every rule is evaluated")
        for where, expression in expressions():
            with self.subTest(where=where):
                self.api("query", query=expression)

    def test_4_queues_and_certificates_have_the_labels_that_rules_use(self):
        for query in ("quorate:queue_jobs:region", "quorate:fail_ratio:region"):
            poll(lambda query=query: {row["metric"].get("region") for row in self.api("query", query=query)["result"]},
                 lambda regions: regions == set(REGIONS), f"{query} by region")
        rows = poll(lambda: self.api("query", query="probe_ssl_earliest_cert_expiry - time()")["result"], lambda rows: len(rows) == 2,
                    "both certificates are seen")
        for row in rows:
            self.assertAlmostEqual(300, float(row["value"][1]) / 86400, delta=2)

    def test_5_an_alert_fires_when_a_region_loses_its_agent(self):
        rules = yaml.safe_load((self.folder / "quorate.rules.yml").read_text())
        for group in rules["groups"]:
            for rule in group["rules"]:
                rule.pop("for", None)
        (self.folder / "quorate.rules.yml").write_text(yaml.safe_dump(rules))
        subprocess.run(["curl", "-fsS", "-X", "POST", f"http://{self.service.address('prometheus')}/-/reload"], check=True)
        self.service.end(REGIONS[0])
        poll(lambda: [(alert["labels"]["alertname"], alert["labels"].get("region")) for alert in self.api("alerts")["alerts"]
                      if alert["state"] == "firing"],
             lambda found: ("QuorateNoAgentInRegion", REGIONS[0]) in found and ("QuorateNoAgentInRegion", REGIONS[1]) not in found,
             "QuorateNoAgentInRegion fires")


if __name__ == "__main__":
    unittest.main()
