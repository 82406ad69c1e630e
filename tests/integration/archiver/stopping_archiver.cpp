// The archiver, which sends itself a signal when a step of a seal is done:
//     stopping_archiver CONFIG STEP COUNT SIGNAL
// STEP is the number of a SealStep, COUNT says at which time that it is reached.
#include <csignal>
#include <cstdlib>

#include <boost/asio/this_coro.hpp>

#include "archiver/app.hpp"
#include "platform/runtime/daemon.hpp"

int main(int argc, char** argv) {
    using namespace quorate;
    if (argc != 5) return 2;
    const auto step = static_cast<SealStep>(std::atoi(argv[2]));
    int left = std::atoi(argv[3]);
    const int signal = std::atoi(argv[4]);
    const auto at_step = [step, signal, &left](SealStep reached) {
        if (reached == step && --left == 0) std::raise(signal);
    };
    const auto load = [&at_step](const std::string& file) -> Serve {
        return [config = load_config(archiver_schema(), file), &at_step](DaemonContext&) -> Task<> {
            ArchiverApp app{config, co_await asio::this_coro::executor, "test", at_step};
            co_await app.run();
        };
    };
    char config_option[] = "--config";
    char* arguments[] = {argv[0], config_option, argv[1], nullptr};
    return run_daemon(3, arguments, {"stopping_archiver", "test"}, load, {});
}
