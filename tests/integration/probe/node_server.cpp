#include "tests/integration/probe/node_server.hpp"

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include <boost/json/parse.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quorate {
namespace {

struct Child {
    pid_t pid;
    int input;  ///< its end is the end of a server, also where the test dies
    int output;
};

Child start(const std::vector<std::string>& arguments, const std::string& folder) {
    const auto path = QUORATE_SOURCE_DIR "/tests/support/" + folder;
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0)
        throw std::runtime_error{"no pipe"};
    std::vector<char*> argv;
    for (const auto& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(in[0], STDIN_FILENO);
        ::dup2(out[1], STDOUT_FILENO);
        if (::chdir(path.c_str()) == 0) ::execvp(argv[0], argv.data());
        ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    return {pid, in[1], out[0]};
}

/// Reads up to a line end, or to the end of the output.
std::string read_line(int descriptor, bool to_the_end = false) {
    std::string text;
    char c = 0;
    while (::read(descriptor, &c, 1) == 1 && (to_the_end || c != '\n'))
        text.push_back(c);
    return text;
}

}  // namespace

NodeServer::NodeServer(std::vector<std::string> arguments, const std::string& folder) {
    arguments.insert(arguments.begin(), "node");
    // What follows `--` is for the server which the program runs.
    arguments.insert(std::find(arguments.begin(), arguments.end(), "--"), "--end-with-stdin");
    const auto child = start(arguments, folder);
    pid_ = child.pid;
    input_ = child.input;
    output_ = child.output;
    boost::system::error_code error;
    const auto ready = boost::json::parse(read_line(output_), error);
    if (error || !ready.is_object())
        throw std::runtime_error{arguments[1] + " did not get ready; is `npm ci` done?"};
    ready_ = ready.get_object();
}

NodeServer::~NodeServer() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    ::close(input_);
    ::close(output_);
}

std::string NodeServer::fact(const char* name) const {
    return std::string{ready_.at(name).as_string()};
}

std::string output_of(const std::vector<std::string>& arguments, const std::string& folder) {
    const auto child = start(arguments, folder);
    ::close(child.input);
    auto output = read_line(child.output, true);
    ::close(child.output);
    int status = 0;
    ::waitpid(child.pid, &status, 0);
    if (status != 0) throw std::runtime_error{arguments[0] + " failed: " + output};
    return output;
}

std::vector<std::string> tools_by_official_client(const std::string& url,
                                                  const std::string& transport) {
    static const std::string script = R"(
        import { Client } from '@modelcontextprotocol/sdk/client/index.js';
        import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
        import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
        const [url, kind] = process.argv.slice(1);
        const client = new Client({ name: 'official', version: '1' });
        const Transport = kind === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
        await client.connect(new Transport(new URL(url)));
        const { tools } = await client.listTools();
        console.log(JSON.stringify(tools.map((tool) => tool.name)));
        process.exit(0);
    )";
    const auto output = output_of({"node", "--input-type=module", "-e", script, url, transport});
    std::vector<std::string> names;
    const auto listed = boost::json::parse(output);
    for (const auto& name : listed.as_array())
        names.emplace_back(name.as_string());
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace quorate
