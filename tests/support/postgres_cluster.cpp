#include "tests/support/postgres_cluster.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quorate::testing {
namespace {

const std::string kBin = "/usr/lib/postgresql/15/bin/";

/// postgres refuses to run as root. The server dies with the test that started it.
std::vector<std::string> unprivileged(std::vector<std::string> command) {
    std::vector<std::string> all{"setpriv", "--pdeathsig", "QUIT"};
    if (::geteuid() == 0)
        all.insert(all.end(), {"--reuid", "postgres", "--regid", "postgres", "--clear-groups"});
    all.insert(all.end(), command.begin(), command.end());
    return all;
}

/// Starts the command with stdout and stderr appended to `log`.
pid_t spawn(const std::vector<std::string>& command, const std::filesystem::path& log) {
    std::vector<char*> arguments;
    for (const auto& argument : command)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error{errno, std::generic_category(), "fork"};
    if (child == 0) {
        const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        ::dup2(output, STDOUT_FILENO);
        ::dup2(output, STDERR_FILENO);
        if (::chdir("/") == 0) ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    return child;
}

std::string text_of(const std::filesystem::path& file) {
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
}

void run(const std::vector<std::string>& command, const std::filesystem::path& log) {
    int status = 0;
    ::waitpid(spawn(command, log), &status, 0);
    if (status != 0) throw std::runtime_error{command.back() + " failed: " + text_of(log)};
}

void wait_gone(pid_t process) {
    const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
    if (handle < 0) return;  // gone already
    pollfd wanted{handle, POLLIN, 0};
    ::poll(&wanted, 1, 30'000);
    ::close(handle);
}

std::vector<pid_t> children_of(pid_t process) {
    const auto id = std::to_string(process);
    std::ifstream in{"/proc/" + id + "/task/" + id + "/children"};
    return {std::istream_iterator<pid_t>{in}, {}};
}

}  // namespace

PostgresCluster::PostgresCluster(int buffers_mib) : buffers_mib_{buffers_mib} {
    std::string pattern = (std::filesystem::temp_directory_path() / "qpg-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
        throw std::system_error{errno, std::generic_category(), pattern};
    folder_ = pattern;
    make_data();
    start();
}

PostgresCluster::PostgresCluster(std::filesystem::path folder, int buffers_mib)
    : folder_{std::move(folder)}, kept_{true}, buffers_mib_{buffers_mib} {
    std::filesystem::create_directories(folder_);
    if (!std::filesystem::exists(folder_ / "data" / "PG_VERSION")) make_data();
    start();
}

void PostgresCluster::make_data() {
    if (::geteuid() == 0) {
        const auto* user = ::getpwnam("postgres");
        if (user == nullptr) throw std::runtime_error{"no user postgres: install postgresql-15"};
        if (::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0)
            throw std::system_error{errno, std::generic_category(), folder_};
    }
    run(unprivileged({kBin + "initdb",
                      "--no-sync",
                      "--auth=trust",
                      "--username=postgres",
                      "--encoding=UTF8",
                      "--locale=C",
                      (folder_ / "data").string()}),
        folder_ / "initdb.log");
}

PostgresCluster::~PostgresCluster() {
    if (postmaster_ != 0) stop();
    if (kept_) return;
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string PostgresCluster::conninfo(const std::string& database, const std::string& user) const {
    return "host=" + folder_.string() + " dbname=" + database + " user=" + user;
}

std::string PostgresCluster::create_database(const std::string& name) {
    sql("postgres", "CREATE DATABASE " + name);
    return conninfo(name);
}

std::string PostgresCluster::sql(const std::string& database, const std::string& text) const {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection{
        PQconnectdb(conninfo(database).c_str()), &PQfinish};
    const std::unique_ptr<PGresult, decltype(&PQclear)> result{
        PQexec(connection.get(), text.c_str()), &PQclear};
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw std::runtime_error{text + ": " + PQerrorMessage(connection.get())};
    std::string out;
    for (int row = 0; row < PQntuples(result.get()); ++row) {
        if (row > 0) out += '\n';
        for (int column = 0; column < PQnfields(result.get()); ++column) {
            if (column > 0) out += '|';
            out += PQgetvalue(result.get(), row, column);
        }
    }
    return out;
}

void PostgresCluster::start() {
    std::vector<std::string> command{
        kBin + "postgres", "-D", (folder_ / "data").string(), "-k", folder_.string()};
    for (const std::string& setting : {std::string{"listen_addresses="},
                                       std::string{"fsync=off"},
                                       std::string{"full_page_writes=off"},
                                       "shared_buffers=" + std::to_string(buffers_mib_) + "MB",
                                       std::string{"max_connections=100"},
                                       std::string{"log_min_messages=warning"}})
        command.insert(command.end(), {"-c", setting});
    postmaster_ = spawn(unprivileged(std::move(command)), folder_ / "postgres.log");
    const auto info = conninfo("postgres");
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (PQping(info.c_str()) != PQPING_OK) {
        int status = 0;
        if (::waitpid(postmaster_, &status, WNOHANG) == postmaster_ ||
            std::chrono::steady_clock::now() > give_up)
            throw std::runtime_error{"postgres did not start: " +
                                     text_of(folder_ / "postgres.log")};
        ::poll(nullptr, 0, 10);
    }
}

void PostgresCluster::stop() {
    ::kill(postmaster_, SIGINT);  // fast shutdown
    ::waitpid(postmaster_, nullptr, 0);
    postmaster_ = 0;
}

void PostgresCluster::kill() {
    const auto children = children_of(postmaster_);
    ::kill(postmaster_, SIGKILL);
    for (const auto child : children)
        ::kill(child, SIGKILL);
    ::waitpid(postmaster_, nullptr, 0);
    for (const auto child : children)
        wait_gone(child);
    postmaster_ = 0;
}

void PostgresCluster::pause() {
    ::kill(postmaster_, SIGSTOP);  // first, so that it starts no more
    ::waitpid(postmaster_, nullptr, WUNTRACED);
    for (const auto child : children_of(postmaster_))
        ::kill(child, SIGSTOP);
}

void PostgresCluster::resume() {
    for (const auto child : children_of(postmaster_))
        ::kill(child, SIGCONT);
    ::kill(postmaster_, SIGCONT);
}

void PostgresCluster::restart() {
    stop();
    start();
}

}  // namespace quorate::testing
