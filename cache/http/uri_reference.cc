// Resolving a reference against a base URI (RFC 3986 section 5.2): the part of uri.h that makes new text.
#include <algorithm>

#include "cache/http/text.h"
#include "cache/http/uri.h"

namespace larder::http {
namespace {

struct Parts {
  std::string_view path;
  std::string_view query;  // with its "?", or empty
};

Parts split(std::string_view path_and_query) {
  const std::size_t mark = std::min(path_and_query.find('?'), path_and_query.size());
  return {path_and_query.substr(0, mark), path_and_query.substr(mark)};
}

// Takes the first segment off `path`: a leading "/" and all up to the next one.
std::string_view take_segment(std::string_view& path) {
  const std::size_t end = std::min(path.find('/', 1), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

// Appends `path`, which begins with "/", without its "." and ".." segments (section 5.2.4). `out` is never cut below
// its size at the call. Linear: what ".." takes away was appended once.
void append_without_dots(std::string& out, std::string_view path) {
  const std::size_t root = out.size();
  while (!path.empty()) {
    const std::string_view segment = take_segment(path);
    if (segment != "/." && segment != "/..") {
      out.append(segment);
      continue;
    }
    if (segment == "/.." && out.size() > root) out.resize(out.rfind('/'));
    if (path.empty()) out.push_back('/');  // a final dot segment leaves its slash
  }
}

// The base's path up to its last slash, and the reference behind it (section 5.2.3).
std::string merged(std::string_view base_path, std::string_view reference_path) {
  const std::size_t slash = base_path.rfind('/');
  std::string path(slash == std::string_view::npos ? "/" : base_path.substr(0, slash + 1));
  return path.append(reference_path);
}

// Whether the reference begins with a scheme: a colon before any of "/?".
bool has_scheme(std::string_view reference) {
  const std::size_t at = reference.find_first_of(":/?");
  return at != std::string_view::npos && reference[at] == ':';
}

void append_root(std::string& out, const Uri& uri) {
  append_lower(out, uri.scheme);
  out.append("://");
  append_host(out, uri);
}

std::optional<std::string> from_absolute(std::string_view text) {
  const auto uri = parse_absolute(text);
  if (!uri || !uri->is_http()) return std::nullopt;
  const Parts parts = split(uri->path_and_query);
  std::string out;
  append_root(out, *uri);
  append_without_dots(out, parts.path);
  return out.append(parts.query);
}

}  // namespace

std::optional<std::string> resolve_reference(const Uri& base, std::string_view reference) {
  reference = reference.substr(0, reference.find('#'));
  if (has_scheme(reference)) return from_absolute(reference);
  if (reference.starts_with("//")) return from_absolute(std::string(base.scheme).append(":").append(reference));
  const Parts here = split(base.path_and_query);
  const Parts there = split(reference);
  std::string out;
  append_root(out, base);
  if (there.path.empty()) {
    out.append(here.path).append(there.query.empty() ? here.query : there.query);
  } else if (there.path.front() == '/') {
    append_without_dots(out, there.path);
    out.append(there.query);
  } else {
    append_without_dots(out, merged(here.path, there.path));
    out.append(there.query);
  }
  const auto uri = parse_absolute(out);  // the reference may have held what no URI may
  if (!uri || !uri->is_http()) return std::nullopt;
  return out;
}

}  // namespace larder::http
