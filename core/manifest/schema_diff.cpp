#include "core/manifest/schema_diff.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "core/manifest/canonical_json.hpp"
#include "core/manifest/manifest.hpp"
#include "core/manifest/schema_pairs.hpp"
#include "core/manifest/schema_types.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::size_t kDetailBytesMax = 200;

/// Names as sets sort them.
using Names = std::set<std::string, std::less<>>;

template <class List>
bool is_one_of(const List& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

std::string cut(std::string text) {
    if (text.size() > kDetailBytesMax) text = text.substr(0, kDetailBytesMax) + "…";
    return text;
}

std::string words(const json::value* value) {
    return value == nullptr ? "nothing" : cut(canonical_json(*value));
}

/// A member's name within a JSON pointer (RFC 6901).
std::string step(std::string_view name) {
    std::string text = "/";
    for (const char c : name) {
        if (c == '~')
            text += "~0";
        else if (c == '/')
            text += "~1";
        else
            text += c;
    }
    return text;
}

const json::object& object_or_empty(const json::value* value) {
    static const json::object kEmpty;
    const auto* object = value == nullptr ? nullptr : value->if_object();
    return object == nullptr ? kEmpty : *object;
}

Names required_of(const json::object& schema) {
    Names names;
    const auto* required = schema.if_contains("required");
    const auto* list = required == nullptr ? nullptr : required->if_array();
    if (list == nullptr) return names;
    for (const auto& name : *list)
        if (name.is_string()) names.emplace(name.get_string());
    return names;
}

/// Whether nothing but the listed properties is taken.
bool is_closed(const json::object& schema) {
    const auto* more = schema.if_contains("additionalProperties");
    return more != nullptr && more->is_bool() && !more->get_bool();
}

bool is_true(const json::value* value) {
    return value != nullptr && value->is_bool() && value->get_bool();
}

/// `true`, `{}` and a keyword that is left out take everything.
bool takes_all(const json::value* schema) {
    if (schema == nullptr || is_true(schema)) return true;
    const auto* object = schema->if_object();
    return object != nullptr && object->empty();
}

bool takes_nothing(const json::value* schema) {
    return schema != nullptr && schema->is_bool() && !schema->get_bool();
}

// The keywords of JSON Schema by how two values of them compare.

/// Numbers, of which a larger one takes less; and of which a smaller one does.
constexpr std::array<std::string_view, 6> kLowerBounds{
    "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"};
constexpr std::array<std::string_view, 6> kUpperBounds{
    "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"};
/// Restrictions that either stand or not; two of them can't be ordered.
constexpr std::array<std::string_view, 5> kRestrictions{
    "pattern", "format", "multipleOf", "contentEncoding", "contentMediaType"};
/// One schema; left out it takes everything.
constexpr std::array<std::string_view, 8> kSchemas{"additionalProperties",
                                                   "unevaluatedProperties",
                                                   "additionalItems",
                                                   "unevaluatedItems",
                                                   "items",
                                                   "contains",
                                                   "propertyNames",
                                                   "contentSchema"};
/// What can't be ordered and decides what is taken.
constexpr std::array<std::string_view, 9> kOpaque{"$ref",
                                                  "$dynamicRef",
                                                  "$recursiveRef",
                                                  "not",
                                                  "if",
                                                  "then",
                                                  "else",
                                                  "dependentRequired",
                                                  "dependencies"};

/// Keywords with schemas below, in which a text is reported at its own place.
bool is_walked(std::string_view keyword) {
    static constexpr std::array<std::string_view, 6> kNested{
        "allOf", "anyOf", "oneOf", "prefixItems", "patternProperties", "dependentSchemas"};
    return is_one_of(kSchemas, keyword) || is_one_of(kNested, keyword);
}

bool only_texts_differ(const std::string& keyword, const json::value& was, const json::value& is) {
    return contract_text_of_schema(json::object{{keyword, was}}) ==
           contract_text_of_schema(json::object{{keyword, is}});
}

/// Compares two schemas and everything below them.
class SchemaDiff {
public:
    SchemaDiff(Flow flow, const std::string& tool, ManifestChanges& changes)
        : flow_{flow}, tool_{tool}, changes_{changes} {}

    void schemas(const json::value& before, const json::value& now, const std::string& path) {
        if (before.is_object() && now.is_object())
            return objects(before.get_object(), now.get_object(), path);
        if (canonical_json(before) == canonical_json(now)) return;
        const auto detail = words(&before) + " -> " + words(&now);
        if (contract_text_of_schema(before) == contract_text_of_schema(now))
            return report(ChangeKind::text, path, "text_changed", detail);
        if (takes_nothing(&now) || takes_all(&before))
            stricter(path, "closed", detail);
        else if (takes_nothing(&before) || takes_all(&now))
            looser(path, "opened", detail);
        else
            report(ChangeKind::breaking, path, "schema_changed", detail);
    }

private:
    void report(ChangeKind kind, const std::string& path, std::string what, std::string detail) {
        changes_.push_back({tool_, path, kind, std::move(what), std::move(detail)});
    }
    /// Fewer values: less room for those who send, more assurance for those who read.
    void stricter(const std::string& path, std::string what, std::string detail) {
        const auto kind = flow_ == Flow::input ? ChangeKind::tightening : ChangeKind::additive;
        report(kind, path, std::move(what), std::move(detail));
    }
    /// More values: the other way round.
    void looser(const std::string& path, std::string what, std::string detail) {
        const auto kind = flow_ == Flow::input ? ChangeKind::additive : ChangeKind::tightening;
        report(kind, path, std::move(what), std::move(detail));
    }

    void objects(const json::object& before, const json::object& now, const std::string& path) {
        properties(before, now, path);
        Names keywords;
        for (const auto* schema : {&before, &now})
            for (const auto& member : *schema)
                keywords.emplace(member.key());
        for (const auto& keyword : keywords) {
            if (keyword == "properties" || keyword == "required") continue;
            const auto* was = before.if_contains(keyword);
            const auto* is = now.if_contains(keyword);
            if (was != nullptr && is != nullptr && canonical_json(*was) == canonical_json(*is))
                continue;
            if (keyword == "$defs" || keyword == "definitions")
                definitions(keyword, before, now, path + step(keyword));
            else
                one_keyword(keyword, was, is, path + step(keyword));
        }
    }

    /// At least one of both is there, and they differ.
    void one_keyword(const std::string& keyword,
                     const json::value* was,
                     const json::value* is,
                     const std::string& path) {
        const auto detail = words(was) + " -> " + words(is);
        if (is_text_keyword(keyword)) return report(ChangeKind::text, path, "text_changed", detail);
        if (!is_walked(keyword) && was != nullptr && is != nullptr &&
            only_texts_differ(keyword, *was, *is))
            return report(ChangeKind::text, path, "text_changed", detail);
        if (keyword == "type") return types(was, is, path, detail);
        if (keyword == "enum" || keyword == "const") return choices(keyword, was, is, path);
        if (keyword == "uniqueItems") return flag(is_true(was), is_true(is), path, detail);
        if (keyword == "default") return defaults(was, is, path, detail);
        if (keyword == "patternProperties" || keyword == "dependentSchemas")
            return named_restrictions(object_or_empty(was), object_or_empty(is), path);
        if (keyword == "allOf" || keyword == "anyOf" || keyword == "oneOf" ||
            keyword == "prefixItems")
            return lists(keyword, was, is, path);
        if (is_one_of(kSchemas, keyword)) return schema_or_all(was, is, path);
        if (is_one_of(kLowerBounds, keyword)) return bound(true, was, is, path, detail);
        if (is_one_of(kUpperBounds, keyword)) return bound(false, was, is, path, detail);
        if (is_one_of(kRestrictions, keyword)) return restriction(was, is, path, detail);
        if (is_one_of(kOpaque, keyword))
            return report(ChangeKind::breaking, path, "rule_changed", detail);
        if (keyword == "x-mcp-header" && is != nullptr && flow_ == Flow::input)
            return report(ChangeKind::breaking, path, "header_changed", detail);
        // Other keywords are annotations: they don't change what is taken.
        report(ChangeKind::additive, path, "annotation_changed", detail);
    }

    void properties(const json::object& before, const json::object& now, const std::string& path) {
        const auto& was = object_or_empty(before.if_contains("properties"));
        const auto& is = object_or_empty(now.if_contains("properties"));
        const auto had_to = required_of(before);
        const auto must = required_of(now);
        Names names = had_to;
        names.insert(must.begin(), must.end());
        for (const auto* object : {&was, &is})
            for (const auto& member : *object)
                names.emplace(member.key());
        for (const auto& name : names) {
            const Property property{was.if_contains(name),
                                    is.if_contains(name),
                                    had_to.contains(name),
                                    must.contains(name)};
            const auto where = path + "/properties" + step(name);
            if (flow_ == Flow::input)
                parameter(property, is_closed(now), where);
            else
                member(property, is_closed(before), where);
            if (property.was != nullptr && property.is != nullptr)
                schemas(*property.was, *property.is, where);
        }
    }

    struct Property {
        const json::value* was;
        const json::value* is;
        bool had_to;
        bool must;
        bool known_before() const { return was != nullptr || had_to; }
        bool known_now() const { return is != nullptr || must; }
    };

    /// An argument: callers send it.
    void parameter(const Property& property, bool closed_now, const std::string& path) {
        if (!property.known_before())
            return property.must
                       ? report(ChangeKind::breaking, path, "required_parameter_added", "")
                       : report(ChangeKind::additive, path, "optional_parameter_added", "");
        if (!property.known_now()) {
            const bool refused = closed_now || property.had_to;
            return report(
                refused ? ChangeKind::breaking : ChangeKind::tightening,
                path,
                property.had_to ? "required_parameter_removed" : "optional_parameter_removed",
                closed_now ? "sending it is refused now" : "");
        }
        if (property.must && !property.had_to)
            report(ChangeKind::breaking, path, "parameter_became_required", "");
        if (!property.must && property.had_to)
            report(ChangeKind::additive, path, "parameter_became_optional", "");
        if ((property.was == nullptr) != (property.is == nullptr))
            schema_or_all(property.was, property.is, path);
    }

    /// A member of the answer: callers read it.
    void member(const Property& property, bool closed_before, const std::string& path) {
        if (!property.known_before())
            return report(closed_before ? ChangeKind::tightening : ChangeKind::additive,
                          path,
                          "member_added",
                          closed_before ? "the schema said that there were no others" : "");
        if (!property.known_now())
            return report(property.had_to ? ChangeKind::breaking : ChangeKind::tightening,
                          path,
                          property.had_to ? "required_member_removed" : "optional_member_removed",
                          "");
        if (property.must && !property.had_to)
            report(ChangeKind::additive, path, "member_became_required", "");
        if (!property.must && property.had_to)
            report(ChangeKind::breaking, path, "member_became_optional", "");
        if ((property.was == nullptr) != (property.is == nullptr))
            schema_or_all(property.was, property.is, path);
    }

    void types(const json::value* was,
               const json::value* is,
               const std::string& path,
               const std::string& detail) {
        switch (compare(types_of(was), types_of(is))) {
            case Comparison::equal:
                return;
            case Comparison::fewer:
                return stricter(path, "type_narrowed", detail);
            case Comparison::more:
                return looser(path, "type_widened", detail);
            case Comparison::other:
                return report(ChangeKind::breaking, path, "type_changed", detail);
        }
    }

    /// `enum`, and `const` as an enumeration of one.
    void choices(const std::string& keyword,
                 const json::value* was,
                 const json::value* is,
                 const std::string& path) {
        if (was == nullptr) return stricter(path, keyword + "_added", words(is));
        if (is == nullptr) return looser(path, keyword + "_removed", words(was));
        const auto before = choices_of(*was);
        const auto now = choices_of(*is);
        const auto gone = joined_difference(before, now);
        const auto added = joined_difference(now, before);
        const bool none_left = std::none_of(
            before.begin(), before.end(), [&](const auto& value) { return now.contains(value); });
        if (none_left)
            return report(ChangeKind::breaking, path, keyword + "_replaced", gone + " -> " + added);
        if (!gone.empty()) stricter(path, keyword + "_narrowed", "without " + gone);
        if (!added.empty()) looser(path, keyword + "_widened", "with " + added);
    }

    static Names choices_of(const json::value& value) {
        Names choices;
        if (const auto* list = value.if_array())
            for (const auto& choice : *list)
                choices.insert(canonical_json(choice));
        else
            choices.insert(canonical_json(value));
        return choices;
    }
    static std::string joined_difference(const Names& of, const Names& without) {
        std::string text;
        for (const auto& value : of)
            if (!without.contains(value)) text.append(text.empty() ? "" : ", ").append(value);
        return cut(std::move(text));
    }

    void flag(bool was, bool is, const std::string& path, const std::string& detail) {
        if (!was && is) stricter(path, "rule_added", detail);
        if (was && !is) looser(path, "rule_removed", detail);
    }

    /// What a call means that leaves the argument out.
    void defaults(const json::value* was,
                  const json::value* is,
                  const std::string& path,
                  const std::string& detail) {
        if (flow_ == Flow::output || was == nullptr)
            return report(
                ChangeKind::additive, path, was ? "default_changed" : "default_added", detail);
        if (is == nullptr) return report(ChangeKind::tightening, path, "default_removed", detail);
        report(ChangeKind::breaking, path, "default_changed", detail);
    }

    /// A definition matters where something refers to it; a changed `$ref` is reported there.
    void definitions(const std::string& keyword,
                     const json::object& before,
                     const json::object& now,
                     const std::string& path) {
        const auto& was = object_or_empty(before.if_contains(keyword));
        const auto& is = object_or_empty(now.if_contains(keyword));
        for (const auto& definition : was) {
            const auto where = path + step(definition.key());
            if (const auto* still = is.if_contains(definition.key())) {
                schemas(definition.value(), *still, where);
                continue;
            }
            const auto reference = "\"#/" + keyword + step(definition.key()) + "\"";
            const bool dangles = canonical_json(now).find(reference) != std::string::npos;
            report(dangles ? ChangeKind::breaking : ChangeKind::additive,
                   where,
                   "definition_removed",
                   dangles ? "something still refers to it" : "");
        }
        for (const auto& definition : is)
            if (!was.contains(definition.key()))
                report(ChangeKind::additive, path + step(definition.key()), "definition_added", "");
    }

    void named_restrictions(const json::object& before,
                            const json::object& now,
                            const std::string& path) {
        for (const auto& member : before) {
            const auto where = path + step(member.key());
            if (const auto* is = now.if_contains(member.key()))
                schemas(member.value(), *is, where);
            else
                looser(where, "rule_removed", words(&member.value()));
        }
        for (const auto& member : now)
            if (!before.contains(member.key()))
                stricter(path + step(member.key()), "rule_added", words(&member.value()));
    }

    void schema_or_all(const json::value* was, const json::value* is, const std::string& path) {
        static const json::value kAll{true};
        const bool old_list = was != nullptr && was->is_array();
        const bool new_list = is != nullptr && is->is_array();
        if (old_list || new_list) return lists("prefixItems", was, is, path);  // `items` up to 2019
        schemas(was == nullptr ? kAll : *was, is == nullptr ? kAll : *is, path);
    }

    void bound(bool lower,
               const json::value* was,
               const json::value* is,
               const std::string& path,
               const std::string& detail) {
        if (was == nullptr) return stricter(path, "bound_added", detail);
        if (is == nullptr) return looser(path, "bound_removed", detail);
        if (!was->is_number() || !is->is_number())
            return report(ChangeKind::breaking, path, "rule_changed", detail);
        const auto before = was->to_number<double>();
        const auto now = is->to_number<double>();
        if (lower ? now > before : now < before)
            stricter(path, "bound_tightened", detail);
        else
            looser(path, "bound_loosened", detail);
    }

    void restriction(const json::value* was,
                     const json::value* is,
                     const std::string& path,
                     const std::string& detail) {
        if (was == nullptr) return stricter(path, "rule_added", detail);
        if (is == nullptr) return looser(path, "rule_removed", detail);
        if (path.ends_with("/multipleOf") && was->is_number() && is->is_number()) {
            const auto before = was->to_number<double>();
            const auto now = is->to_number<double>();
            if (std::fmod(now, before) == 0) return stricter(path, "rule_tightened", detail);
            if (std::fmod(before, now) == 0) return looser(path, "rule_loosened", detail);
        }
        report(ChangeKind::tightening, path, "rule_changed", detail);
    }

    /// Lists of schemas: items that are equal are paired first, then the others in their order.
    void lists(const std::string& keyword,
               const json::value* was,
               const json::value* is,
               const std::string& path) {
        const auto detail = words(was) + " -> " + words(is);
        if (was == nullptr) return stricter(path, "rule_added", detail);
        if (is == nullptr) return looser(path, "rule_removed", detail);
        const auto* old_list = was->if_array();
        const auto* new_list = is->if_array();
        if (old_list == nullptr || new_list == nullptr) return schemas(*was, *is, path);
        const bool alternatives = keyword == "anyOf" || keyword == "oneOf";
        const auto pairs = keyword == "prefixItems" ? pairs_in_order(*old_list, *new_list)
                                                    : pairs_by_contract(*old_list, *new_list);
        for (const auto& [before, now] : pairs.both)
            schemas((*old_list)[before], (*new_list)[now], path + step(std::to_string(before)));
        for (const auto index : pairs.gone) {
            const auto where = path + step(std::to_string(index));
            alternatives ? stricter(where, "alternative_removed", words(&(*old_list)[index]))
                         : looser(where, "rule_removed", words(&(*old_list)[index]));
        }
        for (const auto index : pairs.added) {
            const auto where = path + step(std::to_string(index));
            alternatives ? looser(where, "alternative_added", words(&(*new_list)[index]))
                         : stricter(where, "rule_added", words(&(*new_list)[index]));
        }
    }

    Flow flow_;
    const std::string& tool_;
    ManifestChanges& changes_;
};

}  // namespace

void diff_schemas(const json::value& before,
                  const json::value& now,
                  Flow flow,
                  const std::string& tool,
                  const std::string& path,
                  ManifestChanges& changes) {
    SchemaDiff{flow, tool, changes}.schemas(before, now, path);
}

}  // namespace quorate
