#include "core/base/utf8.hpp"
#include "platform/wire/job_codec.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {

/// A job as it comes from a queue.
void fuzz_job(std::string_view input) {
    const auto job = wire::decode_job(input);
    if (!job) {
        const auto& why = job.error().text;
        require(why.substr(0, 5) == "job: ", "a refusal does not say of what");
        require(is_utf8(why) && why.find_first_of(std::string_view{"\r\n\0\x1b", 4}) == why.npos,
                "a refusal is not fit for a log");
        return;
    }
    require(job->timeout.count() >= 1 && job->timeout <= std::chrono::hours{1},
            "a timeout out of bounds");
    require(job->slot.count() >= 0 && job->slot <= job->window.length(), "a slot out of bounds");
    require(job->expected_cells >= 1 && job->expected_cells <= 255, "regions out of bounds");
    for (const auto* text : {&job->id, &job->tenant, &job->name, &job->region, &job->url})
        require(is_utf8(*text) && text->find('\0') == text->npos, "a text can't be stored");
    for (const auto& [name, value] : job->headers)
        require(name.find('\0') == name.npos && value.find('\0') == value.npos,
                "a header holds a NUL");
    const auto text = wire::encode_job(*job);
    const auto again = wire::decode_job(text);
    require(again.has_value(), "what we write is refused");
    require(wire::encode_job(*again) == text, "a job does not survive its own bytes");
}

}  // namespace quorate::fuzz
