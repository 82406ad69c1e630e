#include "cli/contexts.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <system_error>

#include <sys/stat.h>

#include "cli/atomic_file.hpp"
#include "cli/json.hpp"
#include "platform/config/config_error.hpp"
#include "platform/config/yaml.hpp"

namespace quorate::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileBytesMax = 1U << 20U;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

class Reader {
public:
    explicit Reader(const std::string& file) : file_{file}, folder_{fs::path{file}.parent_path()} {}

    Contexts read(const Yaml& root) {
        Contexts contexts;
        if (root.kind != Yaml::Kind::map) {
            refuse(root.line, "", "must be a map with current and contexts, is " + describe(root));
            return contexts;
        }
        for (const auto& [key, line, value] : root.entries) {
            if (key == "contexts")
                read_named(value, contexts);
            else if (key == "current")
                contexts.current = text_of(key, value);
            else
                refuse(line, path_below("", key), "unknown key; known are current and contexts");
        }
        if (const auto* current = root.find("current"); current != nullptr && errors.empty() &&
                                                        !contexts.current.empty() &&
                                                        !contexts.named.contains(contexts.current))
            refuse(current->line, "current", "there is no context of that name");
        return contexts;
    }

    ConfigErrors errors;

private:
    void refuse(int line, std::string key, std::string message) {
        errors.push_back({file_, line, std::move(key), std::move(message)});
    }

    std::string text_of(const std::string& path, const Yaml& value) {
        if (value.kind == Yaml::Kind::scalar) return value.text;
        if (value.kind != Yaml::Kind::null)
            refuse(value.line, path, "must be text, is " + describe(value));
        return "";
    }

    void read_named(const Yaml& named, Contexts& contexts) {
        if (named.kind == Yaml::Kind::null) return;
        if (named.kind != Yaml::Kind::map)
            refuse(named.line, "contexts", "must be a map of contexts, is " + describe(named));
        for (const auto& [name, line, value] : named.entries) {
            const auto path = path_below("contexts", name);
            if (auto problem = context_name_problem(name); !problem.empty())
                refuse(line, path, std::move(problem));
            else if (value.kind == Yaml::Kind::map || value.kind == Yaml::Kind::null)
                contexts.named[name] = context_of(path, value);
            else
                refuse(value.line, path, "must be a map, is " + describe(value));
        }
    }

    Context context_of(const std::string& path, const Yaml& map) {
        Context context;
        for (const auto& [key, line, value] : map.entries) {
            const auto below = path_below(path, key);
            if (key == "token") {
                refuse(
                    line, below, "no token is kept here: put it into a file that token_file names");
            } else if (std::ranges::find(kContextKeys, key) == kContextKeys.end()) {
                std::string known;
                for (const auto& one : kContextKeys)
                    known += (known.empty() ? "" : ", ") + std::string{one};
                refuse(line, below, "unknown key; known are " + known);
            } else if (auto text = text_of(below, value); !text.empty()) {
                if (auto problem = problem_of(key, text); !problem.empty())
                    refuse(value.line, below, problem + ", is " + describe(value));
                if (names_file(key)) text = (folder_ / text).lexically_normal().string();
                if (key != "tls" || text == "true") context[key] = std::move(text);
            }
        }
        return context;
    }

    static std::string problem_of(std::string_view key, std::string_view text) {
        if (key == "tls" && text != "true" && text != "false") return "must be true or false";
        if (key == "output" && text != "table" && text != "json" && text != "yaml")
            return "must be table, json or yaml";
        return "";
    }

    std::string file_;
    fs::path folder_;
};

}  // namespace

bool names_file(std::string_view key) {
    return key == "tls_ca" || key == "tls_cert" || key == "tls_key" || key == "token_file";
}

std::string option_named(std::string_view key) {
    auto name = "--" + std::string{key};
    std::ranges::replace(name, '_', '-');
    return name;
}

std::string contexts_path() {
    if (auto file = variable("QUORATE_CONFIG"); !file.empty()) return file;
    fs::path folder = variable("XDG_CONFIG_HOME");
    if (!folder.is_absolute()) {  // so wants it the XDG Base Directory Specification
        const auto home = variable("HOME");
        if (home.empty()) return "";
        folder = fs::path{home} / ".config";
    }
    return (folder / "quorate" / "config.yaml").string();
}

std::string context_name_problem(std::string_view name) {
    constexpr std::size_t kNameMax = 63;
    static constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (name.empty() || name.size() > kNameMax || name.front() == '-' || name.front() == '.' ||
        name.find_first_not_of(kLetters) != name.npos)
        return "the name of a context is letters, digits, hyphens, dots and underscores, 63 at "
               "most";
    // `quorate config show coordinator` is about the daemon.
    if (name == "coordinator" || name == "agent" || name == "archiver")
        return "this name is that of a daemon; give the context another";
    return "";
}

Contexts parse_contexts(std::string_view text, const std::string& file) {
    Reader reader{file};
    Contexts contexts;
    if (const auto root = parse_yaml(text, file, reader.errors); root)
        contexts = reader.read(*root);
    if (!reader.errors.empty()) throw InvalidConfig{std::move(reader.errors)};
    return contexts;
}

Contexts read_contexts(const std::string& file) {
    std::error_code ignored;
    if (file.empty() || fs::status(file, ignored).type() == fs::file_type::not_found) return {};
    ConfigErrors errors;
    const auto text = read_text_file(file, errors, kFileBytesMax);
    if (!text) throw InvalidConfig{std::move(errors)};
    return parse_contexts(*text, file);
}

void write_contexts(const Contexts& contexts, const std::string& file) {
    if (file.empty()) throw std::runtime_error{"neither QUORATE_CONFIG nor HOME is set"};
    std::error_code error;
    fs::path path{file};
    if (fs::is_symlink(path, error)) path = fs::canonical(path, error);
    const auto folder = path.parent_path();
    if (!folder.empty() && !fs::exists(folder, error)) {
        fs::create_directories(folder.parent_path(), error);
        ::mkdir(folder.c_str(), S_IRWXU);  // where it fails, the file does
    }
    boost::json::object root;
    if (!contexts.current.empty()) root["current"] = contexts.current;
    auto& named = root["contexts"].emplace_object();
    for (const auto& [name, context] : contexts.named) {
        auto& object = named[name].emplace_object();
        for (const auto key : kContextKeys) {
            const auto found = context.find(key);
            if (found == context.end()) continue;
            if (key == "tls")
                object[key] = true;
            else
                object[key] = found->second;
        }
    }
    AtomicFile out{path.string(), S_IRUSR | S_IWUSR};
    out.commit(
        "# Contexts of quorate; `quorate config set` writes this file anew, without comments.\n" +
        yaml_text(root));
}

boost::json::object to_json(const Context& context) {
    boost::json::object object;
    for (const auto key : kContextKeys) {
        const auto found = context.find(key);
        if (key == "tls")
            object[key] = found != context.end();
        else if (found == context.end())
            object[key] = nullptr;
        else
            object[key] = found->second;
    }
    return object;
}

}  // namespace quorate::cli
