#include "probe/request_check.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

ProbeRequest good() {
    ProbeRequest request;
    request.url = "https://mcp.example.com/mcp";
    request.headers = {{"X-API-Key", "secret"}};
    request.canary = Canary{"search", R"({"q":1})", {{"$.n", ">=", "1"}}, true};
    request.bind_address = "127.0.1.3";
    request.overrides = {{"mcp.example.com", 443, "::1"}};
    request.health_url = "https://mcp.example.com/health";
    return request;
}

std::string error_of(const ProbeRequest& request) {
    const auto checked = check_request(request);
    if (checked) return {};
    EXPECT_EQ(checked.error().reason, Reason::config_invalid);
    return checked.error().detail;
}

TEST(RequestCheck, NamesWhatIsWrong) {
    EXPECT_EQ(error_of(good()), "");
    auto request = good();
    request.headers = {{"bad name", "x"}};
    EXPECT_EQ(error_of(request), "not a header name: bad name");
    request.headers = {{"content-LENGTH", "7"}};
    EXPECT_EQ(error_of(request), "the probe writes the header content-LENGTH itself");
    request.headers = {{"Last-Event-ID", "7"}};
    EXPECT_EQ(error_of(request), "the probe writes the header Last-Event-ID itself");
    request.headers = {{"X-A", "a\r\nX-B: b"}};
    EXPECT_EQ(error_of(request), "the value of the header X-A is not valid");
    request = good();
    request.canary->arguments_json = "[]";
    EXPECT_EQ(error_of(request), "the canary's arguments are not a JSON object");
    request = good();
    request.canary->assertions[0].op = "~";
    EXPECT_EQ(error_of(request), "not an operator: ~");
    request = good();
    request.bind_address = "eth0";
    EXPECT_EQ(error_of(request), "not an IP address to bind to: eth0");
    request = good();
    request.overrides[0].address = "example.com";
    EXPECT_NE(error_of(request), "");
    request = good();
    request.health_url = "/health";
    EXPECT_NE(error_of(request), "");
    request = good();
    request.url = "mcp.example.com";
    EXPECT_NE(error_of(request), "");
}

}  // namespace
}  // namespace quorate
