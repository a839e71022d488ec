// Preferences with weights (RFC 9110 section 12.4.2): what the members of Accept, Accept-Charset, Accept-Encoding and
// Accept-Language say. Views into the field's value, which must outlive them; pure; nothing here allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace larder::policy {

// A quality value in thousandths: 0 is "not acceptable"; 1000 the most preferred, and what a member without one means.
using Quality = std::uint16_t;
inline constexpr Quality kHighestQuality = 1000;

// The qvalue of section 12.4.2: "0", "1" and up to three decimals, none of them beyond 1. nullopt for any other text.
std::optional<Quality> parse_quality(std::string_view text);

// One member of such a list.
struct Preference {
  std::string_view name;        // coding, charset, language range or media range (without parameters), as received
  std::string_view parameters;  // of a media range, from the first ";" to the weight, as received; "" when none
  Quality quality = kHighestQuality;
};

// Walks the members of one field line. The walk ends early, and is malformed, where the meaning is not certain: a name
// with other characters than those of a token and "/", a weight that is no qvalue or is not the last parameter, an
// empty parameter, a quoted string that is never closed. White space is allowed around ";" and (as RFC 2616 had it,
// section 2.1) around the "=" of the weight.
//   PreferenceIterator p(value); while (p.next()) use(p.preference()); if (p.is_malformed()) ...
class PreferenceIterator {
 public:
  explicit PreferenceIterator(std::string_view line) : rest_(line) {}
  bool next();
  [[nodiscard]] const Preference& preference() const { return preference_; }
  [[nodiscard]] bool is_malformed() const { return malformed_; }

 private:
  bool take_parameters();

  std::string_view rest_;
  Preference preference_;
  bool malformed_ = false;
};

// Takes a parameter (section 5.6.6) with the ";" before it from the front of `rest`, and returns it without white space
// around it; "" when there is none, or its quoted string is never closed. A "," outside a quoted string ends it too.
std::string_view take_parameter(std::string_view& rest);

// The members of one list, ordered by name without regard to case. Bounded, so that a hostile list costs no more than
// an honest one does.
class PreferenceList {
 public:
  static constexpr std::size_t kMost = 16;  // members
  static constexpr std::size_t kLongestName = 128;

  PreferenceList() {}  // NOLINT(modernize-use-equals-default): with the union that would be none

  // False, and nothing changes, when a bound is reached, or a member of that name is there already: nobody has defined
  // which of the two counts.
  bool add(const Preference& preference);
  [[nodiscard]] std::span<const Preference> members() const { return {members_, size_}; }
  // Whether `name` is a member, acceptable, and weighed higher than every other one.
  [[nodiscard]] bool prefers(std::string_view name) const;
  // The same, but others may be weighed as high.
  [[nodiscard]] bool is_first_choice(std::string_view name) const;

 private:
  // Only the first size_ are there: to initialise all would take longer than all else that a short list needs.
  union {
    Preference members_[kMost];
  };
  std::size_t size_ = 0;
};

}  // namespace larder::policy
