#pragma once

#include <set>
#include <string>

#include <pqxx/pqxx>

#include "core/base/ids.hpp"

namespace quorate {

/// Which of these endpoints there are, for the rest of the transaction: an endpoint that is being
/// forgotten is waited for, and then gone. To be called before rows are written that no foreign key
/// ties to their endpoint, as they would outlive it. Throws as pqxx.
std::set<EndpointId> hold_endpoints(pqxx::work& work, const std::set<EndpointId>& endpoints);

/// `TENANT/NAME`; empty where it is gone. For logs. Throws as pqxx.
std::string endpoint_name(pqxx::work& work, EndpointId endpoint);

}  // namespace quorate
