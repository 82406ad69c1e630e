#pragma once

struct ssl_ctx_st;
struct ssl_st;

namespace quorate {

// A probe fetches neither CRLs nor OCSP answers: a third party that is slow or down is not the
// endpoint's outage. What it is given it heeds: a stapled answer, and CRLs in the file of
// authorities.

/// Whether the server stapled an OCSP response that is signed by, or for, the issuer of its
/// certificate, is in force (5 min of clock error allowed), and says that it is revoked. Anything
/// less (none, unreadable, out of date, signed by somebody else) is no evidence: false. To be asked
/// after the chain has been verified.
bool staple_says_revoked(ssl_st* ssl);

/// Makes the context check leaf certificates against the CRLs that were loaded with its
/// authorities; without any it does nothing.
void use_loaded_crls(ssl_ctx_st* context);

/// Whether `verify_code` only says that no CRL in force is at hand for a certificate's issuer,
/// which does not speak against the certificate.
bool is_missing_crl(int verify_code);

}  // namespace quorate
