// GET /objects: what is stored, a page at a time. The loop's thread only.
#pragma once

#include <memory>

#include "cache/store/store.h"
#include "proxy/admin/parameters.h"
#include "proxy/admin/reply.h"
#include "proxy/net/loop.h"

namespace larder::admin {

class Objects {
 public:
  // `store` must have ended its work before the loop goes.
  Objects(net::Loop& loop, store::Store& store) : loop_(loop), store_(store) {}

  Reply reply(const Request& request);

 private:
  net::Loop& loop_;
  store::Store& store_;
};

// {"objects": [...], "next": "..." or null}, as of `now`.
std::string describe(const store::Listing& listing, http::Time now);

}  // namespace larder::admin
