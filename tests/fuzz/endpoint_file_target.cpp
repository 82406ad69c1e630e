#include "core/base/utf8.hpp"
#include "platform/wire/endpoint_file.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

wire::EndpointRules some_deployment() {
    wire::EndpointRules rules;
    rules.regions = {"eu", "us", "asia"};
    return rules;
}

wire::EndpointRules no_deployment() {
    wire::EndpointRules rules;
    rules.of_deployment = false;
    return rules;
}

void check_messages(const ConfigErrors& messages) {
    for (const auto& message : messages) {
        require(message.line >= 0, "a message is of no line");
        require(!message.message.empty(), "a message says nothing");
        for (const auto* text : {&message.message, &message.key}) {
            // Protobuf refuses to hand on what is none.
            require(is_utf8(*text), "a message is not UTF-8");
            for (const unsigned char c : *text)
                require(c >= 0x20 && c != 0x7F, "a message holds a control character of the file");
        }
    }
}

void check(std::string_view input, const wire::EndpointRules& rules) {
    const auto files = wire::parse_endpoint_files({{"f.yaml", std::string{input}}}, rules);
    check_messages(files.errors);
    check_messages(files.warnings);
    if (!files.errors.empty()) return;
    for (const auto& spec : files.specs) {
        const auto json = wire::to_json(spec);
        require(is_utf8(json), "a stored spec is not UTF-8");
        require(wire::endpoint_spec_from_json(json) == spec,
                "a spec does not survive the catalogue: " + json);
    }
    const auto text = wire::to_yaml(files.specs);
    const auto again = wire::parse_endpoint_files({{"f.yaml", text}}, rules);
    require(again.errors.empty(), "what we write is refused: " + text);
    require(again.specs == files.specs, "specs do not survive their own file: " + text);
}

}  // namespace

/// An endpoint file, as a deployment reads it and as `quorate probe -f` does.
void fuzz_endpoint_file(std::string_view input) {
    static const auto deployment = some_deployment();
    static const auto none = no_deployment();
    check(input, deployment);
    check(input, none);
}

}  // namespace quorate::fuzz
