#include "cache/store/disk/tier.h"

#include "cache/store/disk/format.h"

namespace larder::store::disk {

void Tier::report(ErrorKind kind, const Segment& segment) {
  errors.count(kind);
  if (!segment.is_first_error()) return;
  options.say("cache.disk: " + segment_name(segment.id()) + ": " + std::string(to_string(kind)) +
              " error: what was there is fetched again");
}

}  // namespace larder::store::disk
