// Rows of the phase tls.
#include "tests/integration/probe/reason_bench.hpp"

namespace quorate {
namespace {

ReasonRow certificate_row(Reason reason, const char* how, CertificatePlan plan, int code) {
    return {reason,
            Verdict::fail,
            Phase::tls,
            Provoker::scripted,
            how,
            [plan](ReasonBench& bench) { return bench.probe_tls(plan); },
            {.tls_verify_code = code}};
}

}  // namespace

std::vector<ReasonRow> tls_rows() {
    return {
        {Reason::timeout_tls,
         Verdict::fail,
         Phase::tls,
         Provoker::real,
         "the lab's state `hang`: accepted, and not a byte of the handshake",
         [](ReasonBench& bench) {
             return bench.probe_lab(
                 "tls", "hang", [](ProbeRequest& request) { request.timeout = milliseconds{500}; });
         }},
        {Reason::tls_handshake_failed,
         Verdict::fail,
         Phase::tls,
         Provoker::real,
         "https:// to the lab's plain port",
         [](ReasonBench& bench) {
             return bench.probe_lab(
                 "legacy", "up", [](ProbeRequest& request) { request.url.insert(4, "s"); });
         },
         {.tls_verify_code = 0}},
        {Reason::tls_cert_expired,
         Verdict::fail,
         Phase::tls,
         Provoker::real,
         "the lab's state `tls-expired`",
         [](ReasonBench& bench) { return bench.probe_lab("tls", "tls-expired"); },
         {.tls_verify_code = 10}},
        certificate_row(Reason::tls_cert_expired,
                        "the intermediate authority's certificate has expired",
                        {.via = Via::expired_intermediate},
                        10),
        certificate_row(
            Reason::tls_cert_not_yet_valid, "valid from tomorrow on", {.valid_from_days = 1}, 9),
        certificate_row(Reason::tls_cert_self_signed, "signed by itself", {.via = Via::itself}, 18),
        {Reason::tls_cert_untrusted,
         Verdict::fail,
         Phase::tls,
         Provoker::real,
         "the lab's private authority, not trusted",
         [](ReasonBench& bench) {
             return bench.probe_lab(
                 "tls", "up", [](ProbeRequest& request) { request.ca_file.clear(); });
         },
         {.tls_verify_code = 20}},
        certificate_row(Reason::tls_cert_untrusted,
                        "the intermediate authority's certificate is not sent",
                        {.via = Via::missing_intermediate},
                        20),
        certificate_row(Reason::tls_cert_hostname_mismatch,
                        "for example.com, asked as localhost",
                        {.name = "example.com"},
                        62),
        certificate_row(Reason::tls_cert_revoked,
                        "a stapled OCSP response says revoked",
                        {.staple = Staple::revoked},
                        23),
        certificate_row(
            Reason::tls_cert_invalid, "its usage is that of clients", {.usage = "clientAuth"}, 26),
        certificate_row(
            Reason::tls_cert_invalid, "an RSA key of 1024 bits", {.key = "RSA-1024"}, 66),
    };
}

}  // namespace quorate
