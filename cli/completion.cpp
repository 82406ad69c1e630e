#include "cli/completion.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace quorate::cli {
namespace {

/// What stands behind an option, or as an argument.
struct Value {
    enum class Kind { none, word, file, choice };
    Kind kind = Kind::none;
    std::vector<std::string> choices;
};

struct OptionFacts {
    std::vector<std::string> names;  // with their dashes, short ones first
    std::string text;
    Value value;
};

struct VerbFacts {
    std::string path;                                        // `quorate incidents show`
    std::vector<std::pair<std::string, std::string>> verbs;  // below it, with what they do
    std::vector<OptionFacts> options;                        // its own
    Value argument;                                          // of the first one
};

/// The words of a CLI::IsMember, which a type's name shows as `TEXT:{table,json,yaml}`.
std::vector<std::string> choices_in(const std::string& type) {
    std::vector<std::string> choices;
    const auto begin = type.find('{');
    const auto end = type.find('}', begin);
    if (begin == type.npos || end == type.npos) return choices;
    for (auto at = begin + 1; at <= end;) {
        const auto next = std::min(type.find(',', at), end);
        choices.push_back(type.substr(at, next - at));
        at = next + 1;
    }
    return choices;
}

Value value_of(const CLI::Option& option) {
    if (option.get_expected_max() == 0) return {};  // a flag
    const auto type = option.get_type_name();
    if (auto choices = choices_in(type); !choices.empty())
        return {Value::Kind::choice, std::move(choices)};
    return {type == "FILE" ? Value::Kind::file : Value::Kind::word, {}};
}

void collect(const CLI::App& app, const std::string& above, std::vector<VerbFacts>& all) {
    VerbFacts verb;
    verb.path = above + app.get_name();
    for (const auto* option : app.get_options({})) {
        OptionFacts facts{{}, option->get_description(), value_of(*option)};
        for (const auto& name : option->get_snames())
            facts.names.push_back("-" + name);
        for (const auto& name : option->get_lnames())
            facts.names.push_back("--" + name);
        if (!facts.names.empty())
            verb.options.push_back(std::move(facts));
        else if (verb.argument.kind == Value::Kind::none)
            verb.argument = facts.value;
    }
    const auto below = app.get_subcommands([](const CLI::App*) { return true; });
    for (const auto* sub : below)
        verb.verbs.emplace_back(sub->get_name(), sub->get_description());
    const auto prefix = verb.path + " ";
    all.push_back(std::move(verb));
    for (const auto* sub : below)
        collect(*sub, prefix, all);
}

std::string sh_quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text)
        result += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
    return result + "'";
}

template <class Words>
std::string joined_by(std::string_view gap, const Words& words) {
    return fmt::format("{}", fmt::join(words, gap));
}

/// As bash and zsh are told it: nothing, `word`, `file`, or the words.
std::string told(const Value& value) {
    switch (value.kind) {
        case Value::Kind::none:
            return "''";
        case Value::Kind::word:
            return "word";
        case Value::Kind::file:
            return "file";
        case Value::Kind::choice:
            return sh_quoted(joined_by(" ", value.choices));
    }
    std::abort();
}

/// The arms of a `case` over `PATH OPTION` that say what an option takes.
std::string option_arms(const std::vector<VerbFacts>& all) {
    std::string text;
    for (const auto& verb : all) {
        for (const auto& option : verb.options) {
            std::vector<std::string> patterns;
            for (const auto& name : option.names)
                patterns.push_back(sh_quoted(verb.path + " " + name));
            text += fmt::format("            {}) takes={}; return ;;\n",
                                joined_by("|", patterns),
                                told(option.value));
        }
    }
    return text;
}

/// Both shells walk over the words before the cursor: `at` becomes the path of the verb, `takes`
/// what the last option waits for. What a verb does not know its parent may.
constexpr std::string_view kWhatAnOptionTakes = R"sh(
_quorate_option() {{
    local above=$at
    takes=''
    while true; do
        case "$above $1" in
{}        esac
        [[ $above == "${{above% *}}" ]] && return
        above=${{above% *}}
    done
}}
)sh";

constexpr std::string_view kBash = R"sh(
_quorate() {
    local at=quorate takes='' verbs options argument above all word i
    local cur=${COMP_WORDS[COMP_CWORD]} IFS=$' \t\n'
    [[ $cur == = ]] && cur=''
    _quorate_verb "$at"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == = ]]; then
            continue
        elif [[ -n $takes ]]; then
            takes=''
        elif [[ $word == -* ]]; then
            _quorate_option "$word"
        elif [[ " $verbs " == *" $word "* ]]; then
            at+=" $word"
            _quorate_verb "$at"
        fi
    done
    if [[ -z $takes && $cur == -* ]]; then
        above=$at
        while true; do
            _quorate_verb "$above"
            all+=" $options"
            [[ $above == "${above% *}" ]] && break
            above=${above% *}
        done
        COMPREPLY=($(compgen -W "$all" -- "$cur"))
        return
    fi
    if [[ -z $takes ]]; then
        takes=${argument:-word}
        [[ -n $verbs ]] && takes=$verbs
    fi
    case $takes in
        word) COMPREPLY=() ;;
        file)
            compopt -o filenames 2>/dev/null
            IFS=$'\n'
            COMPREPLY=($(compgen -f -- "$cur"))
            ;;
        *) COMPREPLY=($(compgen -W "$takes" -- "$cur")) ;;
    esac
}
complete -F _quorate quorate
)sh";

std::string bash_script(const std::vector<VerbFacts>& all) {
    std::string text =
        "# Completes quorate in bash: source <(quorate completion bash)\n"
        "# For all shells to come: put it into "
        "~/.local/share/bash-completion/completions/quorate\n"
        "\n_quorate_verb() {\n    case $1 in\n";
    for (const auto& verb : all) {
        std::vector<std::string> verbs;
        for (const auto& [name, description] : verb.verbs)
            verbs.push_back(name);
        std::vector<std::string> options;
        for (const auto& option : verb.options)
            options.insert(options.end(), option.names.begin(), option.names.end());
        text += fmt::format(
            "        {})\n            verbs={} argument={}\n            options={} ;;\n",
            sh_quoted(verb.path),
            sh_quoted(joined_by(" ", verbs)),
            told(verb.argument),
            sh_quoted(joined_by(" ", options)));
    }
    text += "    esac\n}\n";
    text += fmt::format(fmt::runtime(kWhatAnOptionTakes), option_arms(all));
    return text.append(kBash);
}

constexpr std::string_view kZsh = R"sh(
_quorate() {
    local at=quorate takes='' argument above word
    local -a verbs options
    local -aU all  # a verb may repeat an option of its parent
    _quorate_verb "$at"
    for word in "${(@)words[2,CURRENT-1]}"; do
        if [[ -n $takes ]]; then
            takes=''
        elif [[ $word == -*=* ]]; then
            continue
        elif [[ $word == -* ]]; then
            _quorate_option "$word"
        elif (( ${verbs[(I)${(b)word}:*]} )); then
            at+=" $word"
            _quorate_verb "$at"
        fi
    done
    if [[ -z $takes && $PREFIX == --*=* ]]; then
        _quorate_option "${PREFIX%%=*}"
        compset -P '*='
    fi
    if [[ -z $takes && $PREFIX == -* ]]; then
        above=$at
        while true; do
            _quorate_verb "$above"
            all+=("${(@)options}")
            [[ $above == "${above% *}" ]] && break
            above=${above% *}
        done
        _describe -o option all
    elif [[ -z $takes && ${#verbs} -gt 0 ]]; then
        _describe verb verbs
    else
        case ${takes:-$argument} in
            ''|word) _message 'a word' ;;
            file) _files ;;
            *) compadd -- ${(s: :)${takes:-$argument}} ;;
        esac
    fi
}
if [[ ${funcstack[1]} == _quorate ]]; then
    _quorate "$@"
else
    compdef _quorate quorate
fi
)sh";

std::string zsh_script(const std::vector<VerbFacts>& all) {
    std::string text =
        "#compdef quorate\n"
        "# Completes quorate in zsh: source <(quorate completion zsh), after compinit\n"
        "# For all shells to come: put it as _quorate into a folder of $fpath\n"
        "\n_quorate_verb() {\n    case $1 in\n";
    for (const auto& verb : all) {
        text += "        " + sh_quoted(verb.path) + ")\n            verbs=(";
        for (const auto& [name, description] : verb.verbs)
            text += "\n                " + sh_quoted(name + ":" + description);
        text += ")\n            options=(";
        for (const auto& option : verb.options)
            for (const auto& name : option.names)
                text += "\n                " + sh_quoted(name + ":" + option.text);
        text += ")\n            argument=" + told(verb.argument) + " ;;\n";
    }
    text += "    esac\n}\n";
    text += fmt::format(fmt::runtime(kWhatAnOptionTakes), option_arms(all));
    return text.append(kZsh);
}

constexpr std::string_view kFish = R"sh(
# The path of the verb that the line has come to.
function __quorate_at
    set -l at quorate
    set -l takes 0
    for word in (commandline -opc)[2..]
        if test $takes = 1
            set takes 0
        else if string match -q -- '-*' $word
            __quorate_takes $at $word
            and set takes 1
        else if __quorate_has "$at $word"
            set at "$at $word"
        end
    end
    echo $at
end
function __quorate_takes
    set -l above $argv[1]
    while true
        switch "$above $argv[2]"
            case $__quorate_valued
                return 0
            case $__quorate_flags
                return 1
        end
        set -l next (string replace -r ' [^ ]*$' '' -- $above)
        test "$next" = "$above"
        and return 1
        set above $next
    end
end
function __quorate_has
    contains -- $argv[1] $__quorate_verbs
end
function __quorate_is
    test (__quorate_at) = $argv[1]
end
function __quorate_below
    string match -q -- "$argv[1] *" (__quorate_at)" "
end
complete -c quorate -f
)sh";

/// Fish escapes within single quotes with a backslash.
std::string fish_quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') result += '\\';
        result += c;
    }
    return result + "'";
}

std::string fish_value(const Value& value) {
    switch (value.kind) {
        case Value::Kind::none:
            return "";
        case Value::Kind::word:
            return " -x";
        case Value::Kind::file:
            return " -r -F";
        case Value::Kind::choice:
            return " -x -a " + fish_quoted(joined_by(" ", value.choices));
    }
    std::abort();
}

std::string fish_lines(const VerbFacts& verb) {
    std::string text;
    const auto start = [&verb](const char* function) {
        return "complete -c quorate -n " +
               fish_quoted(fmt::format("{} {}", function, fish_quoted(verb.path)));
    };
    for (const auto& [name, description] : verb.verbs)
        text += start("__quorate_is") + " -a " + name + " -d " + fish_quoted(description) + "\n";
    if (verb.argument.kind == Value::Kind::file) text += start("__quorate_is") + " -F\n";
    if (verb.argument.kind == Value::Kind::choice)
        text += start("__quorate_is") + fish_value(verb.argument) + "\n";
    for (const auto& option : verb.options) {
        text += start("__quorate_below");
        for (const auto& name : option.names)
            text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
        text += fish_value(option.value) + " -d " + fish_quoted(option.text) + "\n";
    }
    return text;
}

std::string fish_script(const std::vector<VerbFacts>& all) {
    std::string verbs;
    std::string valued;
    std::string flags;
    std::string lines;
    for (const auto& verb : all) {
        verbs += " " + fish_quoted(verb.path);
        for (const auto& option : verb.options)
            for (const auto& name : option.names)
                (option.value.kind == Value::Kind::none ? flags : valued) +=
                    " " + fish_quoted(verb.path + " " + name);
        lines += fish_lines(verb);
    }
    return "# Completes quorate in fish: quorate completion fish | source\n"
           "# For all shells to come: put it into ~/.config/fish/completions/quorate.fish\n"
           "set -g __quorate_verbs" +
           verbs + "\nset -g __quorate_valued" + valued + "\nset -g __quorate_flags" + flags +
           "\n" + std::string{kFish} + lines;
}

}  // namespace

std::string completion_script(const CLI::App& program, Shell shell) {
    std::vector<VerbFacts> all;
    collect(program, "", all);
    switch (shell) {
        case Shell::bash:
            return bash_script(all);
        case Shell::zsh:
            return zsh_script(all);
        case Shell::fish:
            return fish_script(all);
    }
    std::abort();
}

}  // namespace quorate::cli
