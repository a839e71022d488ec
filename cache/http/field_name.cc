#include "cache/http/field_name.h"

#include <array>
#include <cstring>

#include "cache/http/text.h"

namespace larder::http {
namespace {

constexpr std::string_view kNames[] = {"",
#define LARDER_X(id, text) text,
                                       LARDER_FIELD_NAMES(LARDER_X)
#undef LARDER_X
};
constexpr std::size_t kCount = std::size(kNames);
constexpr std::size_t kLongest = 32;  // room for any name of the list, in whole words

// A name as it is compared: its lower-case bytes, and 0x20 wherever a letter stands (the bit in which its cases
// differ).
struct Pattern {
  std::size_t size = 0;
  std::array<char, kLongest> lower{};
  std::array<char, kLongest> fold{};
};

constexpr Pattern make_pattern(std::string_view name) {
  Pattern p;
  p.size = name.size();
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z');
    p.lower[i] = static_cast<char>(upper ? c + 0x20 : c);
    p.fold[i] = letter ? 0x20 : 0;
  }
  return p;
}

// The multipliers were searched so that no two of the known names meet; make_slots fails to compile when a new name
// does, and new ones are to be searched then.
constexpr std::size_t kSlots = 128;
constexpr std::size_t slot_of(std::string_view name) {
  const auto folded = [](char c) { return static_cast<std::size_t>(static_cast<unsigned char>(c)) | 0x20; };
  return (name.size() * 9 + folded(name.front()) * 47 + folded(name.back()) * 30) % kSlots;
}

constexpr std::array<Pattern, kCount> make_patterns() {
  std::array<Pattern, kCount> patterns;
  for (std::size_t i = 0; i < kCount; ++i) patterns[i] = make_pattern(kNames[i]);
  return patterns;
}

constexpr std::array<std::uint8_t, kSlots> make_slots() {
  std::array<std::uint8_t, kSlots> slots{};
  for (std::size_t i = 1; i < kCount; ++i) {
    std::uint8_t& slot = slots[slot_of(kNames[i])];
    if (slot != 0) throw "two field names share a slot";
    slot = static_cast<std::uint8_t>(i);
  }
  return slots;
}

constexpr std::array<Pattern, kCount> kPatterns = make_patterns();
constexpr std::array<std::uint8_t, kSlots> kSlotTable = make_slots();

template <typename Word>
bool word_matches(const char* text, const Pattern& p, std::size_t at) {
  Word word, fold, lower;
  std::memcpy(&word, text + at, sizeof word);
  std::memcpy(&fold, p.fold.data() + at, sizeof fold);
  std::memcpy(&lower, p.lower.data() + at, sizeof lower);
  return static_cast<Word>(word | fold) == lower;
}

// Whole words from the front, and a last one that ends with the name and may overlap the one before.
template <typename Word>
bool words_match(const char* text, const Pattern& p) {
  for (std::size_t at = 0; at + sizeof(Word) < p.size; at += sizeof(Word)) {
    if (!word_matches<Word>(text, p, at)) return false;
  }
  return word_matches<Word>(text, p, p.size - sizeof(Word));
}

bool matches(std::string_view name, const Pattern& p) {
  if (name.size() != p.size) return false;
  if (p.size >= 8) return words_match<std::uint64_t>(name.data(), p);
  if (p.size >= 4) return words_match<std::uint32_t>(name.data(), p);
  return words_match<std::uint16_t>(name.data(), p);  // the shortest name, TE, has two bytes
}

}  // namespace

FieldName field_name(std::string_view name) {
  if (name.empty()) return FieldName::Other;
  const std::uint8_t candidate = kSlotTable[slot_of(name)];
  return candidate != 0 && matches(name, kPatterns[candidate]) ? static_cast<FieldName>(candidate) : FieldName::Other;
}

std::string_view to_string(FieldName name) {
  const auto i = static_cast<std::size_t>(name);
  return i < kCount ? kNames[i] : std::string_view{};
}

}  // namespace larder::http
