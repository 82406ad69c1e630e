#include "tests/integration/probe/npm_servers.hpp"

#include <chrono>

#include <boost/json/parse.hpp>

#include "tests/integration/probe/harness.hpp"

namespace quorate {
namespace {

constexpr const char* kFolder = "servers";

std::vector<std::string> command(const std::string& name,
                                 const std::vector<std::string>& options,
                                 const std::string& tls_folder) {
    std::vector<std::string> arguments{"serve.mjs", name};
    if (!tls_folder.empty()) arguments.insert(arguments.end(), {"--tls-dir", tls_folder});
    arguments.emplace_back("--");
    arguments.insert(arguments.end(), options.begin(), options.end());
    return arguments;
}

}  // namespace

NpmServer::NpmServer(const std::string& name,
                     const std::vector<std::string>& options,
                     const std::string& tls_folder)
    : server_{command(name, options, tls_folder), kFolder} {}

std::string NpmServer::control(const std::string& method, const std::string& path) const {
    const std::string script =
        "const [url, method] = process.argv.slice(1);"
        "const answer = await fetch(url, { method });"
        "process.stdout.write(await answer.text());"
        "process.exitCode = answer.ok ? 0 : 1;";
    return output_of(
        {"node", "--input-type=module", "-e", script, server_.fact("control") + path, method},
        kFolder);
}

NpmServer::Sessions NpmServer::sessions() const {
    const auto answer = boost::json::parse(control("GET", "/sessions"));
    const auto number = [&](const char* name) { return answer.at(name).as_int64(); };
    return {number("opened"), number("left"), number("streams")};
}

void NpmServer::signal_upstream(const std::string& signal) const {
    control("PUT", "/upstream/" + signal);
}

ProbeRequest patient(const std::string& url, const std::string& header) {
    auto request = request_for(url);
    request.timeout = std::chrono::seconds{15};
    const auto colon = header.find(": ");
    if (colon != std::string::npos)
        request.headers.emplace_back(header.substr(0, colon), header.substr(colon + 2));
    return request;
}

std::vector<std::string> names_of(const Warnings& warnings) {
    std::vector<std::string> names;
    for (const auto& known : kWarningNames)
        if (warnings.has(known.value)) names.emplace_back(known.name);
    return names;
}

std::vector<std::string> tools_by(const OfficialClient& client, const std::string& url) {
    std::vector<std::string> command{"env"};
    if (!client.ca_file.empty()) command.push_back("NODE_EXTRA_CA_CERTS=" + client.ca_file);
    command.insert(command.end(), {"node", "list-tools.mjs", url, "--client", client.version});
    command.insert(command.end(), {"--transport", client.transport});
    if (!client.header.empty()) command.insert(command.end(), {"--header", client.header});
    std::vector<std::string> names;
    const auto answer = boost::json::parse(output_of(command, kFolder));
    for (const auto& name : answer.at("names").as_array())
        names.emplace_back(name.as_string());
    return names;
}

std::string token_of_a_login(const std::string& url) {
    return output_of({"node", "login.mjs", url}, kFolder);
}

}  // namespace quorate
