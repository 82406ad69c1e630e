#include "cli/completion.hpp"

#include <iostream>

#include "cli/json.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {

void add_completion_verb(CLI::App& app, Session& session) {
    auto* verb = app.add_subcommand(
        "completion", "Writes a script that completes verbs, options and values in a shell");
    verb->require_subcommand(1);
    struct Named {
        const char* name;
        Shell shell;
        const char* use;
    };
    for (const auto& [name, shell, use] :
         {Named{"bash", Shell::bash, "The script for bash: source <(quorate completion bash)"},
          Named{"zsh",
                Shell::zsh,
                "The script for zsh, after compinit: source <(quorate completion zsh)"},
          Named{"fish", Shell::fish, "The script for fish: quorate completion fish | source"}}) {
        auto* of_shell = verb->add_subcommand(name, use);
        of_shell->callback([&app, &session, name = std::string{name}, shell = shell] {
            const auto script = completion_script(app, shell);
            if (session.prints_data())
                print_data({{"shell", name}, {"script", script}}, session.output);
            else
                std::cout << script;
        });
    }
}

}  // namespace quorate::cli
