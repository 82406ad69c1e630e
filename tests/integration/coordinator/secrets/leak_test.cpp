// A credential's way from `quorate secret set` to the server that demands it, through real
// processes, and everything that they leave behind, searched for it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include <sys/resource.h>

#include "core/base/text.hpp"
#include "platform/crypto/secret_bytes.hpp"
#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/processes.hpp"
#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/probe/node_server.hpp"
#include "tests/integration/probe/raw_server.hpp"
#include "tests/support/memory_access.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kRight = "sesame-3f9c2e71d8-open";
const std::string kWrong = "sesame-0000000000-shut";

/// All forms in which a value could stand somewhere.
std::vector<std::string> forms(const std::string& value) {
    return {value, to_base64(value), to_hex_text(value)};
}

std::string contents(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path, std::ios::binary}.rdbuf();
    return text.str();
}

/// Every value of every key that holds the text.
constexpr const char* kSearchRedis = R"(
local found = 0
local function look(value)
  if type(value) == 'table' then
    for _, each in ipairs(value) do look(each) end
  elseif string.find(tostring(value), ARGV[1], 1, true) then
    found = found + 1
  end
end
local read = {
  string = function(key) return redis.call('GET', key) end,
  hash = function(key) return redis.call('HGETALL', key) end,
  stream = function(key) return redis.call('XRANGE', key, '-', '+') end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end}
for _, key in ipairs(redis.call('KEYS', '*')) do
  look(key)
  look(read[redis.call('TYPE', key).ok](key))
end
return found)";

/// A whole deployment with one region, whose MCP server lets in whoever has the key.
struct Deployment {
    Deployment() {
        give_up_privileged_reading();
        rlimit cores{};
        getrlimit(RLIMIT_CORE, &cores);
        cores.rlim_cur = cores.rlim_max;  // the daemons have none all the same
        setrlimit(RLIMIT_CORE, &cores);
        run("openssl rand -hex 32 > " + file("wrapping") + " && chmod 600 " + file("wrapping"));
        run("openssl genpkey -algorithm X25519 -out " + file("region.pem"));
        run("openssl pkey -in " + file("region.pem") + " -pubout -out " + file("region.pub"));
        const auto common = "redis: {url: \"" + redis.url() + "\"}\nlog: {level: debug}\n";
        const auto postgres = "postgres: {conninfo: \"" + lab.conninfo + "\"}\n";
        start(monitor,
              "monitor",
              {"/bin/sh",
               "-c",
               "exec redis-cli -p " + std::to_string(redis.port()) + " MONITOR > " +
                   file("commands")});
        start_daemon(coordinator,
                     "quorate-coordinator",
                     common + postgres + "window: 2s\nregions: [us-east]\nhealth: {port: 0}\n" +
                         "grpc: {port: " + std::to_string(port) + ", rate: 0}\n" +
                         "secrets: {key_file: " + file("wrapping") + "}\n");
        start_daemon(archiver,
                     "quorate-archiver",
                     common + postgres + "window: 2s\nshards: 64\nhealth: {port: 0}\n");
        start_daemon(agent,
                     "quorate-agent",
                     common + "region: us-east\nname: a\nhealth: {port: 0}\nload_max: 1\n" +
                         "allow_private_addresses: true\n" + "credential_keys: [" +
                         file("region.pem") + "]\n");
        EXPECT_TRUE(comes_to_hold([&] { return cli({"get"}).status == 0; })) << cli({"get"}).err;
    }

    std::string file(const std::string& name) const { return folder.path() + "/" + name; }
    void run(const std::string& command) const {
        if (std::system((command + " 2>/dev/null").c_str()) != 0)
            throw std::runtime_error{command + " failed"};
    }
    void start(std::unique_ptr<ChildProcess>& process,
               const std::string& name,
               const std::vector<std::string>& command) const {
        process = std::make_unique<ChildProcess>(command, file(name + ".log"));
    }
    void start_daemon(std::unique_ptr<ChildProcess>& process,
                      const std::string& binary,
                      const std::string& config) const {
        std::ofstream{file(binary + ".yaml")} << config;
        start(process,
              binary,
              {std::string{QUORATE_BINARY_DIR} + "/bin/" + binary,
               "--config",
               file(binary + ".yaml")});
    }
    CliRun cli(std::vector<std::string> words) const {
        words.insert(words.end(), {"--server", "127.0.0.1:" + std::to_string(port)});
        return run_cli(words);
    }
    /// Everything printed is searched in the end.
    void order(const std::vector<std::string>& words) {
        const auto done = cli(words);
        EXPECT_EQ(done.status, 0) << done.err;
        printed += done.out + done.err;
    }
    void set_secret(const std::string& name, const std::string& value) {
        std::ofstream{file("value")} << value << '\n';
        order({"secret", "set", name, "--from-file", file("value")});
        std::filesystem::remove(file("value"));
    }
    void apply(const std::string& endpoints) {
        std::ofstream{file("endpoints.yaml")} << "endpoints:\n" << endpoints;
        order({"apply", "-f", file("endpoints.yaml")});
    }
    bool comes_to_be(const std::string& endpoint, const std::string& verdict) const {
        return comes_to_hold([&] {
            return lab.sql("SELECT count(*) > 0 FROM dash.region_minute WHERE endpoint = '" +
                           endpoint + "' AND verdict || coalesce(' ' || reason, '') = '" + verdict +
                           "'") == "t";
        });
    }
    std::string seen(const std::string& endpoint) const {
        return lab.sql(
            "SELECT DISTINCT verdict, reason FROM dash.region_minute WHERE endpoint = '" +
            endpoint + "'");
    }

    int found_in_redis(const std::string& text) const {
        std::ofstream{file("search.lua")} << kSearchRedis;
        run("redis-cli -p " + std::to_string(redis.port()) + " --eval " + file("search.lua") +
            " , '" + text + "' > " + file("found"));
        return std::stoi(contents(file("found")));
    }
    int found_in_postgres(const std::string& text) const {
        int found = 0;
        std::istringstream tables{
            lab.sql("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")};
        for (std::string table; std::getline(tables, table);)
            found += std::stoi(lab.sql("SELECT count(*) FROM " + table +
                                       " t WHERE t::text LIKE '%" + text + "%'"));
        return found;
    }
    /// Where the text stands; '' nowhere.
    std::string found(const std::string& text) const {
        std::string places;
        // Before Redis is asked: that too is a command, with the text in it.
        if (contents(file("commands")).find(text) != std::string::npos) places += "commands ";
        if (found_in_redis(text) > 0) places += "Redis ";
        if (found_in_postgres(text) > 0) places += "Postgres ";
        for (const auto* log :
             {"quorate-coordinator.log", "quorate-agent.log", "quorate-archiver.log"})
            if (contents(file(log)).find(text) != std::string::npos)
                places += std::string{log} + " ";
        if (printed.find(text) != std::string::npos) places += "output ";
        return places;
    }

    TemporaryFolder folder;
    Catalogued lab{std::chrono::seconds{2}};
    RedisServer redis{RedisServer::Listen::tcp};
    std::uint16_t port = free_port();
    NodeServer server{{"serve.mjs", "mcp-proxy", "--", "--apiKey", kRight, "--no-modern"},
                      "servers"};
    std::string printed;
    std::unique_ptr<ChildProcess> monitor;
    std::unique_ptr<ChildProcess> coordinator;
    std::unique_ptr<ChildProcess> archiver;
    std::unique_ptr<ChildProcess> agent;
};

/// An MCP server that shows whoever asks what they sent, wherever it may stand.
void make_it_echo(McpScript& script) {
    const auto sent = [](const RawRequest& request) { return request.field("X-API-Key"); };
    script.on("initialize", [sent](const RawRequest& request) {
        return rpc_result(request,
                          R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{}},)"
                          R"("serverInfo":{"name":"echo for )" +
                              sent(request) + R"(","version":"1"}})");
    });
    script.on("tools/list", [sent](const RawRequest& request) {
        return rpc_result(request,
                          R"({"tools":[{"name":"echo","description":"You are )" + sent(request) +
                              R"(","inputSchema":{"type":"object"}},{"name":"as_)" + sent(request) +
                              R"(","inputSchema":{"type":"object"}}]})");
    });
    script.on("tools/call", [sent](const RawRequest& request) {
        return rpc_error(request, 200, -32000, "Said by " + sent(request));
    });
}

TEST(SecretsEndToEnd, ACredentialOpensTheServerAndStandsNowhereInClear) {
    Deployment all;
    all.set_secret("right", kRight);
    all.set_secret("wrong", kWrong);
    const auto endpoint = [&](const std::string& name, const std::string& secret) {
        return "  - {name: " + name + ", url: '" + all.server.fact("url") +
               "', timeout: 1s, headers: {X-API-Key: {secret: " + secret + "}}}\n";
    };
    all.apply(endpoint("welcome", "right") + endpoint("turned-away", "wrong"));
    EXPECT_TRUE(all.comes_to_be("welcome", "UNKNOWN auth_token_unavailable"))
        << "the region has no key yet: " << all.seen("welcome");
    all.order(
        {"regions", "add", "us-east", "--no-redis-user", "--public-key", all.file("region.pub")});
    EXPECT_TRUE(all.comes_to_be("welcome", "UP")) << all.seen("welcome");
    EXPECT_TRUE(all.comes_to_be("turned-away", "AUTH auth_failed")) << all.seen("turned-away");

    McpScript quiet_script;
    McpScript echoing_script;
    make_it_echo(echoing_script);
    quiet_script.on("tools/list", [](const RawRequest& request) {
        return rpc_result(request,
                          R"({"tools":[{"name":"echo","description":"Says it back",)"
                          R"("inputSchema":{"type":"object"}}]})");
    });
    RawServer quiet{std::ref(quiet_script)};
    RawServer echoing{std::ref(echoing_script)};
    const auto with_key = ", timeout: 1s, headers: {X-API-Key: {secret: right}}";
    all.apply("  - {name: quiet, url: '" + quiet.url() + "'" + with_key + "}\n" +
              "  - {name: echoing, url: '" + echoing.url() + "'" + with_key +
              ", canary: {tool: echo}}\n");
    EXPECT_TRUE(all.comes_to_be("quiet", "UP")) << all.seen("quiet");
    EXPECT_TRUE(all.comes_to_be("echoing", "FAIL canary_rpc_error")) << all.seen("echoing");

    const TestAuthority authority;
    const auto client = authority.client();
    const auto context = authority.server({});
    authority.ask_clients(context.get(), true);
    RawServer closed{std::ref(quiet_script), context.get()};
    all.set_secret("corp-ca", authority.pem());
    all.set_secret("probe-cert", client.certificate + client.key);
    all.apply("  - {name: closed, url: '" + closed.url() +
              "', timeout: 1s, tls: {ca: {secret: corp-ca}, client: {secret: probe-cert}}}\n");
    EXPECT_TRUE(all.comes_to_be("closed", "UP")) << all.seen("closed");
    for (auto* script : {&quiet_script, &echoing_script})
        EXPECT_EQ(script->requests().front().field("X-API-Key"), kRight);

    all.order({"secret", "list"});
    all.order({"secret", "list", "-o", "json"});
    all.order({"audit", "--changes"});
    all.order({"describe", "welcome"});
    all.order({"explain", "turned-away"});
    all.order({"explain", "echoing"});
    all.order({"export"});
    all.order({"secret", "rotate"});
    const auto probe = run_cli({"probe",
                                all.server.fact("url"),
                                "--header",
                                "X-API-Key: " + kRight,
                                "--trace",
                                "--format",
                                "json"});
    EXPECT_EQ(probe.status, 0) << probe.err;
    EXPECT_THAT(probe.err, HasSubstr("X-API-Key: ***"));
    all.printed += probe.out + probe.err;

    // That the search finds what is there.
    const auto known = all.found("welcome");
    for (const auto* place : {"Redis", "Postgres", "commands", "quorate-agent.log", "output"})
        EXPECT_THAT(known, HasSubstr(place));
    EXPECT_THAT(all.found("secret.set"), HasSubstr("quorate-coordinator.log"));
    // Lists are stored, and what a server says is told, with the credential masked.
    EXPECT_TRUE(comes_to_hold([&] { return all.found_in_postgres("Says it back") > 0; }));
    EXPECT_THAT(all.found("Said by ***"), AllOf(HasSubstr("Postgres"), HasSubstr("output")));
    EXPECT_EQ(all.lab.sql("SELECT count(*) FROM quorate.manifest_seen WHERE tool_count = 2"), "1");
    EXPECT_EQ(all.lab.sql("SELECT count(*) FROM quorate.manifest_seen JOIN quorate.manifest"
                          " USING (full_hash) WHERE tool_count = 2"),
              "0")
        << "the list that shows the credential";
    const auto key_line = client.key.substr(client.key.find('\n') + 1, 64);
    for (const auto& value : {kRight, kWrong, key_line})
        for (const auto& form : forms(value))
            EXPECT_EQ(all.found(form), "") << form;

    // The kernel shows the memory of a process that may leave a core dump, and of no other.
    EXPECT_TRUE(may_look_into(all.monitor->id())) << "of a program that knows no key";
    for (auto* daemon : {&all.agent, &all.coordinator}) {
        EXPECT_FALSE(may_look_into((*daemon)->id()));
        EXPECT_EQ((*daemon)->end(SIGABRT), -SIGABRT);
        // Can be false by where cores go on this machine, as the one above can't.
        EXPECT_FALSE((*daemon)->dumped_core());
    }
}

}  // namespace
}  // namespace quorate::testing
