#include "platform/tls/tls_client.hpp"

#include <cerrno>
#include <ctime>
#include <new>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "platform/tls/revocation.hpp"
#include "platform/tls/verified_chains.hpp"

namespace quorate {
namespace {

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE on a connection that the peer
// has reset; this one uses send(2) and MSG_NOSIGNAL.
TlsClient::Line& line_of(BIO* bio) {
    return *static_cast<TlsClient::Line*>(BIO_get_data(bio));
}

int finish(BIO* bio, ssize_t count, int retry_flag) {
    BIO_clear_retry_flags(bio);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
    return static_cast<int>(count);
}

int bio_write(BIO* bio, const char* bytes, int size) {
    auto& line = line_of(bio);
    const auto count = ::send(line.descriptor, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (count > 0) line.sent = true;
    return finish(bio, count, BIO_FLAGS_WRITE);
}

int bio_read(BIO* bio, char* into, int size) {
    auto& line = line_of(bio);
    if (line.sent) {
        // What answers the bytes just sent is for the next call: who waits for it knows when it
        // came. And mostly it is not there yet.
        BIO_clear_retry_flags(bio);
        BIO_set_retry_read(bio);
        return -1;
    }
    const auto count = ::recv(line.descriptor, into, static_cast<std::size_t>(size), 0);
    line.drained = count < size;
    if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return finish(bio, count, BIO_FLAGS_READ);
}

long bio_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    return 0;
}

BIO_METHOD* bio_method() {
    static BIO_METHOD* const method = [] {
        auto* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
        if (made == nullptr) throw std::bad_alloc{};
        BIO_meth_set_write(made, bio_write);
        BIO_meth_set_read(made, bio_read);
        BIO_meth_set_ctrl(made, bio_control);
        BIO_meth_set_create(made, [](BIO* bio) {
            BIO_set_init(bio, 1);
            return 1;
        });
        return made;
    }();
    return method;
}

int client_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

std::optional<UtcTime> time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return UtcTime{std::chrono::seconds{timegm(&parts)}};
}

std::string text_of(const X509_NAME* name) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory{BIO_new(BIO_s_mem()), BIO_free};
    if (!memory || name == nullptr) return {};
    X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253);
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(memory.get(), &bytes);
    return size > 0 ? std::string{bytes, static_cast<std::size_t>(size)} : std::string{};
}

std::optional<UtcTime> latest_not_before(const stack_st_X509* chain) {
    std::optional<UtcTime> latest;
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        const auto not_before = time_of(X509_get0_notBefore(sk_X509_value(chain, i)));
        if (!not_before) return std::nullopt;
        if (!latest || *not_before > *latest) latest = not_before;
    }
    return latest;
}

TlsClient* client_of(const X509_STORE_CTX* store) {
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return static_cast<TlsClient*>(SSL_get_ex_data(ssl, client_index()));
}

}  // namespace

void TlsClient::Free::operator()(ssl_st* ssl) const noexcept {
    SSL_free(ssl);
}

TlsClient::TlsClient(
    const TlsContext& context, int descriptor, std::string host, bool is_address, UtcTime now)
    : now_{now}, ssl_{SSL_new(context.get())} {
    // `example.com.` is the same host; neither SNI nor certificates write its dot.
    if (!is_address && host.size() > 1 && host.back() == '.') host.pop_back();
    BIO* bio = ssl_ ? BIO_new(bio_method()) : nullptr;
    if (bio == nullptr) throw std::bad_alloc{};
    line_.descriptor = descriptor;
    BIO_set_data(bio, &line_);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_ex_data(ssl_.get(), client_index(), this);
    SSL_set_connect_state(ssl_.get());
    auto* parameters = SSL_get0_param(ssl_.get());
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool expects = is_address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1
                                    : SSL_set1_host(ssl_.get(), host.c_str()) == 1 &&
                                          SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) == 1;
    if (!expects) throw std::bad_alloc{};
    peer_ = std::move(host);
}

TlsClient::~TlsClient() = default;

int TlsClient::on_staple(ssl_st* ssl, void* /*argument*/) {
    auto* client = static_cast<TlsClient*>(SSL_get_ex_data(ssl, client_index()));
    const bool revoked = staple_says_revoked(ssl);
    ERR_clear_error();  // what could not be read of a staple is no error of the handshake
    if (!revoked) return 1;
    client->facts_.verify_code = X509_V_ERR_CERT_REVOKED;
    client->facts_.verify_depth = 0;
    return 0;
}

int TlsClient::on_chain(x509_store_ctx_st* store, void* chains) {
    auto& verified = *static_cast<VerifiedChains*>(chains);
    auto* client = client_of(store);
    auto& facts = client->facts_;
    const auto key = VerifiedChains::key_of(store, client->peer_);
    if (auto known = verified.find(key, client->now_)) {
        facts.not_after = known->not_after;
        facts.earliest_not_after = known->earliest_not_after;
        facts.issuer = std::move(known->issuer);
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    if (X509_verify_cert(store) != 1) return 0;
    const auto not_before = latest_not_before(X509_STORE_CTX_get0_chain(store));
    if (not_before && facts.not_after && facts.earliest_not_after)
        verified.keep(
            key,
            {*not_before, *facts.earliest_not_after, *facts.not_after, facts.issuer, client->now_});
    return 1;
}

int TlsClient::on_verify(int ok, x509_store_ctx_st* store) {
    if (ok != 1 && is_missing_crl(X509_STORE_CTX_get_error(store))) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    auto* client = client_of(store);
    if (ok != 1) {
        client->facts_.verify_code = X509_STORE_CTX_get_error(store);
        client->facts_.verify_depth = X509_STORE_CTX_get_error_depth(store);
    }
    // Depth 0 is asked last: then the chain is the verified one.
    if (ok != 1 || X509_STORE_CTX_get_error_depth(store) == 0) client->keep_certificates(store);
    return ok;
}

void TlsClient::keep_certificates(x509_store_ctx_st* store) {
    auto* chain = X509_STORE_CTX_get0_chain(store);
    if (chain == nullptr) chain = X509_STORE_CTX_get0_untrusted(store);
    facts_.earliest_not_after.reset();
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        const auto not_after = time_of(X509_get0_notAfter(sk_X509_value(chain, i)));
        if (not_after && (!facts_.earliest_not_after || *not_after < *facts_.earliest_not_after))
            facts_.earliest_not_after = not_after;
    }
    if (const auto* leaf = X509_STORE_CTX_get0_cert(store)) {
        facts_.not_after = time_of(X509_get0_notAfter(leaf));
        facts_.issuer = text_of(X509_get_issuer_name(leaf));
    }
}

/// What is remembered of the socket is about one call, which may ask it for nothing.
void TlsClient::begin_call() {
    line_.drained = false;
    line_.sent = false;
    ERR_clear_error();
    errno = 0;
}

TlsStep TlsClient::outcome_of(int result) {
    const int system_error = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_NONE:
            return TlsStep::done;
        case SSL_ERROR_WANT_READ:
            return TlsStep::want_read;
        case SSL_ERROR_WANT_WRITE:
            return TlsStep::want_write;
        case SSL_ERROR_ZERO_RETURN:
            return TlsStep::closed;
        case SSL_ERROR_SYSCALL:
            os_error_ = system_error;
            return TlsStep::failed;
        default:
            break;
    }
    const auto code = ERR_peek_last_error();
    const char* words = ERR_reason_error_string(code);
    error_text_ = words != nullptr ? words : "";
    return TlsStep::failed;
}

TlsStep TlsClient::handshake() {
    begin_call();
    const auto step = outcome_of(SSL_do_handshake(ssl_.get()));
    if (step == TlsStep::done) facts_.version = SSL_get_version(ssl_.get());
    return step;
}

TlsStep TlsClient::read(std::span<char> into, std::size_t& count) {
    begin_call();
    return outcome_of(SSL_read_ex(ssl_.get(), into.data(), into.size(), &count));
}

TlsStep TlsClient::write(std::span<const char> bytes, std::size_t& count) {
    begin_call();
    return outcome_of(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count));
}

bool TlsClient::has_pending() const {
    return SSL_has_pending(ssl_.get()) == 1;
}

void TlsClient::say_goodbye() {
    if (SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

}  // namespace quorate
