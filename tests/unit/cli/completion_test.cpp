#include "cli/completion.hpp"

#include <string>

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace quorate::cli {
namespace {

/// A program with one of each: a flag, a word, a file, choices, a verb below a verb.
struct Program {
    Program() {
        app.add_option("-o,--output", text, "how to print")->check(CLI::IsMember({"a", "b"}));
        auto* verb = app.add_subcommand("put", "Puts what's there");
        verb->add_option("-f,--file", text, "which")->type_name("FILE");
        verb->add_option("--name", text, "whose");
        verb->add_flag("--yes", yes, "really");
        verb->add_subcommand("twice", "Puts it twice")
            ->add_option("PLACE", text, "where")
            ->type_name("FILE");
    }
    std::string script(Shell shell) const { return completion_script(app, shell); }
    bool yes = false;
    std::string text;
    CLI::App app{"", "quorate"};
};

TEST(Completion, BashIsToldVerbsOptionsAndWhatTheyTake) {
    const auto script = Program{}.script(Shell::bash);
    for (const char* part : {"'quorate put')\n            verbs='twice' argument=''\n"
                             "            options='-h --help -f --file --name --yes' ;;",
                             "'quorate -o'|'quorate --output') takes='a b'; return ;;",
                             "'quorate put -f'|'quorate put --file') takes=file; return ;;",
                             "'quorate put --name') takes=word; return ;;",
                             "'quorate put --yes') takes=''; return ;;",
                             "'quorate put twice')\n            verbs='' argument=file\n"})
        EXPECT_NE(script.find(part), std::string::npos) << part << "\nis not in\n" << script;
}

TEST(Completion, ZshAndFishAreToldWhatEachIsFor) {
    const Program program;
    const auto zsh = program.script(Shell::zsh);
    EXPECT_NE(zsh.find(R"('put:Puts what'\''s there')"), std::string::npos) << zsh;
    EXPECT_NE(zsh.find("'--file:which'"), std::string::npos) << zsh;
    const auto fish = program.script(Shell::fish);
    EXPECT_NE(fish.find(R"(-a put -d 'Puts what\'s there')"), std::string::npos) << fish;
    EXPECT_NE(fish.find("-s f -l file -r -F -d 'which'"), std::string::npos) << fish;
    EXPECT_NE(fish.find("-s o -l output -x -a 'a b' -d 'how to print'"), std::string::npos) << fish;
}

}  // namespace
}  // namespace quorate::cli
