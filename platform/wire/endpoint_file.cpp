#include "platform/wire/endpoint_file.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "core/base/text.hpp"
#include "core/base/utf8.hpp"
#include "core/model/headers.hpp"
#include "core/schedule/schedule.hpp"
#include "platform/config/yaml.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::wire {
namespace {

constexpr milliseconds kTimeoutMin = std::chrono::seconds{1};
constexpr milliseconds kTimeoutMax = std::chrono::seconds{20};
constexpr milliseconds kIntervalMax = std::chrono::hours{24};
constexpr milliseconds kLatencySloMax = std::chrono::seconds{60};
constexpr std::size_t kListMax = 1000;
constexpr std::size_t kHeadersMax = 32;
constexpr std::size_t kLabelsMax = 32;
constexpr std::size_t kTextMax = 4096;

/// A value and where it stands.
struct Place {
    const Yaml& value;
    std::string key;
    int line;

    Place at(const Yaml::Entry& entry) const {
        return {entry.value, path_below(key, entry.key), entry.line};
    }
    Place at(std::size_t index) const {
        return {value.items[index], fmt::format("{}[{}]", key, index), value.items[index].line};
    }
};

/// Where an endpoint was first named, for the error about the second.
using Named = std::map<std::string, std::string, std::less<>>;

/// Reads one file. Each key of the format has one function; what is wrong is added to the errors,
/// and reading goes on.
class Reader {
public:
    Reader(const std::string& file, const EndpointRules& rules, Named& named, EndpointFiles& out)
        : file_{file}, rules_{rules}, named_{named}, out_{out} {}

    void read(const Yaml& root) {
        Root ignored;
        const Place top{root, "", root.line};
        if (root.kind == Yaml::Kind::map && root.find("endpoints") == nullptr)
            error(top, "has no key endpoints");
        static constexpr std::array keys{Key<Root>{"endpoints", &Reader::endpoints}};
        read_map(top, keys, ignored);
        if (default_clipped_ > 0)
            warn(top,
                 fmt::format("the default timeout 8s is clipped to {} by the window {} "
                             "({} endpoints)",
                             to_duration_text(clipped_to_),
                             to_duration_text(rules_.window.length()),
                             default_clipped_));
    }

private:
    struct Root {};
    template <class T>
    struct Key {
        std::string_view name;
        void (Reader::*read)(const Place&, T&);
    };

    void error(const Place& place, std::string message) {
        out_.errors.push_back({file_, place.line, place.key, std::move(message)});
    }
    void warn(const Place& place, std::string message) {
        out_.warnings.push_back({file_, place.line, place.key, std::move(message)});
    }
    void must(const Place& place, std::string_view what) {
        error(place, fmt::format("must be {}, is {}", what, describe(place.value)));
    }

    template <class T, std::size_t N>
    void read_map(const Place& place, const std::array<Key<T>, N>& keys, T& target) {
        if (place.value.kind != Yaml::Kind::map) return must(place, "a map");
        for (const auto& entry : place.value.entries) {
            const auto key = std::find_if(
                keys.begin(), keys.end(), [&](const auto& k) { return k.name == entry.key; });
            const auto child = place.at(entry);
            if (key != keys.end()) {
                (this->*key->read)(child, target);
                continue;
            }
            error(child, "is no known key" + did_you_mean(entry.key, keys));
        }
    }

    std::optional<std::string> text(const Place& place, std::size_t max = kTextMax) {
        if (place.value.kind != Yaml::Kind::scalar || place.value.text.empty()) {
            must(place, "text");
            return std::nullopt;
        }
        if (place.value.text.size() > max) {
            error(place,
                  fmt::format("must be at most {} bytes, is {}", max, place.value.text.size()));
            return std::nullopt;
        }
        if (!is_printable(place.value.text)) {
            error(place, "must not have control characters");
            return std::nullopt;
        }
        return place.value.text;
    }
    void boolean(const Place& place, bool& target) {
        const auto& value = place.value;
        const bool plain = value.kind == Yaml::Kind::scalar && !value.quoted;
        if (!plain || (value.text != "true" && value.text != "false"))
            return must(place, "true or false");
        target = value.text == "true";
    }
    std::optional<milliseconds> duration(const Place& place, milliseconds min, milliseconds max) {
        const auto parsed = place.value.kind == Yaml::Kind::scalar
                                ? parse_duration(place.value.text)
                                : std::nullopt;
        if (!parsed) {
            must(place, "a duration such as 1500ms, 8s or 5m");
            return std::nullopt;
        }
        if (*parsed < min || *parsed > max) {
            must(place, to_duration_text(min) + " to " + to_duration_text(max));
            return std::nullopt;
        }
        return parsed;
    }
    template <class Enum, std::size_t N>
    void choice(const Place& place, const std::array<EnumName<Enum>, N>& names, Enum& target) {
        std::string all;
        for (std::size_t i = 0; i < N; ++i)
            all.append(i == 0 ? "" : i + 1 == N ? " or " : ", ").append(names[i].name);
        const auto value = place.value.kind == Yaml::Kind::scalar
                               ? enum_value(names, place.value.text)
                               : std::nullopt;
        if (!value) return must(place, all);
        target = *value;
    }
    void label(const Place& place, std::string& target) {
        if (place.value.kind != Yaml::Kind::scalar || !is_name(place.value.text))
            return must(place, std::string{kNameRule} + ", not beginning with a hyphen");
        target = place.value.text;
    }

    // ---------------------------------------------------------------- the keys
    void endpoints(const Place& place, Root& /*root*/) {
        if (place.value.kind != Yaml::Kind::list) return must(place, "a list");
        for (std::size_t i = 0; i < place.value.items.size(); ++i)
            endpoint(place.at(i));
    }

    void endpoint(const Place& place) {
        static constexpr std::array keys{
            Key<EndpointSpec>{"name", &Reader::name},
            Key<EndpointSpec>{"tenant", &Reader::tenant},
            Key<EndpointSpec>{"url", &Reader::url},
            Key<EndpointSpec>{"regions", &Reader::regions},
            Key<EndpointSpec>{"interval", &Reader::interval},
            Key<EndpointSpec>{"timeout", &Reader::timeout},
            Key<EndpointSpec>{"era", &Reader::era},
            Key<EndpointSpec>{"ip", &Reader::ip},
            Key<EndpointSpec>{"p1_quorum", &Reader::p1_quorum},
            Key<EndpointSpec>{"latency_slo", &Reader::latency_slo},
            Key<EndpointSpec>{"expect", &Reader::expect},
            Key<EndpointSpec>{"canary", &Reader::canary},
            Key<EndpointSpec>{"auth", &Reader::auth},
            Key<EndpointSpec>{"headers", &Reader::headers},
            Key<EndpointSpec>{"tls", &Reader::tls},
            Key<EndpointSpec>{"health_url", &Reader::health_url},
            Key<EndpointSpec>{"labels", &Reader::labels},
            Key<EndpointSpec>{"paused", &Reader::paused},
        };
        EndpointSpec spec;
        references_.clear();
        read_map(place, keys, spec);
        check_references(spec);
        if (place.value.kind != Yaml::Kind::map) return;
        for (const auto* required : {"name", "url"})
            if (place.value.find(required) == nullptr)
                error({place.value, place.key + "." + required, place.line}, "is required");
        if (!spec.name.empty()) check_duplicate(place, spec);
        check_wall(place, spec);
        check_authorization(place, spec);
        if (place.value.find("timeout") == nullptr) check_default_timeout(spec);
        out_.specs.push_back(std::move(spec));
    }

    void check_duplicate(const Place& place, const EndpointSpec& spec) {
        const auto here = fmt::format("{} of {}:{}", place.key, file_, place.line);
        const auto [first, is_new] = named_.try_emplace(full_name(spec), here);
        const auto* name = place.value.find("name");
        if (!is_new)
            error({*name, place.key + ".name", name->line},
                  fmt::format("{} is also {}", full_name(spec), first->second));
    }
    /// Once it is known whose endpoint it is.
    void check_references(const EndpointSpec& spec) {
        constexpr auto* kMissing =
            "there is no secret {0}/{1}: quorate secret set {1} --tenant {0}";
        for (auto& [at, name] : references_)
            if (rules_.secrets && !rules_.secrets->contains(spec.tenant + "/" + name))
                out_.errors.push_back(
                    {at.file, at.line, at.key, fmt::format(kMissing, spec.tenant, name)});
    }
    /// A wall is seen by who comes without a credential.
    void check_wall(const Place& place, const EndpointSpec& spec) {
        if (!spec.expect.auth_wall || !sends_credential(spec)) return;
        const auto& wall = *place.value.find("expect")->find("auth_wall");
        error({wall, place.key + ".expect.auth_wall", wall.line},
              "can't be looked for with a credential: leave out auth, headers such as "
              "Authorization and those that are secrets, or watch the wall by an endpoint of its "
              "own");
    }
    /// Two lines of it would be sent, of which servers take either, or none.
    void check_authorization(const Place& place, const EndpointSpec& spec) {
        const auto* headers = place.value.find("headers");
        if (!spec.bearer || headers == nullptr) return;
        const Place all{*headers, place.key + ".headers", headers->line};
        for (const auto& entry : headers->entries)
            if (equal_ignoring_case(entry.key, "authorization"))
                error(all.at(entry), "is what auth: {bearer: …} sends: give one of the two");
    }
    void check_default_timeout(const EndpointSpec& spec) {
        const auto timing = timing_of(spec.timeout, rules_.window);
        if (!timing.clipped || !rules_.of_deployment) return;
        ++default_clipped_;
        clipped_to_ = timing.timeout_in_force;
    }

    void name(const Place& place, EndpointSpec& spec) { label(place, spec.name); }
    void tenant(const Place& place, EndpointSpec& spec) { label(place, spec.tenant); }

    void url(const Place& place, EndpointSpec& spec) { web_address(place, spec.url); }
    void health_url(const Place& place, EndpointSpec& spec) { web_address(place, spec.health_url); }
    void web_address(const Place& place, std::string& target) {
        const auto value = text(place, kUrlMax);
        if (!value) return;
        if (auto problem = problem_of_url(*value); !problem.empty())
            return error(place, std::move(problem));
        target = *value;
    }

    void regions(const Place& place, EndpointSpec& spec) {
        if (place.value.kind != Yaml::Kind::list) return must(place, "a list");
        if (place.value.items.empty())
            return error(place, "must name a region; leave the key out for all regions");
        for (std::size_t i = 0; i < place.value.items.size(); ++i) {
            const auto item = place.at(i);
            const auto region = text(item);
            if (!region) continue;
            if (rules_.of_deployment &&
                std::find(rules_.regions.begin(), rules_.regions.end(), *region) ==
                    rules_.regions.end())
                error(item,
                      fmt::format("there is no region {}{}",
                                  describe(item.value),
                                  did_you_mean(*region, rules_.regions)));
            else if (std::find(spec.regions.begin(), spec.regions.end(), *region) !=
                     spec.regions.end())
                error(item, fmt::format("names the region {} twice", *region));
            else
                spec.regions.push_back(*region);
        }
        std::sort(spec.regions.begin(), spec.regions.end());
    }

    void interval(const Place& place, EndpointSpec& spec) {
        const auto value = duration(place, milliseconds{1}, kIntervalMax);
        if (!value) return;
        const auto window = rules_.window.length();
        if (rules_.of_deployment && *value % window != milliseconds{0})
            return error(place,
                         fmt::format("must be a multiple of the window: the interval is {}, "
                                     "the window is {}s",
                                     place.value.text,
                                     window / std::chrono::seconds{1}));
        spec.interval = *value;
    }
    void timeout(const Place& place, EndpointSpec& spec) {
        const auto value = duration(place, kTimeoutMin, kTimeoutMax);
        if (!value) return;
        spec.timeout = *value;
        const auto timing = timing_of(*value, rules_.window);
        if (timing.clipped && rules_.of_deployment)
            warn(place,
                 fmt::format("{} is clipped to {} by the window {}",
                             to_duration_text(*value),
                             to_duration_text(timing.timeout_in_force),
                             to_duration_text(rules_.window.length())));
    }
    void latency_slo(const Place& place, EndpointSpec& spec) {
        spec.latency_slo = duration(place, milliseconds{1}, kLatencySloMax);
    }
    void era(const Place& place, EndpointSpec& spec) { choice(place, kEraModeNames, spec.era); }
    void ip(const Place& place, EndpointSpec& spec) { choice(place, kIpFamilyNames, spec.ip); }
    void p1_quorum(const Place& place, EndpointSpec& spec) {
        choice(place, kP1QuorumNames, spec.p1_quorum);
    }
    void paused(const Place& place, EndpointSpec& spec) { boolean(place, spec.paused); }

    void expect(const Place& place, EndpointSpec& spec) {
        static constexpr std::array keys{
            Key<Expectations>{"tools", &Reader::expect_tools},
            Key<Expectations>{"required", &Reader::expect_required},
            Key<Expectations>{"auth_wall", &Reader::expect_auth_wall},
        };
        read_map(place, keys, spec.expect);
    }
    void expect_tools(const Place& place, Expectations& expected) {
        if (place.value.kind != Yaml::Kind::list) return must(place, "a list");
        if (place.value.items.size() > kListMax)
            return error(place, fmt::format("must name at most {} tools", kListMax));
        for (std::size_t i = 0; i < place.value.items.size(); ++i)
            if (const auto tool = text(place.at(i), 256)) expected.tools.push_back(*tool);
    }
    void expect_required(const Place& place, Expectations& expected) {
        boolean(place, expected.required);
    }
    void expect_auth_wall(const Place& place, Expectations& expected) {
        boolean(place, expected.auth_wall);
    }

    void canary(const Place& place, EndpointSpec& spec) {
        static constexpr std::array keys{
            Key<Canary>{"tool", &Reader::canary_tool},
            Key<Canary>{"arguments", &Reader::canary_arguments},
            Key<Canary>{"expect", &Reader::canary_expect},
            Key<Canary>{"required", &Reader::canary_required},
        };
        Canary canary;
        read_map(place, keys, canary);
        if (place.value.kind != Yaml::Kind::map) return;
        if (place.value.find("tool") == nullptr)
            error({place.value, place.key + ".tool", place.line}, "is required");
        spec.canary = std::move(canary);
    }
    void canary_tool(const Place& place, Canary& canary) {
        if (const auto tool = text(place, 256)) canary.tool = *tool;
    }
    void canary_arguments(const Place& place, Canary& canary) {
        if (place.value.kind != Yaml::Kind::map) return must(place, "a map");
        canary.arguments_json = boost::json::serialize(to_json_value(place.value));
    }
    void canary_required(const Place& place, Canary& canary) { boolean(place, canary.required); }

    void canary_expect(const Place& place, Canary& canary) {
        if (place.value.kind != Yaml::Kind::map) return must(place, "a map");
        for (const auto& path : place.value.entries) {
            const Place at{
                path.value, fmt::format("{}[{}]", place.key, path_below("", path.key)), path.line};
            if (!path.key.starts_with('$'))
                error(at, "the path of an assertion must begin with $");
            else if (path.value.kind != Yaml::Kind::map)
                must(at, "a map such as {min: 1}");
            else if (path.value.entries.empty())
                error(at, "asserts nothing");
            else
                for (const auto& assertion : path.value.entries)
                    canary_assertion(at.at(assertion), path.key, assertion.key, canary);
        }
    }
    void canary_assertion(const Place& place,
                          const std::string& path,
                          const std::string& key,
                          Canary& canary) {
        const auto op = enum_value(kAssertionKeys, key);
        if (!op) return error(place, "is no known key" + did_you_mean(key, kAssertionKeys));
        const auto value = to_json_value(place.value);
        if ((*op == AssertionOp::min || *op == AssertionOp::max) && !value.is_number())
            return must(place, "a number");
        if (*op == AssertionOp::is && !is_json_type(place.value.text))
            return must(place, "string, number, integer, boolean, array, object or null");
        canary.assertions.push_back(
            {path,
             std::string{enum_name(kAssertionOps, *op)},
             *op == AssertionOp::is ? boost::json::serialize(boost::json::string{place.value.text})
                                    : boost::json::serialize(value)});
    }

    /// `{secret: NAME}`; anything else is nothing and an error.
    std::optional<std::string> secret(const Place& place, std::string_view otherwise) {
        const auto* reference = place.value.find("secret");
        if (reference == nullptr || place.value.entries.size() != 1) {
            // What stands here may be a credential: it is not repeated.
            error(place, std::string{otherwise});
            return std::nullopt;
        }
        const auto at = place.at(place.value.entries.front());
        std::string name;
        label(at, name);
        if (name.empty()) return std::nullopt;
        references_.push_back({{file_, at.line, at.key, {}}, name});
        return name;
    }
    static constexpr std::string_view kOnlySecret =
        "must be {secret: NAME}: a credential written here would be stored readable";

    void auth(const Place& place, EndpointSpec& spec) {
        static constexpr std::array keys{Key<EndpointSpec>{"bearer", &Reader::bearer}};
        read_map(place, keys, spec);
    }
    void bearer(const Place& place, EndpointSpec& spec) {
        if (auto name = secret(place, kOnlySecret)) spec.bearer = Credential{"", std::move(*name)};
    }
    void headers(const Place& place, EndpointSpec& spec) {
        if (place.value.kind != Yaml::Kind::map) return must(place, "a map");
        if (place.value.entries.size() > kHeadersMax)
            return error(place, fmt::format("must have at most {} headers", kHeadersMax));
        std::set<std::string> seen;
        for (const auto& entry : place.value.entries) {
            const auto at = place.at(entry);
            if (auto problem = problem_of_header_name(entry.key); !problem.empty())
                error(at, std::move(problem));
            else if (!seen.insert(to_lower(entry.key)).second)
                error(at, "is given twice; header names ignore case");
            else
                header_value(at, entry.key, spec.headers[entry.key]);
        }
    }
    void header_value(const Place& place, const std::string& name, Credential& target) {
        if (is_credential_header(name) || place.value.kind != Yaml::Kind::scalar) {
            auto reference = secret(
                place, is_credential_header(name) ? kOnlySecret : "must be text or {secret: NAME}");
            if (reference) target.secret = std::move(*reference);
            return;
        }
        if (auto value = text(place)) target.value = std::move(*value);
    }
    void tls(const Place& place, EndpointSpec& spec) {
        static constexpr std::array keys{Key<EndpointSpec>{"ca", &Reader::tls_ca},
                                         Key<EndpointSpec>{"client", &Reader::tls_client}};
        read_map(place, keys, spec);
    }
    void tls_ca(const Place& place, EndpointSpec& spec) {
        if (auto name = secret(place, "must be {secret: NAME}"))
            spec.tls_ca_secret = std::move(*name);
    }
    void tls_client(const Place& place, EndpointSpec& spec) {
        if (auto name = secret(place, "must be {secret: NAME}"))
            spec.tls_client_secret = std::move(*name);
    }
    void labels(const Place& place, EndpointSpec& spec) {
        if (place.value.kind != Yaml::Kind::map) return must(place, "a map");
        if (place.value.entries.size() > kLabelsMax)
            return error(place, fmt::format("must have at most {} labels", kLabelsMax));
        for (const auto& entry : place.value.entries) {
            const auto at = place.at(entry);
            if (entry.key.empty() || entry.key.size() > 63)
                error(at, "the name of a label must have 1 to 63 bytes");
            else if (auto value = text(at, 255))
                spec.labels[entry.key] = std::move(*value);
        }
    }

    const std::string& file_;
    const EndpointRules& rules_;
    Named& named_;
    EndpointFiles& out_;
    std::vector<std::pair<ConfigError, std::string>> references_;  // to secrets, of one endpoint
    std::size_t default_clipped_ = 0;
    milliseconds clipped_to_{0};
};

}  // namespace

EndpointFiles parse_endpoint_files(const std::vector<EndpointFileText>& files,
                                   const EndpointRules& rules) {
    EndpointFiles out;
    Named named;
    for (const auto& file : files) {
        const auto first = static_cast<std::ptrdiff_t>(out.errors.size());
        if (!is_utf8(file.content))
            out.errors.push_back({file.name, 0, "", "is not UTF-8 text"});
        else if (const auto root = parse_yaml(file.content, file.name, out.errors))
            Reader{file.name, rules, named, out}.read(*root);
        std::stable_sort(out.errors.begin() + first,
                         out.errors.end(),
                         [](const auto& a, const auto& b) { return a.line < b.line; });
    }
    return out;
}

}  // namespace quorate::wire
