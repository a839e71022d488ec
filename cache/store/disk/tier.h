// What the parts of the disk tier share. Owned by Disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "cache/store/disk/errors.h"
#include "cache/store/disk/index.h"
#include "cache/store/disk/io_pool.h"
#include "cache/store/disk/ledger.h"
#include "cache/store/disk/recency.h"
#include "cache/store/disk/segment.h"

namespace larder::store::disk {

// How the disk is. Its names are what /healthz and the metrics say.
enum class State : std::uint8_t {
  Loading,  // serving; what is there is still being read in
  Ok,
  Limited,  // the disk has less room than cache.disk.size: the tier keeps what fits
  Failing,  // nothing can be stored for now; tried again by itself
};
constexpr std::size_t kStates = 4;

constexpr const char* to_string(State state) {
  switch (state) {
    case State::Loading:
      return "loading";
    case State::Ok:
      return "ok";
    case State::Limited:
      return "limited";
    case State::Failing:
      return "failing";
  }
  return "";
}

struct Options {
  std::string path;
  std::uint64_t size = 0;          // bytes of all files together, but for one segment
  std::uint64_t memory = 0;        // of the memory tier: what may be promoted to it
  std::uint64_t segment_size = 0;  // of log segments; 0: as suits `size`
  unsigned readers = 4;            // threads that read
  std::function<void(const std::string&)> say = [](const std::string&) {};  // a line for the operator; any thread
};

struct Tier {
  explicit Tier(Options o) : options(std::move(o)), recency(options.size), index(recency), pool(options.readers) {}
  // An error of one file: counted, and said once per file.
  void report(ErrorKind kind, const Segment& segment);

  const Options options;
  Recency recency;
  Index index;
  SegmentTable segments;
  Errors errors;
  Ledger ledger;
  std::atomic<State> state{State::Loading};
  std::atomic<std::uint64_t> evictions{0};      // records that went because there was no room
  std::atomic<std::uint64_t> carried_bytes{0};  // written again so that they stay
  std::atomic<std::uint64_t> stored{0};         // records written for the first time
  std::atomic<std::uint64_t> stored_bytes{0};
  std::atomic<std::uint64_t> skipped{0};  // objects not stored: the disk was failing or too slow
  IoPool pool;                            // last: its jobs use all the others
};

}  // namespace larder::store::disk
