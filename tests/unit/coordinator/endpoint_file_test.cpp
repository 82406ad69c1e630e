#include "platform/wire/endpoint_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

namespace quorate::wire {
namespace {

namespace fs = std::filesystem;

EndpointRules rules(milliseconds window = std::chrono::seconds{60}) {
    EndpointRules rules{*Window::of(window),
                        {"ap-south", "eu-west", "sa-east", "us-east", "us-west"}};
    rules.secrets.emplace();
    return rules;
}

EndpointFiles parse(const std::string& yaml, const EndpointRules& with = rules()) {
    return parse_endpoint_files({{"e.yaml", yaml}}, with);
}

std::string contents(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

TEST(EndpointFile, EveryInvalidFileGetsExactlyItsMessages) {
    const fs::path folder = fs::path{QUORATE_SOURCE_DIR} / "tests/unit/coordinator/invalid";
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator{folder}) {
        if (entry.path().extension() != ".yaml") continue;
        ++files;
        const auto name = entry.path().filename().string();
        const auto window = std::chrono::seconds{name.starts_with("window-5s-") ? 5 : 60};
        const auto result = parse_endpoint_files({{name, contents(entry.path())}}, rules(window));
        EXPECT_FALSE(result.errors.empty()) << name;
        auto expected = entry.path();
        EXPECT_EQ(format_errors(result.errors) + "\n", contents(expected.replace_extension(".txt")))
            << "in " << name;
    }
    EXPECT_GE(files, 15U);
}

/// The examples of the page on the format, in its order.
std::vector<std::string> documented_examples() {
    const auto page = contents(fs::path{QUORATE_SOURCE_DIR} / "docs/endpoint-file.md");
    const std::string begin = "```yaml\n";
    std::vector<std::string> examples;
    for (auto at = page.find(begin); at != page.npos; at = page.find(begin, at)) {
        at += begin.size();
        examples.push_back(page.substr(at, page.find("```", at) - at));
    }
    return examples;
}

EndpointRules rules_with_any_secret() {
    auto with = rules();
    with.secrets.reset();
    return with;
}

TEST(EndpointFile, EveryExampleOfTheDocumentationIsSound) {
    const auto examples = documented_examples();
    EXPECT_GE(examples.size(), 3U);
    for (const auto& example : examples) {
        const auto result = parse(example, rules_with_any_secret());
        EXPECT_EQ(format_errors(result.errors), "") << example;
        EXPECT_EQ(format_errors(result.warnings), "") << example;
        EXPECT_FALSE(result.specs.empty()) << example;
    }
}

TEST(EndpointFile, TheExampleOfTheDocumentationIsReadWhole) {
    const auto examples = documented_examples();
    ASSERT_FALSE(examples.empty());
    const auto result = parse(examples[0], rules_with_any_secret());
    ASSERT_EQ(format_errors(result.errors), "");
    ASSERT_EQ(result.specs.size(), 1U);
    const auto& spec = result.specs[0];
    EXPECT_EQ(full_name(spec), "acme/search");
    EXPECT_EQ(spec.regions, (std::vector<std::string>{"ap-south", "eu-west", "us-east"}));
    EXPECT_EQ(spec.interval, std::chrono::minutes{2});
    EXPECT_EQ(spec.latency_slo, milliseconds{1500});
    EXPECT_EQ(spec.expect.tools, std::vector<std::string>{"search_documents"});
    ASSERT_TRUE(spec.canary.has_value());
    EXPECT_EQ(spec.canary->arguments_json, R"({"query":"health"})");
    EXPECT_EQ(spec.canary->assertions,
              (std::vector<CanaryAssertion>{{"$.total_results", ">=", "1"}}));
    EXPECT_EQ(spec.bearer, (Credential{"", "search-token"}));
    EXPECT_EQ(spec.headers.at("X-Probe"), (Credential{"quorate", ""}));
    EXPECT_EQ(spec.headers.at("X-API-Key"), (Credential{"", "search-key"}));
    EXPECT_EQ(spec.tls_ca_secret, "corp-ca");
    EXPECT_EQ(spec.tls_client_secret, "probe-cert");
    EXPECT_EQ(spec.labels.at("team"), "retrieval");
}

TEST(EndpointFile, WhatIsLeftOutHasItsDefault) {
    const auto result = parse("endpoints:\n  - {name: a, url: 'http://h/mcp'}\n");
    ASSERT_TRUE(result.errors.empty());
    EXPECT_TRUE(result.warnings.empty());
    EndpointSpec expected;
    expected.name = "a";
    expected.url = "http://h/mcp";
    EXPECT_EQ(result.specs, std::vector<EndpointSpec>{expected});
}

TEST(EndpointFile, ANameInTwoFilesIsAnErrorThatNamesBoth) {
    const auto result =
        parse_endpoint_files({{"one.yaml", "endpoints:\n  - {name: a, url: 'http://h/'}\n"},
                              {"two.yaml", "endpoints:\n\n  - {name: a, url: 'http://h/'}\n"}},
                             rules());
    EXPECT_EQ(format_errors(result.errors),
              "two.yaml:3: endpoints[0].name: default/a is also endpoints[0] of one.yaml:2");
}

TEST(EndpointFile, ABearerBesideAHeaderAuthorizationIsRefusedHoweverItIsWritten) {
    auto with = rules();
    with.secrets.reset();  // any may be referred to
    for (const std::string name : {"Authorization", "authorization", "AUTHORIZATION"}) {
        const auto header = "    headers: {" + name + ": {secret: other}}\n";
        const auto result = parse(
            "endpoints:\n  - name: a\n    url: http://h/\n    auth: {bearer: {secret: token}}\n" +
                header,
            with);
        EXPECT_EQ(format_errors(result.errors),
                  "e.yaml:5: endpoints[0].headers." + name +
                      ": is what auth: {bearer: …} sends: give one of the two");
        const auto alone = "endpoints:\n  - name: a\n    url: http://h/\n" + header;
        EXPECT_EQ(format_errors(parse(alone, with).errors), "");
    }
}

TEST(EndpointFile, AWallIsNotLookedForWithACredentialWhateverItsHeader) {
    auto with = rules();
    with.secrets.reset();  // any may be referred to
    const auto errors = [&with](const std::string& how) {
        const auto result = parse(
            "endpoints:\n  - name: a\n    url: http://h/\n    expect: {auth_wall: true}\n    " +
                how,
            with);
        return format_errors(result.errors);
    };
    for (const auto* credential : {"auth: {bearer: {secret: token}}",
                                   "headers: {Cookie: {secret: token}}",
                                   "headers: {X-Token: {secret: token}}"})
        EXPECT_EQ(errors(credential),
                  "e.yaml:4: endpoints[0].expect.auth_wall: can't be looked for with a credential: "
                  "leave out auth, headers such as Authorization and those that are secrets, or "
                  "watch the wall by an endpoint of its own");
    EXPECT_EQ(errors("headers: {X-Token: text}"), "");
}

TEST(EndpointFile, ATimeoutThatTheWindowClipsIsAWarning) {
    const auto result = parse(
        "endpoints:\n  - {name: a, url: 'http://h/', timeout: 3s}\n"
        "  - {name: b, url: 'http://h/', timeout: 2s}\n"
        "  - {name: c, url: 'http://h/'}\n",
        rules(std::chrono::seconds{5}));
    ASSERT_TRUE(result.errors.empty());
    EXPECT_EQ(format_errors(result.warnings),
              "e.yaml:1: the default timeout 8s is clipped to 2250ms by the window 5s "
              "(1 endpoints)\n"
              "e.yaml:2: endpoints[0].timeout: 3s is clipped to 2250ms by the window 5s");
}

TEST(EndpointFile, TextThatIsNoUtf8IsRefused) {
    EXPECT_EQ(format_errors(parse("endpoints: \xff\n").errors), "e.yaml: is not UTF-8 text");
}

TEST(EndpointFile, ACanarysKeysSurviveItsOwnFileAlsoWhereTheyAreLongerThanYamlsPlainOnes) {
    // YAML's plain keys have 1024 characters at most, as written: a control character takes six.
    for (const std::size_t size : {100, 1021, 1022, 1023, 3000}) {
        const std::string key(size, size == 3000 ? '\x1d' : 'k');
        const auto result = parse(
            "endpoints:\n  - name: a\n    url: http://h/\n    canary:\n      tool: t\n"
            "      arguments: {? \"" +
            key + "\" : [{? \"" + key + "\" : 1, b: 2}], c: []}\n");
        ASSERT_EQ(format_errors(result.errors), "") << size;
        const auto again = parse(to_yaml(result.specs));
        ASSERT_EQ(format_errors(again.errors), "") << size;
        EXPECT_EQ(again.specs[0], result.specs[0]) << size;
    }
}

TEST(EndpointFile, ACanarysNumbersSurviveItsOwnFileAlsoWhereADoubleIsTooSmallForThem) {
    const auto result = parse(
        "endpoints:\n  - name: a\n    url: http://h/\n    canary:\n      tool: t\n"
        "      arguments: {huge: 1e400, least: -1e400, none: 1e-400, long: 0.30000000000000004}\n"
        "      expect: {$.k: {max: 1e999}}\n");
    ASSERT_EQ(format_errors(result.errors), "");
    EXPECT_EQ(result.specs[0].canary->arguments_json,
              R"({"huge":1.7976931348623157E308,"least":-1.7976931348623157E308,)"
              R"("none":0E0,"long":3.0000000000000004E-1})");
    const auto again = parse(to_yaml(result.specs));
    ASSERT_EQ(format_errors(again.errors), "");
    EXPECT_EQ(again.specs[0], result.specs[0]);
}

TEST(EndpointFile, PlainYamlScalarsOfACanaryBecomeTheJsonTheyLookLike) {
    const auto result = parse(
        "endpoints:\n  - name: a\n    url: http://h/\n    canary:\n"
        "      tool: t\n      arguments: {n: 3, t: true, z: null, f: 0.5, "
        "q: '3', s: text, l: [1, {a: b}]}\n"
        "      expect: {$.k: {is: string, equals: '7', contains: x}}\n");
    ASSERT_EQ(format_errors(result.errors), "");
    const auto& canary = *result.specs[0].canary;
    EXPECT_EQ(canary.arguments_json,
              R"({"n":3,"t":true,"z":null,"f":5E-1,"q":"3","s":"text","l":[1,{"a":"b"}]})");
    EXPECT_EQ(
        canary.assertions,
        (std::vector<CanaryAssertion>{
            {"$.k", "is", "\"string\""}, {"$.k", "==", "\"7\""}, {"$.k", "contains", "\"x\""}}));
}

/// Texts that YAML, JSON or a careless writer would mangle.
const std::vector<std::string> kNastyTexts{
    "plain", "true",  "null",        "~",      "12",    "1.5e3",  "- x", "a: b", "#c",
    "'q'",   "\"d\"", "back\\slash", "é ∂ 漢", " lead", "trail ", "{a}", "[b]",  "*star",
    "&and",  "!bang", "%p",          "@at",    "|",     ">",      "0x10"};

EndpointSpec random_spec(std::mt19937& random) {
    const auto some = [&](unsigned n) { return random() % n; };
    const auto text = [&] { return kNastyTexts[some(static_cast<unsigned>(kNastyTexts.size()))]; };
    EndpointSpec spec;
    spec.name = "n" + std::to_string(random());
    spec.tenant = "t" + std::to_string(some(3));
    spec.url = "https://h/" + std::to_string(some(9)) + "?a=1&b=%20";
    for (const auto& region : rules().regions)
        if (some(2) == 0) spec.regions.push_back(region);
    if (some(2) == 0) spec.interval = std::chrono::minutes{1 + some(60)};
    spec.timeout = milliseconds{1000 + some(19001)};
    spec.era = kEraModeNames[some(4)].value;
    spec.ip = kIpFamilyNames[some(3)].value;
    spec.p1_quorum = kP1QuorumNames[some(3)].value;
    if (some(2) == 0) spec.latency_slo = milliseconds{1 + some(60000)};
    for (unsigned i = some(3); i > 0; --i)
        spec.expect.tools.push_back(text());
    spec.expect.required = some(2) == 0;
    spec.expect.auth_wall = some(2) == 0;
    if (some(2) == 0)
        spec.canary = Canary{text(),
                             R"({"z":{"b":1,"a":[true,null,"7"]},"k":5E-1})",
                             {{"$.x", ">=", "1"},
                              {"$.x", "is", "\"number\""},
                              {"$.y", "==", "\"null\""},
                              {"$.y", "contains", "{\"b\":1,\"a\":2}"}},
                             some(2) == 0};
    const bool credentials = !spec.expect.auth_wall;
    if (credentials && some(2) == 0) spec.bearer = Credential{"", "token"};
    if (some(2) == 0) spec.headers["X-A"] = {text(), ""};
    if (credentials && some(2) == 0) spec.headers["Cookie"] = {"", "cookie"};
    if (some(2) == 0) spec.tls_ca_secret = "ca";
    if (some(2) == 0) spec.tls_client_secret = "client";
    if (some(2) == 0) spec.health_url = "http://h/health";
    if (some(2) == 0) spec.labels[text()] = text();
    spec.paused = some(2) == 0;
    return spec;
}

TEST(EndpointFile, EverySpecSurvivesYamlAndJson) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    auto with = rules();
    with.secrets.reset();  // any may be referred to
    std::vector<EndpointSpec> specs;
    for (int i = 0; i < 300; ++i)
        specs.push_back(random_spec(random));
    const auto back = parse(to_yaml(specs), with);
    ASSERT_EQ(format_errors(back.errors), "");
    ASSERT_EQ(back.specs.size(), specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i) {
        EXPECT_EQ(back.specs[i], specs[i]) << to_yaml({specs[i]}) << to_yaml({back.specs[i]});
        EXPECT_EQ(endpoint_spec_from_json(to_json(specs[i])), specs[i]) << to_json(specs[i]);
    }
}

TEST(EndpointFile, NoFileMakesTheReaderThrow) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    const auto good = to_yaml({random_spec(random), random_spec(random)});
    for (int i = 0; i < 2000; ++i) {
        auto bad = good;
        for (unsigned edits = 1 + random() % 4; edits > 0; --edits)
            bad[random() % bad.size()] = "{}[]:,-\"' \n#&*!|>%@`x0"[random() % 24];
        EXPECT_NO_THROW((void)parse(bad)) << bad;
    }
}

TEST(EndpointFile, JsonThatIsNoSpecThrows) {
    EXPECT_THROW((void)endpoint_spec_from_json("{}"), std::exception);
    EXPECT_THROW((void)endpoint_spec_from_json("nonsense"), std::exception);
}

}  // namespace
}  // namespace quorate::wire
