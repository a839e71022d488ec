#include "cache/store/parts.h"

#include <algorithm>
#include <span>

namespace larder::store {
namespace {

// The bytes of `part` within `range`.
Part cut(const Part& part, const policy::ByteRange& range) {
  if (range == part.range()) return part;
  auto body = make_ref<Body>();
  append_stretch(*body, *part.body, range.first - part.first, range.size());
  return {range.first, body};
}

// What of `older` the newer part does not have: a stretch before it, one behind it, both or none.
void add_rest(std::vector<Part>& out, const Part& older, const policy::ByteRange& newer) {
  for (const auto& rest : policy::missing(older.range(), {&newer, 1})) out.push_back(cut(older, rest));
}

// Makes one chunk of the two at the seam when both are small: a body that comes byte by byte must not be a chunk for
// each.
void join_small(std::vector<Ref<Chunk>>& chunks, std::size_t seam) {
  constexpr std::size_t kSmall = 4096;
  Ref<Chunk>& before = chunks[seam - 1];
  const Ref<Chunk> behind = chunks[seam];
  if (before->capacity() + behind->capacity() > kSmall) return;
  auto both = Chunk::make(before->capacity() + behind->capacity(), before->budget());
  std::copy_n(behind->data(), behind->capacity(), std::copy_n(before->data(), before->capacity(), both->data()));
  before = std::move(both);
  chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(seam));
}

// Appends, and joins with the last where they touch.
void append(std::vector<Part>& list, Part part) {
  if (list.empty() || list.back().range().last + 1 != part.first) {
    list.push_back(std::move(part));
    return;
  }
  auto joined = make_ref<Body>();
  Part& last = list.back();
  append_stretch(*joined, *last.body, 0, last.body->size);
  const std::size_t seam = joined->chunks.size();
  append_stretch(*joined, *part.body, 0, part.body->size);
  join_small(joined->chunks, seam);
  last.body = joined;
}

}  // namespace

std::size_t Parts::overhead() const {
  std::size_t bytes = sizeof(*this) + list.capacity() * sizeof(list[0]);
  for (const Part& part : list) bytes += part.body->overhead();
  return bytes;
}

std::uint64_t Parts::size() const {
  std::uint64_t bytes = 0;
  for (const Part& part : list) bytes += part.body->size;
  return bytes;
}

std::vector<policy::ByteRange> Parts::ranges() const {
  std::vector<policy::ByteRange> out;
  out.reserve(list.size());
  for (const Part& part : list) out.push_back(part.range());
  return out;
}

Ref<const Parts> add_part(const Parts* older, const Part& newer, std::uint64_t complete) {
  std::vector<Part> pieces;
  bool placed = false;
  const auto had = older != nullptr ? std::span<const Part>(older->list) : std::span<const Part>();
  for (const Part& part : had) {
    std::vector<Part> rest;
    add_rest(rest, part, newer.range());
    for (Part& piece : rest) {
      if (!placed && piece.first > newer.first) {
        append(pieces, newer);
        placed = true;
      }
      append(pieces, std::move(piece));
    }
  }
  if (!placed) append(pieces, newer);
  auto parts = make_ref<Parts>();
  parts->complete = complete;
  parts->list = std::move(pieces);
  return parts;
}

}  // namespace larder::store
