#include "platform/telemetry/log.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "core/base/enum_names.hpp"
#include "platform/telemetry/json_text.hpp"

namespace quorate {
namespace {

constexpr std::array<EnumName<LogLevel>, 4> kLevelNames{{{LogLevel::debug, "debug"},
                                                         {LogLevel::info, "info"},
                                                         {LogLevel::warn, "warn"},
                                                         {LogLevel::error, "error"}}};

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warn:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    std::abort();
}

/// RFC 3339 that always shows milliseconds, so that lines align and sort as text.
std::string stamp(UtcTime time) {
    auto text = to_rfc3339(std::chrono::floor<milliseconds>(time));
    if (text.find('.') == std::string::npos) text.insert(text.size() - 1, ".000");
    return text;
}

template <class Number>
void append_number(std::string& json, Number number) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    json.append(digits.data(), end.ptr);
}

struct AppendValue {
    std::string& json;
    void operator()(const std::string& text) const {
        append_json_text(json, text, Logger::kTextMax);
    }
    void operator()(bool flag) const { json += flag ? "true" : "false"; }
    void operator()(std::int64_t number) const { append_number(json, number); }
    void operator()(std::uint64_t number) const { append_number(json, number); }
    void operator()(double number) const {
        if (std::isfinite(number))
            append_number(json, number);
        else
            json += "null";
    }
};

void append_text_field(std::string& json, std::string_view name, std::string_view text) {
    append_json_text(json, name, Logger::kTextMax);
    json += ':';
    append_json_text(json, text, Logger::kTextMax);
}

}  // namespace

struct Logger::State {
    std::string component;
    const Clock& clock;
    spdlog::logger out;
};

LogLevel log_level(std::string_view name) {
    const auto level = enum_value(kLevelNames, name);
    if (!level) throw std::invalid_argument{"no log level is named " + std::string{name}};
    return *level;
}

Logger::Logger(std::string component, LogLevel level, const Clock& clock)
    : Logger{
          std::move(component), level, clock, std::make_shared<spdlog::sinks::stderr_sink_mt>()} {}

Logger::Logger(std::string component,
               LogLevel level,
               const Clock& clock,
               std::shared_ptr<spdlog::sinks::sink> sink)
    : state_{new State{std::move(component), clock, spdlog::logger{"", std::move(sink)}}} {
    state_->out.set_pattern("%v");
    set_level(level);
}

Logger::~Logger() = default;

bool Logger::enabled(LogLevel level) const {
    return state_->out.should_log(to_spdlog(level));
}

void Logger::set_level(LogLevel level) {
    state_->out.set_level(to_spdlog(level));
}

void Logger::write(LogLevel level,
                   std::string_view event,
                   std::span<const LogField> fields) noexcept {
    try {
        std::string json = "{";
        append_text_field(json, "ts", stamp(state_->clock.utc_now()));
        json += ',';
        append_text_field(json, "level", enum_name(kLevelNames, level));
        json += ',';
        append_text_field(json, "event", event);
        json += ',';
        append_text_field(json, "component", state_->component);
        for (const auto& field : fields) {
            json += ',';
            append_json_text(json, field.name, kTextMax);
            json += ':';
            std::visit(AppendValue{json}, field.value);
        }
        json += '}';
        state_->out.log(to_spdlog(level), spdlog::string_view_t{json});
    } catch (...) {
        // Out of memory or a broken sink: the log is no reason to stop the work that it describes.
        return;
    }
}

}  // namespace quorate
