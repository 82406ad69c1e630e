#include "core/verdict/merge.hpp"

#include <tuple>

namespace quorate {
namespace {

/// Whether `a` goes before `b` at the same rank. The comparison of whole cells comes last, so two
/// cells that differ at all are never equal here: the order is total.
bool goes_first(const Cell& a, const Cell& b) {
    const bool a_missing = !a.started;
    const bool b_missing = !b.started;
    return std::tie(a_missing, a.started, a.attempt, a.agent, a) <
           std::tie(b_missing, b.started, b.attempt, b.agent, b);
}

}  // namespace

const Cell& merge(const Cell& a, const Cell& b) {
    if (a.verdict != b.verdict) return a.verdict > b.verdict ? a : b;
    return goes_first(b, a) ? b : a;
}

}  // namespace quorate
