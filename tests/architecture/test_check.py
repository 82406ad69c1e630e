#!/usr/bin/env python3
"""Proves that the checks find what they are for: each test plants a violation in a small tree."""
import tempfile
import unittest
from pathlib import Path

import check

DEV = 'usage() {\n    cat <<\'TEXT\'\n./dev up\nTEXT\n}\ncase "${1:-}" in\n    up)\n        ;;\nesac\n'
README = "# A folder\n\nWhat belongs here:\n\n- a file\n- another\n\nWhat does not.\nWho calls whom.\nTests: there.\n"
LAYERS = "core/base:\ncore/model: core/base\nprobe: core/*\n"
FENCES = r"""#include\s*<hiredis/ | platform/redis | one owner
\bdetached\b | platform/runtime | an owner for each coroutine
\bgetenv\b | - | files alone
"""
CLEAN = {
    "dev": DEV, "tests/architecture/layers.txt": LAYERS, "tests/architecture/fences.txt": FENCES,
    "tests/README.md": README, "tests/architecture/README.md": README, "core/base/README.md": README, "core/model/README.md": README,
    "probe/README.md": README, "core/base/id.hpp": "#pragma once\n",
    "core/model/cell.hpp": '#include "core/base/id.hpp"\n',
    "probe/probe.cpp": '#include "core/model/cell.hpp"\n',
}


class Planted(unittest.TestCase):
    def found(self, files=None):
        """Rule and path of each violation in the clean tree with `files` put over it."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**CLEAN, **(files or {})}.items():
                place = Path(root, path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
            return [(v.rule, v.path) for v in check.violations(root)]

    def in_probe(self, code):
        return self.found({"probe/x.cpp": code})

    def expect(self, rule, code):
        self.assertEqual(self.in_probe(code), [(rule, "probe/x.cpp")], code)

    def expect_clean(self, code):
        self.assertEqual(self.in_probe(code), [], code)

    def test_the_clean_tree_is_clean(self):
        self.assertEqual(self.found(), [])

    # ---- layers
    def test_an_include_upwards_is_found(self):
        self.assertEqual(self.found({"core/base/id.hpp": '#include "core/model/cell.hpp"\n'}),
                         [("layer", "core/base/id.hpp"), ("cycle", "core/base/id.hpp")])

    def test_an_include_of_a_folder_that_is_not_allowed_is_found(self):
        self.assertIn(("layer", "core/model/cell.hpp"),
                      self.found({"core/model/cell.hpp": '#include "core/base/id.hpp"\n#include "probe/probe.hpp"\n',
                                  "probe/probe.hpp": ""}))

    def test_an_allowance_that_nobody_uses_is_found(self):
        self.assertEqual(self.found({"core/model/cell.hpp": "// nothing\n"}), [("layer", "tests/architecture/layers.txt")])

    def test_a_folder_without_a_rule_is_found(self):
        self.assertEqual(self.found({"core/new/a.hpp": "", "core/new/README.md": README}), [("layer", "core/new/a.hpp")])

    def test_an_include_that_is_not_from_the_top_is_found(self):
        self.expect("layer", '#include "probe.hpp"\n')

    def test_folders_that_include_each_other_are_found(self):
        self.assertIn("cycle", [rule for rule, _ in self.found(
            {"probe/a/a.hpp": '#include "probe/b/b.hpp"\n', "probe/b/b.hpp": '#include "probe/a/a.hpp"\n',
             "probe/a/README.md": README, "probe/b/README.md": README})])

    # ---- fences
    def test_a_fenced_word_is_found_in_code_and_in_includes(self):
        self.expect("fence", "void f() { co_spawn(io, g(), asio::detached); }\n")
        self.expect("fence", "#include <hiredis/hiredis.h>\n")
        self.expect("fence", 'auto home = std::getenv("HOME");\n')

    def test_a_fenced_word_in_a_comment_or_literal_is_not_code(self):
        self.expect_clean('// never detached\n/* getenv */ const char* s = "getenv"; auto r = R"(detached)";\n')

    # ---- style
    def test_a_brace_or_lambda_with_co_await_is_found(self):
        for code in ("co_await f({.a = s, .b = s});", "co_await f(T{s, t});", "auto x = co_await g([s] { return s; });",
                     "auto x = f({s}, co_await g());", "auto x = T{co_await g()};", "if (co_await f({s})) {}",
                     "auto x = f([s] { return s; }, co_await g());", "return_if(co_await g(), T{s});"):
            self.expect("co_await", "Task<> work() {\n    " + code + "\n}\n")

    def test_ordinary_coroutine_code_is_left_alone(self):
        for code in ("auto x = co_await f(std::move(args));", "if (co_await f(x)) { g({1}); }", "auto [a, b] = co_await f(x);",
                     "while (co_await f(list[0])) {}", "asio::steady_timer timer{co_await asio::this_coro::executor, at};",
                     "auto work = [&]() -> Task<> { co_await f(); };", "T t{s};\n    co_await f(t);", "{ g(); }\n    co_await f();",
                     "co_await sleep_for(seconds{5});", "for (auto& x : list) co_await f(x);", "co_return Failure{1, 2};"):
            self.expect_clean("Task<> work() {\n    " + code + "\n}\n")

    def test_a_try_around_a_returned_coroutine_is_found(self):
        self.expect("try-return", "Task<int> f() {\n    try { return g(); } catch (...) { return h(); }\n}\n")
        self.expect_clean("int f() {\n    try { return g(); } catch (...) { return 1; }\n}\n")

    def test_a_default_over_an_enumeration_is_found(self):
        self.expect("switch", "int f(E e) { switch (e) { case E::a: return 1; default: return 2; } }\n")
        self.expect_clean("int f(char c) { switch (c) { case 'a': return 1; default: return 2; } }\n")

    def test_value_of_a_result_is_found_and_of_an_id_is_not(self):
        self.expect("value", "int f(Result<int> found) { return found.value(); }\n")
        self.expect("value", "Task<> f() { use((co_await g(x)).value()); }\n")
        self.expect_clean("auto f(EndpointId id) { return id.value(); }\n")

    def test_a_long_file_is_found(self):
        self.expect("size", "\n" * 501)

    # ---- docs
    def test_a_folder_without_a_readme_is_found(self):
        self.assertEqual(self.found({"probe/resolve/a.cpp": ""}), [("readme", "probe/resolve/README.md")])

    def test_a_readme_of_under_ten_lines_is_found(self):
        short = README.replace("- another\n", "")
        self.assertEqual(len(short.splitlines()), 9)
        self.assertEqual(self.found({"probe/README.md": short}), [("readme", "probe/README.md")])

    def test_what_is_below_a_suite_or_of_others_making_needs_no_readme_of_its_own(self):
        self.assertEqual(self.found({"tests/unit/README.md": README, "tests/unit/probe/x_test.cpp": "", "proto/README.md": README,
                                     "proto/google/rpc/status.proto": "", "deploy/README.md": README,
                                     "deploy/kubernetes/README.md": README, "deploy/kubernetes/core/x.yaml": ""}), [])
        self.assertEqual(self.found({"proto/README.md": README, "proto/a/v1/x.proto": ""}), [("readme", "proto/a/v1/README.md")])

    def test_a_dead_link_and_a_verb_that_does_not_exist_are_found(self):
        self.assertEqual(self.found({"docs/a.md": "[x](nowhere.md) and `./dev fly`\n"}),
                         [("link", "docs/a.md"), ("verbs", "docs/a.md")])

    def test_a_test_that_the_page_of_failure_modes_names_and_that_is_not_there_is_found(self):
        page = {"docs/failure-modes.md": "# Modes\n\n`Redis.IsCut`, `Redis.IsGone`\n", "tests/a_test.cpp": "TEST(Redis, IsCut) {}\n"}
        self.assertEqual(self.found(page), [("tests", "docs/failure-modes.md")])

    def test_a_page_that_a_comment_names_and_that_is_not_there_is_found(self):
        self.expect("link", "// As docs/page.md has it.\n")
        self.assertEqual(self.found({"probe/x.cpp": "// As docs/page.md has it.\n", "docs/page.md": "# A page\n"}), [])
        self.expect_clean("// Of another project: https://example.com/docs/page.md\n")
        self.assertEqual(self.found({"migrations/0001.sql": "-- docs/adr/0001-x.md\n", "migrations/README.md": README}),
                         [("link", "migrations/0001.sql")])
        self.assertEqual(self.found({"tests/x/check": "#!/bin/sh\n# docs/page.md\n"}), [("link", "tests/x/check")])

    def test_the_page_on_the_endpoint_file_has_its_keys_and_no_others(self):
        tree = {
            "platform/wire/README.md": README, "platform/wire/endpoint_check.hpp": 'auto x = EnumName<AssertionOp>{AssertionOp::min, "min"};\n',
            "platform/wire/endpoint_file.cpp": 'auto x = std::array{Key<Spec>{"expect", f}, Key<Expect>{"tools", g}};\n',
            "tests/architecture/layers.txt": LAYERS + "platform/wire:\n",
        }
        whole = "| `expect` | x |\n| `expect.tools` | x |\n`min`\n"
        page = "docs/endpoint-file.md"
        self.assertEqual(self.found({**tree, page: whole}), [])
        for key in ("expect.tools", "min"):
            self.assertEqual(self.found({**tree, page: whole.replace(f"`{key}`", "")}), [("endpoint-file", page)], key)
        self.assertEqual(self.found({**tree, page: whole + "| `expects` | x |\n"}), [("endpoint-file", page)])

    def test_a_log_event_that_is_not_listed_or_not_logged_is_found(self):
        listed = "| `probe.finished` | info | It ended. | Nothing. |\n"
        logged = 'void f() { log_event(log, LogLevel::info, "probe.finished", kv("region", region)); }\n'
        self.assertEqual(self.found({"probe/x.cpp": logged}), [("log-event", "probe/x.cpp")])
        self.assertEqual(self.found({"docs/log-events.md": listed}), [("log-event", "docs/log-events.md")])
        self.assertEqual(self.found({"probe/x.cpp": logged, "docs/log-events.md": listed}), [])
        self.assertEqual(self.found({"probe/x.cpp": logged.replace("info", "warn"), "docs/log-events.md": listed}),
                         [("log-event", "docs/log-events.md")])
        either = 'void f() { log_event(log, level(1, 2), ok ? "a.gained" : "a.lost"); }\n'
        self.assertEqual(self.found({"probe/x.cpp": either}), [("log-event", "probe/x.cpp")] * 2)

    def test_the_runbooks_name_what_there_is_and_nothing_else(self):
        tree = {
            "core/model/reason.hpp": 'EnumName<Reason>{Reason::slow, "slow"},\n',
            "platform/telemetry/README.md": README, "platform/telemetry/conditions.hpp": 'auto x = Note{"starting", true, false};\n',
            "probe/x.cpp": 'constexpr auto kName = "quorate_agent_probes_total";\n',
            "cli/README.md": README, "cli/verbs/README.md": README,
            "cli/verbs/get.cpp": 'void f() { app.add_subcommand("get", "Gets"); verb->add_flag("--watch", w, "again"); }\n',
            "tests/architecture/layers.txt": LAYERS + "platform/telemetry:\ncli/verbs:\n",
            "docs/configuration.md": "| `log.level` | text |\n",
        }
        whole = "`slow` `starting` `quorate_agent_probes_total` `quorate get --watch` `log.level`\n"
        page = "docs/operations/x.md"
        self.assertEqual(self.found({**tree, page: whole}), [])
        for name in ("slow", "starting", "quorate_agent_probes_total"):
            self.assertEqual(self.found({**tree, page: whole.replace(f"`{name}` ", "")}), [("operations", "docs/operations/")], name)
        for wrong in ("`quorate put`", "`quorate get --wach`", "`quorate_agent_gone_total`", "`agent.vanished`"):
            self.assertEqual(self.found({**tree, page: whole + wrong + "\n"}), [("operations", page)], wrong)
        self.assertEqual(self.found({**tree, page: whole + "a quorate of words\n"}), [])
        self.assertEqual(self.found({**tree, "docs/y.md": "```sh\nquorate put\n```\n"}), [("operations", "docs/y.md")])
        self.assertEqual(self.found({**tree, "docs/adr/y.md": "`quorate put` is yet to come\n"}), [])

    def test_the_levels_of_a_log_event_are_those_that_are_listed(self):
        rows = "| `a.lost` | {} | It went. | Nothing. |\n| `a.gained` | {} | It came. | Nothing. |\n"
        together = 'log_event(log, ok ? LogLevel::info : LogLevel::warn, ok ? "a.gained" : "a.lost");'
        variable = 'auto level = LogLevel::warn; level = LogLevel::info; log_event(log, level, "a.lost");'
        gained = 'log_event(log, LogLevel::info, "a.gained");'
        for code, lost in ((together, "warn"), (variable + gained, "info, warn"), (variable + gained, "warn, info")):
            for listed, expected in ((lost, []), ("error", [("log-event", "docs/log-events.md")])):
                files = {"probe/x.cpp": f"void f() {{ {code} }}\n", "docs/log-events.md": rows.format(listed, "info")}
                self.assertEqual(self.found(files), expected, (code, listed))


if __name__ == "__main__":
    unittest.main()
