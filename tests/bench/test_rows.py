"""What `./dev bench` writes and how it ends, without measuring anything."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import rows as figures  # noqa: E402
from rows import Row    # noqa: E402


class Rows(unittest.TestCase):
    def test_json_has_a_row_for_each_figure_also_where_a_goal_does_not_hold(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "rows.json"
            figures.write_json(path, [Row("a.ratio", 2.5, "ratio", most=2.0), Row("a.engine", 50, "us")])
            self.assertEqual(json.loads(path.read_text()), [
                {"name": "a.ratio", "value": 2.5, "unit": "ratio", "goal": "<= 2", "holds": False},
                {"name": "a.engine", "value": 50, "unit": "us", "goal": None, "holds": True}])

    def test_a_goal_holds_at_its_bound(self):
        self.assertTrue(Row("a", 2.0, "ratio", most=2.0).holds)
        self.assertFalse(Row("a", 2.001, "ratio", most=2.0).holds)

    def test_only_a_ratio_above_a_quarter_more_than_its_baseline_is_a_regression(self):
        baseline = {"a": 2.0, "b": 2.0, "gone": 1.0}
        rows = [Row("a", 2.5, "ratio"), Row("b", 2.51, "ratio"), Row("new", 9, "ratio"), Row("c", 99, "us")]
        self.assertEqual([line.split(":")[0] for line in figures.regressions(rows, baseline)], ["b"])
        self.assertEqual(figures.unchecked(rows, baseline), ["new"])

    def test_every_baseline_is_a_number_of_a_ratio(self):
        for name, value in json.loads((HERE / "baseline.json").read_text()).items():
            self.assertTrue(name.endswith(".ratio") and value > 0, name)


class Runs(unittest.TestCase):
    """run.py on a benchmark of the test's own."""

    def run_on(self, body, *options):
        with tempfile.TemporaryDirectory() as directory:
            (pathlib.Path(directory) / "own").mkdir()
            (pathlib.Path(directory) / "own" / "bench.py").write_text(body)
            path = pathlib.Path(directory) / "rows.json"
            done = subprocess.run([sys.executable, HERE / "run.py", "--build", directory, "--json", path, *options, "own"],
                                  env={"PYTHONPATH": directory, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
            return done, json.loads(path.read_text())

    def test_it_ends_well_whether_or_not_goals_hold(self):
        done, rows = self.run_on("from rows import Row\ndef measure(build, only):\n yield Row('own.a', 3, 'ratio', most=2)\n", "--check")
        self.assertEqual((done.returncode, rows[0]["holds"]), (0, False), done.stderr)

    def test_what_could_not_be_measured_fails_and_keeps_the_rows_so_far(self):
        done, rows = self.run_on("from rows import CannotMeasure, Row\ndef measure(build, only):\n yield Row('own.a', 1, 'us')\n"
                                 " raise CannotMeasure('no target')\n")
        self.assertEqual((done.returncode, len(rows)), (1, 1))
        self.assertIn("own could not measure: no target", done.stderr)

    def test_an_unknown_name_is_a_usage_error_that_lists_the_known_ones(self):
        done = subprocess.run([HERE.parents[1] / "dev", "bench", "nonsense"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("known: probe", done.stderr)


if __name__ == "__main__":
    unittest.main()
