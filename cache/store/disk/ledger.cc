#include "cache/store/disk/ledger.h"

#include <algorithm>
#include <iterator>

#include "cache/http/text.h"
#include "cache/http/uri.h"

namespace larder::store::disk {
namespace {

// Fields by which origins group what they will want to purge together.
constexpr std::string_view kCacheTag = "Cache-Tag";          // members separated by commas
constexpr std::string_view kSurrogateKey = "Surrogate-Key";  // members separated by spaces

bool has_tag(std::string_view value, std::string_view separators, std::string_view tag) {
  while (!value.empty()) {
    const auto end = value.find_first_of(separators);
    if (http::trim(value.substr(0, end)) == tag) return true;
    if (end == std::string_view::npos) return false;
    value.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

bool is_meant(const JournalEntry& ban, std::string_view key, const Head& head) {
  switch (ban.kind) {
    case JournalEntry::Kind::All:
      return true;
    case JournalEntry::Kind::Prefix:
      return key.starts_with(ban.text);
    case JournalEntry::Kind::Host: {
      const auto uri = http::parse_absolute(key);
      return uri && http::equals_ignoring_case(uri->authority.host, ban.text);
    }
    case JournalEntry::Kind::Tag: {
      http::FieldList fields;
      head.parse_fields(fields);
      return std::any_of(fields.begin(), fields.end(), [&ban](const http::Field& field) {
        if (http::equals_ignoring_case(field.name, kCacheTag)) return has_tag(field.value, ",", ban.text);
        return http::equals_ignoring_case(field.name, kSurrogateKey) && has_tag(field.value, " \t", ban.text);
      });
    }
    case JournalEntry::Kind::Forget:
      break;
  }
  return false;
}

bool may_be_meant(const JournalEntry& ban, std::string_view key, const Head* head) {
  if (head != nullptr) return is_meant(ban, key, *head);
  static const Head kUnknown;
  return ban.kind == JournalEntry::Kind::Tag || is_meant(ban, key, kUnknown);
}

Ledger::Forgotten Ledger::forget(std::uint64_t hash) {
  const std::lock_guard lock(mutex_);
  const Forgotten forgotten{loading_ ? kLater : ++sequence_, loading_ || in_flight_ == hash};
  if (loading_) forgotten_[hash] = forgotten.sequence;
  return forgotten;
}

void Ledger::ban(JournalEntry& entry) {
  const std::lock_guard lock(mutex_);
  entry.sequence = loading_ ? kLater : ++sequence_;
  bans_.push_back(entry);
}

void Ledger::settle(JournalEntry& entry) {
  const std::lock_guard lock(mutex_);
  if (entry.sequence != kLater) return;
  entry.sequence = ++sequence_;
  const auto ban = std::find_if(bans_.begin(), bans_.end(), [&entry](const JournalEntry& other) {
    return other.sequence == kLater && other.kind == entry.kind && other.text == entry.text;
  });
  if (ban != bans_.end()) ban->sequence = entry.sequence;
}

void Ledger::lift(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  std::erase_if(bans_, [sequence](const JournalEntry& ban) { return ban.sequence == sequence; });
}

bool Ledger::is_banned_locked(std::uint64_t sequence, std::string_view key, const Head& head) const {
  return std::any_of(bans_.begin(), bans_.end(),
                     [&](const JournalEntry& ban) { return sequence < ban.sequence && is_meant(ban, key, head); });
}

bool Ledger::is_banned(std::uint64_t sequence, std::string_view key, const Head& head) const {
  const std::lock_guard lock(mutex_);
  return is_banned_locked(sequence, key, head);
}

void Ledger::begin_loading(std::vector<JournalEntry> journal) {
  const std::lock_guard lock(mutex_);
  loading_ = true;
  for (auto& entry : journal) {
    sequence_ = std::max(sequence_, entry.sequence);
    if (entry.kind == JournalEntry::Kind::All) {
      all_forgotten_ = std::max(all_forgotten_, entry.sequence);
    } else if (entry.kind == JournalEntry::Kind::Forget) {
      auto& sequence = forgotten_[entry.hash];
      sequence = std::max(sequence, entry.sequence);
    } else {
      bans_.push_back(std::move(entry));
    }
  }
}

void Ledger::raise(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  sequence_ = std::max(sequence_, sequence);
}

bool Ledger::may_load(std::uint64_t hash, std::uint64_t sequence) const {
  const std::lock_guard lock(mutex_);
  if (sequence < all_forgotten_) return false;
  const auto found = forgotten_.find(hash);
  return found == forgotten_.end() || sequence > found->second;
}

void Ledger::end_loading() {
  const std::lock_guard lock(mutex_);
  loading_ = false;
  std::unordered_map<std::uint64_t, std::uint64_t>().swap(forgotten_);
}

std::vector<JournalEntry> Ledger::bans() const {
  std::vector<JournalEntry> found;
  const std::lock_guard lock(mutex_);
  std::copy_if(bans_.begin(), bans_.end(), std::back_inserter(found),
               [](const JournalEntry& ban) { return ban.sequence != kLater; });
  return found;
}

}  // namespace larder::store::disk
