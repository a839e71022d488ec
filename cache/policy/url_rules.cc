#include "cache/policy/url_rules.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "cache/http/text.h"

namespace larder::policy {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

bool fits(std::string_view run, std::string_view text) {  // of the same size
  return std::equal(run.begin(), run.end(), text.begin(), [](char g, char c) { return g == '?' || g == c; });
}

// Where the run first ends in the text, or kNowhere. Shift-and: bit i of `state` says that the first i + 1 bytes of the
// run end here, so that each byte of the text is looked at once.
std::size_t find_end(std::string_view run, std::string_view text) {
  if (run.empty()) return 0;
  if (run.size() > kLongestRun || run.size() > text.size()) return kNowhere;
  std::uint64_t any = 0;
  for (std::size_t i = 0; i < run.size(); ++i) {
    if (run[i] == '?') any |= std::uint64_t{1} << i;
  }
  std::array<std::uint64_t, 256> places;
  places.fill(any);
  for (std::size_t i = 0; i < run.size(); ++i) places[static_cast<unsigned char>(run[i])] |= std::uint64_t{1} << i;
  const std::uint64_t last = std::uint64_t{1} << (run.size() - 1);
  std::uint64_t state = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    state = ((state << 1) | 1) & places[static_cast<unsigned char>(text[i])];
    if ((state & last) != 0) return i + 1;
  }
  return kNowhere;
}

bool is_unreserved(char c) {  // RFC 3986 section 2.3
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool may_need_normalising(std::string_view path) {
  return path.find('%') != std::string_view::npos || path.find("/.") != std::string_view::npos;
}

// RFC 3986 section 6.2.2.2: what need not be encoded is decoded.
std::string decode_unreserved(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto code = path[i] == '%' && path.size() - i > 2 ? http::parse_hex(path.substr(i + 1, 2)) : std::nullopt;
    const bool decodes = code && is_unreserved(static_cast<char>(*code));
    out.push_back(decodes ? static_cast<char>(*code) : path[i]);
    if (decodes) i += 2;
  }
  return out;
}

// RFC 3986 section 5.2.4, of a path that begins with "/".
std::string without_dot_segments(std::string_view path) {
  std::string out;
  for (std::size_t from = 1; from <= path.size();) {
    const auto end = std::min(path.find('/', from), path.size());
    const auto segment = path.substr(from, end - from);
    from = end + 1;
    if (segment == "..") out.resize(std::min(out.rfind('/'), out.size()));  // "" has no "/" and stays ""
    if (segment != "." && segment != "..") {
      out.append("/").append(segment);
    } else if (end == path.size()) {
      out.push_back('/');
    }
  }
  return out;
}

std::string_view without_trailing_dot(std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  return host;
}

bool ignores(const UrlRule& rule, std::string_view parameter) {
  const auto name = parameter.substr(0, parameter.find('='));
  return std::any_of(rule.ignore_query.begin(), rule.ignore_query.end(),
                     [name](const std::string& glob) { return matches_glob(glob, name); });
}

}  // namespace

bool matches_glob(std::string_view glob, std::string_view text) {
  const auto first_star = glob.find('*');
  if (first_star == std::string_view::npos) return glob.size() == text.size() && fits(glob, text);
  // What stands before the first "*" and behind the last is bound to the text's ends; the runs between them are taken
  // at the first place where each fits, which leaves the most for the others.
  const auto last_star = glob.rfind('*');
  const auto head = glob.substr(0, first_star);
  const auto tail = glob.substr(last_star + 1);
  if (text.size() < head.size() + tail.size()) return false;
  if (!fits(head, text.substr(0, head.size()))) return false;
  if (!fits(tail, text.substr(text.size() - tail.size()))) return false;
  text = text.substr(head.size(), text.size() - head.size() - tail.size());
  for (std::size_t star = first_star; star < last_star;) {
    const auto next = glob.find('*', star + 1);
    const auto end = find_end(glob.substr(star + 1, next - star - 1), text);
    if (end == kNowhere) return false;
    text.remove_prefix(end);
    star = next;
  }
  return true;
}

UrlRules::UrlRules(std::vector<UrlRule> rules) : rules_(std::move(rules)) {
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    std::string host;
    http::append_lower(host, without_trailing_dot(rules_[i].host));
    rules_[i].host = host;
    if (host == "*") {
      anywhere_.push_back(i);
    } else if (host.starts_with('.')) {
      below_[host.substr(1)].push_back(i);
      longest_below_ = std::max(longest_below_, host.size() - 1);
    } else {
      exact_[host].push_back(i);
    }
  }
}

// Lowers `first` to the first rule among `indices` that matches the path.
void UrlRules::find_in(const Indices& indices, std::string_view path, std::size_t& first) const {
  for (const std::uint32_t i : indices) {
    if (i >= first) return;
    if (rules_[i].path.empty() || matches_glob(rules_[i].path, path)) first = i;
  }
}

void UrlRules::find_in(const ByHost& hosts, std::string_view host, std::string_view path, std::size_t& first) const {
  if (hosts.empty()) return;
  if (const auto found = hosts.find(host); found != hosts.end()) find_in(found->second, path, first);
}

const UrlRule* UrlRules::match(std::string_view host_lowercase, std::string_view path) const {
  if (rules_.empty()) return nullptr;
  const auto host = without_trailing_dot(host_lowercase);
  std::string normalised;
  if (path.empty()) path = "/";
  if (path.starts_with('/') && may_need_normalising(path)) {
    normalised = without_dot_segments(decode_unreserved(path));
    path = normalised;
  }

  std::size_t first = rules_.size();
  find_in(anywhere_, path, first);
  find_in(exact_, host, path, first);
  for (std::size_t from = 0; from < host.size();) {
    const auto suffix = host.substr(from);
    if (suffix.size() <= longest_below_) find_in(below_, suffix, path, first);
    const auto dot = host.find('.', from);
    from = dot == std::string_view::npos ? host.size() : dot + 1;
  }
  return first < rules_.size() ? &rules_[first] : nullptr;
}

const UrlRule* UrlRules::match(const http::Uri& uri) const {
  if (rules_.empty()) return nullptr;
  std::string host;
  http::append_lower(host, uri.authority.host);
  return match(host, uri.path_and_query.substr(0, uri.path_and_query.find('?')));
}

const UrlRule* append_cache_key(std::string& out, const http::Uri& uri, const UrlRules& rules) {
  const UrlRule* rule = rules.match(uri);
  if (rule != nullptr && !rule->ignore_query.empty()) {
    append_key(out, uri, *rule);
  } else {
    http::append_normalised(out, uri);
  }
  return rule;
}

bool append_key(std::string& out, const http::Uri& uri, const UrlRule& rule) {
  const auto question = uri.path_and_query.find('?');
  if (rule.ignore_query.empty() || question == std::string_view::npos) {
    http::append_normalised(out, uri);
    return false;
  }
  http::Uri bare = uri;
  bare.path_and_query = uri.path_and_query.substr(0, question);
  http::append_normalised(out, bare);
  const auto query = uri.path_and_query.substr(question + 1);
  bool is_shorter = false;
  char before = '?';
  for (std::size_t from = 0; from <= query.size();) {
    const auto end = std::min(query.find('&', from), query.size());
    const auto parameter = query.substr(from, end - from);
    from = end + 1;
    // Some origins split at ";" as well: then it is not one parameter, and the rest of it is not to be ignored.
    if (parameter.find(';') == std::string_view::npos && ignores(rule, parameter)) {
      is_shorter = true;
      continue;
    }
    out.push_back(std::exchange(before, '&'));
    out.append(parameter);
  }
  return is_shorter;
}

}  // namespace larder::policy
