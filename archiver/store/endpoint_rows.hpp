#pragma once

#include <set>
#include <stdexcept>
#include <string>

#include <pqxx/pqxx>

#include "core/base/ids.hpp"

namespace quorate {

/// Which of these endpoints there are, for the rest of the transaction: a forget waits for its end,
/// and what is being forgotten is gone already. To be called before rows are written that no
/// foreign key ties to their endpoint, as they would outlive it. Throws as pqxx.
std::set<EndpointId> hold_endpoints(pqxx::work& work, const std::set<EndpointId>& endpoints);

/// Some endpoint is being forgotten, and what is to be written can't leave it out: it may stay.
class BeingForgotten : public std::runtime_error {
public:
    BeingForgotten() : std::runtime_error{"an endpoint is being forgotten"} {}
};

/// As hold_endpoints. Throws BeingForgotten where one of them is neither there nor gone.
std::set<EndpointId> hold_or_gone(pqxx::work& work, const std::set<EndpointId>& endpoints);

/// `TENANT/NAME`; empty where it is gone. For logs. Throws as pqxx.
std::string endpoint_name(pqxx::work& work, EndpointId endpoint);

}  // namespace quorate
