"""The dashboards' JSON: what Grafana 10 needs, and colours that mean the same everywhere."""
import re
import subprocess
import sys
import unittest

import yaml

import queries

SOURCE = queries.REPO / "deploy/grafana/source"
sys.path[:0] = [str(SOURCE)]
import grafana  # noqa: E402

KINDS = {"stat", "table", "state-timeline", "timeseries", "barchart"}
NAMES = {"fleet", "endpoint", "incidents", "uptime", "service"}


class Json(unittest.TestCase):
    def panels(self):
        for name, dashboard in queries.dashboards().items():
            for panel in dashboard["panels"]:
                with self.subTest(dashboard=name, panel=panel["title"]):
                    yield dashboard, panel

    def test_the_committed_files_are_what_the_source_makes(self):
        done = subprocess.run([sys.executable, SOURCE / "build.py", "--check"], capture_output=True, text=True, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stdout))

    def test_there_are_five_with_uids_of_their_own(self):
        made = queries.dashboards()
        self.assertEqual({f"{name}.json" for name in NAMES}, set(made))
        for name, dashboard in made.items():
            self.assertEqual(f"quorate-{name[:-5]}", dashboard["uid"])
            self.assertGreaterEqual(dashboard["schemaVersion"], 38)
            self.assertTrue(dashboard["description"])
            self.assertEqual({"quorate"}, set(dashboard["tags"]))
            self.assertEqual({f"/d/quorate-{other}" for other in NAMES - {name[:-5]}}, {link["url"] for link in dashboard["links"]})

    def test_each_panel_says_what_it_shows_with_a_unit_and_thresholds(self):
        for _, panel in self.panels():
            self.assertIn(panel["type"], KINDS)
            self.assertGreater(len(panel["description"]), 20)
            self.assertTrue(panel["title"])
            self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            self.assertIsNone(steps[0]["value"])
            self.assertEqual([step["value"] for step in steps[1:]], sorted(step["value"] for step in steps[1:]))

    def test_panels_have_ids_and_places_of_their_own(self):
        for name, dashboard in queries.dashboards().items():
            with self.subTest(dashboard=name):
                ids = [panel["id"] for panel in dashboard["panels"]]
                self.assertEqual(len(ids), len(set(ids)))
                taken = set()
                for panel in dashboard["panels"]:
                    place = panel["gridPos"]
                    self.assertLessEqual(place["x"] + place["w"], 24)
                    cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
                    self.assertFalse(taken & cells, panel["title"])
                    taken |= cells

    def test_every_query_names_a_provisioned_data_source(self):
        provisioned = {(source["type"], source["uid"]) for source in yaml.safe_load(
            (queries.REPO / "deploy/grafana/provisioning/datasources/quorate.yaml").read_text())["datasources"]}
        for _, panel in self.panels():
            letters = [target["refId"] for target in panel["targets"]]
            self.assertEqual(len(letters), len(set(letters)))
            for target in panel["targets"]:
                self.assertIn((target["datasource"]["type"], target["datasource"]["uid"]), provisioned)

    def test_a_state_has_the_same_colour_everywhere(self):
        for _, panel in self.panels():
            for mapping in panel["fieldConfig"]["defaults"]["mappings"] + [
                    mapping for override in panel["fieldConfig"]["overrides"] for each in override["properties"] if each["id"] == "mappings"
                    for mapping in each["value"]]:
                for word, shown in mapping["options"].items():
                    word = shown.get("text", word)
                    if word in grafana.COLOURS:
                        self.assertEqual(grafana.COLOURS[word], shown["color"], word)
            for override in panel["fieldConfig"]["overrides"]:
                if override["matcher"]["options"] in grafana.COLOURS:
                    chosen = [each["value"]["fixedColor"] for each in override["properties"] if each["id"] == "color"]
                    self.assertEqual([grafana.COLOURS[override["matcher"]["options"]]] if chosen else [], chosen)

    def test_every_word_of_the_code_has_a_colour(self):
        """core/model is what these words come from."""
        for header, kinds in (("verdict.hpp", "Verdict"), ("decision.hpp", "Decision")):
            text = (queries.REPO / "core/model" / header).read_text()
            words = re.findall(rf'EnumName<{kinds}>\{{\w+::\w+, "(\w+)"\}}', text)
            self.assertTrue(words)
            self.assertEqual(set(), set(words) - set(grafana.COLOURS))

    def test_the_folder_that_is_provisioned_is_the_one_of_the_dashboards(self):
        providers = yaml.safe_load((queries.REPO / "deploy/grafana/provisioning/dashboards/quorate.yaml").read_text())["providers"]
        self.assertEqual(["/var/lib/grafana/dashboards/quorate"], [provider["options"]["path"] for provider in providers])


if __name__ == "__main__":
    unittest.main()
