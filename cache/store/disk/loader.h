// What is in the folder at a start: which files are good, what is in them, and what of that is still valid. The
// writer's thread.
#pragma once

#include <cstdint>
#include <vector>

#include "cache/store/disk/folder.h"
#include "cache/store/disk/tier.h"

namespace larder::store::disk {

class Loader {
 public:
  Loader(Tier& tier, const Folder& folder) : tier_(tier), folder_(folder) {}

  struct Loaded {
    int error = 0;  // errno's, when the folder cannot be read at all
    std::uint64_t next_id = 1;
    std::uint64_t journal_bytes = 0;
  };
  // Puts all that is good into the tier's index, the newest first.
  Loaded load();

 private:
  std::uint64_t load_journal();
  void load_segment(std::uint64_t id);
  bool load_footer(const Ref<Segment>& segment, std::vector<FooterEntry>& entries);
  void scan(const Ref<Segment>& segment, std::vector<FooterEntry>& entries);
  void discard(std::uint64_t id, Damage damage);

  Tier& tier_;
  const Folder& folder_;
  bool is_journal_damaged_ = false;
  std::uint64_t loaded_bytes_ = 0;
  std::uint64_t other_formats_ = 0;
};

}  // namespace larder::store::disk
