#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/time/time.hpp"
#include "platform/config/config_error.hpp"

namespace quorate {

/// A value of a key; the alternative is the key's type.
using ConfigValue = std::variant<std::string,
                                 std::int64_t,
                                 double,
                                 bool,
                                 milliseconds,
                                 std::vector<std::string>,
                                 std::filesystem::path>;

/// One declared key.
struct ConfigKey {
    std::string name;  // dotted path, `redis.url`
    std::string text;  // one line for docs/configuration.md
    bool required = false;
    bool secret = false;
    bool live = false;  // taken at SIGHUP
    /// Bounds of an integer, of a duration in ms, or of the number of a list's items.
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    /// Bounds of a number with a fraction.
    double least = std::numeric_limits<double>::lowest();
    double greatest = std::numeric_limits<double>::max();
    std::vector<std::string> choices;  // what a string may be; any if empty
    /// What is wrong with a value that passed all of the above; empty if nothing.
    std::function<std::string(const ConfigValue&)> check;
    /// How `masked_dump` shows a value that may hold a secret; not set: as it is.
    std::function<ConfigValue(const ConfigValue&)> shown;
    std::function<ConfigValue(const void* config)> get;
    std::function<void(void* config, ConfigValue value)> set;
};

/// What is wrong with a key beside others.
struct ConfigProblem {
    std::string key;  // dotted path
    std::string message;
    friend bool operator==(const ConfigProblem&, const ConfigProblem&) = default;
};
using ConfigProblems = std::vector<ConfigProblem>;

/// The keys of one daemon, without the type of its config; what the functions below work on.
struct ConfigKeys {
    std::string daemon;
    std::deque<ConfigKey> keys;  // in the order of declaration, which is the order of the docs
    std::vector<std::function<ConfigProblems(const void* config)>> rules;
};

namespace detail {

/// How a member's type is carried in a ConfigValue.
template <class T>
struct Carried {
    static_assert(std::is_integral_v<T>,
                  "a config member is text, an integer, double, bool, duration, "
                  "list of text or path");
    using type = std::int64_t;
};
template <>
struct Carried<bool> {
    using type = bool;
};
template <>
struct Carried<double> {
    using type = double;
};
template <>
struct Carried<std::string> {
    using type = std::string;
};
template <>
struct Carried<std::filesystem::path> {
    using type = std::filesystem::path;
};
template <>
struct Carried<std::vector<std::string>> {
    using type = std::vector<std::string>;
};
template <class Rep, class Period>
struct Carried<std::chrono::duration<Rep, Period>> {
    using type = milliseconds;
};

template <class T>
constexpr std::int64_t narrowed_max() {
    constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
    return std::cmp_less(std::numeric_limits<T>::max(), kMax)
               ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
               : kMax;
}

}  // namespace detail

/// What `Schema::key` returns, to say more about the key.
template <class T>
class KeyBuilder {
public:
    using Value = typename detail::Carried<T>::type;

    explicit KeyBuilder(ConfigKey& key) : key_{&key} {}
    /// The file must set it; it has no default.
    KeyBuilder& required() {
        key_->required = true;
        return *this;
    }
    /// May change while the daemon runs: see `take_live`.
    KeyBuilder& live() {
        key_->live = true;
        return *this;
    }
    /// Shown as `***` wherever a config is shown.
    KeyBuilder& secret() {
        key_->secret = true;
        return *this;
    }
    /// A part of it may be a secret: `visible` gives what may be shown of a value, and errors of
    /// the schema do not repeat it. A `check` must keep the secret out of its words too.
    KeyBuilder& shown_as(std::function<Value(const Value&)> visible) {
        key_->shown = [visible = std::move(visible)](const ConfigValue& value) {
            return ConfigValue{visible(std::get<Value>(value))};
        };
        return *this;
    }
    /// Bounds of a number or of a duration, both included.
    KeyBuilder& between(Value low, Value high) {
        if constexpr (std::is_same_v<Value, milliseconds>) {
            key_->min = low.count();
            key_->max = high.count();
        } else if constexpr (std::is_same_v<Value, double>) {
            key_->least = low;
            key_->greatest = high;
        } else {
            static_assert(std::is_same_v<Value, std::int64_t>, "only numbers have bounds");
            key_->min = low;
            key_->max = high;
        }
        return *this;
    }
    /// Bounds of the number of items of a list, both included.
    KeyBuilder& items_between(std::int64_t low, std::int64_t high) {
        static_assert(std::is_same_v<Value, std::vector<std::string>>, "only lists have items");
        key_->min = low;
        key_->max = high;
        return *this;
    }
    /// The words that a string may be.
    KeyBuilder& one_of(std::vector<std::string> choices) {
        static_assert(std::is_same_v<Value, std::string>, "only text has choices");
        key_->choices = std::move(choices);
        return *this;
    }
    /// A rule of its own: `problem` returns what is wrong with a value, or an empty text.
    KeyBuilder& check(std::function<std::string(const Value&)> problem) {
        key_->check = [problem = std::move(problem)](const ConfigValue& value) {
            return problem(std::get<Value>(value));
        };
        return *this;
    }

private:
    ConfigKey* key_;
};

/// The table of all keys of one daemon. `Config` is a plain struct whose initialisers are the
/// defaults; each key names the member it fills.
/// @code
///     Schema<AgentConfig> schema{"quorate-agent"};
///     schema.key("redis.url", &AgentConfig::redis_url, "Redis of jobs and cells").required();
///     schema.key("health.port", &AgentConfig::health_port, "…").between(0, 65535);
///     schema.key("tls.ca", [](auto& config) -> auto& { return config.tls.ca; }, "…");
/// @endcode
/// A member is `std::string`, an integer, `double`, `bool`, a `std::chrono` duration,
/// `std::vector<std::string>` or `std::filesystem::path`.
template <class Config>
class Schema {
public:
    explicit Schema(std::string daemon) { keys_.daemon = std::move(daemon); }

    /// Declares a key. @param member a pointer to member, or a function from `Config&` (and
    /// `const Config&`) to a reference.
    template <class Member>
    auto key(std::string name, Member member, std::string text) {
        using T = std::remove_cvref_t<std::invoke_result_t<Member&, Config&>>;
        using Value = typename detail::Carried<T>::type;
        ConfigKey key;
        key.name = std::move(name);
        key.text = std::move(text);
        key.get = [member](const void* config) {
            return to_value<T>(std::invoke(member, *static_cast<const Config*>(config)));
        };
        key.set = [member](void* config, ConfigValue value) {
            std::invoke(member, *static_cast<Config*>(config)) =
                from_value<T>(std::get<Value>(std::move(value)));
        };
        if constexpr (std::is_same_v<Value, std::int64_t>) {
            key.min = static_cast<std::int64_t>(std::numeric_limits<T>::min());
            key.max = detail::narrowed_max<T>();
        }
        if constexpr (std::is_same_v<Value, milliseconds>) key.min = 0;
        if constexpr (std::is_same_v<Value, std::vector<std::string>>) key.max = 1000;
        keys_.keys.push_back(std::move(key));
        return KeyBuilder<T>{keys_.keys.back()};
    }

    /// Adds a rule about several keys: `problems` returns what is wrong, each under the key that
    /// its error names. Keys that already have an error of their own get no further one.
    void rule(std::function<ConfigProblems(const Config&)> problems) {
        keys_.rules.push_back([problems = std::move(problems)](const void* config) {
            return problems(*static_cast<const Config*>(config));
        });
    }

    const ConfigKeys& keys() const { return keys_; }

private:
    template <class T>
    static ConfigValue to_value(const T& member) {
        using Value = typename detail::Carried<T>::type;
        if constexpr (std::is_same_v<Value, milliseconds>)
            return std::chrono::duration_cast<milliseconds>(member);
        else
            return static_cast<Value>(member);
    }
    template <class T, class Value>
    static T from_value(Value value) {
        if constexpr (std::is_same_v<Value, milliseconds>)
            return std::chrono::duration_cast<T>(value);
        else
            return static_cast<T>(std::move(value));
    }

    ConfigKeys keys_;
};

/// Fills `config` from YAML text; throws InvalidConfig with every error at once (unknown keys,
/// wrong types, values out of bounds, missing required keys). @param file names the text in errors.
/// The environment is not read.
void fill_config(const ConfigKeys& keys,
                 void* config,
                 std::string_view yaml,
                 const std::string& file);
/// As above, from a file on disk.
void fill_config_from_file(const ConfigKeys& keys, void* config, const std::string& file);
/// Every key and its value as it may be shown, secrets as `***`, in the order of declaration.
using ShownValues = std::vector<std::pair<std::string, std::string>>;
ShownValues shown_values(const ConfigKeys& keys, const void* config);
std::string masked_dump(const ConfigKeys& keys, const void* config);

/// Which keys a config sets otherwise than another one, in the order of declaration.
struct ConfigChanges {
    std::vector<std::string> live;     ///< those that may change while the daemon runs
    std::vector<std::string> restart;  ///< those that count from its next start on
};
ConfigChanges changes(const ConfigKeys& keys, const void* from, const void* to);
/// Copies the values of live keys. Throws InvalidConfig, naming `file`, where they do not fit what
/// `to` holds beside them; then `to` may be half changed.
void copy_live(const ConfigKeys& keys, const void* from, void* to, const std::string& file);
std::string to_markdown(const ConfigKeys& keys, const void* defaults);

/// Reads the file into a Config; throws InvalidConfig as `fill_config` does.
template <class Config>
Config load_config(const Schema<Config>& schema, const std::string& file) {
    Config config{};
    fill_config_from_file(schema.keys(), &config, file);
    return config;
}

/// Reads YAML text into a Config; throws InvalidConfig as `fill_config` does.
template <class Config>
Config parse_config(const Schema<Config>& schema, std::string_view yaml, const std::string& file) {
    Config config{};
    fill_config(schema.keys(), &config, yaml, file);
    return config;
}

/// Every key with its value, one `key: value` a line, secrets as `***`.
template <class Config>
std::string masked_dump(const Schema<Config>& schema, const Config& config) {
    return masked_dump(schema.keys(), &config);
}

/// As above.
template <class Config>
ShownValues shown_values(const Schema<Config>& schema, const Config& config) {
    return shown_values(schema.keys(), &config);
}

/// Takes what may change while the daemon runs from `next` into `running`: all of it or, where the
/// rules about several keys then do not hold, nothing. Throws InvalidConfig, naming `file`.
template <class Config>
ConfigChanges take_live(const Schema<Config>& schema,
                        const Config& next,
                        Config& running,
                        const std::string& file) {
    auto taken = running;
    copy_live(schema.keys(), &next, &taken, file);
    auto what = changes(schema.keys(), &running, &next);
    running = std::move(taken);
    return what;
}

/// The daemon's section of docs/configuration.md: a heading and a table of all keys.
template <class Config>
std::string to_markdown(const Schema<Config>& schema) {
    const Config defaults{};
    return to_markdown(schema.keys(), &defaults);
}

}  // namespace quorate
