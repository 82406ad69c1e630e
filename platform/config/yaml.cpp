#include "platform/config/yaml.hpp"

#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "core/base/text.hpp"

namespace quorate {
namespace {

/// Ends the parse: what follows cannot be understood or is too much.
struct Stop {
    int line;
    std::string message;
};

/// Builds the tree from yaml-cpp's events, which, unlike its nodes, show duplicate keys.
class TreeBuilder final : public YAML::EventHandler {
public:
    TreeBuilder(const std::string& file, ConfigErrors& errors, const YamlLimits& limits)
        : file_{file}, errors_{errors}, limits_{limits} {}

    Yaml take_root() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(made(Yaml::Kind::null, mark, anchor));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark); }
    void OnScalar(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  const std::string& value) override {
        auto scalar = made(Yaml::Kind::scalar, mark, anchor);
        scalar.quoted = tag == "!";  // yaml-cpp gives "?" to plain ones
        scalar.text = value;
        add(std::move(scalar));
    }
    void OnSequenceStart(const YAML::Mark& mark,
                         const std::string&,
                         YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(made(Yaml::Kind::list, mark, anchor));
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark,
                    const std::string&,
                    YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(made(Yaml::Kind::map, mark, anchor));
    }
    void OnMapEnd() override { close(); }

private:
    struct Open {
        Yaml value;
        std::optional<Yaml> key;  // of the entry whose value comes next
        std::set<std::string> keys;
        std::string path;
    };

    [[noreturn]] static void refuse_anchor(const YAML::Mark& mark) {
        throw Stop{mark.line + 1, "anchors and aliases (& and *) are not supported"};
    }

    Yaml made(Yaml::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (anchor != YAML::NullAnchor) refuse_anchor(mark);
        if (++values_ > limits_.values)
            throw Stop{mark.line + 1,
                       "holds more than " + std::to_string(limits_.values) + " values"};
        Yaml value;
        value.kind = kind;
        value.line = mark.line + 1;
        return value;
    }

    void open(Yaml value) {
        if (open_.size() >= limits_.depth)
            throw Stop{value.line,
                       "is nested deeper than " + std::to_string(limits_.depth) + " levels"};
        if (expects_key()) throw Stop{value.line, "a key must be text, is " + describe(value)};
        auto path = path_of_next();
        open_.push_back({std::move(value), std::nullopt, {}, std::move(path)});
    }

    void close() {
        auto value = std::move(open_.back().value);
        open_.pop_back();
        add(std::move(value));
    }

    bool expects_key() const {
        return !open_.empty() && open_.back().value.kind == Yaml::Kind::map && !open_.back().key;
    }

    std::string path_of_next() const {
        if (open_.empty()) return {};
        const auto& top = open_.back();
        if (top.value.kind == Yaml::Kind::list)
            return top.path + "[" + std::to_string(top.value.items.size()) + "]";
        return path_below(top.path, top.key->text);
    }

    void add(Yaml value) {
        if (open_.empty()) {
            root_ = std::move(value);
        } else if (expects_key()) {
            if (value.kind != Yaml::Kind::scalar)
                throw Stop{value.line, "a key must be text, is " + describe(value)};
            open_.back().key = std::move(value);
        } else if (open_.back().value.kind == Yaml::Kind::list) {
            open_.back().value.items.push_back(std::move(value));
        } else {
            add_entry(std::move(value));
        }
    }

    void add_entry(Yaml value) {
        auto& top = open_.back();
        auto path = path_of_next();
        Yaml key = std::move(*top.key);
        top.key.reset();
        if (!top.keys.insert(key.text).second)
            errors_.push_back({file_, key.line, std::move(path), "is set twice"});
        else
            top.value.entries.push_back({std::move(key.text), key.line, std::move(value)});
    }

    const std::string& file_;
    ConfigErrors& errors_;
    const YamlLimits& limits_;
    std::vector<Open> open_;
    std::size_t values_ = 0;
    Yaml root_;
};

/// Parses the only document of `text` into `builder`; throws Stop or YAML::Exception.
void build(std::string_view text, TreeBuilder& builder, const YamlLimits& limits) {
    if (text.size() > limits.bytes)
        throw Stop{0, "is larger than " + std::to_string(limits.bytes) + " bytes"};
    if (text.find('\0') != std::string_view::npos) throw Stop{0, "holds a NUL byte"};
    std::istringstream stream{std::string{text}};
    YAML::Parser parser{stream};
    if (!parser.HandleNextDocument(builder)) return;
    YamlLimits nothing_more{0, 0, 0};
    ConfigErrors ignored;
    const std::string no_file;
    TreeBuilder second{no_file, ignored, nothing_more};
    try {
        if (!parser.HandleNextDocument(second)) return;
    } catch (const Stop& stop) {
        throw Stop{stop.line, "a second document starts here; only one is read"};
    }
}

}  // namespace

const Yaml* Yaml::find(std::string_view key) const {
    for (const auto& entry : entries)
        if (entry.key == key) return &entry.value;
    return nullptr;
}

std::optional<Yaml> parse_yaml(std::string_view text,
                               const std::string& file,
                               ConfigErrors& errors,
                               const YamlLimits& limits) {
    TreeBuilder builder{file, errors, limits};
    try {
        build(text, builder, limits);
    } catch (const Stop& stop) {
        errors.push_back({file, stop.line, {}, stop.message});
        return std::nullopt;
    } catch (const YAML::Exception& error) {
        // Some of these texts repeat what stands in the file.
        errors.push_back(
            {file, error.mark.line + 1, {}, "is no valid YAML: " + safe_text(error.msg, 200)});
        return std::nullopt;
    }
    auto root = builder.take_root();
    if (root.kind == Yaml::Kind::null) {
        root.kind = Yaml::Kind::map;
        root.line = 1;
    }
    return root;
}

std::optional<std::string> read_text_file(const std::string& file,
                                          ConfigErrors& errors,
                                          std::size_t bytes_max) {
    std::ifstream stream{file, std::ios::binary};
    std::string text(bytes_max + 1, '\0');
    if (stream) stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (stream.bad() || (stream.fail() && !stream.eof())) {
        errors.push_back({file, 0, {}, "cannot be read"});
        return std::nullopt;
    }
    text.resize(static_cast<std::size_t>(stream.gcount()));
    if (text.size() > bytes_max) {
        errors.push_back({file, 0, {}, "is larger than " + std::to_string(bytes_max) + " bytes"});
        return std::nullopt;
    }
    return text;
}

std::string describe(const Yaml& value) {
    constexpr std::size_t kShownMax = 63;
    switch (value.kind) {
        case Yaml::Kind::null:
            return "empty";
        case Yaml::Kind::list:
            return "a list";
        case Yaml::Kind::map:
            return "a map";
        case Yaml::Kind::scalar:
            break;
    }
    return '"' + safe_text(value.text, kShownMax) + '"';
}

std::string path_below(const std::string& path, std::string_view key) {
    constexpr std::size_t kShownMax = 100;
    const auto shown = safe_text(key, kShownMax);
    return path.empty() ? shown : path + "." + shown;
}

}  // namespace quorate
