// The field names that Larder itself has to understand, as small numbers.
//
// A field line's name is resolved to a FieldName once, when it is parsed; every later question ("is there a
// Cache-Control?") compares numbers. Names that Larder does not act on are FieldName::Other and are compared as text.
// Thread-safe: pure functions over static data.
#pragma once

#include <cstdint>
#include <string_view>

namespace larder::http {

// clang-format off
// X(enumerator, name as it is written on the wire)
#define LARDER_FIELD_NAMES(X)                             \
  X(Accept, "Accept")                                     \
  X(AcceptEncoding, "Accept-Encoding")                    \
  X(AcceptLanguage, "Accept-Language")                    \
  X(AcceptRanges, "Accept-Ranges")                        \
  X(Age, "Age")                                           \
  X(Authorization, "Authorization")                       \
  X(CacheControl, "Cache-Control")                        \
  X(CacheStatus, "Cache-Status")                          \
  X(Connection, "Connection")                             \
  X(ContentEncoding, "Content-Encoding")                  \
  X(ContentLength, "Content-Length")                      \
  X(ContentLocation, "Content-Location")                  \
  X(ContentRange, "Content-Range")                        \
  X(ContentType, "Content-Type")                          \
  X(Cookie, "Cookie")                                     \
  X(Date, "Date")                                         \
  X(ETag, "ETag")                                         \
  X(Expect, "Expect")                                     \
  X(Expires, "Expires")                                   \
  X(Host, "Host")                                         \
  X(IfMatch, "If-Match")                                  \
  X(IfModifiedSince, "If-Modified-Since")                 \
  X(IfNoneMatch, "If-None-Match")                         \
  X(IfRange, "If-Range")                                  \
  X(IfUnmodifiedSince, "If-Unmodified-Since")             \
  X(KeepAlive, "Keep-Alive")                              \
  X(LastModified, "Last-Modified")                        \
  X(Location, "Location")                                 \
  X(MaxForwards, "Max-Forwards")                          \
  X(Pragma, "Pragma")                                     \
  X(ProxyAuthenticate, "Proxy-Authenticate")              \
  X(ProxyAuthenticationInfo, "Proxy-Authentication-Info") \
  X(ProxyAuthorization, "Proxy-Authorization")            \
  X(ProxyConnection, "Proxy-Connection")                  \
  X(ProxyStatus, "Proxy-Status")                          \
  X(Range, "Range")                                       \
  X(RetryAfter, "Retry-After")                            \
  X(Server, "Server")                                     \
  X(SetCookie, "Set-Cookie")                              \
  X(Te, "TE")                                             \
  X(Trailer, "Trailer")                                   \
  X(TransferEncoding, "Transfer-Encoding")                \
  X(Upgrade, "Upgrade")                                   \
  X(UserAgent, "User-Agent")                              \
  X(Vary, "Vary")                                         \
  X(Via, "Via")                                           \
  X(Warning, "Warning")
// clang-format on

enum class FieldName : std::uint8_t {
  Other,
#define LARDER_X(id, text) id,
  LARDER_FIELD_NAMES(LARDER_X)
#undef LARDER_X
};

// The FieldName of `name`, compared without regard to case; Other when Larder does not know it. No allocation.
FieldName field_name(std::string_view name);

// The name as written on the wire; "" for Other.
std::string_view to_string(FieldName name);

}  // namespace larder::http
