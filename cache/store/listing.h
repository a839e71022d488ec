// What somebody who looks at what is stored asks for, and what is shown. Values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store/disk/format.h"
#include "cache/store/head.h"
#include "cache/store/ref.h"

namespace larder::store {

// How far a listing has come: memory first, then the disk. What is stored meanwhile may be left out or shown twice.
struct Place {
  bool is_on_disk = false;
  std::uint64_t group = 0;   // the shard; or the segment's number
  std::uint64_t at = 0;      // the bucket; or the unit in the segment
  std::uint64_t passed = 0;  // of the bucket
  friend bool operator==(const Place&, const Place&) = default;
};
std::string to_string(const Place& place);
std::optional<Place> parse_place(std::string_view text);  // nullopt: to_string makes no such text

struct Query {
  enum class Tier : std::uint8_t { Any, Memory, Disk };
  std::vector<disk::JournalEntry> meant;  // all of them must mean it (disk::is_meant)
  Tier tier = Tier::Any;
  Place from;
  std::size_t most = 100;

  [[nodiscard]] bool is_asked_for(std::string_view key, const Head& head) const;
};

struct Listed {
  std::string key;
  Ref<const Head> head;
  std::uint64_t size = 0;  // bytes of body that are there
  bool is_partial = false;
  bool in_memory = false;
  bool on_disk = false;
};

struct Listing {
  std::vector<Listed> objects;
  // Where there may be more: also when there are fewer objects than were asked for, or none, because finding them takes
  // its time. nullopt: that was all.
  std::optional<Place> next;
};

// How removing something from both tiers goes on.
struct Purged {
  std::uint64_t disk = 0;   // how many stored responses are gone from there
  bool is_durable = false;  // it stays gone, whatever happens to the machine
  bool is_over = false;
};

}  // namespace larder::store
